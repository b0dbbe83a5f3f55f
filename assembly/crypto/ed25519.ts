// Ed25519 verification, RFC 8032 section 5.1.7, without the cofactor, on encodings: what is not the one encoding of a value is
// refused. Everything here is public (key, message, signature), so time depends on it: sparse digits, early refusals. A key of small
// order is accepted, as section 5.1.7 does: under it a signature binds no message, so whoever enrols keys answers for them.
import { equal, isZero } from '../mem/bytes'
import {
  copyLane, differenceAndSum, LIMBS, limb, PAIR, pairFromBytes, pairMul, pairPower22523, pairScale, pairSmall, pairSquare, pairSub,
  pairToBytes, setLimb, sumAndDifference, swapped
} from './field25519'
import { DIGITS, isScalar, reduceScalar, sparseDigits } from './scalar25519'
import { SHA512_STATE, sha512Final, sha512Init, sha512Update } from './sha512'

export const ED25519_KEY: usize = 32
export const ED25519_SIGNATURE: usize = 64

// A point in extended coordinates, section 5.1.4, as two pairs: (X, Y) and (Z, T) with T = XY/Z. In a table, ready to be
// added: (Y - X, Y + X) and (2Z, 2dT).
const POINT: usize = 2 * PAIR
const ZT: usize = PAIR
// Of odd multiples, from 1 to 2^(width-1) - 1: eight of a key, for each signature, and 32 of the base point, once.
const KEY_WIDTH = 5
const BASE_WIDTH = 7

// d = -121665/121666, RFC 8032 section 5.1
const D_BYTES = memory.data<u8>([
  0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00,
  0x98, 0xe8, 0x79, 0x77, 0x79, 0x40, 0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52
])
// sqrt(-1) = 2^((p-1)/4), section 5.1.3
const ROOT_BYTES = memory.data<u8>([
  0xb0, 0xa0, 0x0e, 0x4a, 0x27, 0x1b, 0xee, 0xc4, 0x78, 0xe4, 0x2f, 0xad, 0x06, 0x18, 0x43, 0x2f,
  0xa7, 0xd7, 0xfb, 0x3d, 0x99, 0x00, 0x4d, 0x2b, 0x0b, 0xdf, 0xc1, 0x4f, 0x80, 0x24, 0x83, 0x2b
])
// The base point, section 5.1
const BASE_X = memory.data<u8>([
  0x1a, 0xd5, 0x25, 0x8f, 0x60, 0x2d, 0x56, 0xc9, 0xb2, 0xa7, 0x25, 0x95, 0x60, 0xc7, 0x2c, 0x69,
  0x5c, 0xdc, 0xd6, 0xfd, 0x31, 0xe2, 0xa4, 0xc0, 0xfe, 0x53, 0x6e, 0xcd, 0xd3, 0x36, 0x69, 0x21
])
const BASE_Y = memory.data<u8>([
  0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
  0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66
])

// Negate lane 0, and lane 1
const SIGN_0 = memory.data<u64>([0x8000000000000000, 0], 16)
const SIGN_1 = memory.data<u64>([0, 0x8000000000000000], 16)
// Makes of (Z^2, (X + Y)^2) what a doubling adds
const DOUBLING = memory.data<f64>([2.0, -1.0], 16)

const d = memory.data(<i32>PAIR, 16) // (d, d)
const ready = memory.data(<i32>PAIR, 16) // (2, 2d)
const root = memory.data(<i32>PAIR, 16) // of -1, in both lanes
const work = memory.data(4 * <i32>PAIR, 16)
const left = memory.data(64, 16)
const right = memory.data(64, 16)
const xs = memory.data(<i32>PAIR, 16) // (x of the key, x of R)
const ys = memory.data(<i32>PAIR, 16)
const point = memory.data(<i32>POINT, 16)
const twice = memory.data(<i32>POINT, 16)
const keyTable = memory.data(<i32>POINT << (KEY_WIDTH - 2), 16)
const baseTable = memory.data(<i32>POINT << (BASE_WIDTH - 2), 16)
const keyDigits = memory.data(DIGITS, 16)
const baseDigits = memory.data(DIGITS, 16)
const hash = memory.data(<i32>SHA512_STATE, 16)
const wide = memory.data(64, 16)
const challenge = memory.data(32, 16)
let prepared = false

/** SAFETY: `key` holds 32 bytes, `signature` 64, `message` length. */
export function ed25519Verify(key: usize, message: usize, length: usize, signature: usize): bool {
  prepare()
  if (!isScalar(signature + 32)) return false
  if (!decode(key, signature)) return false
  sha512Init(hash)
  sha512Update(hash, signature, 32)
  sha512Update(hash, key, 32)
  sha512Update(hash, message, length)
  sha512Final(hash, wide)
  reduceScalar(challenge, wide)
  pairScale(xs, xs, -1.0, 1.0)
  affine(point, xs, ys)
  multiples(keyTable, KEY_WIDTH)
  multiplyAdd(signature + 32, challenge) // s·B - h·A
  // It is R where X = xR Z and Y = yR Z.
  for (let k: usize = 0; k < LIMBS; k++) {
    setLimb(work, k, i64x2.shuffle(limb(xs, k), limb(ys, k), 1, 3))
    setLimb(work + PAIR, k, i64x2.shuffle(limb(point + ZT, k), limb(point + ZT, k), 0, 0))
  }
  pairMul(work, work, work + PAIR)
  pairToBytes(left, left + 32, work)
  pairToBytes(right, right + 32, point)
  return equal(left, right, 64)
}

function prepare(): void {
  if (prepared) return
  pairFromBytes(d, D_BYTES, D_BYTES)
  pairFromBytes(root, ROOT_BYTES, ROOT_BYTES)
  pairScale(ready, d, 2.0, 2.0)
  pairSmall(work, 2.0, 2.0)
  copyLane(ready, work)
  pairFromBytes(xs, BASE_X, BASE_X)
  pairFromBytes(ys, BASE_Y, BASE_Y)
  affine(point, xs, ys)
  multiples(baseTable, BASE_WIDTH)
  prepared = true
}

// Both points of a signature at once, section 5.1.3: a y that is not reduced, and x = 0 with the sign bit set, are no encodings.
function decode(key: usize, r: usize): bool {
  const u = work
  const v = work + PAIR
  const w = work + 2 * PAIR
  const z = work + 3 * PAIR
  pairFromBytes(ys, key, r)
  pairToBytes(left, left + 32, ys)
  if (!sameBut(left, key) || !sameBut(left + 32, r)) return false
  pairSquare(u, ys)
  pairMul(v, u, d)
  pairSmall(w, 1.0, 1.0)
  pairSub(u, u, w) // u = y^2 - 1
  pairScale(w, w, -1.0, -1.0)
  pairSub(v, v, w) // v = d y^2 + 1
  pairSquare(w, v)
  pairMul(w, w, v) // v^3
  pairSquare(xs, w)
  pairMul(xs, xs, v) // v^7
  pairMul(z, xs, u)
  pairPower22523(xs, z)
  pairMul(xs, xs, w)
  pairMul(xs, xs, u) // x = u v^3 (u v^7)^((p-5)/8)
  pairSquare(w, xs)
  pairMul(w, w, v) // u or -u, or there is no x
  pairToBytes(left, left + 32, w)
  pairToBytes(right, right + 32, u)
  pairSmall(z, 1.0, 1.0)
  pairScale(u, u, -1.0, -1.0)
  for (let lane: usize = 0; lane < 2; lane++) if (!equal(left + 32 * lane, right + 32 * lane, 32)) copyLane(z + 8 * lane, root)
  pairToBytes(right, right + 32, u)
  for (let lane: usize = 0; lane < 2; lane++)
    if (load<f64>(z + 8 * lane) != 1.0 && !equal(left + 32 * lane, right + 32 * lane, 32)) return false
  pairMul(xs, xs, z)
  pairToBytes(left, left + 32, xs)
  const keySign = load<u8>(key, 31) >> 7
  const rSign = load<u8>(r, 31) >> 7
  if ((keySign == 1 && isZero(left, 32)) || (rSign == 1 && isZero(left + 32, 32))) return false
  pairScale(xs, xs, (load<u8>(left) & 1) == keySign ? 1.0 : -1.0, (load<u8>(left, 32) & 1) == rSign ? 1.0 : -1.0)
  return true
}

// Whether the encoding at `a`, all but its sign, is what stands at `reduced`.
function sameBut(reduced: usize, a: usize): bool {
  store<u8>(reduced, load<u8>(reduced, 31) | (load<u8>(a, 31) & 0x80), 31)
  return equal(reduced, a, 32)
}

// (x, y) of lane 0 as a point.
function affine(out: usize, x: usize, y: usize): void {
  pairSmall(out + ZT, 1.0, 1.0)
  pairMul(work, x, y)
  for (let k: usize = 0; k < LIMBS; k++) {
    setLimb(out, k, i64x2.shuffle(limb(x, k), limb(y, k), 0, 2))
    setLimb(out + ZT, k, i64x2.shuffle(limb(out + ZT, k), limb(work, k), 0, 2))
  }
}

// The odd multiples of `point`, which is then the last of them.
function multiples(table: usize, width: i32): void {
  makeReady(table, point)
  memory.copy(twice, point, POINT) // SAFETY: both hold POINT bytes
  double(twice)
  const step = work + 2 * PAIR
  makeReady(step, twice)
  for (let i = 1; i < 1 << (width - 2); i++) {
    add(point, step, false)
    makeReady(table + POINT * <usize>i, point) // SAFETY: the table holds 2^(width-2) points
  }
}

// point = s·B + h·P, with the table of P's multiples, by sparse digits of both.
function multiplyAdd(s: usize, h: usize): void {
  const top = max(sparseDigits(baseDigits, s, BASE_WIDTH), sparseDigits(keyDigits, h, KEY_WIDTH))
  pairSmall(point, 0.0, 1.0)
  pairSmall(point + ZT, 1.0, 0.0)
  for (let i = top; i >= 0; i--) {
    double(point)
    const ofKey = <i32>load<i8>(keyDigits + i) // SAFETY: i < DIGITS
    if (ofKey != 0) add(point, multiple(keyTable, ofKey), ofKey < 0)
    const ofBase = <i32>load<i8>(baseDigits + i)
    if (ofBase != 0) add(point, multiple(baseTable, ofBase), ofBase < 0)
  }
}

// SAFETY: an odd digit below 2^(width-1) in magnitude names one of 2^(width-2) points.
function multiple(table: usize, digit: i32): usize {
  return table + POINT * <usize>(abs(digit) >> 1)
}

function makeReady(out: usize, p: usize): void {
  const sign0 = v128.load(SIGN_0)
  for (let k: usize = 0; k < LIMBS; k++) setLimb(out, k, differenceAndSum(limb(p, k), sign0))
  pairMul(out + ZT, p + ZT, ready)
}

// Section 5.1.4, complete: also for doubling and the identity. q is ready; `negative` adds its negative. In lanes, a = (A, B) and b = (D, C).
function add(p: usize, q: usize, negative: bool): void {
  const a = work
  const b = work + PAIR
  const sign0 = v128.load(SIGN_0)
  const sign1 = v128.load(SIGN_1)
  for (let k: usize = 0; k < LIMBS; k++) setLimb(a, k, differenceAndSum(limb(p, k), sign0))
  if (negative) for (let k: usize = 0; k < LIMBS; k++) setLimb(b, k, swapped(limb(q, k)))
  pairMul(a, a, negative ? b : q)
  pairMul(b, p + ZT, q + ZT)
  for (let k: usize = 0; k < LIMBS; k++) {
    const eh = differenceAndSum(limb(a, k), sign0)
    let fg = sumAndDifference(limb(b, k), sign1)
    if (!negative) fg = swapped(fg)
    setFactors(p, k, fg, eh)
  }
  finish(p)
}

// Section 5.1.4, all signs turned. In lanes, a = (A, B), b = (Z^2, (X + Y)^2).
function double(p: usize): void {
  const a = work
  const b = work + PAIR
  const sign1 = v128.load(SIGN_1)
  const doubling = v128.load(DOUBLING)
  for (let k: usize = 0; k < LIMBS; k++) {
    const xy = limb(p, k)
    setLimb(b, k, i64x2.shuffle(limb(p + ZT, k), f64x2.add(xy, swapped(xy)), 0, 2))
  }
  pairSquare(a, p)
  pairSquare(b, b)
  for (let k: usize = 0; k < LIMBS; k++) {
    const hg = sumAndDifference(limb(a, k), sign1)
    const fe = f64x2.add(swapped(hg), f64x2.mul(limb(b, k), doubling))
    setFactors(p, k, i64x2.shuffle(fe, hg, 0, 3), i64x2.shuffle(fe, hg, 1, 2))
  }
  finish(p)
}

// From (F, G) and (E, H) the factors of (X, Y) = (E F, G H), in p and work, and of (Z, T) = (F G, E H), in p + ZT and work + PAIR.
// @ts-ignore: decorator
@inline
function setFactors(p: usize, k: usize, fg: v128, eh: v128): void {
  setLimb(p, k, i64x2.shuffle(eh, fg, 0, 3)) // (E, G)
  setLimb(work, k, i64x2.shuffle(fg, eh, 0, 3)) // (F, H)
  setLimb(p + ZT, k, i64x2.shuffle(fg, eh, 0, 2)) // (F, E)
  setLimb(work + PAIR, k, i64x2.shuffle(fg, eh, 1, 3)) // (G, H)
}

function finish(p: usize): void {
  pairMul(p, p, work)
  pairMul(p + ZT, p + ZT, work + PAIR)
}
