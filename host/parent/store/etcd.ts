/**
 * The engine for several machines: etcd, from 3.4 on (DESIGN.md 6). A commit is one transaction that compares the revisions of the head and of a
 * fence; reads are linearizable. etcd goes on with a request whose asker has given up: so after a commit without an answer, and at the first
 * use of a store, the fence is written, and what comes late fails by it. LIMIT: etcd keeps old revisions until it is told to compact
 * (`--auto-compaction-retention`); a load that lasts longer than that is given up.
 */
import { randomBytes } from 'node:crypto'
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
import { Cluster, failure, unavailable } from './etcd/cluster.ts'
import { CallFailure } from './etcd/member.ts'
import type {
  Compare,
  KeyValue,
  RangeRequest,
  RangeResponse,
  RequestOp,
  TxnRequest,
  TxnResponse,
} from './etcd/protocol.ts'
import { decodeKept, encodeKept, INCARNATION_BYTES, type Placed } from './kept.ts'
import { after, fenceKey, incarnationOf, keptKey, placeOf, RecordKey, recordsKey, stagedKey } from './keys.ts'
import { LoadDeadline } from './load-deadline.ts'
import { DEFAULT_PREFIX, type EtcdSettings } from './settings.ts'

/** Below etcd's own: 128 operations (--max-txn-ops) and 1.5 MiB (--max-request-bytes), with room for keys. */
const LIMITS: CommitLimits = { records: 100, bytes: 1468006 }
/** Below the kernel's patience (5 s), so that what it asks next finds an answer. */
const COMMIT_MS = 4_000
const LOAD_MS = 60_000
/** Keys of the first page of a load; the next ones are as their sizes were. */
const FIRST_PAGE_KEYS = 16
const MAX_PAGE_KEYS = 2_000
const SWEEP_KEYS = 1_000
/** How often a comparison may fail by a fence that another one wrote, the head being as expected. */
const FENCE_RETRIES = 5
const EMPTY = new Uint8Array(0)

/** What is known of a store: revisions are of its two keys, 0 where there is none. */
type Known = { kept: Placed | undefined; keptRevision: number; fenceRevision: number }

export class EtcdEngine implements StoreEngine {
  readonly limits = LIMITS
  readonly #cluster: Cluster
  readonly #prefix: Buffer
  readonly #known = new Map<string, Known>()
  /** The last job of a store; fulfils when it has ended, however. */
  readonly #last = new Map<string, Promise<unknown>>()

  /** @throws UsageError ERR_STORE_VERSION, ERR_STORE_AUTH; RefusedError ERR_STORE_CLUSTER; UnavailableError ERR_STORE_UNAVAILABLE */
  static async open(settings: EtcdSettings): Promise<EtcdEngine> {
    return new EtcdEngine(await Cluster.connect(settings), settings.prefix ?? DEFAULT_PREFIX)
  }

  private constructor(cluster: Cluster, prefix: string) {
    this.#cluster = cluster
    this.#prefix = Buffer.from(prefix)
  }

  async head(store: string): Promise<Kept | undefined> {
    checkStoreId(store)
    return this.#alone(store, async () => {
      const { kept } = this.#known.has(store) ? await this.#look(store) : await this.#settle(store)
      return kept && { head: kept.head, meta: kept.meta }
    })
  }

  async commit(store: string, expected: Uint8Array | undefined, next: Kept, changes: Change[]) {
    checkCommit(this.limits, store, expected, next, changes)
    return this.#alone(store, async () => {
      let known = this.#known.get(store) ?? (await this.#settle(store))
      if (!isExpected(known, expected)) known = await this.#look(store)
      for (let retry = 0; isExpected(known, expected); retry++) {
        if (retry > FENCE_RETRIES) throw unavailable('others write the fence of this store all the time')
        const incarnation = known.kept?.incarnation ?? new Uint8Array(INCARNATION_BYTES)
        const placed = { ...next, incarnation }
        const success = [...this.#changeOps(store, incarnation, changes), this.#put(keptKey(store), encodeKept(placed))]
        const answer = await this.#write(store, {
          compare: this.#unchanged(store, known),
          success,
          failure: [this.#bothKeys(store)],
        })
        if (answer.succeeded) {
          // CRASH: a majority has it on disk.
          this.#known.set(store, { ...known, kept: placed, keptRevision: Number(answer.header.revision) })
          return 'durable'
        }
        known = this.#learn(store, answer.responses[0]?.responseRange)
      }
      return 'conflict'
    })
  }

  async load(store: string, each: (records: StoreRecord[]) => Promise<void> | void): Promise<Kept | undefined> {
    checkStoreId(store)
    const { header, kvs } = await this.#alone(store, async () => {
      if (!this.#known.has(store)) await this.#settle(store)
      return this.#range(keptKey(store), { limit: 1 })
    })
    const entry = kvs[0]
    if (entry === undefined) return undefined
    const { incarnation, head, meta } = decodeKept(entry.value)
    const deadline = new LoadDeadline(LOAD_MS)
    try {
      for await (const page of this.#pages(recordsKey(store, incarnation), Number(header.revision)))
        for (const chunk of chunks(page, this.#prefix.length)) await deadline.within(each(chunk))
    } finally {
      deadline.stop()
    }
    return { head, meta }
  }

  async replace(store: string, kept: Kept, records: AsyncIterable<StoreRecord[]>): Promise<void> {
    checkStoreId(store)
    checkKept(kept)
    // Never zeros, which the first one has.
    const incarnation = randomBytes(INCARNATION_BYTES)
    incarnation[0] = (incarnation[0] as number) | 1
    const staged = this.#key(stagedKey(store, incarnation))
    await this.#alone(store, () => this.#settle(store))
    await this.#repeat({ success: [this.#put(stagedKey(store, incarnation), EMPTY)] })
    try {
      for await (const chunk of records)
        for (const part of partsOf(chunk, LIMITS))
          await this.#repeat({ success: this.#changeOps(store, incarnation, part) })
      // CRASH: all of it lies beside the old one and belongs to nobody: swept by whoever uses the store next.
      await this.#alone(store, () => this.#turn(store, { ...kept, incarnation }, staged))
      // CRASH: the new one counts; what is left of the old one is swept.
    } catch (error) {
      await this.#sweep(store, incarnation).catch(() => {})
      throw error
    }
    await this.#sweepOthers(store, incarnation)
  }

  async close(): Promise<void> {
    this.#cluster.close()
    await Promise.all(this.#last.values())
  }

  /** From the old incarnation to the new one, whatever the old one is; not if somebody swept the new one. */
  async #turn(store: string, next: Placed, staged: Buffer): Promise<void> {
    for (let retry = 0; ; retry++) {
      const known = this.#known.get(store) ?? (await this.#settle(store))
      if (known.kept !== undefined && Buffer.from(known.kept.incarnation).equals(next.incarnation)) return
      const there: Compare = { key: staged, target: 'VERSION', result: 'GREATER', version: 0 }
      const success = [{ requestDeleteRange: { key: staged } }, this.#put(keptKey(store), encodeKept(next))]
      const request = {
        compare: [...this.#unchanged(store, known), there],
        success,
        failure: [this.#bothKeys(store), { requestRange: { key: staged } }],
      }
      const answer = await this.#write(store, request).catch((error) => {
        if (retry >= FENCE_RETRIES) throw error
      })
      if (answer === undefined) continue
      if (answer.succeeded) {
        this.#known.set(store, { ...known, kept: next, keptRevision: Number(answer.header.revision) })
        return
      }
      this.#learn(store, answer.responses[0]?.responseRange)
      if (answer.responses[1]?.responseRange?.kvs.length === 0 || retry >= FENCE_RETRIES)
        throw unavailable('another one replaces this store')
    }
  }

  /** One job of a store after the other. */
  #alone<T>(store: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(store) ?? Promise.resolve()
    const done = before.then(work)
    const ended = done
      .catch(() => {})
      .then(() => {
        if (this.#last.get(store) === ended) this.#last.delete(store)
      })
    this.#last.set(store, ended)
    return done.catch((error) => {
      throw failure(error)
    })
  }

  /** A transaction that compares: nobody knows what became of it until the store is settled. */
  async #write(store: string, request: TxnRequest): Promise<TxnResponse> {
    try {
      return await this.#cluster.write('Txn', request, COMMIT_MS)
    } catch (error) {
      if (!(error instanceof CallFailure && error.withoutEffect)) this.#known.delete(store)
      throw error
    }
  }

  /** Writes the fence: of all commits before, none comes any more. Then what there is, and what a crash has left is swept. */
  async #settle(store: string): Promise<Known> {
    const answer = await this.#cluster.read('Txn', {
      success: [this.#put(fenceKey(store), EMPTY), this.#bothKeys(store)],
    })
    const known = this.#learn(store, answer.responses[1]?.responseRange)
    await this.#sweepOthers(store, known.kept?.incarnation)
    return known
  }

  async #look(store: string): Promise<Known> {
    return this.#learn(store, await this.#cluster.read('Range', this.#bothKeys(store).requestRange))
  }

  #learn(store: string, range: RangeResponse | undefined): Known {
    const of = (key: Buffer) => range?.kvs.find((entry) => entry.key.equals(this.#key(key)))
    const kept = of(keptKey(store))
    const known = {
      kept: kept && decodeKept(kept.value),
      keptRevision: Number(kept?.modRevision ?? 0),
      fenceRevision: Number(of(fenceKey(store))?.modRevision ?? 0),
    }
    this.#known.set(store, known)
    return known
  }

  #unchanged(store: string, { keptRevision, fenceRevision }: Known): Compare[] {
    const same = (key: Buffer, modRevision: number): Compare => ({
      key: this.#key(key),
      target: 'MOD',
      result: 'EQUAL',
      modRevision,
    })
    return [same(keptKey(store), keptRevision), same(fenceKey(store), fenceRevision)]
  }

  #changeOps(store: string, incarnation: Uint8Array, changes: Change[]): RequestOp[] {
    const key = new RecordKey(store, incarnation)
    // etcd wants a key once in a transaction; the later change wins.
    const ops = new Map<string, RequestOp>()
    for (const { place, record } of changes) {
      const at = this.#key(key.at(place))
      ops.set(
        at.toString('latin1'),
        record === undefined ? { requestDeleteRange: { key: at } } : { requestPut: { key: at, value: record } },
      )
    }
    return [...ops.values()]
  }

  /** What repeats without harm: laying records down under an incarnation that nobody reads yet. */
  async #repeat(request: TxnRequest): Promise<void> {
    await this.#cluster.read('Txn', request).catch((error) => {
      throw failure(error)
    })
  }

  async #sweepOthers(store: string, current: Uint8Array | undefined): Promise<void> {
    const all = recordsKey(store)
    const regions =
      current === undefined
        ? [[all, after(all)]]
        : [
            [all, recordsKey(store, current)],
            [after(recordsKey(store, current)), after(all)],
          ]
    for (const [start, end] of regions as [Buffer, Buffer][])
      for (;;) {
        const { kvs } = await this.#range(start, { rangeEnd: this.#key(end), limit: 1, keysOnly: true })
        if (kvs[0] === undefined) break
        await this.#sweep(store, incarnationOf(kvs[0].key.subarray(this.#prefix.length)))
      }
  }

  /** First the mark without which nobody turns to it, then its records. */
  async #sweep(store: string, incarnation: Uint8Array): Promise<void> {
    await this.#repeat({ success: [{ requestDeleteRange: { key: this.#key(stagedKey(store, incarnation)) } }] })
    const start = recordsKey(store, incarnation)
    const rangeEnd = this.#key(after(start))
    for (;;) {
      const { kvs } = await this.#range(start, { rangeEnd, limit: SWEEP_KEYS, keysOnly: true })
      const last = kvs.at(-1)
      if (last === undefined) return
      const op = { requestDeleteRange: { key: this.#key(start), rangeEnd: Buffer.concat([last.key, Buffer.alloc(1)]) } }
      await this.#repeat({ success: [op] })
    }
  }

  /** Pages of a snapshot; the next one is on its way while one is taken. */
  async *#pages(prefix: Buffer, revision: number): AsyncGenerator<KeyValue[]> {
    const rangeEnd = this.#key(after(prefix))
    let limit = FIRST_PAGE_KEYS
    const fetch = async (key: Buffer): Promise<RangeResponse> => {
      for (;;)
        try {
          return await this.#cluster.read('Range', { key, rangeEnd, limit, revision })
        } catch (error) {
          if (!(error instanceof CallFailure && error.isTooLarge && limit > 1)) throw failure(error)
          limit = Math.ceil(limit / 4)
        }
    }
    let page = await fetch(this.#key(prefix))
    for (;;) {
      const last = page.kvs.at(-1)
      if (last === undefined) return
      const largest = page.kvs.reduce((most, { value }) => Math.max(most, value.length), 1)
      limit = Math.min(MAX_PAGE_KEYS, Math.max(1, Math.floor(CHUNK_BYTES / largest)))
      const next = page.more ? fetch(Buffer.concat([last.key, Buffer.alloc(1)])) : undefined
      // Not unhandled where the consumer ends before it is asked for.
      next?.catch(() => {})
      yield page.kvs
      if (next === undefined) return
      page = await next
    }
  }

  async #range(key: Buffer, options: Omit<RangeRequest, 'key'>): Promise<RangeResponse> {
    return this.#cluster.read('Range', { key: this.#key(key), ...options }).catch((error) => {
      throw failure(error)
    })
  }

  #bothKeys(store: string): { requestRange: RangeRequest } {
    return { requestRange: { key: this.#key(keptKey(store)), rangeEnd: this.#key(after(fenceKey(store))) } }
  }

  #put(key: Buffer, value: Uint8Array): RequestOp {
    return { requestPut: { key: this.#key(key), value } }
  }

  #key(key: Uint8Array): Buffer {
    return Buffer.concat([this.#prefix, key])
  }
}

function isExpected({ kept }: Known, expected: Uint8Array | undefined): boolean {
  if (kept === undefined || expected === undefined) return kept === undefined && expected === undefined
  return headHash(kept.head).equals(expected)
}

function* chunks(page: KeyValue[], prefixBytes: number): Generator<StoreRecord[]> {
  let chunk: StoreRecord[] = []
  let bytes = 0
  for (const { key, value } of page) {
    if (bytes > 0 && bytes + value.length > CHUNK_BYTES) {
      yield chunk
      chunk = []
      bytes = 0
    }
    chunk.push({ place: placeOf(key.subarray(prefixBytes)), record: value })
    bytes += value.length + key.length
  }
  if (chunk.length > 0) yield chunk
}
