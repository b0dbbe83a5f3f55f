// A piece of memory by place and length, such as a request's path: compared, searched and cut without copying.

export class Span {
  constructor(public at: usize, public length: usize) {}

  is(text: string): bool {
    return this.length == <usize>text.length && this.begins(text)
  }

  begins(text: string): bool {
    if (this.length < <usize>text.length) return false
    for (let i = 0; i < text.length; i++) if (load<u8>(this.at + i) != <u8>text.charCodeAt(i)) return false // SAFETY: i < length
    return true
  }

  /** Place of a byte, or -1. */
  find(byte: u8): i32 {
    for (let i: usize = 0; i < this.length; i++) if (load<u8>(this.at + i) == byte) return <i32>i
    return -1
  }

  /** From `from` up to `to`. */
  cut(from: usize, to: usize): Span {
    return new Span(this.at + from, to - from)
  }

  text(): string {
    return String.UTF8.decodeUnsafe(this.at, this.length)
  }
}

const PERCENT: u8 = 0x25

/** Percent-decoding, RFC 3986 section 2.1. @returns null for a percent sign without two hex digits behind it */
export function percentDecode(from: Span): Uint8Array | null {
  const out = new Uint8Array(<i32>from.length)
  let length = 0
  for (let i: usize = 0; i < from.length; i++) {
    let c = <i32>load<u8>(from.at + i)
    if (c == PERCENT) {
      if (from.length - i < 3) return null
      const high = nibble(load<u8>(from.at + i + 1))
      const low = nibble(load<u8>(from.at + i + 2))
      if ((high | low) < 0) return null
      c = (high << 4) | low
      i += 2
    }
    out[length++] = <u8>c
  }
  return out.subarray(0, length)
}

function nibble(c: u8): i32 {
  if (c >= 0x30 && c <= 0x39) return c - 0x30
  const lower = c | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1
}
