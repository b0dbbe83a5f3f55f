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

/** Entries in key order, and whether more follow behind the last of them. */
export class Page {
  entries: Array<Entry> = []
  more: bool = false
}

/** At most `limit` entries behind `after`, and no more once their values have `maxBytes`; at least one if there is one. */
export function list(prefix: Uint8Array, after: Uint8Array, limit: i32, maxBytes: i32): Page {
  const page = new Page()
  let from = after
  let bytes = 0
  while (!page.more) {
    const length = scan(prefix.dataStart, prefix.length, from.dataStart, from.length, limit + 1, buffer.dataStart, buffer.length)
    if (length == STATUS_BUFFER) {
      buffer = new Uint8Array(2 * buffer.length)
      continue
    }
    if (length <= 0) break
    for (let at = 0; at < length; ) {
      if (page.entries.length >= limit || (bytes >= maxBytes && page.entries.length > 0)) {
        page.more = true
        break
      }
      const keyLength = <i32>load<u32>(buffer.dataStart + at)
      const valueLength = <i32>load<u32>(buffer.dataStart + at, 4)
      const version = load<u64>(buffer.dataStart + at, 8)
      at += 16
      from = buffer.slice(at, at + keyLength)
      at += keyLength
      page.entries.push(new Entry(from, version, buffer.slice(at, at + valueLength)))
      at += valueLength
      bytes += valueLength
    }
  }
  return page
}
