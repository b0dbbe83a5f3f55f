/** The RPC suite: attested calls beside plain `ws` echo, which neither seals nor proves anything. Client and host share the cores. */
import { randomBytes } from 'node:crypto'
import type { Row } from '../host/bench/result.ts'
import { spreadOf } from '../host/bench/spread.ts'
import type { Enclave } from '../host/client/index.ts'
import { type HostUnderTest, imageOf, signedMeasurements } from '../test/kit/host.ts'
import { Flood } from './flood.ts'
import { PlainEcho } from './plain-echo.ts'
import { type Rival, rateOver, sampleNs, takeTurns } from './samples.ts'

const NAME = 'bench-calls'
const KIB = 1024
const SESSIONS = 16
/** Calls in flight on each session. */
const DEPTH = 16
const CHUNK = 100

const FACTS = { suite: 'rpc', bytes: null } as const

export async function runRpc(host: HostUnderTest, quick: boolean, onRow: (row: Row) => void): Promise<void> {
  const image = host.sign(imageOf('echo', undefined, { name: NAME }))
  await host.launch(NAME, image)
  const enclave = await host.connect(NAME, signedMeasurements(image))
  const plain = await PlainEcho.start('plain')
  const corked = await PlainEcho.start('corked')
  const echo = await plain.connect()
  for (const bytes of [64, KIB]) {
    const body = randomBytes(bytes)
    const entries = await takeTurns(quick ? 12 : 80, [
      { who: 'wasmclave', ours: true, run: () => sampleNs(CHUNK, attested(enclave, body)) },
      { who: 'wasmclave, request()', ours: true, run: () => sampleNs(CHUNK, bare(enclave, body)) },
      { who: 'plain ws echo', run: () => sampleNs(CHUNK, () => echo(body)) },
    ])
    onRow({ ...FACTS, subject: 'Attested call, one session', label: sizeLabel(bytes), unit: 'ns', note: '', entries })
  }
  const sessions: Enclave[] = []
  for (let i = 0; i < SESSIONS; i++) sessions.push(await host.connect(NAME, signedMeasurements(image)))
  onRow(await throughput(sessions, plain, corked, quick))
  onRow(await underFlood(enclave, `${host.gateway}/enclaves/${NAME}`, quick))
  for (const session of [...sessions, enclave]) session.close()
  await plain.stop()
  await corked.stop()
  await host.request({ action: 'terminate-enclave', parameters: { name: NAME } })
}

function attested(enclave: Enclave, body: Uint8Array<ArrayBuffer>): () => Promise<ArrayBuffer> {
  return async () => (await enclave.fetch('/', { method: 'POST', body })).arrayBuffer()
}

/** Without a Response around the answer. */
function bare(enclave: Enclave, body: Uint8Array<ArrayBuffer>): () => Promise<unknown> {
  return () => enclave.request('/', { method: 'POST', body })
}

async function throughput(sessions: Enclave[], plain: PlainEcho, corked: PlainEcho, quick: boolean): Promise<Row> {
  const body = randomBytes(KIB)
  const deep = (calls: (() => Promise<unknown>)[]) => calls.flatMap((call) => Array.from({ length: DEPTH }, () => call))
  const windowMs = quick ? 200 : 500
  const rival = (who: string, calls: (() => Promise<unknown>)[], ours = false): Rival => {
    const lanes = deep(calls)
    return { who, ours, run: async () => [await rateOver(windowMs, lanes)] }
  }
  const echoes = async (server: PlainEcho) => {
    const calls = await Promise.all(Array.from({ length: SESSIONS }, () => server.connect()))
    return calls.map((call) => () => call(body))
  }
  const entries = await takeTurns(quick ? 5 : 20, [
    rival(
      'wasmclave',
      sessions.map((session) => attested(session, body)),
      true,
    ),
    rival(
      'wasmclave, request()',
      sessions.map((session) => bare(session, body)),
      true,
    ),
    rival('plain ws echo', await echoes(plain)),
    rival('plain ws echo, corked', await echoes(corked)),
  ])
  return {
    ...FACTS,
    subject: 'Attested calls a second',
    label: `1 KiB, ${SESSIONS} sessions`,
    unit: '/s',
    note: `${DEPTH} in flight on each; the client has the same cores`,
    entries,
  }
}

async function underFlood(enclave: Enclave, url: string, quick: boolean): Promise<Row> {
  const call = attested(enclave, randomBytes(64))
  const timeMs = quick ? 1000 : 4000
  const quiet = await sampleFor(timeMs, call)
  const flood = new Flood()
  flood.start(url)
  const loud = await sampleFor(timeMs, call)
  const rate = flood.stop()
  const entry = (who: string, samples: number[], ours = false) => ({ who, ours, batch: 1, spread: spreadOf(samples) })
  return {
    ...FACTS,
    subject: 'Attested call under a flood of hellos',
    label: '64 B, one session',
    unit: 'ns',
    note: `${rate.toFixed(0)} hellos a second from elsewhere`,
    entries: [entry('under the flood', loud, true), entry('quiet', quiet)],
  }
}

async function sampleFor(timeMs: number, call: () => Promise<unknown>): Promise<number[]> {
  const samples: number[] = []
  for (const end = performance.now() + timeMs; performance.now() < end; ) samples.push(...(await sampleNs(10, call)))
  return samples
}

function sizeLabel(bytes: number): string {
  return bytes < KIB ? `${bytes} B` : `${bytes / KIB} KiB`
}
