// The field GF(p), p = 2^384 - 2^128 - 2^96 + 2^32 - 1 (SP 800-186, 3.2.1.4), two elements at once: lane 0 and lane 1 of f64x2, in
// sixteen limbs of 24 bits. Limb k is a double that is a multiple of 2^(24 k), as in field25519.ts.
//
// Bounds, in multiples of a limb's unit. `Tight` is |limb| <= 2^23 + 2^14: what pairMul, pairSquare, pairSettle and pairFromBytes leave. Where a
// is a sum of m tight pairs and b of n, a column of their product stays below m n 2^50.01, and what folds into it below 2^48. Doubles hold
// integers to 2^53 exactly, so m n <= 7 keeps every sum exact in any order, fused or not.
// A tight element is below 0.51 2^384 in magnitude, less than p, and its limbs below 2^24: it is 0 modulo p where all its limbs are 0.
// For verification alone: what is here is public. SAFETY: a pointer to a pair names PAIR bytes; offsets are constants below that.

/** Bytes of a pair: sixteen v128. */
export const PAIR: usize = 256
export const LIMBS: usize = 16
/** Bytes of an encoding. */
export const FIELD: usize = 48

// 2^(24 k)
const UNITS = memory.data<f64>([
  1.0, 16777216.0, 281474976710656.0, 4.722366482869645e+21, 7.922816251426434e+28, 1.329227995784916e+36,
  2.2300745198530623e+43, 3.7414441915671115e+50, 6.277101735386681e+57, 1.0531229166855719e+65, 1.7668470647783843e+72, 2.9642774844752946e+79,
  4.9732323640978664e+86, 8.343699359066055e+93, 1.3998404638611276e+101, 2.3485425827738332e+108
], 16)
// 1.5 2^52 2^(24 (k + 1)): added and taken away again, it leaves the nearest multiple of 2^(24 (k + 1)), for all below 2^51 of them.
const ROUNDERS = memory.data<f64>([
  1.1333679558887149e+23, 1.901475900342344e+30, 3.190147189883798e+37, 5.3521788476473496e+44, 8.979466059761068e+51, 1.5065044164928034e+59,
  2.5274950000453725e+66, 4.2404329554681224e+73, 7.114265962740707e+80, 1.193575767383488e+88, 2.0024878461758532e+95, 3.3596171132667063e+102,
  5.6365021986572e+109, 9.456481487134675e+116, 1.5865343250965966e+124, 2.6617629063559823e+131, 4.465697122072209e+138, 7.492196520758381e+145,
  1.2569819934321185e+153, 2.1088658411921233e+160, 3.538089773270195e+167, 5.935929635354509e+174, 9.958837365314383e+181, 1.6708156558675031e+189,
  2.8031635154670767e+196, 4.702927978231049e+203, 7.89020385232256e+210, 1.323756543144477e+218, 2.220894945574821e+225, 3.7260434215217014e+232,
  6.251263530824863e+239
], 16)
// 2^384 = 2^128 + 2^96 - 2^32 + 1: each term over 2^384
const FOLDS = memory.data<f64>([2.5379418373156492e-116, -1.0900377190420866e-106, 2.010764683385949e-87, 8.636168555094445e-78], 16)

const columns = memory.data(31 * 16 + 16, 16)

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
function sub(a: v128, b: v128): v128 {
  return f64x2.sub(a, b)
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

// The nearest multiple of the next limb's unit.
// @ts-ignore: decorator
@inline
function above(h: v128, k: usize): v128 {
  const rounder = v128.load64_splat(ROUNDERS + 8 * k)
  return sub(add(h, rounder), rounder)
}

/** out = a b, lane by lane. Any of the three may be the same. */
export function pairMul(out: usize, a: usize, b: usize): void {
  rows(a, b, columns, true)
  moreRows(a + 64, b, columns + 64)
  moreRows(a + 128, b, columns + 128)
  moreRows(a + 192, b, columns + 192)
  reduce(out)
}

function moreRows(a: usize, b: usize, at: usize): void {
  rows(a, b, at, false)
}

// Four rows of the product. Every column ends in a store, so that no optimiser moves the work of one among that of another.
// @ts-ignore: decorator
@inline
function rows(a: usize, b: usize, at: usize, first: bool): void {
  const f0 = limb(a, 0)
  const f1 = limb(a, 1)
  const f2 = limb(a, 2)
  const f3 = limb(a, 3)
  const g0 = limb(b, 0)
  setLimb(at, 0, plus(at, 0, mul(f0, g0), first))
  const g1 = limb(b, 1)
  setLimb(at, 1, plus(at, 1, dot(f0, g1, f1, g0), first))
  const g2 = limb(b, 2)
  setLimb(at, 2, plus(at, 2, fused(dot(f0, g2, f1, g1), f2, g0), first))
  const g3 = limb(b, 3)
  setLimb(at, 3, plus(at, 3, add(dot(f0, g3, f1, g2), dot(f2, g1, f3, g0)), first))
  const g4 = limb(b, 4)
  setLimb(at, 4, plus(at, 4, add(dot(f0, g4, f1, g3), dot(f2, g2, f3, g1)), first))
  const g5 = limb(b, 5)
  setLimb(at, 5, plus(at, 5, add(dot(f0, g5, f1, g4), dot(f2, g3, f3, g2)), first))
  const g6 = limb(b, 6)
  setLimb(at, 6, plus(at, 6, add(dot(f0, g6, f1, g5), dot(f2, g4, f3, g3)), first))
  const g7 = limb(b, 7)
  setLimb(at, 7, plus(at, 7, add(dot(f0, g7, f1, g6), dot(f2, g5, f3, g4)), first))
  const g8 = limb(b, 8)
  setLimb(at, 8, plus(at, 8, add(dot(f0, g8, f1, g7), dot(f2, g6, f3, g5)), first))
  const g9 = limb(b, 9)
  setLimb(at, 9, plus(at, 9, add(dot(f0, g9, f1, g8), dot(f2, g7, f3, g6)), first))
  const g10 = limb(b, 10)
  setLimb(at, 10, plus(at, 10, add(dot(f0, g10, f1, g9), dot(f2, g8, f3, g7)), first))
  const g11 = limb(b, 11)
  setLimb(at, 11, plus(at, 11, add(dot(f0, g11, f1, g10), dot(f2, g9, f3, g8)), first))
  const g12 = limb(b, 12)
  setLimb(at, 12, plus(at, 12, add(dot(f0, g12, f1, g11), dot(f2, g10, f3, g9)), first))
  const g13 = limb(b, 13)
  setLimb(at, 13, plus(at, 13, add(dot(f0, g13, f1, g12), dot(f2, g11, f3, g10)), first))
  const g14 = limb(b, 14)
  setLimb(at, 14, plus(at, 14, add(dot(f0, g14, f1, g13), dot(f2, g12, f3, g11)), first))
  const g15 = limb(b, 15)
  setLimb(at, 15, add(dot(f0, g15, f1, g14), dot(f2, g13, f3, g12)))
  setLimb(at, 16, fused(dot(f1, g15, f2, g14), f3, g13))
  setLimb(at, 17, dot(f2, g15, f3, g14))
  setLimb(at, 18, mul(f3, g15))
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
  const f12 = limb(a, 12)
  const f13 = limb(a, 13)
  const f14 = limb(a, 14)
  const f15 = limb(a, 15)
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
  const d11 = add(f11, f11)
  const d12 = add(f12, f12)
  const d13 = add(f13, f13)
  const d14 = add(f14, f14)
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
  setLimb(columns, 12, add(add(dot(d0, f12, d1, f11), dot(d2, f10, d3, f9)), add(dot(d4, f8, d5, f7), mul(f6, f6))))
  setLimb(columns, 13, add(add(dot(d0, f13, d1, f12), dot(d2, f11, d3, f10)), add(dot(d4, f9, d5, f8), mul(d6, f7))))
  setLimb(columns, 14, add(add(dot(d0, f14, d1, f13), dot(d2, f12, d3, f11)), add(dot(d4, f10, d5, f9), dot(d6, f8, f7, f7))))
  setLimb(columns, 15, add(add(dot(d0, f15, d1, f14), dot(d2, f13, d3, f12)), add(dot(d4, f11, d5, f10), dot(d6, f9, d7, f8))))
  setLimb(columns, 16, add(add(dot(d1, f15, d2, f14), dot(d3, f13, d4, f12)), add(dot(d5, f11, d6, f10), dot(d7, f9, f8, f8))))
  setLimb(columns, 17, add(add(dot(d2, f15, d3, f14), dot(d4, f13, d5, f12)), add(dot(d6, f11, d7, f10), mul(d8, f9))))
  setLimb(columns, 18, add(add(dot(d3, f15, d4, f14), dot(d5, f13, d6, f12)), add(dot(d7, f11, d8, f10), mul(f9, f9))))
  setLimb(columns, 19, add(add(dot(d4, f15, d5, f14), dot(d6, f13, d7, f12)), dot(d8, f11, d9, f10)))
  setLimb(columns, 20, add(add(dot(d5, f15, d6, f14), dot(d7, f13, d8, f12)), dot(d9, f11, f10, f10)))
  setLimb(columns, 21, add(add(dot(d6, f15, d7, f14), dot(d8, f13, d9, f12)), mul(d10, f11)))
  setLimb(columns, 22, add(add(dot(d7, f15, d8, f14), dot(d9, f13, d10, f12)), mul(f11, f11)))
  setLimb(columns, 23, add(dot(d8, f15, d9, f14), dot(d10, f13, d11, f12)))
  setLimb(columns, 24, add(dot(d9, f15, d10, f14), dot(d11, f13, f12, f12)))
  setLimb(columns, 25, add(dot(d10, f15, d11, f14), mul(d12, f13)))
  setLimb(columns, 26, add(dot(d11, f15, d12, f14), mul(f13, f13)))
  setLimb(columns, 27, dot(d12, f15, d13, f14))
  setLimb(columns, 28, dot(d13, f15, f14, f14))
  setLimb(columns, 29, mul(d14, f15))
  setLimb(columns, 30, mul(f15, f15))
  reduce(out)
}

// Thirty-one columns to sixteen limbs. The upper ones pass a carry each, which leaves them below 2^30, and are folded; those of the lower that
// came above 15 were folded before. Then every limb passes a carry twice; what leaves at the top is known beforehand, and comes in below.
function reduce(out: usize): void {
  let c = high(16, f64x2.splat(0))
  c = high(17, c)
  c = high(18, c)
  c = high(19, c)
  c = high(20, c)
  c = high(21, c)
  c = high(22, c)
  c = high(23, c)
  c = high(24, c)
  c = high(25, c)
  c = high(26, c)
  c = high(27, c)
  c = high(28, c)
  c = high(29, c)
  c = high(30, c)
  setLimb(columns, 31, c)
  setLimb(columns, 20, folded(20))
  setLimb(columns, 19, folded(19))
  setLimb(columns, 18, folded(18))
  setLimb(columns, 17, folded(17))
  setLimb(columns, 16, folded(16))
  const h14 = folded(14)
  const h15 = folded(15)
  const top = above(h15, 15)
  const topAgain = above(add(sub(h15, top), above(h14, 14)), 15)
  let h = wrapped(folded(0), 0, top)
  let p = above(h, 0)
  h = sub(h, p)
  let a = p
  let q = above(h, 0)
  setLimb(out, 0, wrapped(sub(h, q), 0, topAgain))
  let b = q
  h = wrapped(folded(1), 1, top)
  p = above(h, 1)
  h = add(sub(h, p), a)
  a = p
  q = above(h, 1)
  setLimb(out, 1, wrapped(add(sub(h, q), b), 1, topAgain))
  b = q
  h = folded(2)
  p = above(h, 2)
  h = add(sub(h, p), a)
  a = p
  q = above(h, 2)
  setLimb(out, 2, add(sub(h, q), b))
  b = q
  h = folded(3)
  p = above(h, 3)
  h = add(sub(h, p), a)
  a = p
  q = above(h, 3)
  setLimb(out, 3, add(sub(h, q), b))
  b = q
  h = wrapped(folded(4), 4, top)
  p = above(h, 4)
  h = add(sub(h, p), a)
  a = p
  q = above(h, 4)
  setLimb(out, 4, wrapped(add(sub(h, q), b), 4, topAgain))
  b = q
  h = wrapped(folded(5), 5, top)
  p = above(h, 5)
  h = add(sub(h, p), a)
  a = p
  q = above(h, 5)
  setLimb(out, 5, wrapped(add(sub(h, q), b), 5, topAgain))
  b = q
  h = folded(6)
  p = above(h, 6)
  h = add(sub(h, p), a)
  a = p
  q = above(h, 6)
  setLimb(out, 6, add(sub(h, q), b))
  b = q
  h = folded(7)
  p = above(h, 7)
  h = add(sub(h, p), a)
  a = p
  q = above(h, 7)
  setLimb(out, 7, add(sub(h, q), b))
  b = q
  h = folded(8)
  p = above(h, 8)
  h = add(sub(h, p), a)
  a = p
  q = above(h, 8)
  setLimb(out, 8, add(sub(h, q), b))
  b = q
  h = folded(9)
  p = above(h, 9)
  h = add(sub(h, p), a)
  a = p
  q = above(h, 9)
  setLimb(out, 9, add(sub(h, q), b))
  b = q
  h = folded(10)
  p = above(h, 10)
  h = add(sub(h, p), a)
  a = p
  q = above(h, 10)
  setLimb(out, 10, add(sub(h, q), b))
  b = q
  h = folded(11)
  p = above(h, 11)
  h = add(sub(h, p), a)
  a = p
  q = above(h, 11)
  setLimb(out, 11, add(sub(h, q), b))
  b = q
  h = folded(12)
  p = above(h, 12)
  h = add(sub(h, p), a)
  a = p
  q = above(h, 12)
  setLimb(out, 12, add(sub(h, q), b))
  b = q
  h = folded(13)
  p = above(h, 13)
  h = add(sub(h, p), a)
  a = p
  q = above(h, 13)
  setLimb(out, 13, add(sub(h, q), b))
  b = q
  h = h14
  p = above(h, 14)
  h = add(sub(h, p), a)
  a = p
  q = above(h, 14)
  setLimb(out, 14, add(sub(h, q), b))
  b = q
  h = h15
  p = above(h, 15)
  h = add(sub(h, p), a)
  a = p
  q = above(h, 15)
  setLimb(out, 15, add(sub(h, q), b))
  b = q
}

// @ts-ignore: decorator
@inline
function high(k: usize, carry: v128): v128 {
  const h = limb(columns, k)
  const c = above(h, k)
  setLimb(columns, k, add(sub(h, c), carry))
  return c
}

// @ts-ignore: decorator
@inline
function fold(term: usize): v128 {
  return v128.load64_splat(FOLDS + 8 * term)
}

// Column j and what folds into it from above.
// @ts-ignore: decorator
@inline
function folded(j: usize): v128 {
  let h = limb(columns, j)
  if (j < 16) h = fused(h, limb(columns, j + 16), fold(0))
  if (j > 0 && j < 17) h = fused(h, limb(columns, j + 15), fold(1))
  if (j > 3 && j < 20) h = fused(h, limb(columns, j + 12), fold(2))
  if (j > 4) h = fused(h, limb(columns, j + 11), fold(3))
  return h
}

// Limb j, one of those that a carry out of limb 15 comes back to.
// @ts-ignore: decorator
@inline
function wrapped(h: v128, j: usize, carry: v128): v128 {
  return fused(h, carry, fold(j == 0 ? 0 : j == 1 ? 1 : j == 4 ? 2 : 3))
}

/** out = a, a sum of at most 32 tight pairs, made tight. May be the same. */
export function pairSettle(out: usize, a: usize): void {
  const top = above(limb(a, 15), 15)
  let carry = f64x2.splat(0)
  for (let k: usize = 0; k < LIMBS; k++) {
    const h = limb(a, k)
    const c = above(h, k)
    setLimb(out, k, add(sub(h, c), carry))
    carry = c
  }
  setLimb(out, 0, wrapped(limb(out, 0), 0, top))
  setLimb(out, 1, wrapped(limb(out, 1), 1, top))
  setLimb(out, 4, wrapped(limb(out, 4), 4, top))
  setLimb(out, 5, wrapped(limb(out, 5), 5, top))
}

/** Whether an element of a tight pair is 0. @param lane 0 or 1 */
export function laneIsZero(a: usize, lane: usize): bool {
  for (let k: usize = 0; k < LIMBS; k++) if (load<f64>(a + 16 * k + 8 * lane) != 0) return false
  return true
}

/** Reads two encodings, FIELD bytes each, big-endian (SEC 1 section 2.3.6). Values of p and above are read modulo p. */
export function pairFromBytes(out: usize, left: usize, right: usize): void {
  for (let k: usize = 0; k < LIMBS; k++) {
    const unit = load<f64>(UNITS + 8 * k)
    store<f64>(out + 16 * k, limbAt(left, k) * unit)
    store<f64>(out + 16 * k + 8, limbAt(right, k) * unit)
  }
  pairSettle(out, out)
}

// SAFETY: k < 16 names three bytes of FIELD.
function limbAt(a: usize, k: usize): f64 {
  const at = a + 45 - 3 * k
  return <f64>((<u32>load<u8>(at) << 16) | (<u32>load<u8>(at, 1) << 8) | <u32>load<u8>(at, 2))
}
