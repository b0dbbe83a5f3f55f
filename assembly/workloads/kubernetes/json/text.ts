// What stands between quotation marks: RFC 8259 section 7, UTF-8 by RFC 3629 section 4 (no overlong form, no surrogate, nothing above
// U+10FFFF). Sixteen bytes of plain ASCII are stepped over at once.

/** From behind the opening mark. @returns 2 · length, + 1 where there are escapes; -1 without an end, -2 for what no string may hold */
export function scanString(from: usize, end: usize): i32 {
  let at = skipPlain(from, end)
  let escapes = 0
  while (at < end) {
    const c = load<u8>(at) // SAFETY: at < end
    if (c == 0x22) return <i32>((at - from) << 1) | escapes
    if (c == 0x5c) {
      if (end - at < 2) return -1
      escapes = 1
      at += 2
    } else if (c < 0x20) return -2
    else if (c < 0x80) at++
    else {
      const length = utf8Length(at, end)
      if (length == 0) return -2
      at += length
    }
    at = skipPlain(at, end)
  }
  return -1
}

// Past bytes that need no look, sixteen at a time; it may stop before one that needs none.
function skipPlain(at: usize, end: usize): usize {
  while (at + 16 <= end) {
    const bytes = v128.load(at) // SAFETY: 16 bytes before end
    // Signed: bytes of 0x80 and above are below 0x20 too
    const special = v128.or(v128.or(i8x16.lt_s(bytes, i8x16.splat(0x20)), i8x16.eq(bytes, i8x16.splat(0x22))), i8x16.eq(bytes, i8x16.splat(0x5c)))
    const mask = i8x16.bitmask(special)
    if (mask != 0) return at + ctz(mask)
    at += 16
  }
  return at
}

/** Bytes of the character at `at`, whose first byte is 0x80 or above; 0 where it is not UTF-8. */
export function utf8Length(at: usize, end: usize): usize {
  const c = <u32>load<u8>(at) // SAFETY: at < end
  if (c < 0xc2) return 0
  const length: usize = c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0
  if (length == 0 || end - at < length) return 0
  const second = <u32>load<u8>(at, 1)
  const least: u32 = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80
  const most: u32 = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf
  if (second < least || second > most) return 0
  for (let i: usize = 2; i < length; i++) if ((load<u8>(at + i) & 0xc0) != 0x80) return 0
  return length
}

/** Whether bytes are UTF-8. */
export function isUtf8(from: usize, length: usize): bool {
  const end = from + length
  let at = from
  while (at < end) {
    if (load<u8>(at) < 0x80) at++ // SAFETY: at < end
    else {
      const bytes = utf8Length(at, end)
      if (bytes == 0) return false
      at += bytes
    }
  }
  return true
}

/** Decodes a scanned string to `out`, which is no shorter. @returns its length, or -1 for an escape that is none */
export function decodeEscapes(from: usize, length: usize, out: usize): i32 {
  const end = from + length
  let at = from
  let to = out // SAFETY: no escape is shorter than what it stands for
  while (at < end) {
    const c = load<u8>(at)
    if (c != 0x5c) {
      store<u8>(to++, c)
      at++
      continue
    }
    if (end - at < 2) return -1
    const escape = load<u8>(at, 1)
    at += 2
    if (escape != 0x75) {
      const plain = unescaped(escape)
      if (plain == 0) return -1
      store<u8>(to++, plain)
      continue
    }
    let code = hex4(at, end)
    at += 4
    if (code < 0) return -1
    if (code >= 0xd800 && code < 0xe000) {
      if (code >= 0xdc00 || end - at < 6 || load<u8>(at) != 0x5c || load<u8>(at, 1) != 0x75) return -1
      const low = hex4(at + 2, end)
      if (low < 0xdc00 || low >= 0xe000) return -1
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
      at += 6
    }
    to += putUtf8(to, <u32>code)
  }
  return <i32>(to - out)
}

function unescaped(c: u8): u8 {
  switch (c) {
    case 0x22: case 0x5c: case 0x2f: return c
    case 0x62: return 0x08
    case 0x66: return 0x0c
    case 0x6e: return 0x0a
    case 0x72: return 0x0d
    case 0x74: return 0x09
  }
  return 0
}

function hex4(at: usize, end: usize): i32 {
  if (end - at < 4 || at > end) return -1
  let value = 0
  for (let i: usize = 0; i < 4; i++) {
    const c = <i32>load<u8>(at + i) // SAFETY: four bytes before end
    const lower = c | 0x20
    const digit = c >= 0x30 && c <= 0x39 ? c - 0x30 : lower >= 0x61 && lower <= 0x66 ? lower - 87 : -1
    if (digit < 0) return -1
    value = (value << 4) | digit
  }
  return value
}

function putUtf8(to: usize, code: u32): usize {
  if (code < 0x80) {
    store<u8>(to, <u8>code)
    return 1
  }
  if (code < 0x800) {
    store<u8>(to, <u8>(0xc0 | (code >> 6)))
    store<u8>(to, <u8>(0x80 | (code & 63)), 1)
    return 2
  }
  if (code < 0x10000) {
    store<u8>(to, <u8>(0xe0 | (code >> 12)))
    store<u8>(to, <u8>(0x80 | ((code >> 6) & 63)), 1)
    store<u8>(to, <u8>(0x80 | (code & 63)), 2)
    return 3
  }
  store<u8>(to, <u8>(0xf0 | (code >> 18)))
  store<u8>(to, <u8>(0x80 | ((code >> 12) & 63)), 1)
  store<u8>(to, <u8>(0x80 | ((code >> 6) & 63)), 2)
  store<u8>(to, <u8>(0x80 | (code & 63)), 3)
  return 4
}
