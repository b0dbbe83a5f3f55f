// GHASH, SP 800-38D section 6.4, without tables: carry-less products from integer ones with holes between the bits.
// CT: multiplications and masks only; that i64.mul takes equal time holds on 64-bit machines (x86-64, arm64), not on every 32-bit one.
import { copy, load64, store64, zeroise } from '../mem/bytes'

/** Bytes of a key's state: H and its bit-reversal, each with the XOR of its halves. */
export const GHASH_KEY: usize = 48
/** Bytes of an accumulator. */
export const GHASH_SUM: usize = 16

const partial = memory.data(16, 16)

/** SAFETY: `h` holds 16 bytes: the cipher's value of the zero block. */
export function ghashKey(key: usize, h: usize): void {
  const h1 = load64(h)
  const h0 = load64(h + 8)
  const h0r = reverse(h0)
  const h1r = reverse(h1)
  store<u64>(key, h0)
  store<u64>(key, h1, 8)
  store<u64>(key, h0 ^ h1, 16)
  store<u64>(key, h0r, 24)
  store<u64>(key, h1r, 32)
  store<u64>(key, h0r ^ h1r, 40)
}

/** Adds bytes, padded with zeros to whole blocks. SAFETY: `sum` holds 16 bytes, `from` length. */
export function ghashUpdate(key: usize, sum: usize, from: usize, length: usize): void {
  const whole = length & ~15
  multiply(key, sum, from, whole)
  if (whole == length) return
  zeroise(partial, 16)
  copy(partial, from + whole, length - whole) // SAFETY: less than 16
  multiply(key, sum, partial, 16)
  zeroise(partial, 16)
}

// Karatsuba over the halves; the upper halves of products come from the reversed operands.
function multiply(key: usize, sum: usize, from: usize, length: usize): void {
  const h0 = load<u64>(key)
  const h1 = load<u64>(key, 8)
  const h2 = load<u64>(key, 16)
  const h0r = load<u64>(key, 24)
  const h1r = load<u64>(key, 32)
  const h2r = load<u64>(key, 40)
  let y1 = load64(sum)
  let y0 = load64(sum + 8)
  for (; length > 0; length -= 16, from += 16) {
    y1 ^= load64(from)
    y0 ^= load64(from + 8)
    const y0r = reverse(y0)
    const y1r = reverse(y1)
    const y2 = y0 ^ y1
    const y2r = y0r ^ y1r
    const z0 = product(y0, h0)
    const z1 = product(y1, h1)
    const z2 = product(y2, h2) ^ z0 ^ z1
    const z0r = product(y0r, h0r)
    const z1r = product(y1r, h1r)
    const z2h = reverse(product(y2r, h2r) ^ z0r ^ z1r) >> 1
    const z0h = reverse(z0r) >> 1
    const z1h = reverse(z1r) >> 1
    let v0 = z0
    let v1 = z0h ^ z2
    let v2 = z1 ^ z2h
    let v3 = z1h
    // One place left: GCM's bits are reversed
    v3 = (v3 << 1) | (v2 >> 63)
    v2 = (v2 << 1) | (v1 >> 63)
    v1 = (v1 << 1) | (v0 >> 63)
    v0 = v0 << 1
    // Modulo x^128 + x^7 + x^2 + x + 1, SP 800-38D section 6.3
    v2 ^= v0 ^ (v0 >> 1) ^ (v0 >> 2) ^ (v0 >> 7)
    v1 ^= (v0 << 63) ^ (v0 << 62) ^ (v0 << 57)
    v3 ^= v1 ^ (v1 >> 1) ^ (v1 >> 2) ^ (v1 >> 7)
    v2 ^= (v1 << 63) ^ (v1 << 62) ^ (v1 << 57)
    y0 = v2
    y1 = v3
  }
  store64(sum, y1)
  store64(sum + 8, y0)
}

// The low 64 bits of a carry-less product: every fourth bit, so that carries fall into the holes.
function product(x: u64, y: u64): u64 {
  const x0 = x & 0x1111111111111111
  const x1 = x & 0x2222222222222222
  const x2 = x & 0x4444444444444444
  const x3 = x & 0x8888888888888888
  const y0 = y & 0x1111111111111111
  const y1 = y & 0x2222222222222222
  const y2 = y & 0x4444444444444444
  const y3 = y & 0x8888888888888888
  const z0 = (x0 * y0) ^ (x1 * y3) ^ (x2 * y2) ^ (x3 * y1)
  const z1 = (x0 * y1) ^ (x1 * y0) ^ (x2 * y3) ^ (x3 * y2)
  const z2 = (x0 * y2) ^ (x1 * y1) ^ (x2 * y0) ^ (x3 * y3)
  const z3 = (x0 * y3) ^ (x1 * y2) ^ (x2 * y1) ^ (x3 * y0)
  return (z0 & 0x1111111111111111) | (z1 & 0x2222222222222222) | (z2 & 0x4444444444444444) | (z3 & 0x8888888888888888)
}

function reverse(x: u64): u64 {
  x = ((x & 0x5555555555555555) << 1) | ((x >> 1) & 0x5555555555555555)
  x = ((x & 0x3333333333333333) << 2) | ((x >> 2) & 0x3333333333333333)
  x = ((x & 0x0f0f0f0f0f0f0f0f) << 4) | ((x >> 4) & 0x0f0f0f0f0f0f0f0f)
  return bswap<u64>(x)
}
