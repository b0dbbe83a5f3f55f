import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { connect, identityFromPem } from '../../host/client/index.ts'
import { HostUnderTest, imageOf, signedMeasurements } from '../kit/host.ts'

// It reads all memory of its processes.
t.setTimeout(170_000)

const host = await HostUnderTest.start()
t.teardown(() => host.stop())
const echo = host.sign(imageOf('echo'))
const keyvalue = host.sign(imageOf('keyvalue'))

t.test('runs a measured image, appraises it, and carries bodies of every size', async (t) => {
  const { measurements, EnclaveCID } = await host.launch('echo', echo)
  t.ok(EnclaveCID >= 16)
  const enclave = await host.connect('echo', measurements)
  t.equal(enclave.role, 'owner')
  t.equal(enclave.evidence.appraisal.pcrs[0], measurements.PCR0)
  t.equal(enclave.evidence.grant.enclaveName, 'echo')
  for (const length of [0, 1, 64, 65_535, 65_536, 65_537, 262_144, 262_145, 1_000_000, 4_194_304]) {
    const body = new Uint8Array(length).map((_, index) => index * 31)
    const response = await enclave.fetch('/anything?x=1', {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/x-test' },
    })
    const back = new Uint8Array(await response.arrayBuffer())
    if (response.status !== 200 || !Buffer.from(back).equals(body)) t.fail(`${length} bytes come back otherwise`)
    if (length > 0) t.equal(response.headers.get('content-type'), 'application/x-test', `${length} bytes`)
  }
  await t.rejects(enclave.fetch('/', { method: 'POST', body: new Uint8Array(4_194_305) }), { code: 'ERR_FETCH_BODY' })
  const many = await Promise.all(
    Array.from({ length: 200 }, (_, i) => enclave.fetch('/', { method: 'POST', body: `${i}` }).then((r) => r.text())),
  )
  t.same(
    many,
    Array.from({ length: 200 }, (_, i) => `${i}`),
  )
  enclave.close()
  await t.rejects(enclave.fetch('/'), { code: 'ERR_SESSION_ENDED' })
})

t.test('refuses evidence that is not what the policy names, each beside its twin', async (t) => {
  const { measurements } = await host.launch('keyvalue', keyvalue)
  const identity = await identityFromPem(readFileSync(join(host.folder.customer, 'owner.key'), 'utf8'))
  const url = `${host.gateway}/enclaves/keyvalue`
  const policy = host.policy(measurements)
  ;(await connect(url, policy, identity)).close()
  const other = 'ab'.repeat(48)
  await t.rejects(connect(url, { ...policy, pcrs: { 0: other } }, identity), { code: 'ERR_EVIDENCE_PCR' })
  await t.rejects(connect(url, { ...policy, pcr8: other }, identity), { code: 'ERR_EVIDENCE_PCR' })
  await t.rejects(connect(url, { ...policy, owner: 'cd'.repeat(32) }, identity), { code: 'ERR_GRANT_OWNER' })
  await t.rejects(connect(url, { ...policy, enclaveName: 'other' }, identity), { code: 'ERR_GRANT_NAME' })
  ;(await connect(url, { ...policy, enclaveName: 'keyvalue' }, identity)).close()
  await t.rejects(connect(url, { ...policy, minGrantVersion: 2 }, identity), { code: 'ERR_GRANT_VERSION' })
  await t.rejects(connect(url, { ...policy, allowDevelopment: false }, identity), { code: 'ERR_EVIDENCE_DEVELOPMENT' })
  await t.rejects(connect(url, { ...policy, minIsolation: ['hardware'] }, identity), { code: 'ERR_EVIDENCE_ISOLATION' })
  ;(await connect(url, { ...policy, minIsolation: ['process', 'no-inspector'] }, identity)).close()
  await t.rejects(connect(url, { ...policy, pcrs: { 1: measurements.PCR1 } }, identity), { code: 'ERR_POLICY_PCR' })
  const { owner: _, ...ownerless } = policy
  await t.rejects(connect(url, ownerless, identity), { code: 'ERR_POLICY_OWNER' })
  await t.rejects(connect(`${host.gateway}/enclaves/nobody`, policy, identity), { code: 'ERR_ENCLAVE_NOT_FOUND' })
  const stranger = await identityFromPem(readFileSync(join(host.folder.development, 'operator', 'key.pem'), 'utf8'))
  await t.rejects(connect(url, policy, stranger), { code: 'ERR_SESSION_REFUSED' }, 'the operator is no user')
})

t.test('admits a user whom the owner enrols, and no longer once dismissed', async (t) => {
  const measurements = signedMeasurements(keyvalue)
  const owner = await host.connect('keyvalue', measurements)
  const user = await identityFromPem(readFileSync(join(host.folder.development, 'operator', 'key.pem'), 'utf8'))
  const url = `${host.gateway}/enclaves/keyvalue`
  const path = `/.wasmclave/users/${Buffer.from(user.publicKey).toString('hex')}`
  t.equal((await owner.fetch(path, { method: 'PUT' })).status, 204)
  const session = await connect(url, host.policy(measurements), user)
  t.equal(session.role, 'user')
  t.equal((await session.fetch(path, { method: 'PUT' })).status, 403, 'a user enrols nobody')
  t.same(await (await owner.fetch('/.wasmclave/users')).json(), {
    users: [Buffer.from(user.publicKey).toString('hex')],
  })
  t.equal((await owner.fetch(path, { method: 'DELETE' })).status, 204)
  await t.rejects(connect(url, host.policy(measurements), user), { code: 'ERR_SESSION_REFUSED' })
  session.close()
  owner.close()
})

t.test('keyvalue keeps, versions, lists and watches', async (t) => {
  const enclave = await host.connect('keyvalue', signedMeasurements(keyvalue))
  const put = (key: string, body: string, headers = {}) => enclave.fetch(`/v1/${key}`, { method: 'PUT', body, headers })
  const abort = new AbortController()
  const watch = await enclave.fetch('/v1/?prefix=a%2F&watch', { signal: abort.signal })
  const first = await put('a%2Fone', '1')
  t.equal(first.status, 201)
  const etag = first.headers.get('etag') as string
  t.match(etag, /^"\d+"$/)
  t.equal((await put('a%2Fone', '2', { 'if-match': '"999999"' })).status, 412)
  t.equal((await put('a%2Fone', '2', { 'if-match': etag })).status, 204)
  t.equal((await put('a%2Fone', '3', { 'if-none-match': '*' })).status, 412)
  await put('b', 'not watched')
  for (let i = 0; i < 5; i++) await put(`a%2F${i}`, `${i}`)
  const page = (await (await enclave.fetch('/v1/?prefix=a%2F&limit=3')).json()) as {
    items: { key: string }[]
    after: string
  }
  t.same(
    page.items.map((item) => item.key),
    ['a%2F0', 'a%2F1', 'a%2F2'],
  )
  const next = (await (await enclave.fetch(`/v1/?prefix=a%2F&after=${page.after}`)).json()) as typeof page
  t.same(
    next.items.map((item) => item.key),
    ['a%2F3', 'a%2F4', 'a%2Fone'],
  )
  t.equal(next.after, null)
  t.equal((await enclave.fetch('/v1/a%2Fone', { method: 'DELETE' })).status, 204)
  t.equal((await enclave.fetch('/v1/a%2Fone')).status, 404)
  const reader = (watch.body as ReadableStream<Uint8Array>).getReader()
  let text = ''
  while (text.split('\n').length < 9) text += Buffer.from((await reader.read()).value as Uint8Array).toString()
  const events = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.same(
    events.map((event) => `${event.type} ${event.key}`),
    ['PUT a%2Fone', 'PUT a%2Fone', 'PUT a%2F0', 'PUT a%2F1', 'PUT a%2F2', 'PUT a%2F3', 'PUT a%2F4', 'DELETE a%2Fone'],
  )
  t.equal(Buffer.from(events[1].value, 'base64').toString(), '2')
  abort.abort()
  for (const [path, method, status] of [
    ['/v1/%zz', 'GET', 400],
    ['/v1/%', 'GET', 400],
    ['/other', 'GET', 404],
    ['/v1/x', 'POST', 405],
    ['/v1/?limit=0', 'GET', 400],
    ['/v1/?limit=1001', 'GET', 400],
    [`/v1/${'k'.repeat(1025)}`, 'GET', 414],
    [`/v1/${'k'.repeat(1024)}`, 'GET', 404],
  ] as const)
    t.equal((await enclave.fetch(path, { method })).status, status, `${method} ${path.slice(0, 20)}`)
  enclave.close()
})

t.test('a workload in ten lines of text runs as well', async (t) => {
  const image = host.sign(imageOf('hello'))
  const { measurements } = await host.launch('hello', image)
  const enclave = await host.connect('hello', measurements)
  t.equal(await (await enclave.fetch('/')).text(), 'Hello from inside an enclave.\n')
  t.equal(
    (await enclave.fetch('/', { method: 'POST', body: new Uint8Array(100_000) })).status,
    500,
    'more than its page',
  )
  enclave.close()
})

t.test(
  "keeps a canary from every process but the enclave's and the client's",
  { skip: process.getuid?.() === 0 ? false : 'reading memory of others needs root' },
  async (t) => {
    const enclave = await host.connect('keyvalue', signedMeasurements(keyvalue))
    const canary = `canary-${Math.random().toString(36).slice(2)}-${'x'.repeat(20)}`
    await enclave.fetch('/v1/secret', { method: 'PUT', body: canary })
    t.equal(await (await enclave.fetch('/v1/secret')).text(), canary)
    const children = (pid: number): number[] =>
      readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name) && new RegExp(`^PPid:\\s${pid}$`, 'm').test(status(name)))
        .map(Number)
    const pids = [host.nitroPid, ...children(host.nitroPid)]
    const command = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    const parents = pids.filter((pid) => command(pid).includes('parent.mjs') || command(pid).includes('nitro.mjs'))
    t.equal(parents.length, 2, 'nitro and parent')
    for (const pid of parents)
      t.notOk(memoryHolds(pid, canary), `memory of ${command(pid).includes('parent') ? 'the parent' : 'nitro'}`)
    const holder = pids.find((pid) => command(pid).includes('enclave.cjs') && memoryHolds(pid, canary))
    t.ok(holder !== undefined, 'the twin: it is in the memory of the enclave')
    for (const file of readdirSync(host.folder.root, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    ))
      t.notOk(readFileSync(join(file.parentPath, file.name)).includes(canary), file.name)
    enclave.close()
  },
)

t.test('terminates, and the name is free again', async (t) => {
  await host.request({ action: 'terminate-enclave', parameters: { name: 'hello' } })
  await wait(50)
  await t.rejects(host.request({ action: 'terminate-enclave', parameters: { name: 'hello' } }), {
    code: 'ERR_ENCLAVE_NOT_FOUND',
  })
  const all = (await host.request({ action: 'describe-enclaves', parameters: { metadata: false } })) as {
    EnclaveName: string
  }[]
  t.same(all.map((each) => each.EnclaveName).sort(), ['echo', 'keyvalue'])
})

function status(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return ''
  }
}

function memoryHolds(pid: number, text: string): boolean {
  const needles = [text, Buffer.from(text).toString('base64').slice(0, -4), Buffer.from(text).toString('hex')].map(
    (each) => Buffer.from(each),
  )
  needles.push(Buffer.from(text, 'utf16le'))
  const memory = openMemory(pid)
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const match = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(line)
      if (match === null || line.includes('[vvar')) continue
      const [from, to] = [BigInt(`0x${match[1]}`), BigInt(`0x${match[2]}`)]
      if (to - from > 1n << 31n) continue
      for (let at = from; at < to; at += 1n << 24n) {
        const chunk = memory.read(at, Number(to - at < 1n << 24n ? to - at : 1n << 24n))
        if (needles.some((needle) => chunk.includes(needle))) return true
      }
    }
    return false
  } finally {
    memory.close()
  }
}

function openMemory(pid: number) {
  const fs = process.getBuiltinModule('node:fs')
  const fd = fs.openSync(`/proc/${pid}/mem`, 'r')
  return {
    read(at: bigint, length: number): Buffer {
      const buffer = Buffer.alloc(length)
      try {
        const count = fs.readSync(fd, buffer, 0, length, at)
        return buffer.subarray(0, count)
      } catch {
        return Buffer.alloc(0)
      }
    },
    close: () => fs.closeSync(fd),
  }
}
