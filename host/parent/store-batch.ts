/**
 * A commit as a kernel sends it (STORE-RECORDS.md): parts under one ticket, then the commit itself. Bounded by the limits of one commit, and parsed
 * once, here. Having one says nothing of what is in it: records and head are sealed, and for the parent bytes.
 */
import { MAX_COMMIT_BYTES, MAX_COMMIT_RECORDS, MAX_TRANSACTION_BYTES, MAX_WRITES } from '../../assembly/abi/limits.ts'
import { HEAD_HASH_BYTES, STORE_ID_BYTES } from '../../assembly/abi/store.ts'
import type { Change, Kept } from './store/engine.ts'

const OPERATION_PUT = 1
const OPERATION_DELETE = 2
/** u8 operation ‖ place 32 ‖ u32 length */
const PLACE_BYTES = 32
const ENTRY_HEADER_BYTES = 1 + PLACE_BYTES + 4
/** One transaction may be as large as it may; all others share a commit. */
export const MAX_BATCH_BYTES = Math.max(MAX_COMMIT_BYTES, MAX_TRANSACTION_BYTES)
export const MAX_BATCH_RECORDS = Math.max(MAX_COMMIT_RECORDS, MAX_WRITES)

export type CommitFrame = {
  storeId: Uint8Array
  /** Undefined where there must be none. */
  expected: Uint8Array | undefined
  next: Kept
}

/** The parts of one ticket so far. */
export class StoreBatch {
  readonly ticket: number
  readonly #parts: Uint8Array[] = []
  #bytes = 0

  constructor(ticket: number) {
    this.ticket = ticket
  }

  /** @throws RangeError for more than a commit may hold */
  add(part: Uint8Array): void {
    this.#bytes += part.length
    if (this.#bytes > MAX_BATCH_BYTES) throw new RangeError(`a batch of ${this.#bytes} bytes`)
    this.#parts.push(part)
  }

  /** @throws RangeError for what is no batch */
  changes(): Change[] {
    const [only] = this.#parts
    const bytes = this.#parts.length === 1 && only !== undefined ? only : Buffer.concat(this.#parts)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const changes: Change[] = []
    for (let at = 0; at < bytes.length; ) {
      if (bytes.length - at < ENTRY_HEADER_BYTES) throw new RangeError('an entry that is cut short')
      const operation = bytes[at]
      const place = bytes.subarray(at + 1, at + 1 + PLACE_BYTES)
      const length = view.getUint32(at + 1 + PLACE_BYTES)
      at += ENTRY_HEADER_BYTES
      if (length > bytes.length - at) throw new RangeError('a record that is cut short')
      if (operation === OPERATION_PUT) changes.push({ place, record: bytes.subarray(at, at + length) })
      else if (operation === OPERATION_DELETE && length === 0) changes.push({ place, record: undefined })
      else throw new RangeError(`operation ${operation}`)
      if (changes.length > MAX_BATCH_RECORDS) throw new RangeError(`more than ${MAX_BATCH_RECORDS} records`)
      at += length
    }
    return changes
  }
}

/** Store id ‖ expected head hash ‖ lp(meta) ‖ lp(head). @throws RangeError */
export function parseCommit(payload: Uint8Array): CommitFrame {
  const fixed = STORE_ID_BYTES + HEAD_HASH_BYTES
  if (payload.length < fixed) throw new RangeError(`a commit of ${payload.length} bytes`)
  const expected = payload.subarray(STORE_ID_BYTES, fixed)
  const [meta, afterMeta] = takePrefixed(payload, fixed)
  const [head, end] = takePrefixed(payload, afterMeta)
  if (end !== payload.length || head.length === 0) throw new RangeError('a commit of another shape')
  return {
    storeId: payload.subarray(0, STORE_ID_BYTES),
    expected: expected.every((byte) => byte === 0) ? undefined : expected,
    next: { meta, head },
  }
}

function takePrefixed(bytes: Uint8Array, at: number): [Uint8Array, number] {
  if (bytes.length - at < 4) throw new RangeError('a length is missing')
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at)
  if (length > bytes.length - at - 4) throw new RangeError(`${length} bytes that are not there`)
  return [bytes.subarray(at + 4, at + 4 + length), at + 4 + length]
}
