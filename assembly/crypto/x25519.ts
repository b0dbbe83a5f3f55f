// X25519, RFC 7748 section 5. CT: a Montgomery ladder of 255 equal steps; the scalar's bits choose by masks.
import { copy, isZero, zeroise } from '../mem/bytes'
import { FIELD25519, feAdd, feCopy, feFromBytes, feInvert, feMul, feMulSmall, feOne, feSquare, feSub, feSwap, feToBytes, feZero } from './field25519'

export const X25519_KEY: usize = 32
/** (486662 - 2) / 4, RFC 7748 section 5. */
const A24 = 121665

const scalar = memory.data(32, 16)
const basePoint = memory.data<u8>([
  9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
])
const fields = memory.data(9 * <i32>FIELD25519, 16)

/** out = scalar · point. @returns false where the result is all zeros: a point of low order (RFC 7748 section 6.1). */
export function x25519(out: usize, secret: usize, point: usize): bool {
  const x1 = fields
  const x2 = fields + FIELD25519
  const z2 = fields + 2 * FIELD25519
  const x3 = fields + 3 * FIELD25519
  const z3 = fields + 4 * FIELD25519
  const a = fields + 5 * FIELD25519
  const b = fields + 6 * FIELD25519
  const c = fields + 7 * FIELD25519
  const d = fields + 8 * FIELD25519
  copy(scalar, secret, 32)
  // Clamping, RFC 7748 section 5
  store<u8>(scalar, load<u8>(scalar) & 248)
  store<u8>(scalar, (load<u8>(scalar, 31) & 127) | 64, 31)
  feFromBytes(x1, point)
  feOne(x2)
  feZero(z2)
  feCopy(x3, x1)
  feOne(z3)
  let swap: u32 = 0
  for (let i = 254; i >= 0; i--) {
    const bit = <u32>(load<u8>(scalar + (i >> 3)) >> (i & 7)) & 1
    feSwap(x2, x3, swap ^ bit)
    feSwap(z2, z3, swap ^ bit)
    swap = bit
    feAdd(a, x2, z2)
    feSub(b, x2, z2)
    feAdd(c, x3, z3)
    feSub(d, x3, z3)
    feMul(d, d, a) // DA
    feMul(c, c, b) // CB
    feAdd(x3, d, c)
    feSquare(x3, x3)
    feSub(z3, d, c)
    feSquare(z3, z3)
    feMul(z3, z3, x1)
    feSquare(a, a) // AA
    feSquare(b, b) // BB
    feMul(x2, a, b)
    feSub(b, a, b) // E
    feMulSmall(c, b, A24)
    feAdd(c, c, a)
    feMul(z2, b, c)
  }
  feSwap(x2, x3, swap)
  feSwap(z2, z3, swap)
  feInvert(z2, z2)
  feMul(x2, x2, z2)
  feToBytes(out, x2)
  zeroise(scalar, 32)
  zeroise(fields, 9 * FIELD25519)
  return !isZero(out, 32)
}

/** The public key of a secret one. */
export function x25519Base(out: usize, secret: usize): void {
  x25519(out, secret, basePoint)
}
