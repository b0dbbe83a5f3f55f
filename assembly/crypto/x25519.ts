// X25519, RFC 7748 section 5: a Montgomery ladder of 255 equal steps, each five products and squares of pairs. CT: the scalar's bits
// choose by masks, and every step does the same work.
//
// The sum of the two points does not depend on which is which: with a, b and c, d the sum and difference of either, {DA, CB} is the same
// set after a swap, and (DA - CB)^2 the same number. So one choice is left, of the point that is doubled, where RFC 7748 has two swaps.
import { copy, isZero, zeroise } from '../mem/bytes'
import {
  LIMBS, limb, PAIR, pairErase, pairFromBytes, pairInvert, pairMul, pairScale, pairSmall, pairSquare, pairToBytes, setLimb, sumAndDifference,
  swapped
} from './field25519'

export const X25519_KEY: usize = 32
/** (486662 - 2) / 4, RFC 7748 section 5. */
const A24: f64 = 121665.0
/** The base point's u, section 4.1. */
const BASE: f64 = 9.0

// Negates lane 1
const SIGN_1 = memory.data<u64>([0, 0x8000000000000000], 16)

const scalar = memory.data(32, 16)
const spare = memory.data(32, 16)
const pairs = memory.data(8 * <i32>PAIR, 16)
const factor = pairs // (A24, u of the point)
const doubled = pairs + PAIR // (x2, z2)
const added = pairs + 2 * PAIR // (x3, z3)
const p = pairs + 3 * PAIR
const q = pairs + 4 * PAIR
const r = pairs + 5 * PAIR
const s = pairs + 6 * PAIR
const v = pairs + 7 * PAIR

/** out = scalar · point. @returns false where the result is all zeros: a point of low order (RFC 7748 section 6.1). */
export function x25519(out: usize, secret: usize, point: usize): bool {
  pairFromBytes(added, point, point)
  pairSmall(factor, A24, 0.0)
  for (let k: usize = 0; k < LIMBS; k++) setLimb(factor, k, fromBoth(limb(factor, k), limb(added, k)))
  return ladder(out, secret, false)
}

/** The public key of a secret one. */
export function x25519Base(out: usize, secret: usize): void {
  pairSmall(added, BASE, BASE)
  ladder(out, secret, true)
}

// `added` holds the point's u. The base point's is small, which saves a product a step.
function ladder(out: usize, secret: usize, base: bool): bool {
  copy(scalar, secret, 32)
  // Clamping, RFC 7748 section 5
  store<u8>(scalar, load<u8>(scalar) & 248)
  store<u8>(scalar, (load<u8>(scalar, 31) & 127) | 64, 31)
  pairSmall(doubled, 1.0, 0.0)
  pairSmall(p, 1.0, 1.0)
  for (let k: usize = 0; k < LIMBS; k++) setLimb(added, k, fromBoth(limb(added, k), limb(p, k)))
  let last: i64 = 0
  for (let i = 254; i >= 0; i--) {
    const bit = <i64>(load<u8>(scalar + (i >> 3)) >> (i & 7)) & 1
    step(i64x2.splat(0 - (last ^ bit)), base)
    last = bit
  }
  // Clamping made the last bit 0: what was doubled last is the multiple itself.
  for (let k: usize = 0; k < LIMBS; k++) setLimb(p, k, swapped(limb(doubled, k)))
  pairInvert(p, p)
  pairMul(doubled, doubled, p)
  pairToBytes(out, spare, doubled)
  pairErase()
  zeroise(scalar, 32)
  zeroise(spare, 32)
  zeroise(pairs, 8 * PAIR)
  return !isZero(out, 32)
}

// Section 5's loop. In lanes: p = (a, b) and q = (d, c) of the two points, r = (DA, CB), s = (AA, BB). Limbs go by fours, for the
// loops' own sake: they are a fifth of the time.
function step(mask: v128, base: bool): void {
  const sign1 = v128.load(SIGN_1)
  for (let k: usize = 0; k < LIMBS; k += 4) {
    choose(k, sign1, mask)
    choose(k + 1, sign1, mask)
    choose(k + 2, sign1, mask)
    choose(k + 3, sign1, mask)
  }
  pairMul(r, p, q)
  pairSquare(s, s)
  for (let k: usize = 0; k < LIMBS; k += 4) {
    spread(k, sign1)
    spread(k + 1, sign1)
    spread(k + 2, sign1)
    spread(k + 3, sign1)
  }
  pairSquare(r, r) // (x3, (DA - CB)^2)
  for (let k: usize = 0; k < LIMBS; k += 4) {
    difference(k)
    difference(k + 1)
    difference(k + 2)
    difference(k + 3)
  }
  // Whether it is the base point is no secret.
  if (base) pairScale(v, p, A24, BASE)
  else pairMul(v, p, factor) // (A24 E, z3)
  for (let k: usize = 0; k < LIMBS; k += 4) {
    close(k)
    close(k + 1)
    close(k + 2)
    close(k + 3)
  }
  pairMul(doubled, q, s)
}

// @ts-ignore: decorator
@inline
function choose(k: usize, sign1: v128, mask: v128): void {
  const first = sumAndDifference(limb(doubled, k), sign1)
  const second = sumAndDifference(limb(added, k), sign1)
  setLimb(p, k, first)
  setLimb(q, k, swapped(second))
  setLimb(s, k, v128.bitselect(second, first, mask))
}

// @ts-ignore: decorator
@inline
function spread(k: usize, sign1: v128): void {
  setLimb(r, k, sumAndDifference(limb(r, k), sign1)) // (DA + CB, DA - CB)
}

// @ts-ignore: decorator
@inline
function difference(k: usize): void {
  setLimb(p, k, fromBoth(f64x2.sub(limb(s, k), swapped(limb(s, k))), limb(r, k))) // (E, (DA - CB)^2)
}

// @ts-ignore: decorator
@inline
function close(k: usize): void {
  const squares = limb(s, k)
  setLimb(added, k, fromBoth(limb(r, k), limb(v, k)))
  setLimb(q, k, i64x2.shuffle(squares, limb(p, k), 0, 2)) // (AA, E)
  setLimb(s, k, i64x2.shuffle(squares, f64x2.add(squares, limb(v, k)), 1, 2)) // (BB, AA + A24 E)
}

// Lane 0 of one, lane 1 of the other
// @ts-ignore: decorator
@inline
function fromBoth(a: v128, b: v128): v128 {
  return i64x2.shuffle(a, b, 0, 3)
}
