/**
 * The KMS v2 plugin through its unix socket, as kube-apiserver calls it: Status, Encrypt and Decrypt one after the other, and a burst of
 * Decrypts as after a restart of kube-apiserver. Host, enclave, plugin and client share the cores. Beside it, in turns: the same gRPC
 * server and client without anything behind, which is what the transport costs.
 * `node host/cli/bootstrap.cjs --run bench/kms-plugin.ts [--quick] [--json FILE]`
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { KmsClient } from '../host/cli/kms-plugin-preflight.ts'
import { type Calls, KEY_MANAGEMENT_SERVICE } from '../host/kms-plugin/protocol.ts'
import { HostUnderTest, imageOf } from '../test/kit/host.ts'
import { announce, PluginUnderTest, until } from '../test/kit/kms-plugin.ts'

const NAME = 'kms-provider'
const TIMEOUT_MS = 30_000
/** kube-apiserver has one connection, and as many calls at once as reads miss its cache. */
const AT_ONCE = 16
/** kubernetes.md 6.3: 10,000 Decrypts within a minute; 10 ms at p99. */
const BURST = 10_000

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } } })
const samples = values.quick ? 300 : 3000
const turns = values.quick ? 2 : 5
const burst = values.quick ? 1000 : BURST

type Row = { what: string; side: string; p50Ms: number; p99Ms: number }
type Timed = { [Name in keyof Calls]: number[] }
const rows: Row[] = []

const folder = mkdtempSync(join(tmpdir(), 'wk-'))
const host = await HostUnderTest.start()
const started = performance.now()
const { measurements } = await host.launch(NAME, host.sign(imageOf(NAME)))
announce(host, NAME, measurements)
const path = join(folder, 'plugin', 'kms.sock')
const plugin = await PluginUnderTest.start(['--listen', `unix://${path}`, '--data', host.folder.root])
const client = new KmsClient(`unix://${path}`, TIMEOUT_MS)
const { server, floor } = await startFloor(join(folder, 'floor.sock'))
try {
  await until(() =>
    client.call('Status', {}).then(
      () => true,
      () => false,
    ),
  )
  say(`launch until Status says "ok": ${Math.round(performance.now() - started)} ms`)
  const ours: Timed = { Status: [], Encrypt: [], Decrypt: [] }
  const plain: Timed = { Status: [], Encrypt: [], Decrypt: [] }
  await measure(client, ours, samples / 10)
  await measure(floor, plain, samples / 10)
  for (const side of [ours, plain]) for (const each of Object.values(side)) each.length = 0
  for (let turn = 0; turn < turns; turn++) {
    await measure(client, ours, samples / turns)
    await measure(floor, plain, samples / turns)
  }
  for (const what of ['Status', 'Encrypt', 'Decrypt'] as const) {
    row(what, 'plugin', ours[what])
    row(what, 'gRPC alone', plain[what])
  }
  await decryptBurst('plugin', client)
  await decryptBurst('gRPC alone', floor)
} finally {
  client.close()
  floor.close()
  server.forceShutdown()
  await plugin.stop()
  await host.stop()
  rmSync(folder, { recursive: true, force: true })
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`)

async function measure(to: KmsClient, into: Timed, count: number): Promise<void> {
  const plaintext = randomBytes(32)
  for (let i = 0; i < count; i++) {
    await timed(into.Status, to.call('Status', {}))
    const { ciphertext, keyId, annotations } = await timed(
      into.Encrypt,
      to.call('Encrypt', { plaintext, uid: 'bench' }),
    )
    await timed(into.Decrypt, to.call('Decrypt', { ciphertext, keyId, annotations, uid: 'bench' }))
  }
}

async function timed<T>(into: number[], call: Promise<T>): Promise<T> {
  const start = performance.now()
  const answer = await call
  into.push(performance.now() - start)
  return answer
}

async function decryptBurst(side: string, to: KmsClient): Promise<void> {
  const { ciphertext, keyId, annotations } = await to.call('Encrypt', { plaintext: randomBytes(32), uid: 'bench' })
  const latencies: number[] = []
  let left = burst
  const start = performance.now()
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await timed(latencies, to.call('Decrypt', { ciphertext, keyId, annotations, uid: 'bench' }))
    }),
  )
  const seconds = (performance.now() - start) / 1000
  row(`Decrypt, ${AT_ONCE} at once`, side, latencies)
  say(`  ${burst} Decrypts in ${seconds.toFixed(2)} s: ${Math.round(burst / seconds)} a second`)
}

function row(what: string, side: string, latencies: number[]): void {
  const sorted = latencies.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number
  const found = { what, side, p50Ms: at(0.5), p99Ms: at(0.99) }
  rows.push(found)
  say(`${what.padEnd(22)} ${side.padEnd(11)} p50 ${found.p50Ms.toFixed(2)} ms   p99 ${found.p99Ms.toFixed(2)} ms`)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Answers as many bytes as the plugin does, out of its hand. */
async function startFloor(socket: string): Promise<{ server: Server; floor: KmsClient }> {
  const server = new Server()
  const keyId = `wasmclave:${'0'.repeat(64)}`
  const annotations = {
    'kek-version.kms.wasmclave.dev': Buffer.alloc(1),
    'measurement.kms.wasmclave.dev': Buffer.alloc(96),
  }
  server.addService(KEY_MANAGEMENT_SERVICE, {
    Status: (_: unknown, reply: (error: null, answer: Calls['Status'][1]) => void) =>
      reply(null, { version: 'v2', healthz: 'ok', keyId }),
    Encrypt: (_: unknown, reply: (error: null, answer: Calls['Encrypt'][1]) => void) =>
      reply(null, { ciphertext: Buffer.alloc(61), keyId, annotations }),
    Decrypt: (_: unknown, reply: (error: null, answer: Calls['Decrypt'][1]) => void) =>
      reply(null, { plaintext: Buffer.alloc(32) }),
  })
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    )
  })
  return { server, floor: new KmsClient(`unix://${socket}`, TIMEOUT_MS) }
}
