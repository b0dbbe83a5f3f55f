// S02-S07, I08, I09: what a hostile parent may do to a store at rest, on a real host and in the real engine. Each is found when the enclave
// opens it, and nothing of it is served; the store that was left alone is the twin. Every single bit is tried in test/store/records.test.ts.
import t from 'tap'
import { BLAME_PARENT, FAULT_STORE } from '../../../assembly/abi/fault.ts'
import { ownerKey, publicHex } from '../../../host/cli/development.ts'
import type { Enclave } from '../../../host/client/index.ts'
import type { Kept, StoreRecord } from '../../../host/parent/store/engine.ts'
import { LmdbEngine } from '../../../host/parent/store/lmdb.ts'
import { storeId } from '../../../host/verifier/index.ts'
import { HostUnderTest, imageOf, signedMeasurements } from '../../kit/host.ts'

t.setTimeout(170_000)
type Store = { kept: Kept; records: StoreRecord[] }
const flip = (bytes: Uint8Array, at: number) => {
  const changed = Uint8Array.from(bytes)
  changed[at] = (changed[at] as number) ^ 1
  return changed
}
const [first, second] = [0, 1]

/** What is done to a store: its newest state, what it was before the last write, and another's. */
const MEDDLING: Record<string, (now: Store, before: Store, other: Store) => Store> = {
  'left alone': (now) => now,
  'a record deleted': ({ kept, records }) => ({ kept, records: records.slice(1) }),
  'all records deleted': ({ kept }) => ({ kept, records: [] }),
  'two records swapped': ({ kept, records }) => ({
    kept,
    records: records.map((each, i) =>
      i < 2 ? { place: each.place, record: (records[1 - i] as StoreRecord).record } : each,
    ),
  }),
  'a record at another place': ({ kept, records }) => ({
    kept,
    records: [{ place: flip(at(records, first).place, 31), record: at(records, first).record }, ...records.slice(1)],
  }),
  'a record twice': ({ kept, records }) => ({
    kept,
    records: [...records, { place: flip(at(records, first).place, 31), record: at(records, first).record }],
  }),
  'a record of before': ({ kept, records }, before) => ({
    kept,
    records: records.map((each) => before.records.find(({ place }) => same(place, each.place)) ?? each),
  }),
  'records of before under the head of now': ({ kept }, before) => ({ kept, records: before.records }),
  'a record of another store': ({ kept, records }, _before, other) => ({
    kept,
    records: [...records, at(other.records, second)],
  }),
  'the wrapped key of another store': ({ kept, records }, _before, other) => ({
    kept: { head: kept.head, meta: other.kept.meta },
    records,
  }),
  'all of another store': (_now, _before, other) => other,
  'a bit of a record': ({ kept, records }) => ({
    kept,
    records: [{ place: at(records, first).place, record: flip(at(records, first).record, 60) }, ...records.slice(1)],
  }),
  'a bit of the head': ({ kept, records }) => ({ kept: { head: flip(kept.head, 60), meta: kept.meta }, records }),
  'a bit of the commitment': ({ kept, records }) => ({
    kept: { head: kept.head, meta: flip(kept.meta, kept.meta.length - 1) },
    records,
  }),
}

const names = Object.keys(MEDDLING).map((_, index) => `s${index}`)
let host = await HostUnderTest.start()
const { folder } = host
t.teardown(() => host.stop())
const image = host.sign(imageOf('keyvalue'))
const measurements = signedMeasurements(image)
const owner = publicHex(ownerKey(folder))

async function inEnclave(name: string, use: (enclave: Enclave) => Promise<void>): Promise<void> {
  await host.launch(name, image, 64, { workloadName: 'keyvalue' })
  const enclave = await host.connect(name, measurements)
  await use(enclave)
  enclave.close()
  await host.request({ action: 'terminate-enclave', parameters: { name } })
}

async function read(engine: LmdbEngine, name: string): Promise<Store> {
  const records: StoreRecord[] = []
  const kept = await engine.load(await storeId(owner, name), (chunk) => void records.push(...chunk))
  return { kept: kept as Kept, records }
}

/** Reads all stores while no host runs, and lets `use` write. */
async function betweenHosts(use: (engine: LmdbEngine) => Promise<void>): Promise<void> {
  await host.halt()
  const engine = await LmdbEngine.open(folder.store)
  await use(engine)
  await engine.close()
  host = await HostUnderTest.start({}, folder.root)
}

t.test('stores are written twice', async () => {
  for (const name of names)
    await inEnclave(name, async (enclave) => {
      for (const [key, value] of [
        ['a', 'one'],
        ['b', 'two'],
        ['c', 'three'],
      ])
        await enclave.fetch(`/v1/${key}`, { method: 'PUT', body: value as string })
    })
})

t.test(
  'each change to a store at rest ends the enclave that opens it, beside the store that was left alone',
  async (t) => {
    const before = new Map<string, Store>()
    await betweenHosts(async (engine) => {
      for (const name of names) before.set(name, await read(engine, name))
    })
    for (const name of names)
      await inEnclave(name, async (enclave) => {
        await enclave.fetch('/v1/a', { method: 'PUT', body: 'newer' })
      })
    await betweenHosts(async (engine) => {
      const now = new Map<string, Store>()
      for (const name of names) now.set(name, await read(engine, name))
      for (const [index, meddle] of Object.values(MEDDLING).entries()) {
        const name = names[index] as string
        const other = now.get(names[(index + 1) % names.length] as string) as Store
        const { kept, records } = meddle(now.get(name) as Store, before.get(name) as Store, other)
        await engine.replace(await storeId(owner, name), kept, chunks(records))
      }
    })
    for (const [index, what] of Object.keys(MEDDLING).entries()) {
      const name = names[index] as string
      if (what === 'left alone') {
        await inEnclave(name, async (enclave) => {
          t.equal(await (await enclave.fetch('/v1/a')).text(), 'newer', what)
        })
        continue
      }
      await t.rejects(host.launch(name, image, 64, { workloadName: 'keyvalue' }), { code: 'ERR_LAUNCH_BOOT' }, what)
      t.match(
        await host.event('ended', ({ enclave }) => enclave === name),
        { epitaph: { kind: FAULT_STORE, blame: BLAME_PARENT } },
        `${what}: found`,
      )
    }
  },
)

async function* chunks(records: StoreRecord[]): AsyncGenerator<StoreRecord[]> {
  yield [...records].sort((a, b) => Buffer.compare(a.place, b.place))
}

function at(records: StoreRecord[], index: number): StoreRecord {
  return records[index] as StoreRecord
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
