// Ed25519 verification, RFC 8032 section 5.1.7, without the cofactor, on encodings: what is not the one encoding of a value is
// refused. Everything here is public (key, message, signature), so time may depend on it. A key of small order is accepted, as
// section 5.1.7 does: under it a signature binds no message, so whoever enrols keys answers for them.
import { equal } from '../mem/bytes'
import {
  FIELD25519, feAdd, feCopy, feFromBytes, feInvert, feMul, feNegate, feOne, fePower22523, feSquare, feSub, feToBytes, feZero
} from './field25519'
import { SHA512_STATE, sha512Final, sha512Init, sha512Update } from './sha512'

export const ED25519_KEY: usize = 32
export const ED25519_SIGNATURE: usize = 64

// A point in extended coordinates, RFC 8032 section 5.1.4: X, Y, Z, T with T = XY/Z
const POINT: usize = 4 * FIELD25519
const Y: usize = FIELD25519
const Z: usize = 2 * FIELD25519
const T: usize = 3 * FIELD25519
const WINDOW: usize = 16

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
// L = 2^252 + 27742317777372353535851937790883648493, the order of the base point
const ORDER = memory.data<u8>([
  0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10
])

const d = memory.data(<i32>FIELD25519, 16)
const d2 = memory.data(<i32>FIELD25519, 16)
const root = memory.data(<i32>FIELD25519, 16)
const work = memory.data(8 * <i32>FIELD25519, 16)
const bytes = memory.data(32, 16)
const point = memory.data(<i32>POINT, 16)
const keyTable = memory.data(<i32>(WINDOW * POINT), 16)
const baseTable = memory.data(<i32>(WINDOW * POINT), 16)
const hash = memory.data(<i32>SHA512_STATE, 16)
const wide = memory.data(64, 16)
const challenge = memory.data(32, 16)
let prepared = false

/** SAFETY: `key` holds 32 bytes, `signature` 64, `message` length. */
export function ed25519Verify(key: usize, message: usize, length: usize, signature: usize): bool {
  prepare()
  if (!below(signature + 32, ORDER)) return false
  if (!decode(point, key)) return false
  feNegate(point, point)
  feNegate(point + T, point + T)
  multiples(keyTable, point)
  sha512Init(hash)
  sha512Update(hash, signature, 32)
  sha512Update(hash, key, 32)
  sha512Update(hash, message, length)
  sha512Final(hash, wide)
  reduce(challenge, wide)
  multiplyAdd(point, signature + 32, challenge)
  encode(bytes, point)
  return equal(bytes, signature, 32)
}

function prepare(): void {
  if (prepared) return
  feFromBytes(d, D_BYTES)
  feAdd(d2, d, d)
  feFromBytes(root, ROOT_BYTES)
  feFromBytes(point, BASE_X)
  feFromBytes(point + Y, BASE_Y)
  feOne(point + Z)
  feMul(point + T, point, point + Y)
  multiples(baseTable, point)
  prepared = true
}

/** out = s·B + h·A, by windows of four bits. */
function multiplyAdd(out: usize, s: usize, h: usize): void {
  identity(out)
  for (let i = 63; i >= 0; i--) {
    for (let j = 0; j < 4; j++) double(out, out)
    const shift: u32 = (i & 1) * 4
    add(out, out, baseTable + POINT * ((<usize>load<u8>(s + (i >> 1)) >> shift) & 15)) // SAFETY: index < 16
    add(out, out, keyTable + POINT * ((<usize>load<u8>(h + (i >> 1)) >> shift) & 15)) // SAFETY: index < 16
  }
}

function multiples(table: usize, one: usize): void {
  identity(table)
  for (let i: usize = 1; i < WINDOW; i++) add(table + i * POINT, table + (i - 1) * POINT, one)
}

function identity(out: usize): void {
  feZero(out)
  feOne(out + Y)
  feOne(out + Z)
  feZero(out + T)
}

// Section 5.1.4, complete: also for doubling and the identity
function add(out: usize, p: usize, q: usize): void {
  const a = work
  const b = work + FIELD25519
  const c = work + 2 * FIELD25519
  const e = work + 3 * FIELD25519
  feSub(a, p + Y, p)
  feSub(e, q + Y, q)
  feMul(a, a, e)
  feAdd(b, p + Y, p)
  feAdd(e, q + Y, q)
  feMul(b, b, e)
  feMul(c, p + T, d2)
  feMul(c, c, q + T)
  feMul(e, p + Z, q + Z)
  feAdd(e, e, e)
  finish(out, a, b, c, e)
}

// E = B - A, F = D - C, G = D + C, H = B + A; X = EF, Y = GH, Z = FG, T = EH
function finish(out: usize, a: usize, b: usize, c: usize, dd: usize): void {
  const e = work + 4 * FIELD25519
  const f = work + 5 * FIELD25519
  const g = work + 6 * FIELD25519
  const h = work + 7 * FIELD25519
  feSub(e, b, a)
  feSub(f, dd, c)
  feAdd(g, dd, c)
  feAdd(h, b, a)
  feMul(out, e, f)
  feMul(out + Y, g, h)
  feMul(out + Z, f, g)
  feMul(out + T, e, h)
}

function double(out: usize, p: usize): void {
  const a = work
  const b = work + FIELD25519
  const c = work + 2 * FIELD25519
  const e = work + 4 * FIELD25519
  const f = work + 5 * FIELD25519
  const g = work + 6 * FIELD25519
  const h = work + 7 * FIELD25519
  feSquare(a, p)
  feSquare(b, p + Y)
  feSquare(c, p + Z)
  feAdd(c, c, c)
  feAdd(h, a, b)
  feAdd(e, p, p + Y)
  feSquare(e, e)
  feSub(e, h, e)
  feSub(g, a, b)
  feAdd(f, c, g)
  feMul(out, e, f)
  feMul(out + Y, g, h)
  feMul(out + Z, f, g)
  feMul(out + T, e, h)
}

function encode(out: usize, p: usize): void {
  feInvert(work, p + Z)
  feMul(work + FIELD25519, p, work)
  feMul(work + 2 * FIELD25519, p + Y, work)
  feToBytes(out, work + FIELD25519)
  const sign = load<u8>(out) & 1
  feToBytes(out, work + 2 * FIELD25519)
  store<u8>(out, load<u8>(out, 31) | (sign << 7), 31)
}

// Section 5.1.3; a y that is not reduced, and x = 0 with the sign bit set, are no encodings.
function decode(out: usize, from: usize): bool {
  const u = work
  const v = work + FIELD25519
  const w = work + 2 * FIELD25519
  const sign = load<u8>(from, 31) >> 7
  feFromBytes(out + Y, from)
  feToBytes(bytes, out + Y)
  store<u8>(bytes, load<u8>(bytes, 31) | (sign << 7), 31)
  if (!equal(bytes, from, 32)) return false
  feOne(out + Z)
  feSquare(u, out + Y)
  feMul(v, u, d)
  feSub(u, u, out + Z) // u = y^2 - 1
  feAdd(v, v, out + Z) // v = d y^2 + 1
  feSquare(w, v)
  feMul(w, w, v) // v^3
  feSquare(out, w)
  feMul(out, out, v) // v^7
  feMul(out, out, u)
  feCopy(work + 3 * FIELD25519, out)
  fePower22523(out, work + 3 * FIELD25519)
  feMul(out, out, w)
  feMul(out, out, u) // x = u v^3 (u v^7)^((p-5)/8)
  feSquare(w, out)
  feMul(w, w, v)
  if (!same(w, u)) {
    feNegate(u, u)
    if (!same(w, u)) return false
    feMul(out, out, root)
  }
  feToBytes(bytes, out)
  const odd = load<u8>(bytes) & 1
  if (sign == 1 && zeroBytes(bytes)) return false
  if (odd != sign) feNegate(out, out)
  feMul(out + T, out, out + Y)
  return true
}

const left = memory.data(32, 16)
const right = memory.data(32, 16)

function same(a: usize, b: usize): bool {
  feToBytes(left, a)
  feToBytes(right, b)
  return equal(left, right, 32)
}

function zeroBytes(a: usize): bool {
  return (load<u64>(a) | load<u64>(a, 8) | load<u64>(a, 16) | load<u64>(a, 24)) == 0
}

// a < b, 32 bytes little-endian
function below(a: usize, b: usize): bool {
  for (let i = 31; i >= 0; i--) {
    const x = load<u8>(a + i)
    const y = load<u8>(b + i)
    if (x != y) return x < y
  }
  return false
}

/** out = wide mod L: bit by bit from the top, 64 bytes in, 32 out. */
function reduce(out: usize, from: usize): void {
  const o0 = load<u64>(ORDER)
  const o1 = load<u64>(ORDER, 8)
  const o3 = load<u64>(ORDER, 24)
  let r0: u64 = 0
  let r1: u64 = 0
  let r2: u64 = 0
  let r3: u64 = 0
  for (let i = 511; i >= 0; i--) {
    r3 = (r3 << 1) | (r2 >> 63)
    r2 = (r2 << 1) | (r1 >> 63)
    r1 = (r1 << 1) | (r0 >> 63)
    r0 = (r0 << 1) | <u64>((load<u8>(from + (i >> 3)) >> (i & 7)) & 1)
    // L's third word is zero
    const less = r3 < o3 || (r3 == o3 && r2 == 0 && (r1 < o1 || (r1 == o1 && r0 < o0)))
    if (less) continue
    const b0 = <u64>(r0 < o0)
    r0 -= o0
    const s1 = r1 - o1
    const b1 = <u64>(r1 < o1) | <u64>(s1 < b0)
    r1 = s1 - b0
    const b2 = <u64>(r2 < b1)
    r2 -= b1
    r3 = r3 - o3 - b2
  }
  store<u64>(out, r0)
  store<u64>(out, r1, 8)
  store<u64>(out, r2, 16)
  store<u64>(out, r3, 24)
}
