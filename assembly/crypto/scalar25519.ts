// Scalars of Ed25519: integers modulo L = 2^252 + C, RFC 8032 section 5.1. For verification alone: all of it is public, time depends on it.

// L, 32 bytes little-endian
const ORDER = memory.data<u8>([
  0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10
])
// C = 27742317777372353535851937790883648493, in words of 32 bits
const C0: u64 = 0x5cf5d3ed
const C1: u64 = 0x5812631a
const C2: u64 = 0xa2f79cd6
const C3: u64 = 0x14def9de

/** Digits of a sparse form: 253 bits and a carry. */
export const DIGITS = 254

/** Whether 32 bytes, little-endian, are below L. */
export function isScalar(a: usize): bool {
  for (let i = 31; i >= 0; i--) {
    const x = load<u8>(a + i) // SAFETY: i < 32
    const y = load<u8>(ORDER + i)
    if (x != y) return x < y
  }
  return false
}

/** out = from mod L: 64 bytes little-endian in, 32 out. */
export function reduceScalar(out: usize, from: usize): void {
  // Words from the top, 16 bits a time: with r below L, x = 2^16 r + word is q 2^252 + rest, and q 2^252 is -q C modulo L.
  let r0: u64 = 0
  let r1: u64 = 0
  let r2: u64 = 0
  let r3: u64 = 0
  for (let i = 62; i >= 0; i -= 2) {
    const q = r3 >> 44 // below 2^17
    r3 = ((r3 & 0xfffffffffff) << 16) | (r2 >> 48)
    r2 = (r2 << 16) | (r1 >> 48)
    r1 = (r1 << 16) | (r0 >> 48)
    r0 = (r0 << 16) | <u64>load<u16>(from + i) // SAFETY: i < 63
    // q C, below 2^142
    const p0 = q * C0
    const p1 = q * C1 + (p0 >> 32)
    const p2 = q * C2 + (p1 >> 32)
    const p3 = q * C3 + (p2 >> 32)
    const s0 = (p0 & 0xffffffff) | (p1 << 32)
    const s1 = (p2 & 0xffffffff) | (p3 << 32)
    const s2 = p3 >> 32
    const b0 = <u64>(r0 < s0)
    const b1 = <u64>(r1 < s1) | (<u64>(r1 == s1) & b0)
    const b2 = <u64>(r2 < s2) | (<u64>(r2 == s2) & b1)
    r0 -= s0
    r1 -= s1 + b0
    r2 -= s2 + b1
    r3 -= b2
    if (<i64>r3 >= 0) continue
    const l0 = load<u64>(ORDER)
    const l1 = load<u64>(ORDER, 8)
    r0 += l0
    const c0 = <u64>(r0 < l0)
    r1 += c0
    const c1 = <u64>(r1 < c0)
    r1 += l1
    const c2 = c1 | <u64>(r1 < l1)
    r2 += c2
    r3 += <u64>(r2 < c2) + (1 << 60)
  }
  store<u64>(out, r0)
  store<u64>(out, r1, 8)
  store<u64>(out, r2, 16)
  store<u64>(out, r3, 24)
}

/**
 * The scalar at `from`, below L, as odd digits of magnitude below 2^(width-1) with at least width - 1 zeros after each (wNAF), one i8 a bit
 * from the lowest on. @returns the index of the highest digit that is not zero, -1 for zero.
 */
export function sparseDigits(out: usize, from: usize, width: i32): i32 {
  let top = -1
  let carry: i32 = 0
  memory.fill(out, 0, DIGITS) // SAFETY: `out` holds DIGITS bytes
  for (let i = 0; i < DIGITS;) {
    if (bits(from, i, 1) == carry) {
      i++
      continue
    }
    let digit = bits(from, i, width) + carry
    carry = digit >> (width - 1)
    digit -= carry << width
    store<i8>(out + i, <i8>digit) // SAFETY: i < DIGITS
    top = i
    i += width
  }
  return top
}

// `count` bits from bit i on, i < 254; zeros above bit 255.
function bits(from: usize, i: i32, count: i32): i32 {
  const word = i >> 6
  const shift = i & 63
  let value = load<u64>(from + (word << 3)) >> shift // SAFETY: word < 4
  if (shift + count > 64 && word < 3) value |= load<u64>(from + (word << 3) + 8) << (64 - shift)
  return <i32>value & ((1 << count) - 1)
}
