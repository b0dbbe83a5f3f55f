// GHASH, SP 800-38D section 6.4, sixteen blocks at a time, by shuffles. A block X times a power of H is, byte i of X being a polynomial
// of degree 7 or less, the sum of x^(8i) * (X_i * H^p). Of X_i * H^p, byte j depends on X_i alone, so that two shuffles of tables of 16
// bytes, one a nibble, give R_j: byte j for all i at once. The product is the sum of the R_j, each moved up j bytes; its upper 15 bytes
// come back by x^128 = x^7 + x^2 + x + 1 (section 6.3; GCM's bit 0 is the top bit of a byte). Sums of several blocks share the R_j.
// CT: tables are read from beginning to end; nibbles of data are indices of shuffles only, never of addresses.
import { swizzle, wipe } from '../mem/simd'

/** Blocks that share one reduction, each with a power of H of its own. */
export const GHASH_BLOCKS: usize = 16
/** A power's tables: for j = 0 to 15, those of the upper and the lower nibble. */
const POWER: usize = 512
const READY: usize = GHASH_BLOCKS * POWER
const H: usize = READY + 16
/** Bytes of a key's state: tables of H^16 down to H^1, how many of them are made, and H. */
export const GHASH_KEY: usize = H + 16

// Byte b at position 16 + t is b * (x^7 + x^2 + x + 1) at t and t + 1: for both nibbles, the byte at t, then the one at t + 1.
const FOLD = memory.data<u8>([
  0x00, 0x1c, 0x38, 0x24, 0x70, 0x6c, 0x48, 0x54, 0xe1, 0xfd, 0xd9, 0xc5, 0x91, 0x8d, 0xa9, 0xb5,
  0x00, 0x01, 0x03, 0x02, 0x07, 0x06, 0x04, 0x05, 0x0e, 0x0f, 0x0d, 0x0c, 0x09, 0x08, 0x0a, 0x0b,
  0x00, 0x20, 0x40, 0x60, 0x80, 0xa0, 0xc0, 0xe0, 0x00, 0x20, 0x40, 0x60, 0x80, 0xa0, 0xc0, 0xe0,
  0x00, 0xc2, 0x84, 0x46, 0x08, 0xca, 0x8c, 0x4e, 0x10, 0xd2, 0x94, 0x56, 0x18, 0xda, 0x9c, 0x5e,
], 16)
// Which nibbles have bit 3, 2, 1, 0
const BITS = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
  0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
  0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff,
  0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff,
], 16)
const R = memory.data(256, 16)
const parts = memory.data(128, 16)

/** SAFETY: `key` holds GHASH_KEY bytes, `h` 16: the cipher's value of the zero block. */
export function ghashKey(key: usize, h: usize): void {
  const power = v128.load(h)
  v128.store(key + H, power)
  makeTables(key + (GHASH_BLOCKS - 1) * POWER, power)
  store<u32>(key + READY, 1)
}

/** Makes the tables of H^1 to H^count, once a key: short messages do without the higher ones. SAFETY: count is 16 at most. */
export function ghashPowers(key: usize, count: u32): void {
  let ready = load<u32>(key + READY)
  if (ready >= count) return
  let power = v128.load(key + H)
  for (; ready < count; ready++) {
    power = multiply(key, power)
    makeTables(key + (GHASH_BLOCKS - 1 - <usize>ready) * POWER, power)
  }
  v128.store(key + H, power)
  store<u32>(key + READY, ready)
}

/** The sum after `count` more blocks. SAFETY: `from` holds count * 16 bytes, count is 1 to 16, ghashPowers(key, count) was called. */
export function ghashBlocks(key: usize, sum: v128, from: usize, count: usize): v128 {
  let tables = key + (GHASH_BLOCKS - count) * POWER
  let first = v128.xor(sum, v128.load(from))
  let fresh = true
  for (; count >= 4; count -= 4, from += 64, tables += 4 * POWER) {
    if (!fresh) first = v128.load(from)
    four(tables, first, v128.load(from, 16), v128.load(from, 32), v128.load(from, 48), fresh)
    fresh = false
  }
  for (; count > 0; count--, from += 16, tables += POWER) {
    if (!fresh) first = v128.load(from)
    one(tables, first, fresh)
    fresh = false
  }
  return reduce()
}

/** Erases what the last call left in scratch. */
export function ghashEnd(): void {
  wipe(R, 256)
}

function multiply(key: usize, x: v128): v128 {
  one(key + (GHASH_BLOCKS - 1) * POWER, x, true)
  return reduce()
}

// @ts-ignore: decorator
@inline
function low(x: v128): v128 {
  return v128.and(x, i8x16.splat(0x0f))
}

// @ts-ignore: decorator
@inline
function high(x: v128): v128 {
  return v128.and(i64x2.shr_u(x, 4), i8x16.splat(0x0f))
}

function four(tables: usize, a: v128, b: v128, c: v128, d: v128, fresh: bool): void {
  const ah = high(a)
  const al = low(a)
  const bh = high(b)
  const bl = low(b)
  const ch = high(c)
  const cl = low(c)
  const dh = high(d)
  const dl = low(d)
  for (let j: usize = 0; j < 256; j += 16, tables += 32) {
    let r = swizzle(v128.load(tables), ah)
    let s = swizzle(v128.load(tables, 16), al)
    r = v128.xor(r, swizzle(v128.load(tables, 512), bh))
    s = v128.xor(s, swizzle(v128.load(tables, 528), bl))
    r = v128.xor(r, swizzle(v128.load(tables, 1024), ch))
    s = v128.xor(s, swizzle(v128.load(tables, 1040), cl))
    r = v128.xor(r, swizzle(v128.load(tables, 1536), dh))
    s = v128.xor(s, swizzle(v128.load(tables, 1552), dl))
    r = v128.xor(r, s)
    if (!fresh) r = v128.xor(r, v128.load(R + j))
    v128.store(R + j, r)
  }
}

function one(tables: usize, x: v128, fresh: bool): void {
  const h = high(x)
  const l = low(x)
  for (let j: usize = 0; j < 256; j += 16, tables += 32) {
    let r = v128.xor(swizzle(v128.load(tables), h), swizzle(v128.load(tables, 16), l))
    if (!fresh) r = v128.xor(r, v128.load(R + j))
    v128.store(R + j, r)
  }
}

// The R_j, each moved up j bytes, and what leaves the block brought back
function reduce(): v128 {
  const z = i64x2.splat(0)
  let r = v128.load(R, 16)
  let lower = v128.xor(v128.load(R), i8x16.shuffle(z, r, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30))
  let upper = i8x16.shuffle(r, z, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30)
  r = v128.load(R, 32)
  lower = v128.xor(lower, i8x16.shuffle(z, r, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29))
  upper = v128.xor(upper, i8x16.shuffle(r, z, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29))
  r = v128.load(R, 48)
  lower = v128.xor(lower, i8x16.shuffle(z, r, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28))
  upper = v128.xor(upper, i8x16.shuffle(r, z, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28))
  r = v128.load(R, 64)
  lower = v128.xor(lower, i8x16.shuffle(z, r, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27))
  upper = v128.xor(upper, i8x16.shuffle(r, z, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27))
  r = v128.load(R, 80)
  lower = v128.xor(lower, i8x16.shuffle(z, r, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26))
  upper = v128.xor(upper, i8x16.shuffle(r, z, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26))
  r = v128.load(R, 96)
  lower = v128.xor(lower, i8x16.shuffle(z, r, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25))
  upper = v128.xor(upper, i8x16.shuffle(r, z, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25))
  r = v128.load(R, 112)
  lower = v128.xor(lower, i8x16.shuffle(z, r, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24))
  upper = v128.xor(upper, i8x16.shuffle(r, z, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24))
  r = v128.load(R, 128)
  lower = v128.xor(lower, i8x16.shuffle(z, r, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23))
  upper = v128.xor(upper, i8x16.shuffle(r, z, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23))
  r = v128.load(R, 144)
  lower = v128.xor(lower, i8x16.shuffle(z, r, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22))
  upper = v128.xor(upper, i8x16.shuffle(r, z, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22))
  r = v128.load(R, 160)
  lower = v128.xor(lower, i8x16.shuffle(z, r, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21))
  upper = v128.xor(upper, i8x16.shuffle(r, z, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21))
  r = v128.load(R, 176)
  lower = v128.xor(lower, i8x16.shuffle(z, r, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20))
  upper = v128.xor(upper, i8x16.shuffle(r, z, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20))
  r = v128.load(R, 192)
  lower = v128.xor(lower, i8x16.shuffle(z, r, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19))
  upper = v128.xor(upper, i8x16.shuffle(r, z, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19))
  r = v128.load(R, 208)
  lower = v128.xor(lower, i8x16.shuffle(z, r, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18))
  upper = v128.xor(upper, i8x16.shuffle(r, z, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18))
  r = v128.load(R, 224)
  lower = v128.xor(lower, i8x16.shuffle(z, r, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17))
  upper = v128.xor(upper, i8x16.shuffle(r, z, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17))
  r = v128.load(R, 240)
  lower = v128.xor(lower, i8x16.shuffle(z, r, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16))
  upper = v128.xor(upper, i8x16.shuffle(r, z, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16))
  const h = high(upper)
  const l = low(upper)
  const here = v128.xor(swizzle(v128.load(FOLD), h), swizzle(v128.load(FOLD, 16), l))
  const next = v128.xor(swizzle(v128.load(FOLD, 32), h), swizzle(v128.load(FOLD, 48), l))
  lower = v128.xor(lower, here)
  return v128.xor(lower, i8x16.shuffle(z, next, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30))
}

// For nibbles n: tables' byte j is byte j of n * H^p, upper nibble as x^0 to x^3, lower as x^4 to x^7.
function makeTables(tables: usize, h: v128): void {
  v128.store(parts, h)
  for (let i: usize = 16; i < 128; i += 16) {
    h = timesX(h)
    v128.store(parts + i, h)
  }
  const eights = v128.load(BITS)
  const fours = v128.load(BITS, 16)
  const twos = v128.load(BITS, 32)
  const ones = v128.load(BITS, 48)
  for (let j: usize = 0; j < 16; j++, tables += 32) {
    for (let half: usize = 0; half < 2; half++) {
      const at = parts + 64 * half + j
      const a = v128.xor(v128.and(v128.load8_splat(at), eights), v128.and(v128.load8_splat(at, 16), fours))
      const b = v128.xor(v128.and(v128.load8_splat(at, 32), twos), v128.and(v128.load8_splat(at, 48), ones))
      v128.store(tables + 16 * half, v128.xor(a, b))
    }
  }
  wipe(parts, 128)
}

// One bit down a string whose bytes are in network order, and what falls out back by 0xe1, section 6.3. CT: a mask.
function timesX(h: v128): v128 {
  const upper = bswap<u64>(<u64>i64x2.extract_lane(h, 0))
  const lower = bswap<u64>(<u64>i64x2.extract_lane(h, 1))
  const back = (0 - (lower & 1)) & 0xe100000000000000
  const u = bswap<u64>((upper >> 1) ^ back)
  const l = bswap<u64>((lower >> 1) | (upper << 63))
  return i64x2.replace_lane(i64x2.splat(<i64>u), 1, <i64>l)
}
