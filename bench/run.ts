/**
 * `npm run bench`: first figures, each beside its peer in the same run. Medians with the spread of the middle half; absolute figures
 * depend on the machine, ratios less so.
 */
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cpus } from 'node:os'
import { Bench } from 'tinybench'
import { WebSocket, WebSocketServer } from 'ws'
import { MESSAGE_ATTEST } from '../assembly/abi/channel.ts'
import { dial } from '../host/client/transport.ts'
import { loadCore } from '../host/core/index.ts'
import { encodeCbor } from '../host/wire/cbor.ts'
import { HostUnderTest, imageOf, signedMeasurements } from '../test/kit/host.ts'

const QUICK = process.argv.includes('--quick')
const TIME_MS = QUICK ? 300 : 1500
const rows: { what: string; value: string; beside: string }[] = []

const us = (ms: number) => `${(ms * 1000).toFixed(1)} µs`
const row = (what: string, value: string, beside = '') => {
  rows.push({ what, value, beside })
  process.stdout.write(`${what.padEnd(46)} ${value.padEnd(34)} ${beside}\n`)
}
function quantiles(values: number[]): { p50: number; p25: number; p75: number; p99: number } {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] as number
  return { p50: at(0.5), p25: at(0.25), p75: at(0.75), p99: at(0.99) }
}
async function timed(count: number, run: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const start = performance.now()
    await run()
    times.push(performance.now() - start)
  }
  return times
}

process.stdout.write(
  `${cpus()[0]?.model ?? ''}, ${cpus().length} CPUs, Node ${process.version}, ${new Date().toISOString()}\n\n`,
)
await crypto_()
const host = await HostUnderTest.start()
try {
  await launches()
  await attestation()
  await rpc()
} finally {
  await host.stop()
}

async function crypto_(): Promise<void> {
  const core = await loadCore()
  const key = randomBytes(32)
  const nonce = randomBytes(12)
  const { createCipheriv, createSecretKey } = await import('node:crypto')
  const keyObject = createSecretKey(key)
  for (const [name, aead] of [
    ['aes-256-gcm', core.aes256gcm(key)],
    ['chacha20-poly1305', core.chacha20poly1305(key)],
  ] as const)
    for (const size of [64, 1024, 16_384]) {
      const data = randomBytes(size)
      const out = new Uint8Array(size + 16)
      const bench = new Bench({ time: TIME_MS, warmupTime: 200 })
      bench.add('ours', () => {
        aead.sealInto(out, nonce, data)
      })
      bench.add('node', () => {
        const cipher = createCipheriv(name as 'aes-256-gcm', keyObject, nonce, { authTagLength: 16 })
        cipher.update(data)
        cipher.final()
        cipher.getAuthTag()
      })
      await bench.run()
      const [ours, node] = bench.tasks.map((task) => quantile50(task.result))
      row(
        `seal ${name}, ${size} B`,
        `${us(ours as number)}  ${(size / (ours as number) / 1000).toFixed(0)} MB/s`,
        `node:crypto ${us(node as number)}`,
      )
    }
}

function quantile50(result: unknown): number {
  const { latency } = result as { latency: { p50: number } }
  return latency.p50
}

async function launches(): Promise<void> {
  const echo = host.sign(imageOf('echo'))
  const measurements = signedMeasurements(echo)
  await host.launch('echo', echo)
  const times: number[] = []
  for (let i = 0; i < (QUICK ? 10 : 40); i++) {
    const name = `bench-${i}`
    const image = host.sign(imageOf('echo', undefined, { name }))
    await new Promise((resolve) => setTimeout(resolve, 150))
    const start = performance.now()
    await host.launch(name, image)
    times.push(performance.now() - start)
  }
  const q = quantiles(times)
  row(
    'run-enclave, warm pool, request to serving',
    `p50 ${q.p50.toFixed(1)} ms, p99 ${q.p99.toFixed(1)} ms`,
    'with signature, admission and upload',
  )
  const children = execFileSync('pgrep', ['-P', String(host.nitroPid), '-f', 'enclave.cjs'], { encoding: 'utf8' })
    .trim()
    .split('\n')
  const pss = children.map(
    (pid) => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) / 1024,
  )
  row(`memory of an enclave, ${children.length} live`, `PSS p50 ${quantiles(pss).p50.toFixed(1)} MB`)
  await host.request({ action: 'terminate-enclave', parameters: { all: true } })
  const start = performance.now()
  execFileSync(process.execPath, ['-e', '0'])
  row("Node's own start", `${(performance.now() - start).toFixed(0)} ms`)
  await host.launch('echo', echo)
  void measurements
}

async function attestation(): Promise<void> {
  const request = Uint8Array.of(MESSAGE_ATTEST, ...encodeCbor([randomBytes(32), null, null]))
  let answered: () => void = () => {}
  const transport = await dial(`${host.gateway}/enclaves/echo`, { onMessage: () => answered(), onClose: () => {} })
  const once = () =>
    new Promise<void>((resolve) => {
      answered = resolve
      transport.send(request)
    })
  const times = await timed(QUICK ? 50 : 300, once)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const data = randomBytes(4500)
  const raw = quantiles(await timed(100, async () => sign('sha384', data, privateKey))).p50
  const q = quantiles(times)
  row('attestation document, end to end', `p50 ${us(q.p50)}, p99 ${us(q.p99)}`, `raw P-384 signature ${us(raw)}`)
  transport.close()
}

async function rpc(): Promise<void> {
  const echo = host.sign(imageOf('echo'))
  const enclave = await host.connect('echo', signedMeasurements(echo))
  const plain = await plainEcho()
  for (const size of [64, 1024]) {
    const body = randomBytes(size)
    const call = async () => (await enclave.fetch('/', { method: 'POST', body })).arrayBuffer()
    await timed(500, call)
    const ours = quantiles(await timed(QUICK ? 1000 : 5000, call))
    await timed(500, () => plain.echo(body))
    const peer = quantiles(await timed(QUICK ? 1000 : 5000, () => plain.echo(body)))
    row(
      `attested fetch, ${size} B, one session`,
      `p50 ${us(ours.p50)}, p99 ${us(ours.p99)}`,
      `plain ws echo p50 ${us(peer.p50)}`,
    )
  }
  const body = randomBytes(1024)
  const sessions = await Promise.all(Array.from({ length: 16 }, () => host.connect('echo', signedMeasurements(echo))))
  const start = performance.now()
  let calls = 0
  await Promise.all(
    sessions.flatMap((session) =>
      Array.from({ length: 16 }, async () => {
        while (performance.now() - start < TIME_MS) {
          await (await session.fetch('/', { method: 'POST', body })).arrayBuffer()
          calls++
        }
      }),
    ),
  )
  row(
    'attested fetch, 1 KiB, 16 sessions of 16',
    `${((calls / (performance.now() - start)) * 1000).toFixed(0)}/s`,
    'client on the same two CPUs',
  )
  await flood(enclave)
  for (const session of [...sessions, enclave]) session.close()
  plain.close()
}

/** An honest session while 1,000 hellos a second come from elsewhere. */
async function flood(enclave: { fetch(path: string, init: object): Promise<Response> }): Promise<void> {
  const body = randomBytes(64)
  const call = async () => (await enclave.fetch('/', { method: 'POST', body })).arrayBuffer()
  const quiet = quantiles(await timed(1000, call))
  const hello = Uint8Array.of(1, ...encodeCbor([[1], randomBytes(32)]))
  let sent = 0
  const sockets: WebSocket[] = []
  const timer = setInterval(() => {
    for (let i = 0; i < 10; i++) {
      sent++
      const socket = new WebSocket(`${host.gateway}/enclaves/echo`)
      socket.on('error', () => {})
      socket.on('open', () => socket.send(hello))
      sockets.push(socket)
    }
    for (const socket of sockets.splice(0, Math.max(0, sockets.length - 300))) socket.terminate()
  }, 10)
  const start = performance.now()
  const times: number[] = []
  while (performance.now() - start < (QUICK ? 1000 : 3000)) times.push(...(await timed(10, call)))
  clearInterval(timer)
  for (const socket of sockets) socket.terminate()
  const loud = quantiles(times)
  const rate = (sent / (performance.now() - start)) * 1000
  row(
    `the same under ${rate.toFixed(0)} hellos/s`,
    `p50 ${us(loud.p50)}, p99 ${us(loud.p99)}`,
    `quiet p50 ${us(quiet.p50)}, p99 ${us(quiet.p99)}`,
  )
}

async function plainEcho(): Promise<{ echo(body: Uint8Array): Promise<void>; close(): void }> {
  const server = createServer()
  const sockets = new WebSocketServer({ server, perMessageDeflate: false })
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data, { binary: true })))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, { perMessageDeflate: false })
  await new Promise((resolve) => socket.on('open', resolve))
  let answered: () => void = () => {}
  socket.on('message', () => answered())
  return {
    echo: (body) =>
      new Promise((resolve) => {
        answered = resolve
        socket.send(body)
      }),
    close: () => {
      socket.terminate()
      server.close()
    },
  }
}
process.exit(0)
