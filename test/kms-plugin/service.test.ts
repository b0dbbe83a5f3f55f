// The plugin over real gRPC, with the real workload behind it in a shell: limits, hostile requests, codes, and that it fails closed.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { status } from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { MAX_CIPHERTEXT_BYTES, MAX_KEY_ID_BYTES, MAX_PLAINTEXT_BYTES } from '../../assembly/abi/kms-provider.ts'
import { RefusedError } from '../../host/errors.ts'
import { KmsPlugin, type PluginOptions } from '../../host/kms-plugin/plugin.ts'
import { MAX_ANNOTATION_BYTES, MAX_REQUEST_BYTES, MAX_UID_BYTES } from '../../host/kms-plugin/protocol.ts'
import { KmsV2, KubeApiserver } from '../kit/kube-apiserver.ts'
import { documentOf } from '../kit/measuring.ts'
import { ShellEnclave } from '../kit/shell-enclave.ts'
import { WorkloadShell } from '../kit/workload-shell.ts'

type Answer = { ciphertext: Buffer; keyId: string; plaintext: Buffer; annotations: Record<string, Buffer> }

const folder = mkdtempSync(join(tmpdir(), 'wk-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
let count = 0

function measured(): WorkloadShell {
  const shell = WorkloadShell.of('kms-provider')
  shell.tick()
  shell.deliver(documentOf(Buffer.alloc(48, 0xa5)))
  return shell
}

async function serve(test: Pick<Test, 'teardown'>, options: Partial<PluginOptions> = {}) {
  const path = join(folder, String(count++), 'kms.sock')
  const shell = measured()
  const events: Record<string, unknown>[] = []
  const world = {
    enclave: new ShellEnclave(shell),
    shell,
    path,
    events,
    connects: 0,
    refusal: undefined as Error | undefined,
    kmsKey: 'of a store' as string | null,
  }
  const plugin = new KmsPlugin({
    listen: [`unix://${path}`],
    keyName: 'default',
    connect: async () => {
      world.connects++
      if (world.refusal !== undefined) throw world.refusal
      if (world.enclave.ended) world.enclave = new ShellEnclave(shell, world.kmsKey)
      return world.enclave.enclave
    },
    timeoutMs: 2000,
    appraisalAgeMs: 600_000,
    pollMs: 600_000,
    statusAgeMs: 600_000,
    log: (event) => void events.push(event),
    ...options,
  })
  const started = await plugin.start()
  const client = new KmsV2(path)
  test.teardown(async () => {
    client.close()
    await plugin.stop()
  })
  return Object.assign(world, { plugin, client, health: started.health })
}
async function failure(call: Promise<unknown>): Promise<[code: string | undefined, details: string]> {
  try {
    return ['OK', JSON.stringify(await call)]
  } catch (error) {
    const { code, details } = error as { code: number; details: string }
    return [status[code], details]
  }
}
const codeOf = async (call: Promise<unknown>) => (await failure(call))[0]

t.test('answers as the contract says, and keeps Encrypt at the key_id of Status over a rotation', async (t) => {
  const { client, shell, plugin } = await serve(t)
  const told = await client.call<{ version: string; healthz: string; keyId: string }>('Status', {})
  t.match(told, { version: 'v2', healthz: 'ok', keyId: /^wasmclave:[0-9a-f]{64}$/ })
  const plaintext = Buffer.from('0123456789abcdef0123456789abcdef')
  const sealed = await client.call<Answer>('Encrypt', { plaintext, uid: 'u' })
  t.equal(sealed.keyId, told.keyId)
  t.equal(String(sealed.annotations['kek-version.kms.wasmclave.dev']), '1')
  t.equal(String(sealed.annotations['measurement.kms.wasmclave.dev']), 'a5'.repeat(48))
  t.same((await client.call<Answer>('Decrypt', { ...sealed, uid: 'u' })).plaintext, plaintext)
  shell.request('POST', '/v1/keys/default/rotate')
  t.equal((await client.call<Answer>('Encrypt', { plaintext })).keyId, told.keyId, 'as Status still says')
  plugin.health.invalidate(new RefusedError('ERR_KMS_PLUGIN_STATUS', 'look again'))
  const next = await client.call<Answer>('Status', {})
  t.not(next.keyId, told.keyId)
  t.equal((await client.call<Answer>('Encrypt', { plaintext })).keyId, next.keyId)
})

t.test('accepts sizes up to their limits and rejects one byte more with INVALID_ARGUMENT', async (t) => {
  const { client } = await serve(t)
  const sealed = await client.call<Answer>('Encrypt', { plaintext: Buffer.alloc(32) })
  const annotations = (bytes: number) => ({ 'a.b': Buffer.alloc(bytes - 3) })
  const rows: [what: string, limit: number, call: (length: number) => Promise<unknown>, within: string][] = [
    ['plaintext', MAX_PLAINTEXT_BYTES, (n) => client.call('Encrypt', { plaintext: Buffer.alloc(n) }), 'OK'],
    ['uid', MAX_UID_BYTES, (n) => client.call('Encrypt', { plaintext: Buffer.alloc(1), uid: 'u'.repeat(n) }), 'OK'],
    ['uid of Decrypt', MAX_UID_BYTES, (n) => client.call('Decrypt', { ...sealed, uid: 'u'.repeat(n) }), 'OK'],
    [
      'annotations',
      MAX_ANNOTATION_BYTES,
      (n) => client.call('Decrypt', { ...sealed, annotations: annotations(n) }),
      'OK',
    ],
    ['key_id', MAX_KEY_ID_BYTES, (n) => client.call('Decrypt', { ...sealed, keyId: 'k'.repeat(n) }), 'NOT_FOUND'],
  ]
  for (const [what, limit, call, within] of rows) {
    for (const length of [limit - 1, limit]) t.equal(await codeOf(call(length)), within, `${what} ${length}`)
    t.equal(await codeOf(call(limit + 1)), 'INVALID_ARGUMENT', `${what} ${limit + 1}`)
  }
  for (const length of [1, MAX_CIPHERTEXT_BYTES - 1, MAX_CIPHERTEXT_BYTES, MAX_CIPHERTEXT_BYTES + 1]) {
    const [code, details] = await failure(client.call('Decrypt', { ...sealed, ciphertext: Buffer.alloc(length, 1) }))
    t.equal(code, 'INVALID_ARGUMENT')
    t.match(
      details,
      length > MAX_CIPHERTEXT_BYTES ? /^ERR_KMS_PLUGIN_REQUEST/ : /^ERR_OPEN_FAILED: the ciphertext does not open$/,
    )
  }
  const large = client.call('Encrypt', { plaintext: Buffer.alloc(MAX_REQUEST_BYTES) })
  t.equal(await codeOf(large), 'RESOURCE_EXHAUSTED', 'a message above all limits is not read')
})

t.test('rejects missing fields, garbage and foreign key_ids, and serves on', async (t) => {
  const { client, events } = await serve(t)
  const sealed = await client.call<Answer>('Encrypt', { plaintext: Buffer.alloc(32, 7) })
  const rows: [method: 'Encrypt' | 'Decrypt', request: object, code: string][] = [
    ['Encrypt', {}, 'INVALID_ARGUMENT'],
    ['Decrypt', {}, 'INVALID_ARGUMENT'],
    ['Decrypt', { ...sealed, ciphertext: Buffer.alloc(0) }, 'INVALID_ARGUMENT'],
    ['Decrypt', { ...sealed, keyId: '' }, 'INVALID_ARGUMENT'],
    ['Decrypt', { ...sealed, keyId: `wasmclave:${'0'.repeat(64)}` }, 'NOT_FOUND'],
    ['Decrypt', { ...sealed, keyId: `${sealed.keyId}\n` }, 'NOT_FOUND'],
    ['Decrypt', { ...sealed, keyId: 'arn:aws:kms:us-east-1:1:key/é\u202e\r\nkms-key-id: x' }, 'NOT_FOUND'],
    ['Decrypt', { ...sealed, ciphertext: Buffer.alloc(61, 0xff) }, 'INVALID_ARGUMENT'],
    ['Decrypt', { ...sealed, ciphertext: sealed.ciphertext.subarray(1) }, 'INVALID_ARGUMENT'],
  ]
  for (const [method, request, code] of rows) t.equal(await codeOf(client.call(method, request)), code)
  t.equal(await codeOf(client.call('Decrypt', sealed)), 'OK', 'the twin')
  const lines = events.map((event) => JSON.stringify(event))
  t.ok(lines.every((line) => !/[\n\r\u202e]/.test(line)))
  t.notOk(lines.some((line) => line.includes(Buffer.alloc(32, 7).toString('hex')) || line.includes('BwcHBwcH')))
})

t.test('logs one line a call with its uid and code', async (t) => {
  const { client, events } = await serve(t)
  await client.call('Encrypt', { plaintext: Buffer.alloc(32), uid: '7f3a-\u001b[31m' })
  await codeOf(client.call('Decrypt', { ciphertext: Buffer.alloc(9), keyId: 'nobody', uid: 'second' }))
  t.match(
    events.filter(({ event }) => event === 'call'),
    [
      { method: 'Encrypt', uid: '7f3a-\\u{1b}[31m', code: 'OK', keyId: /^wasmclave:/, ms: Number },
      { method: 'Decrypt', uid: 'second', code: 'NOT_FOUND', details: /^ERR_KEY_UNKNOWN/ },
    ],
  )
})

t.test('fails closed: retired, of another enclave, without a store, lost', async (t) => {
  const world = await serve(t)
  const { client, shell } = world
  const sealed = await client.call<Answer>('Encrypt', { plaintext: Buffer.alloc(32) })
  const headers = { 'kms-key-id': sealed.keyId }
  shell.request('POST', '/v1/keys/default/retire?current', { headers })
  t.match(await failure(client.call('Encrypt', { plaintext: Buffer.alloc(32) })), [
    'FAILED_PRECONDITION',
    /^ERR_KEY_RETIRED/,
  ])
  t.match(await failure(client.call('Status', {})), ['FAILED_PRECONDITION', /^ERR_KEY_RETIRED/])
  t.match(await failure(client.call('Decrypt', sealed)), ['FAILED_PRECONDITION', /^ERR_KEY_RETIRED/])
  shell.request('POST', '/v1/keys/default/rotate')
  t.equal(await codeOf(client.call('Status', {})), 'OK', 'the twin: with a new key it is well again')
  world.refusal = new RefusedError('ERR_EVIDENCE_PCR', 'PCR0 is aa, expected bb')
  world.enclave.lose()
  t.match(await failure(client.call('Status', {})), ['FAILED_PRECONDITION', /^ERR_EVIDENCE_PCR/])
  t.match(await failure(client.call('Decrypt', sealed)), ['FAILED_PRECONDITION', /^ERR_EVIDENCE_PCR/])
  world.refusal = undefined
  await wait(300)
  t.equal(await codeOf(client.call('Status', {})), 'OK')
  world.enclave.lose()
  world.kmsKey = null
  t.match(await failure(client.call('Status', {})), ['FAILED_PRECONDITION', /^ERR_KMS_PLUGIN_STORE/])
})

t.test('goes on over a lost session without an error', async (t) => {
  const world = await serve(t)
  const { client } = world
  const sealed = await client.call<Answer>('Encrypt', { plaintext: Buffer.alloc(32) })
  world.enclave.lose()
  t.equal(await codeOf(client.call('Decrypt', sealed)), 'OK')
  t.equal(await codeOf(client.call('Status', {})), 'OK')
  t.ok(world.connects >= 2, 'appraised again')
})

t.test(
  'an enclave that does not answer is UNAVAILABLE within the timeout, and Status with it once its test is old',
  async (t) => {
    const world = await serve(t, { timeoutMs: 200, statusAgeMs: 400 })
    const { client } = world
    const sealed = await client.call<Answer>('Encrypt', { plaintext: Buffer.alloc(32) })
    let open = () => {}
    world.enclave.gate = new Promise((resolve) => {
      open = resolve
    })
    t.match(await failure(client.call('Decrypt', sealed)), ['UNAVAILABLE', /^ERR_KMS_PLUGIN_TIMEOUT/])
    await wait(450)
    t.match(await failure(client.call('Status', {})), ['UNAVAILABLE', /^ERR_KMS_PLUGIN_TIMEOUT/])
    open()
    t.equal(await codeOf(client.call('Status', {})), 'OK', 'the twin')
  },
)

t.test('renews its appraisal before it is too old, and uses none that is', async (t) => {
  const world = await serve(t, { appraisalAgeMs: 400 })
  const { client } = world
  await client.call('Status', {})
  for (let waited = 0; world.connects < 3 && waited < 100; waited++) await wait(50)
  t.ok(world.connects >= 3, 'renewed by itself')
  t.equal(await codeOf(client.call('Encrypt', { plaintext: Buffer.alloc(1) })), 'OK')
  world.refusal = new RefusedError('ERR_EVIDENCE_PCR', 'PCR0 is aa, expected bb')
  await wait(600)
  t.notOk(world.enclave.ended, 'the session itself is there')
  t.match(await failure(client.call('Encrypt', { plaintext: Buffer.alloc(1) })), [
    'FAILED_PRECONDITION',
    /^ERR_EVIDENCE_PCR/,
  ])
})

t.test('never tells a key_id again that it has left', async (t) => {
  const { client, shell, plugin } = await serve(t)
  const look = () => plugin.health.invalidate(new RefusedError('ERR_KMS_PLUGIN_STATUS', 'look again'))
  await client.call('Status', {})
  const before = new Map(shell.records)
  shell.request('POST', '/v1/keys/default/rotate')
  look()
  const { keyId } = await client.call<Answer>('Status', {})
  shell.records = before
  look()
  t.match(await failure(client.call('Status', {})), ['FAILED_PRECONDITION', /^ERR_KMS_PLUGIN_KEY_ID/])
  shell.request('POST', '/v1/keys/default/rotate')
  const next = await client.call<Answer>('Status', {})
  t.not(next.keyId, keyId, 'the twin: after a rotation it goes on, with another')
})

t.test('serves health and figures beside, to nobody who comes by another name', async (t) => {
  const { client, shell, health, plugin } = await serve(t, { healthAddress: '127.0.0.1:0' })
  const sealed = await client.call<Answer>('Encrypt', { plaintext: Buffer.alloc(32) })
  const get = (path: string, headers = {}) => fetch(`http://${health}${path}`, { headers })
  t.equal((await get('/livez')).status, 200)
  t.match(await (await get('/healthz')).json(), { status: 'ok', keyId: sealed.keyId })
  const figures = await (await get('/metrics')).text()
  t.match(figures, /^wasmclave_kms_plugin_operations_total\{method="Encrypt",code="OK"\} 1$/m)
  t.match(figures, /^wasmclave_kms_plugin_healthy 1$/m)
  t.ok(figures.includes(`key_id="${sealed.keyId}"`))
  t.equal((await get('/healthz', { origin: 'http://evil.example' })).status, 403)
  t.equal((await get('/other')).status, 404)
  shell.request('POST', '/v1/keys/default/retire?current', { headers: { 'kms-key-id': sealed.keyId } })
  plugin.health.invalidate(new RefusedError('ERR_KMS_PLUGIN_STATUS', 'look again'))
  const failed = await get('/healthz')
  t.equal(failed.status, 503)
  t.match(await failed.json(), { status: 'failed', error: 'ERR_KEY_RETIRED' })
  t.equal((await get('/livez')).status, 200, 'the process itself is well')
  t.match(await (await get('/metrics')).text(), /^wasmclave_kms_plugin_healthy 0$/m)
})

t.test('serves two sockets and many callers at once', async (t) => {
  const other = join(folder, 'other', 'kms.sock')
  const path = join(folder, 'first', 'kms.sock')
  await serve(t, { listen: [`unix://${path}`, `unix://${other}`] })
  const servers = [new KubeApiserver(path), new KubeApiserver(other)]
  t.teardown(() => {
    for (const each of servers) each.close()
  })
  for (const server of servers) await server.poll()
  t.equal(servers[0]?.keyId, servers[1]?.keyId)
  const object = (servers[0] as KubeApiserver).write('/registry/secrets/a/b', Buffer.from('content'))
  const seeds = Array.from({ length: 300 }, (_, i) => i)
  const answers = await Promise.all(
    seeds.map((i) =>
      codeOf(
        (servers[i % 2] as KubeApiserver).kms.call('Decrypt', {
          ciphertext: object.seed,
          keyId: object.keyId,
          annotations: object.annotations,
        }),
      ),
    ),
  )
  t.same([...new Set(answers)], ['OK'])
})
