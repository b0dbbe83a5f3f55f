/**
 * What a backend does for the parent: five calls (DESIGN.md 6). An engine keeps opaque records and one head a store, and promises
 * durability, all or nothing, and the comparison of heads. It promises no freshness: that is the kernel's and the KMS's.
 */
import { createHash } from 'node:crypto'
import { UsageError } from '../../errors.ts'

/** A place is an HMAC-SHA-256, a store id and a head's hash are SHA-256. */
export const PLACE_BYTES = 32
export const STORE_ID_BYTES = 32
/** Of the head, and of what lies beside it in clear. The kernel's are below 1 KiB. */
export const MAX_KEPT_BYTES = 65536
/** Records that `load` hands over at once, unless one alone is larger. */
export const CHUNK_BYTES = 1048576

export type Kept = {
  /** The sealed head; its SHA-256 is its hash. */
  head: Uint8Array
  /** Wrapped DEK ‖ commitment. */
  meta: Uint8Array
}
export type StoreRecord = { place: Uint8Array; record: Uint8Array }
/** `undefined` deletes. Where a place stands twice in a commit, the later change wins. */
export type Change = { place: Uint8Array; record: Uint8Array | undefined }
export type CommitLimits = {
  /** Changes, deletions included. */
  records: number
  /** `commitBytes` of all of it. */
  bytes: number
}

/** A store is named by its id, 64 lower-case hex digits. Buffers that are handed over are not changed before the promise is settled. */
export interface StoreEngine {
  readonly limits: CommitLimits
  /**
   * What is there now, after every commit and replacement of this store that went before has ended: what it says, none of them changes.
   * @throws UnavailableError ERR_STORE_UNAVAILABLE
   */
  head(store: string): Promise<Kept | undefined>
  /**
   * One consistent snapshot: records in the order of their places, in chunks, and at the end what is kept of the same moment. Commits go
   * on meanwhile. It is bounded in time, as it keeps the engine from using space again.
   * @throws UnavailableError ERR_STORE_UNAVAILABLE, also where it took too long; whatever `each` throws
   */
  load(store: string, each: (records: StoreRecord[]) => Promise<void> | void): Promise<Kept | undefined>
  /**
   * All of it durable, or nothing, if the head there hashes to `expected` (undefined: there is none). Where it throws a UsageError or
   * ERR_STORE_FULL, nothing was written; after ERR_STORE_UNAVAILABLE nobody knows, and `head` tells.
   */
  commit(
    store: string,
    expected: Uint8Array | undefined,
    next: Kept,
    changes: Change[],
  ): Promise<'durable' | 'conflict'>
  /** Puts a whole store in the place of what is there, at one moment, when the source has ended. Not of two at once for one store. */
  replace(store: string, kept: Kept, records: AsyncIterable<StoreRecord[]>): Promise<void>
  close(): Promise<void>
}

export function headHash(head: Uint8Array): Buffer {
  return createHash('sha256').update(head).digest()
}

/** What a commit counts against `CommitLimits.bytes`: head, what lies beside it, and each change's place and record. */
export function commitBytes(next: Kept, changes: Change[]): number {
  let bytes = next.head.length + next.meta.length
  for (const { place, record } of changes) bytes += place.length + (record?.length ?? 0)
  return bytes
}

/** @throws UsageError ERR_STORE_ID */
export function checkStoreId(store: string): void {
  if (!/^[0-9a-f]{64}$/.test(store)) throw new UsageError('ERR_STORE_ID', 'a store id is 64 lower-case hex digits')
}

/** @throws UsageError ERR_STORE_ID, ERR_STORE_CHANGES, ERR_STORE_LIMIT */
export function checkCommit(
  limits: CommitLimits,
  store: string,
  expected: Uint8Array | undefined,
  next: Kept,
  changes: Change[],
): void {
  checkStoreId(store)
  if (expected !== undefined && expected.length !== 32)
    throw new UsageError('ERR_STORE_CHANGES', `a head's hash has 32 bytes, not ${expected.length}`)
  checkKept(next)
  if (changes.length > limits.records)
    throw new UsageError('ERR_STORE_LIMIT', `${changes.length} records in a commit, at most ${limits.records}`)
  for (const { place } of changes) checkPlace(place)
  const bytes = commitBytes(next, changes)
  if (bytes > limits.bytes)
    throw new UsageError('ERR_STORE_LIMIT', `${bytes} bytes in a commit, at most ${limits.bytes}`)
}

/** @throws UsageError ERR_STORE_CHANGES */
export function checkKept({ head, meta }: Kept): void {
  if (head.length === 0 || head.length + meta.length > MAX_KEPT_BYTES)
    throw new UsageError(
      'ERR_STORE_CHANGES',
      `a head of ${head.length} bytes beside ${meta.length}: none, or more than ${MAX_KEPT_BYTES} together`,
    )
}

/** @throws UsageError ERR_STORE_CHANGES */
export function checkPlace(place: Uint8Array): void {
  if (place.length !== PLACE_BYTES)
    throw new UsageError('ERR_STORE_CHANGES', `a place has ${PLACE_BYTES} bytes, not ${place.length}`)
}

/**
 * A source's chunk, in parts that one commit carries.
 * @throws UsageError ERR_STORE_CHANGES, ERR_STORE_LIMIT: a record that no commit could have brought
 */
export function* partsOf(records: StoreRecord[], limits: CommitLimits): Generator<StoreRecord[]> {
  let part: StoreRecord[] = []
  let bytes = 0
  for (const { place, record } of records) {
    checkPlace(place)
    const size = place.length + record.length
    if (size > limits.bytes)
      throw new UsageError('ERR_STORE_LIMIT', `a record of ${size} bytes with its place, at most ${limits.bytes}`)
    if (part.length === limits.records || bytes + size > limits.bytes) {
      yield part
      part = []
      bytes = 0
    }
    part.push({ place, record })
    bytes += size
  }
  if (part.length > 0) yield part
}
