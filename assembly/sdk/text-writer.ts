// Text that grows in place, for answers too large to be put together from strings. One a workload is enough: clear it and write.
import { Span } from './span'

const ALPHABET = memory.data<u8>([
  0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f, 0x50,
  0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66,
  0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76,
  0x77, 0x78, 0x79, 0x7a, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x2b, 0x2f
]) // A-Z a-z 0-9 + /, RFC 4648 section 4
/** What `shrink` leaves. */
const KEPT_BYTES: usize = 262144
const PAD: u8 = 0x3d
const PERCENT: u8 = 0x25

export class TextWriter {
  at: usize = heap.alloc(4096)
  length: usize = 0
  private capacity: usize = 4096

  clear(): this {
    this.length = 0
    return this
  }

  /** Gives back what a large text took. */
  shrink(): void {
    this.length = 0
    if (this.capacity <= KEPT_BYTES) return
    heap.free(this.at)
    this.capacity = KEPT_BYTES
    this.at = heap.alloc(KEPT_BYTES)
  }

  ascii(text: string): this {
    const to = this.grow(text.length)
    for (let i = 0; i < text.length; i++) store<u8>(to + i, <u8>text.charCodeAt(i)) // SAFETY: grow made text.length bytes
    return this
  }

  byte(value: u8): this {
    store<u8>(this.grow(1), value) // SAFETY: grow made the byte
    return this
  }

  /** Bytes as they are. */
  raw(from: usize, length: usize): this {
    memory.copy(this.grow(length), from, length) // SAFETY: grow made `length` bytes
    return this
  }

  span(bytes: Span): this {
    return this.raw(bytes.at, bytes.length)
  }

  /** An unsigned number in decimal. */
  number(value: u64): this {
    let digits: usize = 1
    for (let rest = value / 10; rest > 0; rest /= 10) digits++
    const to = this.grow(digits) // SAFETY: as many bytes as digits
    for (let i = digits; i > 0; i--, value /= 10) store<u8>(to + i - 1, 0x30 + <u8>(value % 10))
    return this
  }

  /** Room for bytes that the caller writes. */
  reserve(bytes: usize): usize {
    return this.grow(bytes)
  }

  /** Gives back what is behind `length`. */
  shorten(length: usize): void {
    this.length = length
  }

  /** Unreserved characters stay, RFC 3986 section 2.3; so a key can be put back into a path. */
  percentEncoded(bytes: Span): this {
    for (let i: usize = 0; i < bytes.length; i++) {
      const c = load<u8>(bytes.at + i) // SAFETY: i < length
      if (isUnreserved(c)) store<u8>(this.grow(1), c)
      else {
        const to = this.grow(3)
        store<u8>(to, PERCENT)
        store<u8>(to, hexDigit(c >> 4), 1)
        store<u8>(to, hexDigit(c & 15), 2)
      }
    }
    return this
  }

  /** RFC 4648 section 4, with padding. */
  base64(bytes: Span): this {
    let to = this.grow(((bytes.length + 2) / 3) * 4) // SAFETY: four bytes for each three, begun ones included
    let from = bytes.at
    const whole = from + bytes.length - (bytes.length % 3)
    for (; from < whole; from += 3, to += 4) {
      const three = (<u32>load<u8>(from) << 16) | (<u32>load<u8>(from, 1) << 8) | <u32>load<u8>(from, 2)
      store<u8>(to, letter(three >> 18))
      store<u8>(to, letter((three >> 12) & 63), 1)
      store<u8>(to, letter((three >> 6) & 63), 2)
      store<u8>(to, letter(three & 63), 3)
    }
    const left = bytes.length % 3
    if (left == 0) return this
    const rest = (<u32>load<u8>(from) << 16) | (left == 2 ? <u32>load<u8>(from, 1) << 8 : 0)
    store<u8>(to, letter(rest >> 18))
    store<u8>(to, letter((rest >> 12) & 63), 1)
    store<u8>(to, left == 2 ? letter((rest >> 6) & 63) : PAD, 2)
    store<u8>(to, PAD, 3)
    return this
  }

  /** What stands at an earlier place, once more. */
  again(from: usize, length: usize): this {
    const to = this.grow(length)
    memory.copy(to, this.at + from, length) // SAFETY: from + length was written before
    return this
  }

  private grow(bytes: usize): usize {
    const needed = this.length + bytes
    if (needed > this.capacity) {
      this.capacity = max(needed, 2 * this.capacity)
      this.at = heap.realloc(this.at, this.capacity)
    }
    const to = this.at + this.length
    this.length = needed
    return to
  }
}

function isUnreserved(c: u8): bool {
  const lower = c | 0x20
  return (lower >= 0x61 && lower <= 0x7a) || (c >= 0x30 && c <= 0x39) || c == 0x2d || c == 0x2e || c == 0x5f || c == 0x7e
}

function letter(value: u32): u8 {
  return load<u8>(ALPHABET + value) // SAFETY: value < 64
}

function hexDigit(value: u8): u8 {
  return value < 10 ? 0x30 + value : 0x41 + value - 10
}
