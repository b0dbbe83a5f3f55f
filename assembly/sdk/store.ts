// The workload's key space. Keys are 1 to 1,024 bytes, values bytes; what a request writes is one transaction. Values stand in one buffer
// that the next read overwrites: nothing is made for the collector, however large they are.
import { MAX_KEY_BYTES } from '../abi/limits'
import { STATUS_BUFFER, STATUS_NOT_FOUND } from '../abi/status'
import { get, scan } from './calls'
import { Span } from './span'

const VERSION_BYTES: usize = 8
const ENTRY_HEADER_BYTES: usize = 16 // u32 key length, u32 value length, u64 version

let room: usize = 16384
let buffer = heap.alloc(room)
const lastKey = memory.data(MAX_KEY_BYTES)

// Nothing in the buffer is kept.
function reserve(length: usize): void {
  heap.free(buffer)
  buffer = heap.alloc(length)
  room = length
}

/** A stored value and its version; the value is valid until the next read or scan. */
export class Stored {
  constructor(public version: u64, public value: Span) {}
}

export function exists(key: Span): bool {
  return get(key.at, key.length, buffer, 0) != STATUS_NOT_FOUND
}

export function read(key: Span): Stored | null {
  let length = get(key.at, key.length, buffer, room)
  if (length > 0 && <usize>length > room) {
    reserve(length)
    length = get(key.at, key.length, buffer, room)
  }
  if (length < 0) return null
  return new Stored(load<u64>(buffer), new Span(buffer + VERSION_BYTES, <usize>length - VERSION_BYTES)) // SAFETY: the kernel wrote `length` bytes
}

/** Records under a prefix in the order of their keys, strictly behind `after`. One at a time is under way. */
export class Scan {
  key: Span = new Span(0, 0)
  value: Span = new Span(0, 0)
  version: u64 = 0
  private at: usize = 0
  private end: usize = 0

  constructor(private prefix: Span, private after: Span, private batch: i32) {}

  /** Steps to the next record: `key`, `value` and `version` are its, until the next step. @returns false where there is none */
  next(): bool {
    if (this.at == this.end && !this.fill()) return false
    const at = this.at // SAFETY: whole entries stand between `at` and `end`, as the kernel wrote them
    this.key.at = at + ENTRY_HEADER_BYTES
    this.key.length = <usize>load<u32>(at)
    this.value.at = this.key.at + this.key.length
    this.value.length = <usize>load<u32>(at, 4)
    this.version = load<u64>(at, 8)
    this.at = this.value.at + this.value.length
    return true
  }

  private fill(): bool {
    if (this.end != 0) {
      memory.copy(lastKey, this.key.at, this.key.length) // SAFETY: keys have at most MAX_KEY_BYTES
      this.after = new Span(lastKey, this.key.length)
    }
    let length = this.scan()
    while (length == STATUS_BUFFER) {
      reserve(2 * room)
      length = this.scan()
    }
    this.at = buffer
    this.end = buffer + <usize>max(length, 0)
    return length > 0
  }

  private scan(): i32 {
    return scan(this.prefix.at, this.prefix.length, this.after.at, this.after.length, this.batch, buffer, room)
  }
}
