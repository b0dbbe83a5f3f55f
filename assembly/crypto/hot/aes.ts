// AES-256's rounds, FIPS 197 section 5.1, on eight blocks in eight planes: a plane's byte is a position of the state, its bit a block.
// CT: logic operations and fixed shuffles only; no table, no branch and no address depends on key or data.
// SAFETY: `at` and `key` name 128 bytes; offsets are constants below that. No static data, as every file of this folder.

const PASS: usize = 128
const ROUNDS: usize = 14 // FIPS 197 section 5, Nk = 8

/** Encrypts eight blocks in place. SAFETY: `key` holds 15 round keys of eight planes, `at` 128 bytes. */
export function hotAesEncrypt8(key: usize, at: usize): void {
  transpose(at)
  addRoundKey(at, key)
  for (let round: usize = 1; round < ROUNDS; round++) {
    subBytes(at)
    linear(at, key + round * PASS)
  }
  subBytes(at)
  lastLinear(at, key + ROUNDS * PASS)
  transpose(at)
}

/** The S-box of 128 bytes in place. */
export function hotAesSubstitute(at: usize): void {
  transpose(at)
  subBytes(at)
  transpose(at)
}

function addRoundKey(at: usize, key: usize): void {
  for (let i: usize = 0; i < PASS; i += 16) v128.store(at + i, v128.xor(v128.load(at + i), v128.load(key + i)))
}

// @ts-ignore: decorator
@inline
function swapMove(a: usize, b: usize, shift: i32, mask: v128): void {
  const x = v128.load(a)
  const y = v128.load(b)
  const t = v128.and(v128.xor(i64x2.shr_u(x, shift), y), mask)
  v128.store(b, v128.xor(y, t))
  v128.store(a, v128.xor(x, i64x2.shl(t, shift)))
}

/** Eight blocks to eight planes, and back: a transposition of 8 by 8 bits in each byte. */
function transpose(at: usize): void {
  const ones = i8x16.splat(0x55)
  const twos = i8x16.splat(0x33)
  const fours = i8x16.splat(0x0f)
  for (let i: usize = 0; i < PASS; i += 32) swapMove(at + i, at + i + 16, 1, ones)
  for (let i: usize = 0; i < 32; i += 16) {
    swapMove(at + i, at + i + 32, 2, twos)
    swapMove(at + i + 64, at + i + 96, 2, twos)
  }
  for (let i: usize = 0; i < 64; i += 16) swapMove(at + i, at + i + 64, 4, fours)
}

// @ts-ignore: decorator
@inline
function shiftRows(x: v128): v128 {
  return i8x16.shuffle(x, x, 0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11)
}

// @ts-ignore: decorator
@inline
function rotateColumns1(x: v128): v128 {
  return i8x16.shuffle(x, x, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12)
}

// @ts-ignore: decorator
@inline
function rotateColumns2(x: v128): v128 {
  return i8x16.shuffle(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
}

// ShiftRows, MixColumns, AddRoundKey: with u = a ^ rot1(a), 2u ^ rot1(a) ^ rot2(u), FIPS 197 section 5.1.3
function linear(at: usize, key: usize): void {
  const a0 = shiftRows(v128.load(at, 0))
  const a1 = shiftRows(v128.load(at, 16))
  const a2 = shiftRows(v128.load(at, 32))
  const a3 = shiftRows(v128.load(at, 48))
  const a4 = shiftRows(v128.load(at, 64))
  const a5 = shiftRows(v128.load(at, 80))
  const a6 = shiftRows(v128.load(at, 96))
  const a7 = shiftRows(v128.load(at, 112))
  const r0 = rotateColumns1(a0)
  const r1 = rotateColumns1(a1)
  const r2 = rotateColumns1(a2)
  const r3 = rotateColumns1(a3)
  const r4 = rotateColumns1(a4)
  const r5 = rotateColumns1(a5)
  const r6 = rotateColumns1(a6)
  const r7 = rotateColumns1(a7)
  const u0 = v128.xor(a0, r0)
  const u1 = v128.xor(a1, r1)
  const u2 = v128.xor(a2, r2)
  const u3 = v128.xor(a3, r3)
  const u4 = v128.xor(a4, r4)
  const u5 = v128.xor(a5, r5)
  const u6 = v128.xor(a6, r6)
  const u7 = v128.xor(a7, r7)
  v128.store(at, v128.xor(v128.xor(v128.load(key, 0), r0), v128.xor(rotateColumns2(u0), u7)), 0)
  v128.store(at, v128.xor(v128.xor(v128.load(key, 16), r1), v128.xor(rotateColumns2(u1), v128.xor(u0, u7))), 16)
  v128.store(at, v128.xor(v128.xor(v128.load(key, 32), r2), v128.xor(rotateColumns2(u2), u1)), 32)
  v128.store(at, v128.xor(v128.xor(v128.load(key, 48), r3), v128.xor(rotateColumns2(u3), v128.xor(u2, u7))), 48)
  v128.store(at, v128.xor(v128.xor(v128.load(key, 64), r4), v128.xor(rotateColumns2(u4), v128.xor(u3, u7))), 64)
  v128.store(at, v128.xor(v128.xor(v128.load(key, 80), r5), v128.xor(rotateColumns2(u5), u4)), 80)
  v128.store(at, v128.xor(v128.xor(v128.load(key, 96), r6), v128.xor(rotateColumns2(u6), u5)), 96)
  v128.store(at, v128.xor(v128.xor(v128.load(key, 112), r7), v128.xor(rotateColumns2(u7), u6)), 112)
}

function lastLinear(at: usize, key: usize): void {
  for (let i: usize = 0; i < PASS; i += 16) v128.store(at + i, v128.xor(shiftRows(v128.load(at + i)), v128.load(key + i)))
}

// The S-box as a circuit: Boyar and Peralta, "A depth-16 circuit for the AES S-box" (2011), their 115 gates; x0 is the top bit.
function subBytes(at: usize): void {
  const x0 = v128.load(at, 112)
  const x1 = v128.load(at, 96)
  const x2 = v128.load(at, 80)
  const x3 = v128.load(at, 64)
  const x4 = v128.load(at, 48)
  const x5 = v128.load(at, 32)
  const x6 = v128.load(at, 16)
  const x7 = v128.load(at, 0)
  const y14 = v128.xor(x3, x5)
  const y13 = v128.xor(x0, x6)
  const y9 = v128.xor(x0, x3)
  const y8 = v128.xor(x0, x5)
  const t0 = v128.xor(x1, x2)
  const y1 = v128.xor(t0, x7)
  const y4 = v128.xor(y1, x3)
  const y12 = v128.xor(y13, y14)
  const y2 = v128.xor(y1, x0)
  const y5 = v128.xor(y1, x6)
  const y3 = v128.xor(y5, y8)
  const t1 = v128.xor(x4, y12)
  const y15 = v128.xor(t1, x5)
  const y20 = v128.xor(t1, x1)
  const y6 = v128.xor(y15, x7)
  const y10 = v128.xor(y15, t0)
  const y11 = v128.xor(y20, y9)
  const y7 = v128.xor(x7, y11)
  const y17 = v128.xor(y10, y11)
  const y19 = v128.xor(y10, y8)
  const y16 = v128.xor(t0, y11)
  const y21 = v128.xor(y13, y16)
  const y18 = v128.xor(x0, y16)
  const t2 = v128.and(y12, y15)
  const t3 = v128.and(y3, y6)
  const t4 = v128.xor(t3, t2)
  const t5 = v128.and(y4, x7)
  const t6 = v128.xor(t5, t2)
  const t7 = v128.and(y13, y16)
  const t8 = v128.and(y5, y1)
  const t9 = v128.xor(t8, t7)
  const t10 = v128.and(y2, y7)
  const t11 = v128.xor(t10, t7)
  const t12 = v128.and(y9, y11)
  const t13 = v128.and(y14, y17)
  const t14 = v128.xor(t13, t12)
  const t15 = v128.and(y8, y10)
  const t16 = v128.xor(t15, t12)
  const t17 = v128.xor(t4, t14)
  const t18 = v128.xor(t6, t16)
  const t19 = v128.xor(t9, t14)
  const t20 = v128.xor(t11, t16)
  const t21 = v128.xor(t17, y20)
  const t22 = v128.xor(t18, y19)
  const t23 = v128.xor(t19, y21)
  const t24 = v128.xor(t20, y18)
  const t25 = v128.xor(t21, t22)
  const t26 = v128.and(t21, t23)
  const t27 = v128.xor(t24, t26)
  const t28 = v128.and(t25, t27)
  const t29 = v128.xor(t28, t22)
  const t30 = v128.xor(t23, t24)
  const t31 = v128.xor(t22, t26)
  const t32 = v128.and(t31, t30)
  const t33 = v128.xor(t32, t24)
  const t34 = v128.xor(t23, t33)
  const t35 = v128.xor(t27, t33)
  const t36 = v128.and(t24, t35)
  const t37 = v128.xor(t36, t34)
  const t38 = v128.xor(t27, t36)
  const t39 = v128.and(t29, t38)
  const t40 = v128.xor(t25, t39)
  const t41 = v128.xor(t40, t37)
  const t42 = v128.xor(t29, t33)
  const t43 = v128.xor(t29, t40)
  const t44 = v128.xor(t33, t37)
  const t45 = v128.xor(t42, t41)
  const z0 = v128.and(t44, y15)
  const z1 = v128.and(t37, y6)
  const z2 = v128.and(t33, x7)
  const z3 = v128.and(t43, y16)
  const z4 = v128.and(t40, y1)
  const z5 = v128.and(t29, y7)
  const z6 = v128.and(t42, y11)
  const z7 = v128.and(t45, y17)
  const z8 = v128.and(t41, y10)
  const z9 = v128.and(t44, y12)
  const z10 = v128.and(t37, y3)
  const z11 = v128.and(t33, y4)
  const z12 = v128.and(t43, y13)
  const z13 = v128.and(t40, y5)
  const z14 = v128.and(t29, y2)
  const z15 = v128.and(t42, y9)
  const z16 = v128.and(t45, y14)
  const z17 = v128.and(t41, y8)
  const t46 = v128.xor(z15, z16)
  const t47 = v128.xor(z10, z11)
  const t48 = v128.xor(z5, z13)
  const t49 = v128.xor(z9, z10)
  const t50 = v128.xor(z2, z12)
  const t51 = v128.xor(z2, z5)
  const t52 = v128.xor(z7, z8)
  const t53 = v128.xor(z0, z3)
  const t54 = v128.xor(z6, z7)
  const t55 = v128.xor(z16, z17)
  const t56 = v128.xor(z12, t48)
  const t57 = v128.xor(t50, t53)
  const t58 = v128.xor(z4, t46)
  const t59 = v128.xor(z3, t54)
  const t60 = v128.xor(t46, t57)
  const t61 = v128.xor(z14, t57)
  const t62 = v128.xor(t52, t58)
  const t63 = v128.xor(t49, t58)
  const t64 = v128.xor(z4, t59)
  const t65 = v128.xor(t61, t62)
  const t66 = v128.xor(z1, t63)
  const t67 = v128.xor(t64, t65)
  const s0 = v128.xor(t59, t63)
  const s3 = v128.xor(t53, t66)
  const s4 = v128.xor(t51, t66)
  const s5 = v128.xor(t47, t65)
  const s6 = v128.xor(t56, t62)
  const s7 = v128.xor(t48, t60)
  const s1 = v128.xor(t64, s3)
  const s2 = v128.xor(t55, t67)
  v128.store(at, s0, 112)
  v128.store(at, v128.not(s1), 96)
  v128.store(at, v128.not(s2), 80)
  v128.store(at, s3, 64)
  v128.store(at, s4, 48)
  v128.store(at, s5, 32)
  v128.store(at, v128.not(s6), 16)
  v128.store(at, v128.not(s7), 0)
}
