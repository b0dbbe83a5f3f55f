// ECDSA verification on P-384, FIPS 186-5 section 6.4.2, over a digest of 48 bytes; the curve is SP 800-186's, section 3.2.1.4. Everything here is
// public (key, digest, signature), so time depends on it: sparse digits, early refusals. (r, N - s) is accepted beside (r, s), as ECDSA
// has it. Jacobian coordinates: (X, Y, Z) is the point (X/Z^2, Y/Z^3).
import { FIELD, laneIsZero, LIMBS, limb, PAIR, pairFromBytes, pairMul, pairSettle, pairSquare, setLimb } from './field384'
import {
  DIGITS384, invertScalar, isScalar384, multiplyScalar, plusOrder, SCALAR, scalarFromBytes, scalarToBytes, sparseDigits384
} from './scalar384'

// SEC 1 section 2.3.3: an uncompressed point is 04 X Y
const UNCOMPRESSED: u8 = 4
// Of odd multiples, from 1 to 2^(width-1) - 1: eight of a key, for each signature, and 32 of the base point, once.
const KEY_WIDTH = 5
const BASE_WIDTH = 7
// A point ready to be added: (X, Y), (Z^2, Z^3) and Z in lane 0
const READY: usize = 3 * PAIR

// p, SP 800-186 section 3.2.1.4, as words that compare in order
const PRIME = memory.data<u64>([
  0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff, 0xfffffffffffffffe, 0xffffffff00000000, 0x00000000ffffffff
])
const B = memory.data<u8>([
  0xb3, 0x31, 0x2f, 0xa7, 0xe2, 0x3e, 0xe7, 0xe4, 0x98, 0x8e, 0x05, 0x6b, 0xe3, 0xf8, 0x2d, 0x19,
  0x18, 0x1d, 0x9c, 0x6e, 0xfe, 0x81, 0x41, 0x12, 0x03, 0x14, 0x08, 0x8f, 0x50, 0x13, 0x87, 0x5a,
  0xc6, 0x56, 0x39, 0x8d, 0x8a, 0x2e, 0xd1, 0x9d, 0x2a, 0x85, 0xc8, 0xed, 0xd3, 0xec, 0x2a, 0xef
])
// The base point, X and Y
const BASE = memory.data<u8>([
  0xaa, 0x87, 0xca, 0x22, 0xbe, 0x8b, 0x05, 0x37, 0x8e, 0xb1, 0xc7, 0x1e, 0xf3, 0x20, 0xad, 0x74,
  0x6e, 0x1d, 0x3b, 0x62, 0x8b, 0xa7, 0x9b, 0x98, 0x59, 0xf7, 0x41, 0xe0, 0x82, 0x54, 0x2a, 0x38,
  0x55, 0x02, 0xf2, 0x5d, 0xbf, 0x55, 0x29, 0x6c, 0x3a, 0x54, 0x5e, 0x38, 0x72, 0x76, 0x0a, 0xb7,
  0x36, 0x17, 0xde, 0x4a, 0x96, 0x26, 0x2c, 0x6f, 0x5d, 0x9e, 0x98, 0xbf, 0x92, 0x92, 0xdc, 0x29,
  0xf8, 0xf4, 0x1d, 0xbd, 0x28, 0x9a, 0x14, 0x7c, 0xe9, 0xda, 0x31, 0x13, 0xb5, 0xf0, 0xb8, 0xc0,
  0x0a, 0x60, 0xb1, 0xce, 0x1d, 0x7e, 0x81, 0x9d, 0x7a, 0x43, 0x1d, 0x7c, 0x90, 0xea, 0x0e, 0x5f
])
// Negates lane 1
const SIGN_1 = memory.data<u64>([0, 0x8000000000000000], 16)
const NO_SIGN = memory.data<u64>([0, 0], 16)

const xz = memory.data(<i32>PAIR, 16) // the running point: (X, Z)
const yy = memory.data(<i32>PAIR, 16) // (Y, Y)
let infinite = true
const a = memory.data(<i32>PAIR, 16)
const b = memory.data(<i32>PAIR, 16)
const c = memory.data(<i32>PAIR, 16)
const d = memory.data(<i32>PAIR, 16)
const hr = memory.data(<i32>PAIR, 16)
const step = memory.data(<i32>READY, 16)
const keyTable = memory.data(<i32>READY << (KEY_WIDTH - 2), 16)
const baseTable = memory.data(<i32>READY << (BASE_WIDTH - 2), 16)
const keyDigits = memory.data(DIGITS384, 16)
const baseDigits = memory.data(DIGITS384, 16)
const r = memory.data(<i32>SCALAR, 16)
const s = memory.data(<i32>SCALAR, 16)
const e = memory.data(<i32>SCALAR, 16)
const quotient = memory.data(<i32>SCALAR, 16)
const ofBase = memory.data(<i32>SCALAR, 16)
const ofKey = memory.data(<i32>SCALAR, 16)
const encoded = memory.data(<i32>FIELD, 16)
let prepared = false

/** SAFETY: `key` holds 97 bytes, an uncompressed point, `digest` 48, `signature` r and s of 48 each, big-endian. */
export function p384Verify(key: usize, digest: usize, signature: usize): bool {
  prepare()
  scalarFromBytes(r, signature)
  scalarFromBytes(s, signature + SCALAR)
  if (!isScalar384(r) || !isScalar384(s)) return false
  if (load<u8>(key) != UNCOMPRESSED || !decode(key + 1)) return false
  multiples(keyTable, KEY_WIDTH)
  scalarFromBytes(e, digest)
  invertScalar(quotient, s)
  multiplyScalar(ofBase, quotient, e)
  multiplyScalar(ofKey, quotient, r)
  multiplyAdd()
  if (infinite) return false
  if (isX(signature)) return true
  // x modulo N is r also where x is r + N, if that is below p
  if (plusOrder(quotient, r)) return false
  scalarToBytes(encoded, quotient)
  return isReduced(encoded) && isX(encoded)
}

function prepare(): void {
  if (prepared) return
  decode(BASE)
  multiples(baseTable, BASE_WIDTH)
  prepared = true
}

// The point at `from`, X and Y, as the running one; false where they are not below p, or it is not on the curve: Y^2 = X^3 - 3 X + B.
function decode(from: usize): bool {
  if (!isReduced(from) || !isReduced(from + FIELD)) return false
  pairFromBytes(a, from, from + FIELD)
  for (let k: usize = 0; k < LIMBS; k++) {
    const xy = limb(a, k)
    setLimb(xz, k, f64x2.replace_lane(xy, 1, k == 0 ? 1.0 : 0.0))
    setLimb(yy, k, i64x2.shuffle(xy, xy, 1, 1))
  }
  infinite = false
  pairSquare(b, a) // (X^2, Y^2)
  pairFromBytes(d, B, B)
  pairMul(c, a, b) // X^3 in lane 0
  const three = f64x2.splat(3)
  for (let k: usize = 0; k < LIMBS; k++) {
    const square = limb(b, k)
    const right = f64x2.add(f64x2.sub(limb(c, k), f64x2.mul(limb(a, k), three)), limb(d, k))
    setLimb(c, k, f64x2.sub(right, i64x2.shuffle(square, square, 1, 1)))
  }
  pairSettle(c, c)
  return laneIsZero(c, 0)
}

// Whether FIELD bytes, big-endian, are below p.
function isReduced(at: usize): bool {
  for (let i: usize = 0; i < FIELD; i += 8) {
    const word = bswap<u64>(load<u64>(at + i)) // SAFETY: i <= 40
    const bound = load<u64>(PRIME + i)
    if (word != bound) return word < bound
  }
  return false
}

// Whether the encoding at `at` is the running point's X/Z^2.
function isX(at: usize): bool {
  pairFromBytes(a, at, at)
  for (let k: usize = 0; k < LIMBS; k++) {
    const p = limb(xz, k)
    setLimb(b, k, i64x2.shuffle(p, p, 1, 1))
  }
  pairSquare(b, b)
  pairMul(a, a, b)
  for (let k: usize = 0; k < LIMBS; k++) setLimb(a, k, f64x2.sub(limb(a, k), limb(xz, k)))
  pairSettle(a, a)
  return laneIsZero(a, 0)
}

// The odd multiples of the running point P, which is then the last of them: 2 P + P, and from there on 2 P more each.
function multiples(table: usize, width: i32): void {
  makeReady(table)
  double()
  makeReady(step)
  for (let i = 1; i < 1 << (width - 2); i++) {
    add(i == 1 ? table : step, false)
    makeReady(table + READY * <usize>i) // SAFETY: the table holds 2^(width-2) points
  }
}

function makeReady(out: usize): void {
  for (let k: usize = 0; k < LIMBS; k++) {
    const p = limb(xz, k)
    setLimb(a, k, i64x2.shuffle(p, p, 1, 1))
    setLimb(out + 2 * PAIR, k, i64x2.shuffle(p, p, 1, 1))
    setLimb(out, k, i64x2.shuffle(p, limb(yy, k), 0, 2))
  }
  pairSquare(b, a)
  pairMul(a, a, b)
  for (let k: usize = 0; k < LIMBS; k++) setLimb(out + PAIR, k, i64x2.shuffle(limb(b, k), limb(a, k), 0, 2))
}

// The running point = ofBase G + ofKey Q, by sparse digits of both.
function multiplyAdd(): void {
  const top = max(sparseDigits384(baseDigits, ofBase, BASE_WIDTH), sparseDigits384(keyDigits, ofKey, KEY_WIDTH))
  infinite = true
  for (let i = top; i >= 0; i--) {
    if (!infinite) double()
    const keyDigit = <i32>load<i8>(keyDigits + i) // SAFETY: i < DIGITS384
    if (keyDigit != 0) add(multiple(keyTable, keyDigit), keyDigit < 0)
    const baseDigit = <i32>load<i8>(baseDigits + i)
    if (baseDigit != 0) add(multiple(baseTable, baseDigit), baseDigit < 0)
  }
}

// SAFETY: an odd digit below 2^(width-1) in magnitude names one of 2^(width-2) points.
function multiple(table: usize, digit: i32): usize {
  return table + READY * <usize>(abs(digit) >> 1)
}

// Doubling for a curve of -3, by Bernstein's formulas of 2001, two products at a time. With D = Z^2, G = Y^2, U = X G and
// V = (X - D)(X + D): X' = 9 V^2 - 8 U, Z' = (Y + Z)^2 - G - D, Y' = 3 V (4 U - X') - 8 G^2. Never infinite: the order is odd.
function double(): void {
  for (let k: usize = 0; k < LIMBS; k++) setLimb(a, k, i64x2.shuffle(limb(xz, k), limb(yy, k), 1, 2))
  pairSquare(a, a) // (D, G)
  for (let k: usize = 0; k < LIMBS; k++) {
    const gd = i64x2.shuffle(limb(a, k), limb(a, k), 1, 0)
    const x = i64x2.shuffle(limb(xz, k), limb(xz, k), 0, 0)
    setLimb(b, k, i64x2.shuffle(x, f64x2.sub(x, gd), 0, 3))
    setLimb(c, k, i64x2.shuffle(gd, f64x2.add(x, gd), 0, 3))
  }
  pairMul(b, b, c) // (U, V)
  for (let k: usize = 0; k < LIMBS; k++)
    setLimb(c, k, i64x2.shuffle(limb(b, k), f64x2.add(limb(xz, k), limb(yy, k)), 1, 3))
  pairSquare(c, c) // (V^2, (Y + Z)^2)
  const nine = f64x2.replace_lane(f64x2.splat(9), 1, 1.0)
  const eight = f64x2.splat(8)
  for (let k: usize = 0; k < LIMBS; k++) {
    const dg = limb(a, k)
    const sum = f64x2.add(dg, i64x2.shuffle(dg, dg, 1, 0))
    const less = i64x2.shuffle(f64x2.mul(limb(b, k), eight), sum, 0, 3)
    setLimb(c, k, f64x2.sub(f64x2.mul(limb(c, k), nine), less))
  }
  pairSettle(xz, c)
  const four = f64x2.splat(4)
  for (let k: usize = 0; k < LIMBS; k++) {
    const uv = limb(b, k)
    const dg = limb(a, k)
    setLimb(c, k, i64x2.shuffle(f64x2.sub(f64x2.mul(uv, four), limb(xz, k)), dg, 0, 3))
    setLimb(b, k, i64x2.shuffle(uv, dg, 1, 3))
  }
  pairMul(b, b, c) // (V (4 U - X'), G^2)
  const factors = f64x2.replace_lane(f64x2.splat(3), 1, -8.0)
  for (let k: usize = 0; k < LIMBS; k++) {
    const terms = f64x2.mul(limb(b, k), factors)
    setLimb(b, k, f64x2.add(terms, i64x2.shuffle(terms, terms, 1, 0)))
  }
  pairSettle(yy, b)
}

// The running point plus the ready q, or less it. With U = X1 Z2^2, S = Y1 Z2^3, H = X2 Z1^2 - U, R = Y2 Z1^3 - S, V = U H^2:
// X' = R^2 - H^3 - 2 V, Y' = R (V - X') - S H^3, Z' = Z1 Z2 H. Where H is 0 the two are equal or opposite.
function add(q: usize, negative: bool): void {
  const sign = v128.load(negative ? SIGN_1 : NO_SIGN)
  if (infinite) {
    for (let k: usize = 0; k < LIMBS; k++) {
      const xy = v128.xor(limb(q, k), sign)
      setLimb(xz, k, i64x2.shuffle(xy, limb(q + 2 * PAIR, k), 0, 2))
      setLimb(yy, k, i64x2.shuffle(xy, xy, 1, 1))
    }
    infinite = false
    return
  }
  for (let k: usize = 0; k < LIMBS; k++) {
    const p = limb(xz, k)
    setLimb(a, k, i64x2.shuffle(p, p, 1, 1))
    setLimb(b, k, i64x2.shuffle(p, v128.xor(limb(q, k), sign), 1, 3))
  }
  pairMul(b, a, b) // (Z1^2, Y2 Z1)
  for (let k: usize = 0; k < LIMBS; k++) {
    const p = limb(b, k)
    setLimb(a, k, i64x2.shuffle(p, p, 0, 0))
    setLimb(b, k, i64x2.shuffle(limb(q, k), p, 0, 3))
  }
  pairMul(a, a, b) // (X2 Z1^2, Y2 Z1^3)
  for (let k: usize = 0; k < LIMBS; k++) setLimb(b, k, i64x2.shuffle(limb(xz, k), limb(yy, k), 0, 2))
  pairMul(b, b, q + PAIR) // (U, S)
  for (let k: usize = 0; k < LIMBS; k++) setLimb(a, k, f64x2.sub(limb(a, k), limb(b, k)))
  pairSettle(hr, a)
  if (laneIsZero(hr, 0)) {
    if (laneIsZero(hr, 1)) double()
    else infinite = true
    return
  }
  for (let k: usize = 0; k < LIMBS; k++) {
    const h = limb(hr, k)
    setLimb(a, k, i64x2.shuffle(h, limb(xz, k), 0, 3))
    setLimb(c, k, i64x2.shuffle(h, limb(q + 2 * PAIR, k), 0, 2))
  }
  pairMul(c, a, c) // (H^2, Z1 Z2)
  for (let k: usize = 0; k < LIMBS; k++) {
    const square = limb(c, k)
    setLimb(a, k, i64x2.shuffle(limb(hr, k), limb(b, k), 0, 2))
    setLimb(d, k, i64x2.shuffle(square, square, 0, 0))
  }
  pairMul(a, a, d) // (H^3, V)
  for (let k: usize = 0; k < LIMBS; k++) {
    const h = limb(hr, k)
    setLimb(b, k, i64x2.shuffle(h, limb(b, k), 1, 3))
    setLimb(d, k, i64x2.shuffle(h, limb(a, k), 1, 2))
  }
  pairMul(b, b, d) // (R^2, S H^3)
  for (let k: usize = 0; k < LIMBS; k++) {
    const h = limb(hr, k)
    const hv = limb(a, k)
    const v = i64x2.shuffle(hv, hv, 1, 0)
    const x = f64x2.sub(f64x2.sub(limb(b, k), hv), f64x2.add(v, v))
    setLimb(d, k, x)
    setLimb(c, k, i64x2.shuffle(h, limb(c, k), 1, 3))
    setLimb(a, k, i64x2.shuffle(f64x2.sub(v, x), h, 0, 2))
  }
  pairMul(a, a, c) // (R (V - X'), Z')
  for (let k: usize = 0; k < LIMBS; k++) {
    const t = limb(b, k)
    const y = f64x2.sub(limb(a, k), i64x2.shuffle(t, t, 1, 0))
    setLimb(d, k, i64x2.shuffle(limb(d, k), y, 0, 2))
  }
  pairSettle(d, d)
  for (let k: usize = 0; k < LIMBS; k++) {
    const xy = limb(d, k)
    setLimb(xz, k, i64x2.shuffle(xy, limb(a, k), 0, 3))
    setLimb(yy, k, i64x2.shuffle(xy, xy, 1, 1))
  }
}
