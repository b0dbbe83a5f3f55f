// Standard base64 with padding, RFC 4648 section 4, as Go's encoding/base64 decodes it: line ends are stepped over, and bits behind the
// last byte are let pass. What is stored is canonical.
import { Span } from '../../../sdk/span'
import { allocateNode } from '../json/arena'

/** Where the last `decodeBase64` found what is none. */
export let badAt = 0

/** Into the arena. @returns null for what is not base64, `badAt` saying where */
export function decodeBase64(text: Span): Span | null {
  const out = allocateNode((text.length / 4 + 1) * 3)
  let to = out // SAFETY: three bytes at most for each four that are read
  let quantum: u32 = 0
  let have = 0
  let begun: usize = 0
  for (let i: usize = 0; i < text.length; i++) {
    const c = load<u8>(text.at + i) // SAFETY: i < length
    if (c == 0x0a || c == 0x0d) continue
    if (have == 0) begun = i
    if (c == 0x3d) return padded(text, i, begun, have, quantum, out, to)
    const value = valueOf(c)
    if (value < 0) return bad(i)
    quantum = (quantum << 6) | <u32>value
    if (++have < 4) continue
    store<u8>(to, <u8>(quantum >> 16))
    store<u8>(to, <u8>(quantum >> 8), 1)
    store<u8>(to, <u8>quantum, 2)
    to += 3
    have = 0
    quantum = 0
  }
  return have == 0 ? new Span(out, to - out) : bad(begun)
}

/** Whether text is base64 as it would be written: what most clients send, and needs no second look. */
export function isCanonicalBase64(text: Span): bool {
  if ((text.length & 3) != 0) return false
  if (text.length == 0) return true
  const end = text.at + text.length
  const marks: usize = load<u8>(end - 1) != 0x3d ? 0 : load<u8>(end - 2) != 0x3d ? 1 : 2 // SAFETY: four bytes at least
  let bad: u8 = 0
  for (let at = text.at; at < end - marks; at++) bad |= load<u8>(VALUES + <usize>load<u8>(at)) // SAFETY: 256 entries
  if ((bad & NONE) != 0) return false
  // Bits behind the last byte
  const spare: u8 = marks == 0 ? 0 : marks == 1 ? 3 : 15
  return (load<u8>(VALUES + <usize>load<u8>(end - marks - 1)) & spare) == 0
}

const NONE: u8 = 0x80
/** Of each byte: its six bits, or NONE. */
const VALUES = memory.data(256)
for (let c = 0; c < 256; c++) {
  const value = valueOf(<u8>c)
  store<u8>(VALUES + c, value < 0 ? NONE : <u8>value) // SAFETY: 256 entries
}

function padded(text: Span, at: usize, begun: usize, have: i32, quantum: u32, out: usize, to: usize): Span | null {
  if (have < 2) return bad(at)
  let marks = 1
  for (let i = at + 1; i < text.length; i++) {
    const c = load<u8>(text.at + i) // SAFETY: i < length
    if (c == 0x0a || c == 0x0d) continue
    if (c != 0x3d || have + marks >= 4) return bad(i)
    marks++
  }
  if (have + marks != 4) return bad(begun)
  if (have == 2) store<u8>(to++, <u8>(quantum >> 4)) // SAFETY: room for three
  else {
    store<u8>(to, <u8>(quantum >> 10))
    store<u8>(to, <u8>(quantum >> 2), 1)
    to += 2
  }
  return new Span(out, to - out)
}

function bad(at: usize): Span | null {
  badAt = <i32>at
  return null
}

function valueOf(c: u8): i32 {
  if (c >= 0x41 && c <= 0x5a) return c - 0x41
  if (c >= 0x61 && c <= 0x7a) return c - 71
  if (c >= 0x30 && c <= 0x39) return c + 4
  return c == 0x2b ? 62 : c == 0x2f ? 63 : -1
}
