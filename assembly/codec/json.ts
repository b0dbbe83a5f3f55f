// Fields of a canonical-JSON object (RFC 8785), found by name at its top level. The bytes were checked to be canonical before
// they were measured; this reader still never leaves its range and answers "absent" for whatever it does not understand.

/** A value's place. */
export class JsonSpan {
  constructor(public at: usize, public length: usize) {}

  isTrue(): bool {
    return this.length == 4 && load<u8>(this.at) == 0x74 // t
  }

  /** The value as a string without escapes: its inside. */
  text(): JsonSpan | null {
    if (this.length < 2 || load<u8>(this.at) != QUOTE) return null
    return new JsonSpan(this.at + 1, this.length - 2)
  }

  uint(): i64 {
    let value: i64 = 0
    if (this.length == 0 || this.length > 15) return -1
    for (let i: usize = 0; i < this.length; i++) {
      const digit = <i64>load<u8>(this.at + i) - 0x30
      if (digit < 0 || digit > 9) return -1
      value = value * 10 + digit
    }
    return value
  }

  equals(other: JsonSpan): bool {
    return this.length == other.length && memory.compare(this.at, other.at, this.length) == 0
  }
}

const QUOTE: u8 = 0x22
const BACKSLASH: u8 = 0x5c
const COMMA: u8 = 0x2c
const COLON: u8 = 0x3a
const OPEN: u8 = 0x5b // [
const CLOSE: u8 = 0x5d // ]

/** The value of field `name`, or null. */
export function jsonField(at: usize, length: usize, name: string): JsonSpan | null {
  const end = at + length
  let p = at + 1 // behind {
  while (p < end && load<u8>(p) == QUOTE) {
    const key = p + 1
    p = skipString(p, end)
    const matches = sameText(key, p - 1 - key, name)
    if (p >= end || load<u8>(p) != COLON) return null
    const value = ++p
    p = skipValue(p, end)
    if (matches) return new JsonSpan(value, p - value)
    if (p >= end || load<u8>(p) != COMMA) return null
    p++
  }
  return null
}

/** Item `index` of an array of strings, or null behind the last. */
export function jsonStringAt(array: JsonSpan, index: i32): JsonSpan | null {
  const end = array.at + array.length
  let p = array.at + 1 // behind [
  while (p < end && load<u8>(p) == QUOTE) {
    const next = skipString(p, end)
    if (index-- == 0) return new JsonSpan(p + 1, next - p - 2)
    if (next >= end || load<u8>(next) != COMMA) return null
    p = next + 1
  }
  return null
}

/** How many strings an array holds, or -1 for what is no array of strings. */
export function jsonStringCount(array: JsonSpan): i32 {
  const end = array.at + array.length
  if (array.length < 2 || load<u8>(array.at) != OPEN || load<u8>(end - 1) != CLOSE) return -1
  let p = array.at + 1
  let count = 0
  while (p < end && load<u8>(p) == QUOTE) {
    p = skipString(p, end)
    count++
    if (p == end - 1) return count
    if (p >= end || load<u8>(p) != COMMA) return -1
    p++
  }
  return count == 0 && p == end - 1 ? 0 : -1
}

/** Writes `bytes` bytes of lower-case hex. @returns false unless the span is exactly that */
export function jsonHex(span: JsonSpan, out: usize, bytes: usize): bool {
  if (span.length != 2 * bytes) return false
  for (let i: usize = 0; i < bytes; i++) {
    const high = nibble(load<u8>(span.at + 2 * i))
    const low = nibble(load<u8>(span.at + 2 * i + 1))
    if ((high | low) < 0) return false
    store<u8>(out + i, <u8>((high << 4) | low)) // SAFETY: caller holds `bytes` bytes
  }
  return true
}

function nibble(c: u8): i32 {
  if (c >= 0x30 && c <= 0x39) return c - 0x30
  if (c >= 0x61 && c <= 0x66) return c - 0x61 + 10
  return -1
}

// Behind the closing quote of the string at p.
function skipString(p: usize, end: usize): usize {
  p++
  while (p < end && load<u8>(p) != QUOTE) p += load<u8>(p) == BACKSLASH ? 2 : 1
  return min(p + 1, end)
}

// Behind the value at p: the first comma or bracket that is outside of it.
function skipValue(p: usize, end: usize): usize {
  let depth = 0
  while (p < end) {
    const c = load<u8>(p)
    if (c == QUOTE) {
      p = skipString(p, end)
      continue
    }
    if (c == 0x7b || c == 0x5b) depth++ // { [
    else if (c == 0x7d || c == 0x5d) { // } ]
      if (depth == 0) return p
      depth--
    } else if (c == COMMA && depth == 0) return p
    p++
  }
  return p
}

function sameText(at: usize, length: usize, text: string): bool {
  if (length != <usize>text.length) return false
  for (let i = 0; i < text.length; i++) if (load<u8>(at + i) != <u8>text.charCodeAt(i)) return false // SAFETY: i < length
  return true
}
