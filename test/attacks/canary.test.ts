// A canary as name and value of a record: nothing of it on the wire between client and enclave, in what the host tells, in its
// processes' arguments and environment, or in its files (C03). Memory is searched in test/host.
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { connect, identityFromPem } from '../../host/client/index.ts'
import { HostUnderTest, imageOf, signedMeasurements } from '../kit/host.ts'
import { LyingParent } from '../kit/lying-parent.ts'

const host = await HostUnderTest.start()
const image = host.sign(imageOf('keyvalue'))
await host.launch('keyvalue', image)
const relay = new LyingParent(host.gateway)
const url = `${await relay.listen()}/enclaves/keyvalue`
t.teardown(async () => {
  relay.close()
  await host.stop()
})

const canary = () => `canary-${randomBytes(16).toString('hex')}`
/** As it is, percent-encoded, in UTF-16, and in base64 at each of its three places. */
function forms(text: string): Buffer[] {
  const base64 = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), Buffer.from(text)]).toString('base64')
    return Buffer.from(encoded.slice(4, -4))
  })
  return [Buffer.from(text), Buffer.from(text, 'utf16le'), Buffer.from(Buffer.from(text).toString('hex')), ...base64]
}
const holds = (bytes: Uint8Array, text: string) => forms(text).some((form) => Buffer.from(bytes).includes(form))
const [name, value] = [canary(), canary()]

t.test('the search finds what is there in each of its forms', async (t) => {
  for (const shift of ['', 'a', 'ab', 'abc'])
    for (const encoding of ['utf8', 'utf16le', 'hex', 'base64'] as const) {
      const bytes = Buffer.from(
        encoding === 'hex' || encoding === 'base64'
          ? Buffer.from(`${shift}${value}xyz`).toString(encoding)
          : `${shift}${value}xyz`,
        encoding === 'utf16le' ? 'utf16le' : 'utf8',
      )
      t.ok(holds(bytes, value), `${encoding} behind ${shift.length} bytes`)
    }
  t.notOk(holds(randomBytes(100_000), value))
})

t.test('nothing of it passes the wire, though everything passes there', async (t) => {
  const identity = await identityFromPem(readFileSync(join(host.folder.customer, 'owner.key'), 'utf8'))
  const enclave = await connect(url, host.policy(signedMeasurements(image)), identity)
  t.equal(
    (await enclave.fetch(`/v1/${name}`, { method: 'PUT', body: value, headers: { 'x-canary': value } })).status,
    201,
  )
  t.equal(await (await enclave.fetch(`/v1/${name}`)).text(), value)
  t.ok((await (await enclave.fetch('/v1/?prefix=')).text()).includes(name))
  const abort = new AbortController()
  const watch = await enclave.fetch(`/v1/?prefix=${name}&watch`, { signal: abort.signal })
  await enclave.fetch(`/v1/${name}`, { method: 'PUT', body: value })
  const seen = await (watch.body as ReadableStream<Uint8Array>).getReader().read()
  t.ok(Buffer.from(seen.value as Uint8Array).includes(name))
  abort.abort()
  enclave.close()
  const bytes = relay.seen.reduce((sum, { message }) => sum + message.length, 0)
  t.ok(relay.seen.length > 10 && bytes > 5000, `${relay.seen.length} messages of ${bytes} bytes were seen`)
  const wire = (text: string) => relay.seen.some(({ message }) => holds(message, text))
  t.ok(wire('"enclaveName":"keyvalue"'), 'the twin: the grant passes in clear, and is found')
  for (const text of [name, value]) t.notOk(wire(text), text)
})

t.test('nothing of it is in what the host tells, in arguments, environments and files', async (t) => {
  const told = Buffer.from(
    JSON.stringify([host.events, await host.request({ action: 'describe-enclaves', parameters: { metadata: true } })]),
  )
  const pids = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && belongs(pid))
  t.ok(pids.length >= 3, `${pids.length} processes: nitro, parent and an enclave at least`)
  const places: [string, Buffer][] = [['what it tells', told]]
  for (const pid of pids)
    for (const file of ['cmdline', 'environ', 'comm', 'status'])
      places.push([`/proc/${pid}/${file}`, read(`/proc/${pid}/${file}`)])
  for (const entry of readdirSync(host.folder.root, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) places.push([entry.name, readFileSync(join(entry.parentPath, entry.name))])
  t.same(
    places.filter(([, bytes]) => holds(bytes, name) || holds(bytes, value)).map(([place]) => place),
    [],
  )
  t.ok(
    places.some(([, bytes]) => holds(bytes, 'keyvalue')),
    'the twin: the name of the enclave is told',
  )
})

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0)
  }
}

/** Nitro and what it started. */
function belongs(pid: string): boolean {
  if (Number(pid) === host.nitroPid) return true
  return new RegExp(`^PPid:\\s${host.nitroPid}$`, 'm').test(read(`/proc/${pid}/status`).toString())
}
