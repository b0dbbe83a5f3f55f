// Text that grows in place, for answers too large to be put together from strings. One a workload is enough: clear it and write.
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const HEX = '0123456789ABCDEF'

export class TextWriter {
  at: usize = heap.alloc(4096)
  length: usize = 0
  private capacity: usize = 4096

  clear(): this {
    this.length = 0
    return this
  }

  ascii(text: string): this {
    const to = this.grow(text.length)
    for (let i = 0; i < text.length; i++) store<u8>(to + i, <u8>text.charCodeAt(i)) // SAFETY: grow made text.length bytes
    return this
  }

  /** Unreserved characters stay, RFC 3986 section 2.3; so a key can be put back into a path. */
  percentEncoded(bytes: Uint8Array): this {
    for (let i = 0; i < bytes.length; i++) {
      const c = <i32>bytes[i]
      const plain = (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || (c >= 0x30 && c <= 0x39) || c == 0x2d || c == 0x2e || c == 0x5f || c == 0x7e
      if (plain) store<u8>(this.grow(1), <u8>c)
      else {
        const to = this.grow(3)
        store<u8>(to, 0x25)
        store<u8>(to, <u8>HEX.charCodeAt(c >> 4), 1)
        store<u8>(to, <u8>HEX.charCodeAt(c & 15), 2)
      }
    }
    return this
  }

  /** RFC 4648 section 4, with padding. */
  base64(bytes: Uint8Array): this {
    let to = this.grow(((bytes.length + 2) / 3) * 4)
    for (let i = 0; i < bytes.length; i += 3, to += 4) {
      const left = bytes.length - i
      const three = (<u32>bytes[i] << 16) | (left > 1 ? <u32>bytes[i + 1] << 8 : 0) | (left > 2 ? <u32>bytes[i + 2] : 0)
      store<u8>(to, digit(three >> 18))
      store<u8>(to, digit((three >> 12) & 63), 1)
      store<u8>(to, left > 1 ? digit((three >> 6) & 63) : 0x3d, 2)
      store<u8>(to, left > 2 ? digit(three & 63) : 0x3d, 3)
    }
    return this
  }

  text(): string {
    return String.UTF8.decodeUnsafe(this.at, this.length)
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

function digit(value: u32): u8 {
  return <u8>ALPHABET.charCodeAt(value)
}
