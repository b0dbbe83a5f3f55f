// A record in unmanaged memory: u32 key length, u32 value length, u64 version, key, value. Immutable once made.
import { copy } from '../../mem/bytes'

const VERSION_AT: usize = 8
const KEY_AT: usize = 16

export function makeRecord(key: usize, keyLength: usize, value: usize, valueLength: usize): usize {
  const record = heap.alloc(KEY_AT + keyLength + valueLength)
  store<u32>(record, <u32>keyLength)
  store<u32>(record, <u32>valueLength, 4)
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

/** Bytes a record takes, as a quota counts them. */
export function recordBytes(record: usize): usize {
  return KEY_AT + recordKeyLength(record) + recordValueLength(record)
}

/** Order of keys: bytewise, a prefix before what it begins. */
export function compareKeys(a: usize, aLength: usize, b: usize, bLength: usize): i32 {
  const order = memory.compare(a, b, min(aLength, bLength))
  if (order != 0) return order
  return aLength < bLength ? -1 : <i32>(aLength > bLength)
}
