// Scalars of P-384: integers modulo the order N of its base point, SP 800-186 section 3.2.1.4, six u64 words from the lowest on. For verification
// alone: all of it is public, time depends on it.

const WORDS: usize = 6
/** Bytes of a scalar. */
export const SCALAR: usize = 48
/** Digits of a sparse form: 384 bits and a carry. */
export const DIGITS384 = 385

const ORDER = memory.data<u64>([
  0xecec196accc52973, 0x581a0db248b0a77a, 0xc7634d81f4372ddf, 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff
], 16)
// -1/N modulo 2^32
const ORDER_INVERSE: u64 = 0xe88fdc45

const u = memory.data(<i32>SCALAR, 16)
const v = memory.data(<i32>SCALAR, 16)
const r = memory.data(<i32>SCALAR, 16)
const power = memory.data(<i32>SCALAR, 16)
const wide = memory.data(8 * 14, 16)

/** Reads SCALAR bytes, big-endian. */
export function scalarFromBytes(out: usize, from: usize): void {
  for (let i: usize = 0; i < WORDS; i++) store<u64>(out + 8 * i, bswap<u64>(load<u64>(from + 40 - 8 * i))) // SAFETY: 8 i <= 40
}

/** Writes SCALAR bytes, big-endian. */
export function scalarToBytes(out: usize, a: usize): void {
  for (let i: usize = 0; i < WORDS; i++) store<u64>(out + 40 - 8 * i, bswap<u64>(load<u64>(a + 8 * i))) // SAFETY: 8 i <= 40
}

/** Whether it is in 1 .. N - 1. */
export function isScalar384(a: usize): bool {
  return isBelow(a, ORDER) && !isZeroScalar(a)
}

/** out = a + N. @returns whether that is 2^384 or more */
export function plusOrder(out: usize, a: usize): bool {
  return addTo(out, a, ORDER) != 0
}

function isZeroScalar(a: usize): bool {
  let bits: u64 = 0
  for (let i: usize = 0; i < WORDS; i++) bits |= load<u64>(a + 8 * i)
  return bits == 0
}

/**
 * out = a^-1 2^384 modulo N, for a in 1 .. N - 1: what makes of multiplyScalar(out, b) the quotient b/a. By Kaliski's almost inverse: with
 * x = out, a r = -u 2^k and a x = v 2^k modulo N, and u x + v r = N, so both stay below N.
 */
export function invertScalar(out: usize, a: usize): void {
  memory.copy(u, ORDER, SCALAR)
  memory.copy(v, a, SCALAR)
  memory.fill(r, 0, SCALAR)
  memory.fill(out, 0, SCALAR)
  store<u64>(out, 1)
  let k = halve(v, r)
  while (true) {
    const order = compare(u, v)
    if (order == 0) break // both are 1, for N is prime
    if (order > 0) {
      subtractFrom(u, u, v)
      addTo(r, r, out)
      k += halve(u, out)
    } else {
      subtractFrom(v, v, u)
      addTo(out, out, r)
      k += halve(v, r)
    }
  }
  // Now a out = 2^k, 383 <= k <= 767. Two more doublings at most, so that what is left to multiply by is a power below 2^384.
  for (; k < 385; k++) if (addTo(out, out, out) != 0 || !isBelow(out, ORDER)) subtractFrom(out, out, ORDER)
  const left = 768 - k
  memory.fill(power, 0, SCALAR)
  store<u64>(power + ((left >> 6) << 3), (<u64>1) << (left & 63)) // SAFETY: 1 <= left <= 383, unless k were above 767
  multiplyScalar(out, out, power)
}

/** out = a b / 2^384 modulo N, for a below N and b below 2^384, by Montgomery's reduction a word of 32 bits at a time. */
export function multiplyScalar(out: usize, a: usize, b: usize): void {
  memory.fill(wide, 0, 8 * 14)
  for (let i: usize = 0; i < 12; i++) {
    const x = <u64>load<u32>(b + 4 * i) // SAFETY: i < 12
    let carry: u64 = 0
    for (let j: usize = 0; j < 12; j++) {
      carry += load<u64>(wide + 8 * j) + <u64>load<u32>(a + 4 * j) * x // at most (2^32 - 1)^2 + 2 (2^32 - 1) < 2^64
      store<u64>(wide + 8 * j, carry & 0xffffffff)
      carry >>= 32
    }
    carry += load<u64>(wide, 8 * 12)
    store<u64>(wide, carry & 0xffffffff, 8 * 12)
    store<u64>(wide, carry >> 32, 8 * 13)
    const m = (load<u64>(wide) * ORDER_INVERSE) & 0xffffffff
    carry = (load<u64>(wide) + <u64>load<u32>(ORDER) * m) >> 32
    for (let j: usize = 1; j < 12; j++) {
      carry += load<u64>(wide + 8 * j) + <u64>load<u32>(ORDER + 4 * j) * m
      store<u64>(wide + 8 * j - 8, carry & 0xffffffff)
      carry >>= 32
    }
    carry += load<u64>(wide, 8 * 12)
    store<u64>(wide, carry & 0xffffffff, 8 * 11)
    store<u64>(wide, load<u64>(wide, 8 * 13) + (carry >> 32), 8 * 12)
  }
  for (let i: usize = 0; i < WORDS; i++) store<u64>(out + 8 * i, load<u64>(wide + 16 * i) | (load<u64>(wide + 16 * i + 8) << 32))
  if (load<u64>(wide, 8 * 12) != 0 || !isBelow(out, ORDER)) subtractFrom(out, out, ORDER)
}

/**
 * The scalar at `from` as odd digits of magnitude below 2^(width-1) with at least width - 1 zeros after each (wNAF), one i8 a bit from the lowest
 * on. @returns the index of the highest digit that is not zero, -1 for zero.
 */
export function sparseDigits384(out: usize, from: usize, width: i32): i32 {
  let top = -1
  let carry: i32 = 0
  memory.fill(out, 0, DIGITS384) // SAFETY: `out` holds DIGITS384 bytes
  for (let i = 0; i < DIGITS384;) {
    if (bits(from, i, 1) == carry) {
      i++
      continue
    }
    let digit = bits(from, i, width) + carry
    carry = digit >> (width - 1)
    digit -= carry << width
    store<i8>(out + i, <i8>digit) // SAFETY: i < DIGITS384
    top = i
    i += width
  }
  return top
}

// `count` bits from bit i on; zeros above bit 383.
function bits(from: usize, i: i32, count: i32): i32 {
  const word = i >> 6
  if (word >= <i32>WORDS) return 0
  const shift = i & 63
  let value = load<u64>(from + (word << 3)) >> shift // SAFETY: word < 6
  if (shift + count > 64 && word < 5) value |= load<u64>(from + (word << 3) + 8) << (64 - shift)
  return <i32>value & ((1 << count) - 1)
}

// Takes the factors of two out of `a`, which is not 0, and puts them into `doubled`. @returns how many
function halve(a: usize, doubled: usize): i32 {
  let count = 0
  while ((load<u64>(a) & 1) == 0) {
    const shift = min(<i32>ctz(load<u64>(a)), 63)
    for (let i: usize = 0; i < 5; i++)
      store<u64>(a + 8 * i, (load<u64>(a + 8 * i) >> shift) | (load<u64>(a + 8 * i + 8) << (64 - shift)))
    store<u64>(a, load<u64>(a, 40) >> shift, 40)
    for (let i: usize = 5; i > 0; i--)
      store<u64>(doubled + 8 * i, (load<u64>(doubled + 8 * i) << shift) | (load<u64>(doubled + 8 * i - 8) >> (64 - shift)))
    store<u64>(doubled, load<u64>(doubled) << shift)
    count += shift
  }
  return count
}

function compare(a: usize, b: usize): i32 {
  for (let i: i32 = 40; i >= 0; i -= 8) {
    const x = load<u64>(a + i) // SAFETY: i <= 40
    const y = load<u64>(b + i)
    if (x != y) return x < y ? -1 : 1
  }
  return 0
}

function isBelow(a: usize, b: usize): bool {
  return compare(a, b) < 0
}

function addTo(out: usize, a: usize, b: usize): u64 {
  let carry: u64 = 0
  for (let i: usize = 0; i < WORDS; i++) {
    const x = load<u64>(a + 8 * i)
    const partial = x + load<u64>(b + 8 * i)
    const sum = partial + carry
    carry = <u64>(partial < x) | <u64>(sum < partial)
    store<u64>(out + 8 * i, sum)
  }
  return carry
}

function subtractFrom(out: usize, a: usize, b: usize): void {
  let borrow: u64 = 0
  for (let i: usize = 0; i < WORDS; i++) {
    const x = load<u64>(a + 8 * i)
    const y = load<u64>(b + 8 * i)
    store<u64>(out + 8 * i, x - y - borrow)
    borrow = <u64>(x < y) | (<u64>(x == y) & borrow)
  }
}
