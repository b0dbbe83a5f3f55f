// A record in unmanaged memory: u32 key length, u32 value length, u64 version, u32 flags, u32 next in its transaction, 32 bytes of set
// hash (PROTOCOLS 6), key, value. Its key and value never change once it is made.
import { copy } from '../../mem/bytes'

const VERSION_AT: usize = 8
const FLAGS_AT: usize = 16
const NEXT_AT: usize = 20
const ELEMENT_AT: usize = 24
const KEY_AT: usize = 56

/** Quotas count this much beside key and value. */
const COUNTED_HEADER_BYTES: usize = 16

/** A tombstone: it takes the record of its key out. */
export const RECORD_REMOVED: u32 = 1
/** Written, and not durable yet. */
export const RECORD_FRESH: u32 = 2
/** The kernel's own, which no workload sees. */
export const RECORD_KERNEL: u32 = 4

export function makeRecord(key: usize, keyLength: usize, value: usize, valueLength: usize, flags: u32): usize {
  const record = heap.alloc(KEY_AT + keyLength + valueLength)
  store<u32>(record, <u32>keyLength)
  store<u32>(record, <u32>valueLength, 4)
  store<u64>(record, 0, VERSION_AT)
  store<u32>(record, flags, FLAGS_AT)
  store<u32>(record, 0, NEXT_AT)
  copy(record + KEY_AT, key, keyLength)
  copy(record + KEY_AT + keyLength, value, valueLength)
  return record
}

// @ts-ignore: decorator
@inline
export function recordKey(record: usize): usize {
  return record + KEY_AT
}

// @ts-ignore: decorator
@inline
export function recordKeyLength(record: usize): usize {
  return <usize>load<u32>(record)
}

// @ts-ignore: decorator
@inline
export function recordValue(record: usize): usize {
  return record + KEY_AT + recordKeyLength(record)
}

// @ts-ignore: decorator
@inline
export function recordValueLength(record: usize): usize {
  return <usize>load<u32>(record, 4)
}

export function recordVersion(record: usize): u64 {
  return load<u64>(record, VERSION_AT)
}

export function setRecordVersion(record: usize, version: u64): void {
  store<u64>(record, version, VERSION_AT)
}

// @ts-ignore: decorator
@inline
export function recordHas(record: usize, flag: u32): bool {
  return (load<u32>(record, FLAGS_AT) & flag) != 0
}

export function recordFlags(record: usize): u32 {
  return load<u32>(record, FLAGS_AT)
}

export function clearFresh(record: usize): void {
  store<u32>(record, load<u32>(record, FLAGS_AT) & ~RECORD_FRESH, FLAGS_AT)
}

/** The next record of the same transaction, or 0. */
export function nextRecord(record: usize): usize {
  return <usize>load<u32>(record, NEXT_AT)
}

export function setNextRecord(record: usize, next: usize): void {
  store<u32>(record, <u32>next, NEXT_AT)
}

/** 32 bytes: what the sealed record adds to the set hash, once it was sealed or read. */
// @ts-ignore: decorator
@inline
export function recordElement(record: usize): usize {
  return record + ELEMENT_AT
}

/** Bytes a record takes, as a quota counts them. */
export function recordBytes(record: usize): usize {
  return COUNTED_HEADER_BYTES + recordKeyLength(record) + recordValueLength(record)
}

/** Order of keys: bytewise, a prefix before what it begins. */
export function compareKeys(a: usize, aLength: usize, b: usize, bLength: usize): i32 {
  const order = memory.compare(a, b, min(aLength, bLength))
  if (order != 0) return order
  return aLength < bLength ? -1 : <i32>(aLength > bLength)
}

export function isKeyOf(record: usize, key: usize, keyLength: usize): bool {
  return recordKeyLength(record) == keyLength && memory.compare(recordKey(record), key, keyLength) == 0
}
