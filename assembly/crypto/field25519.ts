// The field GF(2^255 - 19), two elements at once: lane 0 and lane 1 of f64x2, in twelve limbs of 21 or 22 bits. Limb k is a double that is
// a multiple of 2^E(k), E(k) = ceil(21.25 k): 0, 22, 43, 64, 85, 107, 128, ... So a product of limbs i and j is a multiple of what limb
// i + j is one of, and 2^255 is what limb 12 would weigh.
//
// Bounds. `Tight` is |limb k| <= (1/2 + 2^-8) 2^E(k+1): what pairMul, pairSquare, pairScale and pairFromBytes leave. Where a is a sum of m tight
// pairs and b of n, column 0 of their product, the widest, with what wraps into it, stays below m n 2^48.98 multiples of its unit. Doubles
// hold integers to 2^53 exactly, so m n <= 16 keeps every sum exact in any order, fused or not. The largest in use is 3 * 4, in Ed25519's doubling.
// CT: no branch or address depends on a value; f64 addition and multiplication are taken to be of equal time on zeros and normal
// numbers, and no others occur: every value is an integer of fewer than 515 bits.
// SAFETY: a pointer to a pair names PAIR bytes, one to an encoding 32; offsets are constants below that.
import { zeroise } from '../mem/bytes'

/** Bytes of a pair: twelve v128. */
export const PAIR: usize = 192
export const LIMBS: usize = 12

// 2^E(k)
const UNITS = memory.data<f64>([
  1.0, 4194304.0, 8796093022208.0, 1.8446744073709552e19, 3.8685626227668134e25,
  1.6225927682921336e32, 3.402823669209385e38, 7.1362384635298e44, 1.4965776766268446e51, 6.277101735386681e57,
  1.3164036458569648e64, 2.7606985387162255e70
], 16)
// 1.5 2^52 2^E(k+1): added and taken away again, it leaves the nearest multiple of 2^E(k+1), for all below 2^51 of them.
const ROUNDERS = memory.data<f64>([
  2.833419889721787e22, 5.942112188569825e28, 1.2461512460483586e35, 2.6133685779528074e41, 1.0961262279981772e48,
  2.2987433112988333e54, 4.820814132776971e60, 1.010998000018149e67, 4.2404329554681224e73, 8.892832453425884e79,
  1.8649621365367e86, 3.911109074562213e92
], 16)
// 2^-E(k), to read a limb as an integer
const INVERSES = memory.data<f64>([
  1.0, 2.384185791015625e-07, 1.1368683772161603e-13, 5.421010862427522e-20, 2.5849394142282115e-26,
  6.162975822039155e-33, 2.938735877055719e-39, 1.401298464324817e-45, 6.681911775230489e-52, 1.5930919111324523e-58,
  7.596454196607839e-65, 3.622271631530685e-71
], 16)
// 19 / 2^255: what leaves at the top comes back at the bottom
const WRAP = memory.data<f64>([3.281744050935889e-76], 16)
// 1.5 2^52 as a double and as an integer: the low bits of their sum with a small integer are that integer
const INTEGER: f64 = 6755399441055744.0
const INTEGER_BITS: i64 = 0x4338000000000000

const columns = memory.data(23 * 16, 16)
const integers = memory.data(<i32>PAIR, 16)
const t0 = memory.data(<i32>PAIR, 16)
const t1 = memory.data(<i32>PAIR, 16)
const t2 = memory.data(<i32>PAIR, 16)
const t3 = memory.data(<i32>PAIR, 16)

// @ts-ignore: decorator
@inline
export function limb(a: usize, k: usize): v128 {
  return v128.load(a + 16 * k)
}

// @ts-ignore: decorator
@inline
export function setLimb(out: usize, k: usize, value: v128): void {
  v128.store(out + 16 * k, value)
}

// @ts-ignore: decorator
@inline
function add(a: v128, b: v128): v128 {
  return f64x2.add(a, b)
}

// @ts-ignore: decorator
@inline
function mul(a: v128, b: v128): v128 {
  return f64x2.mul(a, b)
}

// c + a b: exact either way, so fused or not the bits are the same.
// @ts-ignore: decorator
@inline
function fused(c: v128, a: v128, b: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f64x2.relaxed_madd(a, b, c) : f64x2.add(c, f64x2.mul(a, b))
}

// @ts-ignore: decorator
@inline
function dot(a: v128, b: v128, c: v128, d: v128): v128 {
  return fused(mul(a, b), c, d)
}

// A constant by a load of its own: as a splat the compiler would make it anew at each use.
// @ts-ignore: decorator
@inline
function constant(table: usize, k: usize): v128 {
  return v128.load64_splat(table + 8 * k)
}

/** Erases what the operations leave in their scratch space. */
export function pairErase(): void {
  zeroise(columns, 23 * 16)
  zeroise(integers, PAIR)
  zeroise(t0, PAIR)
  zeroise(t1, PAIR)
  zeroise(t2, PAIR)
  zeroise(t3, PAIR)
}

// (a, b) to (a + b, a - b), with the sign of lane 1
// @ts-ignore: decorator
@inline
export function sumAndDifference(a: v128, sign1: v128): v128 {
  return f64x2.add(i64x2.shuffle(a, a, 0, 0), v128.xor(i64x2.shuffle(a, a, 1, 1), sign1))
}

// (a, b) to (b - a, b + a), with the sign of lane 0
// @ts-ignore: decorator
@inline
export function differenceAndSum(a: v128, sign0: v128): v128 {
  return f64x2.add(i64x2.shuffle(a, a, 1, 1), v128.xor(i64x2.shuffle(a, a, 0, 0), sign0))
}

// @ts-ignore: decorator
@inline
export function swapped(a: v128): v128 {
  return i64x2.shuffle(a, a, 1, 0)
}

/** Lane 0 of `from` as the lane `out` points at: lane 1 is eight bytes on. */
export function copyLane(out: usize, from: usize): void {
  for (let k: usize = 0; k < LIMBS; k++) store<f64>(out + 16 * k, load<f64>(from + 16 * k))
}

/** out = (left, right), two small integers. */
export function pairSmall(out: usize, left: f64, right: f64): void {
  zeroise(out, PAIR)
  store<f64>(out, left)
  store<f64>(out, right, 8)
}

export function pairSub(out: usize, a: usize, b: usize): void {
  for (let k: usize = 0; k < LIMBS; k++) setLimb(out, k, f64x2.sub(limb(a, k), limb(b, k)))
}

/** out = a b, lane by lane. Any of the three may be the same. */
export function pairMul(out: usize, a: usize, b: usize): void {
  rows(a, b, columns, true)
  rows(a + PAIR / 2, b, columns + PAIR / 2, false)
  reduce(out)
}

// Six rows of the product. Every column ends in a store, so that no optimiser moves the work of one among that of another: six limbs of
// either side are as many as there are registers for.
// @ts-ignore: decorator
@inline
function rows(a: usize, b: usize, at: usize, first: bool): void {
  const f0 = limb(a, 0)
  const f1 = limb(a, 1)
  const f2 = limb(a, 2)
  const f3 = limb(a, 3)
  const f4 = limb(a, 4)
  const f5 = limb(a, 5)
  const g0 = limb(b, 0)
  const g1 = limb(b, 1)
  const g2 = limb(b, 2)
  const g3 = limb(b, 3)
  const g4 = limb(b, 4)
  const g5 = limb(b, 5)
  const g6 = limb(b, 6)
  const g7 = limb(b, 7)
  const g8 = limb(b, 8)
  const g9 = limb(b, 9)
  const g10 = limb(b, 10)
  const g11 = limb(b, 11)
  setLimb(at, 0, plus(at, 0, mul(f0, g0), first))
  setLimb(at, 1, plus(at, 1, dot(f0, g1, f1, g0), first))
  setLimb(at, 2, plus(at, 2, add(dot(f0, g2, f1, g1), mul(f2, g0)), first))
  setLimb(at, 3, plus(at, 3, add(dot(f0, g3, f1, g2), dot(f2, g1, f3, g0)), first))
  setLimb(at, 4, plus(at, 4, add(add(dot(f0, g4, f1, g3), dot(f2, g2, f3, g1)), mul(f4, g0)), first))
  setLimb(at, 5, plus(at, 5, add(add(dot(f0, g5, f1, g4), dot(f2, g3, f3, g2)), dot(f4, g1, f5, g0)), first))
  setLimb(at, 6, plus(at, 6, add(add(dot(f0, g6, f1, g5), dot(f2, g4, f3, g3)), dot(f4, g2, f5, g1)), first))
  setLimb(at, 7, plus(at, 7, add(add(dot(f0, g7, f1, g6), dot(f2, g5, f3, g4)), dot(f4, g3, f5, g2)), first))
  setLimb(at, 8, plus(at, 8, add(add(dot(f0, g8, f1, g7), dot(f2, g6, f3, g5)), dot(f4, g4, f5, g3)), first))
  setLimb(at, 9, plus(at, 9, add(add(dot(f0, g9, f1, g8), dot(f2, g7, f3, g6)), dot(f4, g5, f5, g4)), first))
  setLimb(at, 10, plus(at, 10, add(add(dot(f0, g10, f1, g9), dot(f2, g8, f3, g7)), dot(f4, g6, f5, g5)), first))
  setLimb(at, 11, add(add(dot(f0, g11, f1, g10), dot(f2, g9, f3, g8)), dot(f4, g7, f5, g6)))
  setLimb(at, 12, add(add(dot(f1, g11, f2, g10), dot(f3, g9, f4, g8)), mul(f5, g7)))
  setLimb(at, 13, add(dot(f2, g11, f3, g10), dot(f4, g9, f5, g8)))
  setLimb(at, 14, add(dot(f3, g11, f4, g10), mul(f5, g9)))
  setLimb(at, 15, dot(f4, g11, f5, g10))
  setLimb(at, 16, mul(f5, g11))
}

// What a column holds already, if it does, and more.
// @ts-ignore: decorator
@inline
function plus(at: usize, k: usize, more: v128, first: bool): v128 {
  return first ? more : add(limb(at, k), more)
}

/** out = a^2, lane by lane. */
export function pairSquare(out: usize, a: usize): void {
  const f0 = limb(a, 0)
  const f1 = limb(a, 1)
  const f2 = limb(a, 2)
  const f3 = limb(a, 3)
  const f4 = limb(a, 4)
  const f5 = limb(a, 5)
  const f6 = limb(a, 6)
  const f7 = limb(a, 7)
  const f8 = limb(a, 8)
  const f9 = limb(a, 9)
  const f10 = limb(a, 10)
  const f11 = limb(a, 11)
  const d0 = add(f0, f0)
  const d1 = add(f1, f1)
  const d2 = add(f2, f2)
  const d3 = add(f3, f3)
  const d4 = add(f4, f4)
  const d5 = add(f5, f5)
  const d6 = add(f6, f6)
  const d7 = add(f7, f7)
  const d8 = add(f8, f8)
  const d9 = add(f9, f9)
  const d10 = add(f10, f10)
  setLimb(columns, 0, mul(f0, f0))
  setLimb(columns, 1, mul(d0, f1))
  setLimb(columns, 2, dot(d0, f2, f1, f1))
  setLimb(columns, 3, dot(d0, f3, d1, f2))
  setLimb(columns, 4, add(dot(d0, f4, d1, f3), mul(f2, f2)))
  setLimb(columns, 5, add(dot(d0, f5, d1, f4), mul(d2, f3)))
  setLimb(columns, 6, add(dot(d0, f6, d1, f5), dot(d2, f4, f3, f3)))
  setLimb(columns, 7, add(dot(d0, f7, d1, f6), dot(d2, f5, d3, f4)))
  setLimb(columns, 8, add(add(dot(d0, f8, d1, f7), dot(d2, f6, d3, f5)), mul(f4, f4)))
  setLimb(columns, 9, add(add(dot(d0, f9, d1, f8), dot(d2, f7, d3, f6)), mul(d4, f5)))
  setLimb(columns, 10, add(add(dot(d0, f10, d1, f9), dot(d2, f8, d3, f7)), dot(d4, f6, f5, f5)))
  setLimb(columns, 11, add(add(dot(d0, f11, d1, f10), dot(d2, f9, d3, f8)), dot(d4, f7, d5, f6)))
  setLimb(columns, 12, add(add(dot(d1, f11, d2, f10), dot(d3, f9, d4, f8)), dot(d5, f7, f6, f6)))
  setLimb(columns, 13, add(add(dot(d2, f11, d3, f10), dot(d4, f9, d5, f8)), mul(d6, f7)))
  setLimb(columns, 14, add(add(dot(d3, f11, d4, f10), dot(d5, f9, d6, f8)), mul(f7, f7)))
  setLimb(columns, 15, add(dot(d4, f11, d5, f10), dot(d6, f9, d7, f8)))
  setLimb(columns, 16, add(dot(d5, f11, d6, f10), dot(d7, f9, f8, f8)))
  setLimb(columns, 17, add(dot(d6, f11, d7, f10), mul(d8, f9)))
  setLimb(columns, 18, add(dot(d7, f11, d8, f10), mul(f9, f9)))
  setLimb(columns, 19, dot(d8, f11, d9, f10))
  setLimb(columns, 20, dot(d9, f11, f10, f10))
  setLimb(columns, 21, mul(d10, f11))
  setLimb(columns, 22, mul(f11, f11))
  reduce(out)
}

/** out = a^(2^n), lane by lane. */
export function pairSquareN(out: usize, a: usize, n: i32): void {
  pairSquare(out, a)
  for (let i = 1; i < n; i++) pairSquare(out, out)
}

/** out = (left a, right a) lane by lane, for two integers below 2^24. */
export function pairScale(out: usize, a: usize, left: f64, right: f64): void {
  const k = f64x2.replace_lane(f64x2.splat(left), 1, right)
  settle(
    out,
    mul(limb(a, 0), k), mul(limb(a, 1), k), mul(limb(a, 2), k), mul(limb(a, 3), k),
    mul(limb(a, 4), k), mul(limb(a, 5), k), mul(limb(a, 6), k), mul(limb(a, 7), k),
    mul(limb(a, 8), k), mul(limb(a, 9), k), mul(limb(a, 10), k), mul(limb(a, 11), k)
  )
}

// Twenty-three columns to twelve limbs.
function reduce(out: usize): void {
  const wrap = constant(WRAP, 0)
  settle(
    out,
    fused(limb(columns, 0), limb(columns, 12), wrap),
    fused(limb(columns, 1), limb(columns, 13), wrap),
    fused(limb(columns, 2), limb(columns, 14), wrap),
    fused(limb(columns, 3), limb(columns, 15), wrap),
    fused(limb(columns, 4), limb(columns, 16), wrap),
    fused(limb(columns, 5), limb(columns, 17), wrap),
    fused(limb(columns, 6), limb(columns, 18), wrap),
    fused(limb(columns, 7), limb(columns, 19), wrap),
    fused(limb(columns, 8), limb(columns, 20), wrap),
    fused(limb(columns, 9), limb(columns, 21), wrap),
    fused(limb(columns, 10), limb(columns, 22), wrap),
    limb(columns, 11)
  )
}

// Carries into tight limbs: four chains side by side, for each step waits for three additions. A chain passes one limb more than its three, since
// the first carry into it came after its own; by then a carry is below 2^12 multiples, which is the 2^-8 of `tight`.
// @ts-ignore: decorator
@inline
function settle(
  out: usize,
  h0: v128, h1: v128, h2: v128, h3: v128, h4: v128, h5: v128, h6: v128, h7: v128, h8: v128, h9: v128, h10: v128, h11: v128
): void {
  let c0 = above(h0, 0)
  let c1 = above(h3, 3)
  let c2 = above(h6, 6)
  let c3 = above(h9, 9)
  h0 = f64x2.sub(h0, c0)
  h3 = f64x2.sub(h3, c1)
  h6 = f64x2.sub(h6, c2)
  h9 = f64x2.sub(h9, c3)
  h1 = add(h1, c0)
  h4 = add(h4, c1)
  h7 = add(h7, c2)
  h10 = add(h10, c3)
  c0 = above(h1, 1)
  c1 = above(h4, 4)
  c2 = above(h7, 7)
  c3 = above(h10, 10)
  h1 = f64x2.sub(h1, c0)
  h4 = f64x2.sub(h4, c1)
  h7 = f64x2.sub(h7, c2)
  h10 = f64x2.sub(h10, c3)
  h2 = add(h2, c0)
  h5 = add(h5, c1)
  h8 = add(h8, c2)
  h11 = add(h11, c3)
  c0 = above(h2, 2)
  c1 = above(h5, 5)
  c2 = above(h8, 8)
  c3 = above(h11, 11)
  h2 = f64x2.sub(h2, c0)
  h5 = f64x2.sub(h5, c1)
  h8 = f64x2.sub(h8, c2)
  h11 = f64x2.sub(h11, c3)
  h3 = add(h3, c0)
  h6 = add(h6, c1)
  h9 = add(h9, c2)
  h0 = fused(h0, c3, constant(WRAP, 0))
  c0 = above(h3, 3)
  c1 = above(h6, 6)
  c2 = above(h9, 9)
  c3 = above(h0, 0)
  h3 = f64x2.sub(h3, c0)
  h6 = f64x2.sub(h6, c1)
  h9 = f64x2.sub(h9, c2)
  h0 = f64x2.sub(h0, c3)
  h4 = add(h4, c0)
  h7 = add(h7, c1)
  h10 = add(h10, c2)
  h1 = add(h1, c3)
  setLimb(out, 0, h0)
  setLimb(out, 1, h1)
  setLimb(out, 2, h2)
  setLimb(out, 3, h3)
  setLimb(out, 4, h4)
  setLimb(out, 5, h5)
  setLimb(out, 6, h6)
  setLimb(out, 7, h7)
  setLimb(out, 8, h8)
  setLimb(out, 9, h9)
  setLimb(out, 10, h10)
  setLimb(out, 11, h11)
}

// The nearest multiple of the next limb's unit.
// @ts-ignore: decorator
@inline
function above(h: v128, k: usize): v128 {
  const rounder = constant(ROUNDERS, k)
  return f64x2.sub(add(h, rounder), rounder)
}

// a^(2^250 - 1) into t1, a^11 into t0: the common part of both chains below.
function power250(a: usize): void {
  pairSquare(t0, a) // 2
  pairSquareN(t1, t0, 2) // 8
  pairMul(t1, a, t1) // 9
  pairMul(t0, t0, t1) // 11
  pairSquare(t2, t0) // 22
  pairMul(t1, t1, t2) // 2^5 - 1
  pairSquareN(t2, t1, 5)
  pairMul(t1, t2, t1) // 2^10 - 1
  pairSquareN(t2, t1, 10)
  pairMul(t2, t2, t1) // 2^20 - 1
  pairSquareN(t3, t2, 20)
  pairMul(t2, t3, t2) // 2^40 - 1
  pairSquareN(t2, t2, 10)
  pairMul(t1, t2, t1) // 2^50 - 1
  pairSquareN(t2, t1, 50)
  pairMul(t2, t2, t1) // 2^100 - 1
  pairSquareN(t3, t2, 100)
  pairMul(t2, t3, t2) // 2^200 - 1
  pairSquareN(t2, t2, 50)
  pairMul(t1, t2, t1) // 2^250 - 1
}

/** out = 1/a = a^(2^255 - 21), lane by lane; 0 for 0. */
export function pairInvert(out: usize, a: usize): void {
  power250(a)
  pairSquareN(t1, t1, 5)
  pairMul(out, t1, t0)
}

/** out = a^((p - 5) / 8) = a^(2^252 - 3), for square roots. `a` must not be `out`. */
export function pairPower22523(out: usize, a: usize): void {
  power250(a)
  pairSquareN(t1, t1, 2)
  pairMul(out, t1, a)
}

/** Reads two encodings of 32 bytes, little-endian, the top bit ignored (RFC 7748 section 5). */
export function pairFromBytes(out: usize, left: usize, right: usize): void {
  unpack(out, left)
  unpack(out + 8, right)
  settle(
    out,
    limb(out, 0), limb(out, 1), limb(out, 2), limb(out, 3),
    limb(out, 4), limb(out, 5), limb(out, 6), limb(out, 7),
    limb(out, 8), limb(out, 9), limb(out, 10), limb(out, 11)
  )
}

// Three limbs are 64 bits: E(3) = 64, E(6) = 128, E(9) = 192.
function unpack(out: usize, from: usize): void {
  const w0 = load<u64>(from)
  const w1 = load<u64>(from, 8)
  const w2 = load<u64>(from, 16)
  const w3 = load<u64>(from, 24)
  setInteger(out, 0, w0 & 0x3fffff)
  setInteger(out, 1, (w0 >> 22) & 0x1fffff)
  setInteger(out, 2, w0 >> 43)
  setInteger(out, 3, w1 & 0x1fffff)
  setInteger(out, 4, (w1 >> 21) & 0x3fffff)
  setInteger(out, 5, w1 >> 43)
  setInteger(out, 6, w2 & 0x1fffff)
  setInteger(out, 7, (w2 >> 21) & 0x1fffff)
  setInteger(out, 8, w2 >> 42)
  setInteger(out, 9, w3 & 0x1fffff)
  setInteger(out, 10, (w3 >> 21) & 0x1fffff)
  setInteger(out, 11, (w3 >> 42) & 0x1fffff)
}

// @ts-ignore: decorator
@inline
function setInteger(out: usize, k: usize, value: u64): void {
  store<f64>(out + 16 * k, <f64>(<i32>value) * load<f64>(UNITS + 8 * k))
}

/** Writes the least residues of a tight pair, 32 bytes little-endian each. */
export function pairToBytes(left: usize, right: usize, a: usize): void {
  for (let k: usize = 0; k < LIMBS; k++) {
    const biased = f64x2.add(mul(limb(a, k), constant(INVERSES, k)), f64x2.splat(INTEGER))
    setLimb(integers, k, i64x2.sub(biased, i64x2.splat(INTEGER_BITS)))
  }
  pack(left, integers)
  pack(right, integers + 8)
}

// Bits of limb k
// @ts-ignore: decorator
@inline
function width(k: usize): i64 {
  return (k & 3) == 0 ? 22 : 21
}

// A tight pair is of magnitude below p, so a + p is between 0 and 2 p: p is taken away once more where it still can be.
function pack(out: usize, from: usize): void {
  let c: i64 = -19 // p = 2^255 - 19, and 2^255 is 2^21 of the last limb
  store<i64>(from, load<i64>(from, 16 * 11) + (1 << 21), 16 * 11)
  for (let k: usize = 0; k < LIMBS; k++) {
    c += load<i64>(from + 16 * k)
    const carry = k == 11 ? 0 : c >> width(k)
    store<i64>(from + 16 * k, c - (carry << width(k)))
    c = carry
  }
  c = 19 // a + 19 >= 2^255 where a >= p
  for (let k: usize = 0; k < LIMBS; k++) c = (c + load<i64>(from + 16 * k)) >> width(k)
  c *= 19
  for (let k: usize = 0; k < LIMBS; k++) {
    c += load<i64>(from + 16 * k)
    const carry = c >> width(k)
    store<i64>(from + 16 * k, c - (carry << width(k)))
    c = carry
  }
  store<i64>(out, load<i64>(from) | (load<i64>(from, 16) << 22) | (load<i64>(from, 32) << 43))
  store<i64>(out, load<i64>(from, 48) | (load<i64>(from, 64) << 21) | (load<i64>(from, 80) << 43), 8)
  store<i64>(out, load<i64>(from, 96) | (load<i64>(from, 112) << 21) | (load<i64>(from, 128) << 42), 16)
  store<i64>(out, load<i64>(from, 144) | (load<i64>(from, 160) << 21) | (load<i64>(from, 176) << 42), 24)
}
