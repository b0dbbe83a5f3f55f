/**
 * The store suite: durable writes and reads through the attested channel, and the opening of a store, beside bare lmdb that syncs each commit
 * too but neither seals nor asks a register. Client, host and KMS share the cores and the disk.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import type { Row } from '../host/bench/result.ts'
import { spreadOf } from '../host/bench/spread.ts'
import type { Enclave } from '../host/client/index.ts'
import { type HostUnderTest, imageOf, signedMeasurements } from '../test/kit/host.ts'
import { elapsedNs, rateOver, sampleNs, takeTurns } from './samples.ts'

const KIB = 1024
/** On sessions of a client, which may have 256 streams each. */
const IN_FLIGHT = 256
const SESSIONS = 2
const FACTS = { suite: 'store', bytes: null } as const
/** For 100,000 records of 1 KiB. */
const MEMORY_MIB = 512
const RECORDS = [1000, 10_000, 100_000]

export async function runStore(host: HostUnderTest, quick: boolean, onRow: (row: Row) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wasmclave-bench-'))
  // As the engine opens it: a commit is on disk before its promise fulfils.
  const bare = open<Buffer, string>({
    path: join(folder, 'bare.mdb'),
    encoding: 'binary',
    overlappingSync: false,
    eventTurnBatching: true,
  })
  const image = host.sign(imageOf('keyvalue'))
  try {
    const served = await serve(host, image, 'bench-store')
    onRow(await onePut(served[0] as Enclave, bare, quick))
    onRow(await manyPuts(served, bare, quick))
    onRow(await manyGets(served, bare, quick))
    await end(host, served, 'bench-store')
    for (const records of quick ? RECORDS.slice(0, 2) : RECORDS) onRow(await opening(host, image, records, quick))
  } finally {
    await bare.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function serve(host: HostUnderTest, image: Uint8Array, name: string): Promise<Enclave[]> {
  await host.launch(name, image, MEMORY_MIB, { workloadName: 'keyvalue' })
  const sessions: Enclave[] = []
  for (let i = 0; i < SESSIONS; i++) sessions.push(await host.connect(name, signedMeasurements(image)))
  return sessions
}

async function end(host: HostUnderTest, sessions: Enclave[], name: string): Promise<void> {
  for (const session of sessions) session.close()
  await host.request({ action: 'terminate-enclave', parameters: { name } })
}

async function put(enclave: Enclave, key: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
  const { status } = await enclave.request(`/v1/${key}`, { method: 'PUT', body })
  if (status !== 201 && status !== 204) throw new Error(`put: status ${status}`)
}

async function onePut(enclave: Enclave, bare: RootDatabase<Buffer, string>, quick: boolean): Promise<Row> {
  const body = randomBytes(KIB)
  let next = 0
  const entries = await takeTurns(quick ? 5 : 20, [
    { who: 'wasmclave', ours: true, run: () => sampleNs(10, () => put(enclave, `one-${next++ % 1000}`, body)) },
    { who: 'bare lmdb', run: () => sampleNs(10, () => bare.put(`one-${next++ % 1000}`, body)) },
  ])
  return {
    ...FACTS,
    subject: 'Durable put, one at a time',
    label: '1 KiB',
    unit: 'ns',
    note: 'ours: record and head on disk, then the register at the KMS on disk, then acknowledged',
    entries,
  }
}

async function manyPuts(sessions: Enclave[], bare: RootDatabase<Buffer, string>, quick: boolean): Promise<Row> {
  const body = randomBytes(KIB)
  let next = 0
  const lanes = <T>(call: (lane: number) => Promise<T>) =>
    Array.from({ length: IN_FLIGHT }, (_, lane) => () => call(lane))
  const windowMs = quick ? 300 : 1000
  const entries = await takeTurns(quick ? 4 : 15, [
    {
      who: 'wasmclave',
      ours: true,
      run: async () => [
        await rateOver(
          windowMs,
          lanes((lane) => put(sessions[lane % SESSIONS] as Enclave, `many-${next++ % 20_000}`, body)),
        ),
      ],
    },
    {
      who: 'bare lmdb',
      run: async () => [
        await rateOver(
          windowMs,
          lanes(() => bare.put(`many-${next++ % 20_000}`, body)),
        ),
      ],
    },
  ])
  const label = `1 KiB, ${IN_FLIGHT} in flight`
  return { ...FACTS, subject: 'Durable puts a second', label, unit: '/s', note: 'group commit on both sides', entries }
}

async function manyGets(sessions: Enclave[], bare: RootDatabase<Buffer, string>, quick: boolean): Promise<Row> {
  await put(sessions[0] as Enclave, 'read', randomBytes(KIB))
  await bare.put('read', randomBytes(KIB))
  const lanes = (call: (lane: number) => Promise<unknown>) =>
    Array.from({ length: IN_FLIGHT }, (_, lane) => () => call(lane))
  const windowMs = quick ? 200 : 500
  const entries = await takeTurns(quick ? 4 : 15, [
    {
      who: 'wasmclave',
      ours: true,
      run: async () => [
        await rateOver(
          windowMs,
          lanes(async (lane) => (await (sessions[lane % SESSIONS] as Enclave).fetch('/v1/read')).arrayBuffer()),
        ),
      ],
    },
    {
      who: 'bare lmdb, in its own process',
      run: async () => [
        await rateOver(
          windowMs,
          lanes(async () => bare.get('read')),
        ),
      ],
    },
  ])
  const label = `1 KiB, ${IN_FLIGHT} in flight`
  return { ...FACTS, subject: 'Gets a second', label, unit: '/s', note: 'from memory: a read asks nobody', entries }
}

// A launch, until the workload serves: document, key release, load, opening of each record, head against register.
async function opening(host: HostUnderTest, image: Uint8Array, records: number, quick: boolean): Promise<Row> {
  const name = `bench-open-${records}`
  const sessions = await serve(host, image, name)
  const body = randomBytes(KIB)
  let next = 0
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async (_, lane) => {
      while (next < records) await put(sessions[lane % SESSIONS] as Enclave, `key-${next++}`, body)
    }),
  )
  await end(host, sessions, name)
  const samples: { kept: number[]; none: number[] } = { kept: [], none: [] }
  for (let round = 0; round < (quick ? 3 : 7); round++)
    for (const store of [true, false]) {
      // The pool fills meanwhile: what is measured is the store.
      await new Promise((resolve) => setTimeout(resolve, 500))
      const launch = () => host.launch(name, image, MEMORY_MIB, { workloadName: 'keyvalue', store })
      samples[store ? 'kept' : 'none'].push(await elapsedNs(launch))
      await host.request({ action: 'terminate-enclave', parameters: { name } })
    }
  return {
    ...FACTS,
    subject: 'run-enclave until it serves',
    label: `${records.toLocaleString('en')} records of 1 KiB`,
    unit: 'ns',
    note: 'the upload of the image and its admission included, on both',
    entries: [
      { who: 'wasmclave', ours: true, batch: 1, spread: spreadOf(samples.kept) },
      { who: 'without a store', ours: true, batch: 1, spread: spreadOf(samples.none) },
    ],
  }
}
