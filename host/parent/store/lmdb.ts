/**
 * The embedded engine: one LMDB environment for all stores of a host (DESIGN.md 6). Commits of many stores that arrive while one is being
 * written go together, into one transaction and one fdatasync. LIMIT: a damaged file can crash the process that reads it, which is the
 * parent's; a kernel notices what was changed.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import type { RangeOptions } from 'lmdb'
import { syncFile } from '../../disk/sync.ts'
import { type FatalError, UnavailableError } from '../../errors.ts'
import {
  CHUNK_BYTES,
  type Change,
  type CommitLimits,
  checkCommit,
  checkKept,
  checkStoreId,
  headHash,
  type Kept,
  partsOf,
  type StoreEngine,
  type StoreRecord,
} from './engine.ts'
import { decodeKept, encodeKept, INCARNATION_BYTES, type Placed } from './kept.ts'
import { after, conditionKey, HERE, incarnationOf, keptKey, placeOf, RecordKey, recordsKey, storeOf } from './keys.ts'
import { type Block, type Database, Environment } from './lmdb/environment.ts'
import { lockFile } from './lmdb/lock.ts'
import { LoadDeadline } from './load-deadline.ts'

/** PROTOCOLS.md 6: a group commit's records; bytes by how long one fdatasync may take. */
const LIMITS: CommitLimits = { records: 1000, bytes: 8388608 }
/** Of all stores together, unless told otherwise. */
const DEFAULT_MAX_BYTES = 17179869184
/** Bytes that one transaction carries; what is over waits for the next. */
const GROUP_BYTES = 33554432
/** A snapshot pins pages that could be used again; one that is read for longer is given up. */
const LOAD_MS = 60_000
/** Records that one transaction removes when a whole incarnation goes. */
const SWEEP_RECORDS = 1000
/** What lies beside a record: key, node, its share of the pages above. */
const RECORD_OVERHEAD_BYTES = 128
/** LMDB copies every page on the way to a record that it changes. */
const PAGES_A_CHANGE = 3
const PAGE_BYTES = 4096
/** Of a transaction by itself: list of free pages, heads. */
const TRANSACTION_BYTES = 1048576

export type LmdbOptions = {
  /** Bytes of all stores together; a commit beyond is refused. */
  maxBytes?: number
  /** Milliseconds for a load. */
  loadMs?: number
  /** A write has failed: the process must end at once, by a signal. Unless told otherwise it does so by itself. */
  onBroken?: (error: FatalError) => void
}

/** Bytes that are added, with their overhead, and changes at places far apart. */
type Size = { bytes: number; changes: number }

/** What waits for the next transaction. `block` is called when its turn comes; undefined: the condition does not hold. */
type Job = Size & {
  store: string
  block(): Block | undefined
  settle(held: boolean): void
  fail(error: unknown): void
}

export class LmdbEngine implements StoreEngine {
  readonly limits = LIMITS
  readonly #environment: Environment
  readonly #folder: string
  readonly #unlock: () => void
  readonly #maxBytes: number
  readonly #loadMs: number
  #waiting: Job[] = []
  #running: Promise<void> | undefined
  /** The last job of a store; fulfils when it has ended, however. */
  readonly #last = new Map<string, Promise<unknown>>()
  #closed = false

  /**
   * Opens or makes `records.mdb` in a folder of its own, and removes what a crash left of an unfinished replacement.
   * @throws UnavailableError ERR_STORE_LOCKED, ERR_STORE_UNAVAILABLE; FatalError ERR_STORE_BROKEN
   */
  static async open(folder: string, options: LmdbOptions = {}): Promise<LmdbEngine> {
    const unlock = lockFile(join(folder, 'records.lock'))
    try {
      const engine = new LmdbEngine(folder, unlock, options)
      await engine.#sweepAll()
      return engine
    } catch (error) {
      unlock()
      throw error
    }
  }

  private constructor(folder: string, unlock: () => void, options: LmdbOptions) {
    this.#unlock = unlock
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES
    this.#loadMs = options.loadMs ?? LOAD_MS
    // Twice, for pages that are free and not used again yet.
    this.#environment = new Environment(join(folder, 'records.mdb'), 2 * this.#maxBytes, options.onBroken ?? endProcess)
    this.#folder = folder
    const handle = openSync(folder, 'r')
    syncFile(handle)
    closeSync(handle)
  }

  async head(store: string): Promise<Kept | undefined> {
    checkStoreId(store)
    await this.#last.get(store)
    const kept = this.#kept(store)
    return kept && { head: kept.head, meta: kept.meta }
  }

  async commit(store: string, expected: Uint8Array | undefined, next: Kept, changes: Change[]) {
    checkCommit(this.limits, store, expected, next, changes)
    const size = { bytes: sizeOf(changes), changes: changes.length }
    const held = await this.#submit(store, size, () => this.#commitBlock(store, expected, next, changes))
    return held ? 'durable' : 'conflict'
  }

  async load(store: string, each: (records: StoreRecord[]) => Promise<void> | void): Promise<Kept | undefined> {
    checkStoreId(store)
    await this.#last.get(store)
    const transaction = this.#environment.read((database) => database.useReadTransaction())
    const deadline = new LoadDeadline(this.#loadMs)
    try {
      const kept = this.#environment.read((database) => database.get(keptKey(store), { transaction }))
      if (kept === undefined) return undefined
      const { incarnation, head, meta } = decodeKept(kept)
      const all = recordsKey(store, incarnation)
      for (let start: Buffer | undefined = all; start !== undefined; ) {
        const range: RangeOptions = { start, end: after(all), transaction }
        const chunk: Chunk = this.#environment.read((database) => nextChunk(database.getRange(range)))
        if (chunk.records.length > 0) await deadline.within(each(chunk.records))
        start = chunk.next
      }
      return { head, meta }
    } finally {
      deadline.stop()
      // A closed environment has ended its snapshots itself.
      if (!this.#closed) transaction.done()
    }
  }

  async replace(store: string, kept: Kept, records: AsyncIterable<StoreRecord[]>): Promise<void> {
    checkStoreId(store)
    checkKept(kept)
    // Never zeros, which the first one has.
    const incarnation = randomBytes(INCARNATION_BYTES)
    incarnation[0] = (incarnation[0] as number) | 1
    const key = new RecordKey(store, incarnation)
    let old: Placed | undefined
    try {
      for await (const chunk of records)
        for (const part of partsOf(chunk, LIMITS))
          await this.#submit(store, { bytes: sizeOf(part), changes: 0 }, () => ({
            write: (database) => {
              for (const { place, record } of part) database.put(key.at(place), record as Buffer)
            },
          }))
      // CRASH: all of it lies beside the old one, and belongs to nobody: swept at the next start.
      await this.#submit(store, { bytes: 0, changes: 1 }, () => {
        old = this.#kept(store)
        return { write: (database) => writeKept(database, store, old, { ...kept, incarnation }) }
      })
      // CRASH: the new one counts; what is left of the old one is swept.
    } catch (error) {
      await this.#sweep(store, incarnation).catch(() => {})
      throw error
    }
    if (old !== undefined) await this.#sweep(store, old.incarnation)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#running
    await this.#environment.close()
    this.#unlock()
  }

  #kept(store: string): Placed | undefined {
    const bytes = this.#environment.read((database) => database.get(keptKey(store)))
    return bytes && decodeKept(bytes)
  }

  #commitBlock(store: string, expected: Uint8Array | undefined, next: Kept, changes: Change[]): Block | undefined {
    const old = this.#kept(store)
    const write = (incarnation: Uint8Array) => (database: Database) => {
      const key = new RecordKey(store, incarnation)
      for (const { place, record } of changes)
        if (record === undefined) database.remove(key.at(place))
        else database.put(key.at(place), record as Buffer)
      writeKept(database, store, old, { ...next, incarnation })
    }
    if (expected === undefined || old === undefined) {
      if (expected !== undefined || old !== undefined) return undefined
      return { when: { absent: keptKey(store) }, write: write(new Uint8Array(INCARNATION_BYTES)) }
    }
    if (!headHash(old.head).equals(expected)) return undefined
    // Compared again by LMDB, inside the transaction.
    return { when: { exists: conditionKey(store, old.incarnation, expected) }, write: write(old.incarnation) }
  }

  /** @returns whether the block's condition held; it is on disk then */
  #submit(store: string, size: Size, block: () => Block | undefined): Promise<boolean> {
    if (this.#closed) throw gone('it is closed')
    const done = new Promise<boolean>((settle, fail) => this.#waiting.push({ store, ...size, block, settle, fail }))
    const ended = done
      .catch(() => {})
      .then(() => {
        if (this.#last.get(store) === ended) this.#last.delete(store)
      })
    this.#last.set(store, ended)
    this.#running ??= this.#run()
    return done
  }

  async #run(): Promise<void> {
    // What is submitted in the same turn goes together.
    await undefined
    while (this.#waiting.length > 0) await this.#writeGroup(this.#nextGroup())
    this.#running = undefined
  }

  /** One job a store, as the next one depends on it. */
  #nextGroup(): Job[] {
    const group = new Map<string, Job>()
    const later: Job[] = []
    let bytes = 0
    for (const job of this.#waiting)
      if (group.has(job.store) || (bytes > 0 && bytes + job.bytes > GROUP_BYTES)) later.push(job)
      else {
        group.set(job.store, job)
        bytes += job.bytes
      }
    this.#waiting = later
    return [...group.values()]
  }

  async #writeGroup(jobs: Job[]): Promise<void> {
    const going: { job: Job; block: Block }[] = []
    try {
      const room = this.#room()
      for (const job of jobs) {
        const block = job.block()
        if (block === undefined) job.settle(false)
        else {
          const error = take(room, job)
          if (error === undefined) going.push({ job, block })
          else job.fail(error)
        }
      }
      if (going.length === 0) return
      const held = await this.#environment.write(going.map(({ block }) => block))
      for (const [index, { job }] of going.entries()) job.settle(held[index] as boolean)
    } catch (error) {
      // Those that are settled already do not mind.
      for (const job of jobs) job.fail(error)
    }
  }

  #room(): Room {
    const { bavail, bsize } = statfsSync(this.#folder)
    const used = this.#environment.usedBytes
    return { store: this.#maxBytes - used, disk: bavail * bsize - TRANSACTION_BYTES }
  }

  async #sweepAll(): Promise<void> {
    const end = after(Buffer.alloc(0))
    for (let from: Buffer = Buffer.alloc(1); ; ) {
      const key = this.#firstKey(from, end)
      if (key === undefined) return
      const store = storeOf(key)
      const current = this.#kept(store)?.incarnation
      for (let at = recordsKey(store); ; ) {
        const record = this.#firstKey(at, after(recordsKey(store)))
        if (record === undefined) break
        const incarnation = Buffer.from(incarnationOf(record))
        if (current === undefined || !incarnation.equals(current)) await this.#sweep(store, incarnation)
        at = after(recordsKey(store, incarnation))
      }
      from = after(Buffer.from(store, 'hex'))
    }
  }

  /** Removes an incarnation's records. */
  async #sweep(store: string, incarnation: Uint8Array): Promise<void> {
    const start = recordsKey(store, incarnation)
    for (;;) {
      const keys = this.#environment.read((database) => [
        ...database.getKeys({ start, end: after(start), limit: SWEEP_RECORDS }),
      ])
      if (keys.length === 0) return
      await this.#submit(store, { bytes: 0, changes: keys.length / PAGES_A_CHANGE }, () => ({
        write: (database) => {
          for (const key of keys) database.remove(key)
        },
      }))
    }
  }

  #firstKey(start: Buffer, end: Buffer): Buffer | undefined {
    return this.#environment.read((database) => [...database.getKeys({ start, end, limit: 1 })][0])
  }
}

function writeKept(database: Database, store: string, old: Placed | undefined, next: Placed): void {
  if (old !== undefined) database.remove(conditionKey(store, old.incarnation, headHash(old.head)))
  database.put(conditionKey(store, next.incarnation, headHash(next.head)), HERE)
  database.put(keptKey(store), encodeKept(next))
}

type Room = { store: number; disk: number }

/** @returns why there is no room for it; else it is taken of the room */
function take(room: Room, { bytes, changes }: Size): UnavailableError | undefined {
  // LMDB's leaves are at least half full.
  const grows = 2 * bytes
  const writes = grows + changes * PAGES_A_CHANGE * PAGE_BYTES
  // What only removes is never too much for the store.
  if (bytes > 0 && grows > room.store) return full('the store', room.store, grows)
  if (writes > room.disk) return full('the disk', room.disk, writes)
  room.store -= grows
  room.disk -= writes
  return undefined
}

function sizeOf(changes: Change[]): number {
  let bytes = 0
  for (const { record } of changes) if (record !== undefined) bytes += record.length + RECORD_OVERHEAD_BYTES
  return bytes
}

type Chunk = { records: StoreRecord[]; next?: Buffer }

function nextChunk(entries: Iterable<{ key: Buffer; value: Buffer }>): Chunk {
  const records: StoreRecord[] = []
  let bytes = 0
  for (const { key, value } of entries) {
    if (bytes > 0 && bytes + value.length > CHUNK_BYTES) return { records, next: key }
    records.push({ place: placeOf(key), record: value })
    bytes += value.length + key.length
  }
  return { records }
}

function gone(reason: string): UnavailableError {
  return new UnavailableError('ERR_STORE_UNAVAILABLE', `the store cannot be used now: ${reason}`)
}

function full(what: string, room: number, wanted: number): UnavailableError {
  return new UnavailableError(
    'ERR_STORE_FULL',
    `a commit may need ${wanted} bytes, and ${what} has ${Math.max(0, room)} left`,
  )
}

function endProcess(error: FatalError): void {
  process.stderr.write(`${error.code}: ${error.message}\n`)
  process.kill(process.pid, 'SIGKILL')
}
