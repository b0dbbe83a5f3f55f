// A buffer that grows, in unmanaged memory, and CBOR in its shortest form written into it.
import { copy, store32, store64, zeroise } from '../mem/bytes'

export class Writer {
  at: usize
  length: usize = 0
  private capacity: usize

  constructor(capacity: usize) {
    this.at = heap.alloc(capacity)
    this.capacity = capacity
  }

  clear(): void {
    this.length = 0
  }

  /** Drops what is behind the first `length` bytes. */
  shorten(length: usize): void {
    zeroise(this.at + length, this.length - length) // SAFETY: caller names no more than was written
    this.length = length
  }

  /** Erases and gives back; the writer must not be used again. */
  free(): void {
    zeroise(this.at, this.length)
    heap.free(this.at)
    this.at = 0
  }

  /** Room for `length` more bytes, counted as written. Earlier addresses into the buffer are void. */
  grow(length: usize): usize {
    const needed = this.length + length
    if (needed > this.capacity) {
      const capacity = max(needed, 2 * this.capacity)
      this.at = heap.realloc(this.at, capacity)
      this.capacity = capacity
    }
    const at = this.at + this.length
    this.length = needed
    return at
  }

  byte(value: u32): void {
    store<u8>(this.grow(1), <u8>value)
  }

  u32(value: u32): void {
    store32(this.grow(4), value)
  }

  u64(value: u64): void {
    store64(this.grow(8), value)
  }

  raw(from: usize, length: usize): void {
    copy(this.grow(length), from, length)
  }

  /** ASCII, as it is. */
  ascii(text: string): void {
    const at = this.grow(text.length)
    for (let i = 0; i < text.length; i++) store<u8>(at + i, <u8>text.charCodeAt(i)) // SAFETY: grow made text.length bytes
  }

  cborUint(value: u64): void {
    this.head(0, value)
  }

  cborBytes(from: usize, length: usize): void {
    this.head(2, length)
    this.raw(from, length)
  }

  cborText(from: usize, length: usize): void {
    this.head(3, length)
    this.raw(from, length)
  }

  cborAscii(text: string): void {
    this.head(3, text.length)
    this.ascii(text)
  }

  cborArray(length: u64): void {
    this.head(4, length)
  }

  cborMap(length: u64): void {
    this.head(5, length)
  }

  cborNull(): void {
    this.byte(0xf6)
  }

  private head(major: u32, value: u64): void {
    const type = major << 5
    if (value < 24) return this.byte(type | <u32>value)
    const width: u32 = value < 0x100 ? 0 : value < 0x10000 ? 1 : value < 0x100000000 ? 2 : 3
    this.byte(type | (24 + width))
    for (let i = (<i32>1 << width) - 1; i >= 0; i--) this.byte(<u32>(value >> (<u64>i * 8)) & 0xff)
  }
}
