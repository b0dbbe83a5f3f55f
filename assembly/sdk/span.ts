// A piece of memory by place and length, such as a request's path: compared, searched and cut without copying.

export class Span {
  constructor(public at: usize, public length: usize) {}

  static of(bytes: Uint8Array): Span {
    return new Span(bytes.dataStart, bytes.length)
  }

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
    for (let i: usize = 0; i < this.length; i++) if (load<u8>(this.at + i) == byte) return <i32>i // SAFETY: i < length
    return -1
  }

  /** From `from` up to `to`. */
  cut(from: usize, to: usize): Span {
    return new Span(this.at + from, to - from)
  }

  /** Without spaces and tabs around it. */
  trim(): Span {
    let from: usize = 0
    let to = this.length
    while (from < to && isSpace(load<u8>(this.at + from))) from++ // SAFETY: from < length
    while (to > from && isSpace(load<u8>(this.at + to - 1))) to-- // SAFETY: 0 < to <= length
    return this.cut(from, to)
  }

  text(): string {
    return String.UTF8.decodeUnsafe(this.at, this.length)
  }
}

const PERCENT: u8 = 0x25

/** Percent-decoding, RFC 3986 section 2.1; valid during this call of the workload. @returns null for a percent sign without two hex digits */
export function percentDecode(from: Span): Span | null {
  const out = new Uint8Array(<i32>from.length)
  let length: usize = 0
  for (let i: usize = 0; i < from.length; i++) {
    let c = <i32>load<u8>(from.at + i) // SAFETY: i < length
    if (c == PERCENT) {
      if (from.length - i < 3) return null
      const high = nibble(load<u8>(from.at + i + 1))
      const low = nibble(load<u8>(from.at + i + 2))
      if ((high | low) < 0) return null
      c = (high << 4) | low
      i += 2
    }
    store<u8>(out.dataStart + length++, <u8>c) // SAFETY: one byte out for at least one in
  }
  return new Span(out.dataStart, length)
}

function isSpace(c: u8): bool {
  return c == 0x20 || c == 0x09
}

function nibble(c: u8): i32 {
  if (c >= 0x30 && c <= 0x39) return c - 0x30
  const lower = c | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1
}
