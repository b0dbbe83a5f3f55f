// The workload's key space. Keys are 1 to 1,024 bytes, values bytes; what a request writes is one transaction.
import { STATUS_BUFFER, STATUS_NOT_FOUND } from '../abi/status'
import { get, scan } from './calls'

/** A stored value and its version. */
export class Stored {
  constructor(public version: u64, public value: Uint8Array) {}
}

export class Entry {
  constructor(public key: Uint8Array, public version: u64, public value: Uint8Array) {}
}

let buffer = new Uint8Array(16384)

export function read(key: Uint8Array): Stored | null {
  let length = get(key.dataStart, key.length, buffer.dataStart, buffer.length)
  if (length == STATUS_NOT_FOUND) return null
  if (length > buffer.length) {
    buffer = new Uint8Array(length)
    length = get(key.dataStart, key.length, buffer.dataStart, buffer.length)
  }
  return new Stored(load<u64>(buffer.dataStart), buffer.slice(8, length))
}

/** At most `limit` entries behind `after`, in key order. */
export function list(prefix: Uint8Array, after: Uint8Array, limit: i32): Array<Entry> {
  const entries: Array<Entry> = []
  let from = after
  while (entries.length < limit) {
    const length = scan(
      prefix.dataStart, prefix.length, from.dataStart, from.length, limit - entries.length, buffer.dataStart, buffer.length
    )
    if (length == STATUS_BUFFER) {
      buffer = new Uint8Array(2 * buffer.length)
      continue
    }
    if (length <= 0) return entries
    for (let at = 0; at < length; ) {
      const keyLength = <i32>load<u32>(buffer.dataStart + at)
      const valueLength = <i32>load<u32>(buffer.dataStart + at, 4)
      const version = load<u64>(buffer.dataStart + at, 8)
      at += 16
      from = buffer.slice(at, at + keyLength)
      at += keyLength
      entries.push(new Entry(from, version, buffer.slice(at, at + valueLength)))
      at += valueLength
    }
  }
  return entries
}
