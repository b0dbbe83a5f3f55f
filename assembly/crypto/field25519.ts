// The field GF(2^255 - 19) in ten limbs of alternately 26 and 25 bits, as signed 32-bit integers with 64-bit products.
// CT: no branch or address depends on a value; conditional steps are masks. i64.mul is taken to be of equal time, as in ghash.ts.
// SAFETY: every pointer to an element names FIELD25519 bytes, every pointer to an encoding 32; offsets are constants below that.
import { copy, zeroise } from '../mem/bytes'

/** Bytes of an element: ten i32. Limb i weighs 2^ceil(25.5 i). */
export const FIELD25519: usize = 40

const t0 = memory.data(<i32>FIELD25519, 16)
const t1 = memory.data(<i32>FIELD25519, 16)
const t2 = memory.data(<i32>FIELD25519, 16)
const t3 = memory.data(<i32>FIELD25519, 16)

export function feZero(out: usize): void {
  zeroise(out, FIELD25519)
}

export function feOne(out: usize): void {
  zeroise(out, FIELD25519)
  store<i32>(out, 1)
}

export function feCopy(out: usize, a: usize): void {
  copy(out, a, FIELD25519)
}

export function feAdd(out: usize, a: usize, b: usize): void {
  for (let i: usize = 0; i < FIELD25519; i += 4) store<i32>(out + i, load<i32>(a + i) + load<i32>(b + i))
}

export function feSub(out: usize, a: usize, b: usize): void {
  for (let i: usize = 0; i < FIELD25519; i += 4) store<i32>(out + i, load<i32>(a + i) - load<i32>(b + i))
}

export function feNegate(out: usize, a: usize): void {
  for (let i: usize = 0; i < FIELD25519; i += 4) store<i32>(out + i, -load<i32>(a + i))
}

/** Swaps a and b where `swap` is 1, by a mask. */
export function feSwap(a: usize, b: usize, swap: u32): void {
  const mask = 0 - swap
  for (let i: usize = 0; i < FIELD25519; i += 4) {
    const x = (load<u32>(a + i) ^ load<u32>(b + i)) & mask
    store<u32>(a + i, load<u32>(a + i) ^ x)
    store<u32>(b + i, load<u32>(b + i) ^ x)
  }
}

// Limbs of a product below 2^63 brought back to 26 and 25 bits; what leaves the top returns times 19.
function carry(
  out: usize, h0: i64, h1: i64, h2: i64, h3: i64, h4: i64, h5: i64, h6: i64, h7: i64, h8: i64, h9: i64
): void {
  let c = (h0 + (1 << 25)) >> 26
  h1 += c
  h0 -= c << 26
  c = (h4 + (1 << 25)) >> 26
  h5 += c
  h4 -= c << 26
  c = (h1 + (1 << 24)) >> 25
  h2 += c
  h1 -= c << 25
  c = (h5 + (1 << 24)) >> 25
  h6 += c
  h5 -= c << 25
  c = (h2 + (1 << 25)) >> 26
  h3 += c
  h2 -= c << 26
  c = (h6 + (1 << 25)) >> 26
  h7 += c
  h6 -= c << 26
  c = (h3 + (1 << 24)) >> 25
  h4 += c
  h3 -= c << 25
  c = (h7 + (1 << 24)) >> 25
  h8 += c
  h7 -= c << 25
  c = (h4 + (1 << 25)) >> 26
  h5 += c
  h4 -= c << 26
  c = (h8 + (1 << 25)) >> 26
  h9 += c
  h8 -= c << 26
  c = (h9 + (1 << 24)) >> 25
  h0 += c * 19
  h9 -= c << 25
  c = (h0 + (1 << 25)) >> 26
  h1 += c
  h0 -= c << 26
  store<i32>(out, <i32>h0)
  store<i32>(out, <i32>h1, 4)
  store<i32>(out, <i32>h2, 8)
  store<i32>(out, <i32>h3, 12)
  store<i32>(out, <i32>h4, 16)
  store<i32>(out, <i32>h5, 20)
  store<i32>(out, <i32>h6, 24)
  store<i32>(out, <i32>h7, 28)
  store<i32>(out, <i32>h8, 32)
  store<i32>(out, <i32>h9, 36)
}

/**
 * out = a b. Any of the three may be the same. Where a is a sum of m products and b of n, the widest column stays below
 * m n 124.5 2^50, so m n < 64 keeps it below 2^63; the largest here is 3 * 4, in Ed25519's doubling.
 */
export function feMul(out: usize, a: usize, b: usize): void {
  const f0 = <i64>load<i32>(a)
  const f1 = <i64>load<i32>(a, 4)
  const f2 = <i64>load<i32>(a, 8)
  const f3 = <i64>load<i32>(a, 12)
  const f4 = <i64>load<i32>(a, 16)
  const f5 = <i64>load<i32>(a, 20)
  const f6 = <i64>load<i32>(a, 24)
  const f7 = <i64>load<i32>(a, 28)
  const f8 = <i64>load<i32>(a, 32)
  const f9 = <i64>load<i32>(a, 36)
  const g0 = <i64>load<i32>(b)
  const g1 = <i64>load<i32>(b, 4)
  const g2 = <i64>load<i32>(b, 8)
  const g3 = <i64>load<i32>(b, 12)
  const g4 = <i64>load<i32>(b, 16)
  const g5 = <i64>load<i32>(b, 20)
  const g6 = <i64>load<i32>(b, 24)
  const g7 = <i64>load<i32>(b, 28)
  const g8 = <i64>load<i32>(b, 32)
  const g9 = <i64>load<i32>(b, 36)
  const g1_19 = 19 * g1
  const g2_19 = 19 * g2
  const g3_19 = 19 * g3
  const g4_19 = 19 * g4
  const g5_19 = 19 * g5
  const g6_19 = 19 * g6
  const g7_19 = 19 * g7
  const g8_19 = 19 * g8
  const g9_19 = 19 * g9
  const f1_2 = 2 * f1
  const f3_2 = 2 * f3
  const f5_2 = 2 * f5
  const f7_2 = 2 * f7
  const f9_2 = 2 * f9
  const h0 = f0 * g0 + f1_2 * g9_19 + f2 * g8_19 + f3_2 * g7_19 + f4 * g6_19 + f5_2 * g5_19 + f6 * g4_19 + f7_2 * g3_19 + f8 * g2_19 + f9_2 * g1_19
  const h1 = f0 * g1 + f1 * g0 + f2 * g9_19 + f3 * g8_19 + f4 * g7_19 + f5 * g6_19 + f6 * g5_19 + f7 * g4_19 + f8 * g3_19 + f9 * g2_19
  const h2 = f0 * g2 + f1_2 * g1 + f2 * g0 + f3_2 * g9_19 + f4 * g8_19 + f5_2 * g7_19 + f6 * g6_19 + f7_2 * g5_19 + f8 * g4_19 + f9_2 * g3_19
  const h3 = f0 * g3 + f1 * g2 + f2 * g1 + f3 * g0 + f4 * g9_19 + f5 * g8_19 + f6 * g7_19 + f7 * g6_19 + f8 * g5_19 + f9 * g4_19
  const h4 = f0 * g4 + f1_2 * g3 + f2 * g2 + f3_2 * g1 + f4 * g0 + f5_2 * g9_19 + f6 * g8_19 + f7_2 * g7_19 + f8 * g6_19 + f9_2 * g5_19
  const h5 = f0 * g5 + f1 * g4 + f2 * g3 + f3 * g2 + f4 * g1 + f5 * g0 + f6 * g9_19 + f7 * g8_19 + f8 * g7_19 + f9 * g6_19
  const h6 = f0 * g6 + f1_2 * g5 + f2 * g4 + f3_2 * g3 + f4 * g2 + f5_2 * g1 + f6 * g0 + f7_2 * g9_19 + f8 * g8_19 + f9_2 * g7_19
  const h7 = f0 * g7 + f1 * g6 + f2 * g5 + f3 * g4 + f4 * g3 + f5 * g2 + f6 * g1 + f7 * g0 + f8 * g9_19 + f9 * g8_19
  const h8 = f0 * g8 + f1_2 * g7 + f2 * g6 + f3_2 * g5 + f4 * g4 + f5_2 * g3 + f6 * g2 + f7_2 * g1 + f8 * g0 + f9_2 * g9_19
  const h9 = f0 * g9 + f1 * g8 + f2 * g7 + f3 * g6 + f4 * g5 + f5 * g4 + f6 * g3 + f7 * g2 + f8 * g1 + f9 * g0
  carry(out, h0, h1, h2, h3, h4, h5, h6, h7, h8, h9)
}

/** out = a^2. */
export function feSquare(out: usize, a: usize): void {
  const f0 = <i64>load<i32>(a)
  const f1 = <i64>load<i32>(a, 4)
  const f2 = <i64>load<i32>(a, 8)
  const f3 = <i64>load<i32>(a, 12)
  const f4 = <i64>load<i32>(a, 16)
  const f5 = <i64>load<i32>(a, 20)
  const f6 = <i64>load<i32>(a, 24)
  const f7 = <i64>load<i32>(a, 28)
  const f8 = <i64>load<i32>(a, 32)
  const f9 = <i64>load<i32>(a, 36)
  const d0 = 2 * f0
  const d1 = 2 * f1
  const d2 = 2 * f2
  const d3 = 2 * f3
  const d4 = 2 * f4
  const d5 = 2 * f5
  const d6 = 2 * f6
  const d7 = 2 * f7
  const d8 = 2 * f8
  const d9 = 2 * f9
  const f5_19 = 19 * f5
  const f6_19 = 19 * f6
  const f7_19 = 19 * f7
  const f8_19 = 19 * f8
  const f9_19 = 19 * f9
  const f5_38 = 38 * f5
  const f7_38 = 38 * f7
  const f9_38 = 38 * f9
  const h0 = f0 * f0 + d1 * f9_38 + d2 * f8_19 + d3 * f7_38 + d4 * f6_19 + f5 * f5_38
  const h1 = d0 * f1 + d2 * f9_19 + d3 * f8_19 + d4 * f7_19 + d5 * f6_19
  const h2 = d0 * f2 + d1 * f1 + d3 * f9_38 + d4 * f8_19 + d5 * f7_38 + f6 * f6_19
  const h3 = d0 * f3 + d1 * f2 + d4 * f9_19 + d5 * f8_19 + d6 * f7_19
  const h4 = d0 * f4 + d1 * d3 + f2 * f2 + d5 * f9_38 + d6 * f8_19 + f7 * f7_38
  const h5 = d0 * f5 + d1 * f4 + d2 * f3 + d6 * f9_19 + d7 * f8_19
  const h6 = d0 * f6 + d1 * d5 + d2 * f4 + d3 * f3 + d7 * f9_38 + f8 * f8_19
  const h7 = d0 * f7 + d1 * f6 + d2 * f5 + d3 * f4 + d8 * f9_19
  const h8 = d0 * f8 + d1 * d7 + d2 * f6 + d3 * d5 + f4 * f4 + f9 * f9_38
  const h9 = d0 * f9 + d1 * f8 + d2 * f7 + d3 * f6 + d4 * f5
  carry(out, h0, h1, h2, h3, h4, h5, h6, h7, h8, h9)
}

/** out = a^(2^n). */
export function feSquareN(out: usize, a: usize, n: i32): void {
  feSquare(out, a)
  for (let i = 1; i < n; i++) feSquare(out, out)
}

/** out = a k, for a small constant. */
export function feMulSmall(out: usize, a: usize, k: i64): void {
  carry(
    out,
    <i64>load<i32>(a) * k, <i64>load<i32>(a, 4) * k, <i64>load<i32>(a, 8) * k, <i64>load<i32>(a, 12) * k, <i64>load<i32>(a, 16) * k,
    <i64>load<i32>(a, 20) * k, <i64>load<i32>(a, 24) * k, <i64>load<i32>(a, 28) * k, <i64>load<i32>(a, 32) * k, <i64>load<i32>(a, 36) * k
  )
}

// a^(2^250 - 1) into t1, a^11 into t0: the common part of both chains below.
function power250(a: usize): void {
  feSquare(t0, a) // 2
  feSquareN(t1, t0, 2) // 8
  feMul(t1, a, t1) // 9
  feMul(t0, t0, t1) // 11
  feSquare(t2, t0) // 22
  feMul(t1, t1, t2) // 2^5 - 1
  feSquareN(t2, t1, 5)
  feMul(t1, t2, t1) // 2^10 - 1
  feSquareN(t2, t1, 10)
  feMul(t2, t2, t1) // 2^20 - 1
  feSquareN(t3, t2, 20)
  feMul(t2, t3, t2) // 2^40 - 1
  feSquareN(t2, t2, 10)
  feMul(t1, t2, t1) // 2^50 - 1
  feSquareN(t2, t1, 50)
  feMul(t2, t2, t1) // 2^100 - 1
  feSquareN(t3, t2, 100)
  feMul(t2, t3, t2) // 2^200 - 1
  feSquareN(t2, t2, 50)
  feMul(t1, t2, t1) // 2^250 - 1
}

/** out = 1/a = a^(2^255 - 21); 0 for 0. */
export function feInvert(out: usize, a: usize): void {
  power250(a)
  feSquareN(t1, t1, 5)
  feMul(out, t1, t0)
  zeroise(t0, FIELD25519)
  zeroise(t1, FIELD25519)
  zeroise(t2, FIELD25519)
  zeroise(t3, FIELD25519)
}

/** out = a^((p - 5) / 8) = a^(2^252 - 3), for square roots. `a` may be `out`. */
export function fePower22523(out: usize, a: usize): void {
  power250(a)
  feSquareN(t1, t1, 2)
  feMul(out, t1, a)
}

/** Reads 32 bytes, little-endian, the top bit ignored (RFC 7748 section 5). */
export function feFromBytes(out: usize, from: usize): void {
  carry(
    out,
    <i64>load<u32>(from),
    <i64>load24(from + 4) << 6,
    <i64>load24(from + 7) << 5,
    <i64>load24(from + 10) << 3,
    <i64>load24(from + 13) << 2,
    <i64>load<u32>(from, 16),
    <i64>load24(from + 20) << 7,
    <i64>load24(from + 23) << 5,
    <i64>load24(from + 26) << 4,
    <i64>(load24(from + 29) & 0x7fffff) << 2
  )
}

function load24(from: usize): u32 {
  return <u32>load<u16>(from) | (<u32>load<u8>(from, 2) << 16)
}

/** Writes the least residue, 32 bytes little-endian, of a sum of at most two products. */
export function feToBytes(out: usize, a: usize): void {
  let h0 = load<i32>(a)
  let h1 = load<i32>(a, 4)
  let h2 = load<i32>(a, 8)
  let h3 = load<i32>(a, 12)
  let h4 = load<i32>(a, 16)
  let h5 = load<i32>(a, 20)
  let h6 = load<i32>(a, 24)
  let h7 = load<i32>(a, 28)
  let h8 = load<i32>(a, 32)
  let h9 = load<i32>(a, 36)
  // q = floor(h / p), from the top limb down
  let q = (19 * h9 + (1 << 24)) >> 25
  q = (h0 + q) >> 26
  q = (h1 + q) >> 25
  q = (h2 + q) >> 26
  q = (h3 + q) >> 25
  q = (h4 + q) >> 26
  q = (h5 + q) >> 25
  q = (h6 + q) >> 26
  q = (h7 + q) >> 25
  q = (h8 + q) >> 26
  q = (h9 + q) >> 25
  h0 += 19 * q
  let c = h0 >> 26
  h1 += c
  h0 -= c << 26
  c = h1 >> 25
  h2 += c
  h1 -= c << 25
  c = h2 >> 26
  h3 += c
  h2 -= c << 26
  c = h3 >> 25
  h4 += c
  h3 -= c << 25
  c = h4 >> 26
  h5 += c
  h4 -= c << 26
  c = h5 >> 25
  h6 += c
  h5 -= c << 25
  c = h6 >> 26
  h7 += c
  h6 -= c << 26
  c = h7 >> 25
  h8 += c
  h7 -= c << 25
  c = h8 >> 26
  h9 += c
  h8 -= c << 26
  h9 &= 0x1ffffff
  store<u32>(out, <u32>(h0 | (h1 << 26)))
  store<u32>(out, <u32>((h1 >> 6) | (h2 << 19)), 4)
  store<u32>(out, <u32>((h2 >> 13) | (h3 << 13)), 8)
  store<u32>(out, <u32>((h3 >> 19) | (h4 << 6)), 12)
  store<u32>(out, <u32>(h5 | (h6 << 25)), 16)
  store<u32>(out, <u32>((h6 >> 7) | (h7 << 19)), 20)
  store<u32>(out, <u32>((h7 >> 13) | (h8 << 12)), 24)
  store<u32>(out, <u32>((h8 >> 20) | (h9 << 6)), 28)
}
