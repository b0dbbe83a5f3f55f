/**
 * Keys of all engines: store id[32] ‖ u8 kind ‖ …, so that a store lies together and its records in the order of their places.
 */
import { INCARNATION_BYTES } from './kept.ts'

const KEPT = 0
/**
 * What a commit compares, besides the head. LMDB: ‖ incarnation ‖ head's hash, and it exists exactly where that head is kept. etcd: one key,
 * whose revision tells whether a commit that got lost may still come.
 */
const CONDITION = 1
const RECORD = 2
/** etcd alone: ‖ incarnation of a replacement that is under way. */
const STAGED = 3

const ID_BYTES = 32
const RECORDS_AT = ID_BYTES + 1
const PLACE_AT = RECORDS_AT + INCARNATION_BYTES
/** The value of a condition: LMDB wants one. */
export const HERE = Buffer.from([1])

export function keptKey(store: string): Buffer {
  return Buffer.concat([Buffer.from(store, 'hex'), Buffer.from([KEPT])])
}

export function conditionKey(store: string, incarnation: Uint8Array, hash: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(store, 'hex'), Buffer.from([CONDITION]), incarnation, hash])
}

export function fenceKey(store: string): Buffer {
  return Buffer.concat([Buffer.from(store, 'hex'), Buffer.from([CONDITION])])
}

export function stagedKey(store: string, incarnation: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(store, 'hex'), Buffer.from([STAGED]), incarnation])
}

/** Before all records of an incarnation, or of a store. */
export function recordsKey(store: string, incarnation: Uint8Array = new Uint8Array(0)): Buffer {
  return Buffer.concat([Buffer.from(store, 'hex'), Buffer.from([RECORD]), incarnation])
}

/** One buffer for many keys: LMDB copies a key when it is given, and never keeps the buffer. */
export class RecordKey {
  readonly #bytes: Buffer

  constructor(store: string, incarnation: Uint8Array) {
    this.#bytes = Buffer.concat([recordsKey(store, incarnation), Buffer.alloc(32)])
  }

  at(place: Uint8Array): Buffer {
    this.#bytes.set(place, PLACE_AT)
    return this.#bytes
  }
}

export function storeOf(key: Uint8Array): string {
  return Buffer.from(key.subarray(0, ID_BYTES)).toString('hex')
}

export function incarnationOf(recordKey: Uint8Array): Uint8Array {
  return recordKey.subarray(RECORDS_AT, PLACE_AT)
}

export function placeOf(recordKey: Uint8Array): Uint8Array {
  return recordKey.subarray(PLACE_AT)
}

/** Where a scan of all keys that begin with `prefix` ends. */
export function after(prefix: Uint8Array): Buffer {
  const end = Buffer.from(prefix)
  for (let at = end.length - 1; at >= 0; at--) {
    const byte = end[at] as number
    if (byte < 255) {
      end[at] = byte + 1
      return end.subarray(0, at + 1)
    }
  }
  // No kind is that large: behind everything.
  return Buffer.alloc(RECORDS_AT, 255)
}
