/**
 * `node host/cli/bootstrap.cjs --run bench/store-engines.ts [--seconds N] [--rounds N] [--json FILE]`: the parent's engines beside bare lmdb and
 * bare etcd, in turns, for three sizes of records. Durable commits one after the other; 256 requests in flight that share a commit, as
 * a kernel's do, of which one is in flight; loads, backups and bytes on disk. The best of its rounds stands for each.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { open as openLmdb } from 'lmdb'
import { writeBackup } from '../host/parent/store/backup/write.ts'
import { headHash, type Kept, type StoreEngine } from '../host/parent/store/engine.ts'
import { address, Member } from '../host/parent/store/etcd/member.ts'
import { EtcdEngine } from '../host/parent/store/etcd.ts'
import { LmdbEngine } from '../host/parent/store/lmdb.ts'
import { EtcdCluster, noEtcd } from '../test/kit/etcd.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'string' },
  },
})
const SECONDS = Number(values.seconds)
const ROUNDS = Number(values.rounds)
const SIZES = [256, 1024, 4096]
const IN_FLIGHT = 256
/** Places that are written again and again, as many as a store of some size has. */
const PLACES = 20_000
const LOADED_BYTES = 50_000_000

const places = Array.from({ length: PLACES }, () => randomBytes(32))
const somePlace = () => places[Math.floor(Math.random() * PLACES)] as Buffer
const rows: { what: string; size: number; value: number; unit: string }[] = []

function add(what: string, size: number, value: number, unit: string): void {
  rows.push({ what, size, value, unit })
  const text = value >= 1000 ? `${(value / 1000).toFixed(1)} k` : value.toFixed(1)
  process.stdout.write(`${what.padEnd(44)} ${String(size).padStart(5)} B  ${text.padStart(9)} ${unit}\n`)
}

/** One store of an engine, and the head that it has now. */
class Store {
  readonly id = randomBytes(32).toString('hex')
  readonly #engine: StoreEngine
  #head: Kept | undefined

  constructor(engine: StoreEngine) {
    this.#engine = engine
  }

  async commit(size: number, count: number): Promise<void> {
    const next = { head: randomBytes(256), meta: Buffer.alloc(160) }
    const changes = Array.from({ length: count }, () => ({ place: somePlace(), record: randomBytes(size) }))
    const result = await this.#engine.commit(this.id, this.#head && headHash(this.#head.head), next, changes)
    if (result !== 'durable') throw new Error(result)
    this.#head = next
  }
}

/** @returns how often a second `step` was done, each counting for what it returns */
async function rate(step: () => Promise<number>): Promise<number> {
  const start = performance.now()
  let done = 0
  let spent = 0
  do {
    done += await step()
    spent = performance.now() - start
  } while (spent < SECONDS * 1000)
  return (done * 1000) / spent
}

/** 256 askers, each waiting for its own answer before it asks again. */
async function manyAskers(ask: () => Promise<unknown>): Promise<number> {
  const until = performance.now() + SECONDS * 1000
  let done = 0
  const start = performance.now()
  const asker = async () => {
    for (; performance.now() < until; done++) await ask()
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, asker))
  return (done * 1000) / (performance.now() - start)
}

type Rival = { what: string; unit: string; run: (size: number) => Promise<number> }

async function contest(rivals: Rival[]): Promise<void> {
  for (const size of SIZES) {
    const best = new Map<Rival, number>()
    for (let round = 0; round < ROUNDS; round++)
      for (const rival of rivals) best.set(rival, Math.max(best.get(rival) ?? 0, await rival.run(size)))
    for (const [{ what, unit }, value] of best) add(what, size, value, unit)
  }
}

/** As a kernel: what was asked while a commit was under way makes the next one. */
function grouped(store: Store, most: number): (size: number) => Promise<number> {
  return async (size) => {
    let waiting: (() => void)[] = []
    let stopped = false
    const committer = (async () => {
      while (!stopped) {
        const group = waiting.splice(0, most)
        if (group.length === 0) await new Promise((resolve) => setImmediate(resolve))
        else {
          await store.commit(size, group.length)
          for (const answer of group) answer()
        }
      }
    })()
    const result = await manyAskers(() => new Promise<void>((resolve) => waiting.push(resolve)))
    stopped = true
    waiting = []
    await committer
    return result
  }
}

const root = mkdtempSync(join(tmpdir(), 'wasmclave-bench-store-'))
const lmdb = await LmdbEngine.open(mkdtempSync(join(root, 'engine-')))
const bare = openLmdb<Buffer, Buffer>({
  path: join(root, 'bare.mdb'),
  noSubdir: true,
  keyEncoding: 'binary',
  encoding: 'binary',
  overlappingSync: false,
} as Parameters<typeof openLmdb>[0])
const lmdbStore = new Store(lmdb)
const put = (size: number) => bare.put(somePlace(), randomBytes(size))

try {
  await contest([
    {
      what: 'LMDB, commits of one record, serial',
      unit: '/s',
      run: (size) => rate(() => lmdbStore.commit(size, 1).then(() => 1)),
    },
    { what: '  bare lmdb, put, serial', unit: '/s', run: (size) => rate(() => put(size).then(() => 1)) },
    { what: 'LMDB, 256 in flight, in one commit at a time', unit: 'records/s', run: grouped(lmdbStore, 1000) },
    { what: '  bare lmdb, put, 256 in flight', unit: 'records/s', run: (size) => manyAskers(() => put(size)) },
    {
      what: 'LMDB, commits of 1,000 records, serial',
      unit: 'records/s',
      run: (size) => rate(() => lmdbStore.commit(size, 1000).then(() => 1000)),
    },
  ])
  await sizesOf(root)
  if (noEtcd === false) await withEtcd()
  else process.stdout.write(`${noEtcd}\n`)
} finally {
  await lmdb.close()
  await bare.close()
  rmSync(root, { recursive: true, force: true })
}
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(rows, null, 2))

async function sizesOf(folder: string): Promise<void> {
  for (const size of SIZES) {
    const count = Math.floor(LOADED_BYTES / size)
    const home = mkdtempSync(join(folder, 'full-'))
    const engine = await LmdbEngine.open(home)
    const store = new Store(engine)
    const records = async function* () {
      for (let at = 0; at < count; at += 1000)
        yield Array.from({ length: Math.min(1000, count - at) }, () => ({
          place: randomBytes(32),
          record: randomBytes(size),
        }))
    }
    await engine.replace(store.id, { head: randomBytes(256), meta: Buffer.alloc(160) }, records())
    const megabytes = (count * size) / 1e6
    const sink = await openFile('/dev/null', 'w')
    const toFile = join(home, 'backup')
    const figures = { load: 0, backup: 0, file: 0 }
    const per = async (work: () => Promise<unknown>) => {
      const start = performance.now()
      await work()
      return (megabytes * 1000) / (performance.now() - start)
    }
    for (let round = 0; round < ROUNDS; round++) {
      figures.load = Math.max(figures.load, await per(() => engine.load(store.id, () => {})))
      const drop = async (bytes: Uint8Array) => void (await sink.write(bytes))
      figures.backup = Math.max(figures.backup, await per(() => writeBackup(engine, store.id, drop)))
      const synced = async () => {
        const file = await openFile(toFile, 'w')
        await writeBackup(engine, store.id, async (bytes) => void (await file.write(bytes)))
        await file.sync()
        await file.close()
      }
      figures.file = Math.max(figures.file, await per(synced))
    }
    await sink.close()
    add('LMDB, load', size, figures.load, 'MB/s')
    add('backup from LMDB, digests alone', size, figures.backup, 'MB/s')
    add('backup from LMDB, into a synced file', size, figures.file, 'MB/s')
    add('backup, bytes a record', size, statSync(toFile).size / count, 'B')
    add('LMDB, bytes on disk a record', size, statSync(join(home, 'records.mdb')).size / count, 'B')
    await engine.close()
    rmSync(home, { recursive: true })
  }
}

async function withEtcd(): Promise<void> {
  const cluster = await EtcdCluster.start(1)
  const endpoint = cluster.endpoints[0] as string
  const engine = await EtcdEngine.open({ engine: 'etcd', endpoints: [endpoint], prefix: 'bench/' })
  const member = new Member(endpoint, await address(endpoint), { engine: 'etcd', endpoints: [endpoint] })
  const store = new Store(engine)
  const bareTxn = (size: number) => {
    const success = [{ requestPut: { key: somePlace(), value: randomBytes(size) } }]
    return member.call('Txn', { success }, 10_000)
  }
  try {
    await contest([
      {
        what: 'etcd, commits of one record, serial',
        unit: '/s',
        run: (size) => rate(() => store.commit(size, 1).then(() => 1)),
      },
      {
        what: '  bare etcd, Txn of one put, serial',
        unit: '/s',
        run: (size) => rate(() => bareTxn(size).then(() => 1)),
      },
      { what: 'etcd, 256 in flight, in one commit at a time', unit: 'records/s', run: grouped(store, 100) },
      {
        what: '  bare etcd, Txn of one put, 256 in flight',
        unit: 'records/s',
        run: (size) => manyAskers(() => bareTxn(size)),
      },
    ])
    let bytes = 0
    const count = (chunk: { record: Uint8Array }[]) => {
      for (const { record } of chunk) bytes += record.length
    }
    await engine.load(store.id, count)
    const start = performance.now()
    bytes = 0
    await engine.load(store.id, count)
    add('etcd, load of what was written', SIZES.at(-1) as number, bytes / 1000 / (performance.now() - start), 'MB/s')
  } finally {
    await engine.close()
    member.close()
    await cluster.stop()
  }
}
