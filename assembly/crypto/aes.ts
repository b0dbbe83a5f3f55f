// AES-256 in counter mode, FIPS 197 and SP 800-38A section 6.5, for GCM's counter blocks: a nonce of 96 bits and a counter of 32.
// Eight blocks at a time in eight planes (hot/aes.ts says how). Of 256 consecutive counters only the last byte changes, so that what
// comes out of round 1 is c1, made once a nonce and 256 blocks, XOR an entry of a table made once a key: 32 entries, one for each group
// of eight counters. The index of the table is the counter, which is public.
// CT: no branch and no address depends on key or data.
import { copy } from '../mem/bytes'
import { wipe } from '../mem/simd'
import { mixColumns, shiftRows, subBytes } from './aes-bytes'
import { subPlanes } from './aes-planes'

export const AES256_KEY: usize = 32
/** What one group encrypts: eight blocks. */
export const AES_GROUP: usize = 128
/** Groups that share a c1. */
const GROUPS: u32 = 32

// A key's state: round keys of rounds 0 and 1 in bytes, of 2 to 14 in planes at 128 * round, then the table.
const FIRST_KEYS: usize = 0
const TABLE: usize = 15 * AES_GROUP
/** Bytes of a key's state. */
export const AES256_STATE: usize = TABLE + <usize>GROUPS * AES_GROUP

// @ts-ignore: decorator
@external('aes', 'hotAes')
declare function hotAes(keys: usize, masks: usize, c1: usize, table: usize, out: usize, from: usize, groups: u32): void

// For n = 0 to 3 ShiftRows that are due, where MixColumns' next and next but one row stand in a row-major plane: 4 * ((row + k) & 3) +
// ((column + k * n) & 3). Then round 14's ShiftRows with the way back to FIPS 197's column-major order, and the three swap masks.
const MASKS = memory.data<u8>([
  4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3,
  8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7,
  5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12, 1, 2, 3, 0,
  10, 11, 8, 9, 14, 15, 12, 13, 2, 3, 0, 1, 6, 7, 4, 5,
  6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2, 3, 0, 1,
  8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7,
  7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14, 3, 0, 1, 2,
  10, 11, 8, 9, 14, 15, 12, 13, 2, 3, 0, 1, 6, 7, 4, 5,
  0, 6, 8, 14, 1, 7, 9, 15, 2, 4, 10, 12, 3, 5, 11, 13,
  0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55,
  0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33,
  0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f,
], 16)

const schedule = memory.data(240, 16)
const c1 = memory.data(<i32>AES_GROUP, 16)
const planes = memory.data(<i32>AES_GROUP, 16)

/** Expands a key. SAFETY: `state` holds AES256_STATE bytes, `key` 32. */
export function aes256Init(state: usize, key: usize): void {
  expand(key)
  v128.store(state + FIRST_KEYS, v128.load(schedule))
  v128.store(state + FIRST_KEYS, v128.load(schedule, 16), 16)
  for (let round: usize = 2; round <= 14; round++) {
    // The last round's key stands in order, as its ShiftRows are done
    let bytes = v128.load(schedule + 16 * round)
    if (round < 14) bytes = shifted(bytes, round & 3)
    bytes = v128.xor(bytes, i8x16.splat(0x63)) // FIPS 197 section 5.1.1: the S-box's constant, which MixColumns leaves as it is
    toPlanes(state + round * AES_GROUP, bytes)
  }
  makeTable(state + TABLE, load<u8>(schedule, 15))
  wipe(schedule, 240)
  wipe(planes, AES_GROUP)
}

/**
 * out = from XOR key stream of counter blocks `nonce ‖ 8 * group` on; `out` may be `from`, but not overlap it otherwise. The calls for
 * a message come in the order of groups, from 0 on, and aes256End after them.
 * SAFETY: nonce 12, `groups` * 128 bytes at `out` and `from`.
 */
export function aes256Stream(state: usize, nonce: usize, group: u32, groups: u32, out: usize, from: usize): void {
  while (groups > 0) {
    const first = group & (GROUPS - 1)
    if (first == 0) begin(state, nonce, group)
    const count = min(groups, GROUPS - first)
    hotAes(state, MASKS, c1, state + TABLE + <usize>first * AES_GROUP, out, from, count)
    out += <usize>count * AES_GROUP
    from += <usize>count * AES_GROUP
    group += count
    groups -= count
  }
}

export function aes256End(): void {
  wipe(c1, AES_GROUP)
}

// FIPS 197 section 5.2, Nk = 8: four words at a time, each the XOR of those before it
function expand(key: usize): void {
  copy(schedule, key, AES256_KEY)
  let constant: u32 = 1 // Rcon
  let a = v128.load(schedule)
  let b = v128.load(schedule, 16)
  for (let i: usize = 32; i < 240; i += 32) {
    let word = subBytes(i8x16.shuffle(b, b, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12))
    word = v128.xor(word, i32x4.splat(constant))
    constant <<= 1
    a = v128.xor(running(a), word)
    v128.store(schedule + i, a)
    if (i == 224) break
    b = v128.xor(running(b), subBytes(i32x4.shuffle(a, a, 3, 3, 3, 3)))
    v128.store(schedule + i, b, 16)
  }
}

// Each word XOR those before it
// @ts-ignore: decorator
@inline
function running(x: v128): v128 {
  const zero = i64x2.splat(0)
  x = v128.xor(x, i32x4.shuffle(zero, x, 0, 4, 5, 6))
  return v128.xor(x, i32x4.shuffle(zero, x, 0, 1, 4, 5))
}

// From FIPS 197's column-major order to rows, `n` ShiftRows behind: byte 4 * row + ((column + n * row) & 3)
function shifted(x: v128, n: usize): v128 {
  x = i8x16.shuffle(x, x, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)
  for (; n > 0; n--) x = i8x16.shuffle(x, x, 0, 1, 2, 3, 7, 4, 5, 6, 10, 11, 8, 9, 13, 14, 15, 12)
  return x
}

// Eight times the same block
function toPlanes(at: usize, x: v128): void {
  for (let bit = 0; bit < 8; bit++, at += 16) {
    const set = v128.and(x, i8x16.splat(<i8>(<i32>1 << bit)))
    v128.store(at, i8x16.ne(set, i8x16.splat(0)))
  }
}

// c1: round 1 of a block whose last byte counts for nothing, in planes one ShiftRows behind
function begin(state: usize, nonce: usize, group: u32): void {
  let x = v128.load64_zero(nonce)
  x = i32x4.replace_lane(x, 2, load<u32>(nonce, 8))
  x = i32x4.replace_lane(x, 3, bswap<u32>(group << 3))
  x = shiftRows(subBytes(v128.xor(x, v128.load(state + FIRST_KEYS))))
  x = i8x16.replace_lane(x, 3, 0) // where ShiftRows puts byte 15
  x = v128.xor(mixColumns(x), v128.load(state + FIRST_KEYS, 16))
  toPlanes(c1, shifted(x, 1))
}

/**
 * What byte 15, whose key is `k`, adds to round 1 for each of its 256 values: to column 0 once, once, three times and twice (MixColumns'
 * last column), at 5 * row in a plane one ShiftRows behind. Two halves of 128 values; a plane's byte is a group, its bit a block.
 */
function makeTable(table: usize, k: u8): void {
  for (let half: u32 = 0; half < 2; half++) {
    for (let bit: u32 = 0; bit < 8; bit++) {
      let values: v128
      if (bit == 0) values = i8x16.splat(<i8>0xaa)
      else if (bit == 1) values = i8x16.splat(<i8>0xcc)
      else if (bit == 2) values = i8x16.splat(<i8>0xf0)
      else if (bit == 3) values = i16x8.splat(<i16>0xff00)
      else if (bit == 4) values = i32x4.splat(0xffff0000)
      else if (bit == 5) values = i64x2.splat(0xffffffff00000000)
      else if (bit == 6) values = i64x2.replace_lane(i64x2.splat(0), 1, -1)
      else values = i64x2.splat(-(<i64>half))
      const keyBit = i8x16.splat(-<i8>((<u32>k >> bit) & 1)) // CT: a mask
      v128.store(planes + (<usize>bit << 4), v128.xor(values, keyBit))
    }
    subPlanes(planes)
    const top = v128.load(planes, 112)
    let below = top
    for (let bit: u32 = 0; bit < 8; bit++) {
      const once = v128.load(planes + (<usize>bit << 4))
      // Times x: bits move up by one, and the top one comes back at 0, 1, 3 and 4
      let twice = bit == 0 ? top : below
      if (bit == 1 || bit == 3 || bit == 4) twice = v128.xor(twice, top)
      below = once
      scatter(table + (<usize>half << 11) + (<usize>bit << 4), once, twice)
    }
  }
}

// Byte i of the vectors to entry i of the table
function scatter(at: usize, once: v128, twice: v128): void {
  const thrice = v128.xor(once, twice)
  const zero = i64x2.splat(0)
  // once ‖ 0 and thrice ‖ twice by pairs, eight entries a vector; then by fours, four entries a vector
  for (let high = 0; high < 2; high++) {
    const a = high == 0 ? unpackLow(once, zero) : unpackHigh(once, zero)
    const b = high == 0 ? unpackLow(thrice, twice) : unpackHigh(thrice, twice)
    at = four(at, i8x16.shuffle(a, b, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23))
    at = four(at, i8x16.shuffle(a, b, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31))
  }
}

// @ts-ignore: decorator
@inline
function unpackLow(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
}

// @ts-ignore: decorator
@inline
function unpackHigh(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
}

// Four entries from (once, 0, thrice, twice) each; byte 1 of a quad is the zero between
function four(at: usize, x: v128): usize {
  v128.store(at, i8x16.shuffle(x, x, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 2, 1, 1, 1, 1, 3))
  v128.store(at, i8x16.shuffle(x, x, 4, 5, 5, 5, 5, 4, 5, 5, 5, 5, 6, 5, 5, 5, 5, 7), 128)
  v128.store(at, i8x16.shuffle(x, x, 8, 9, 9, 9, 9, 8, 9, 9, 9, 9, 10, 9, 9, 9, 9, 11), 256)
  v128.store(at, i8x16.shuffle(x, x, 12, 13, 13, 13, 13, 12, 13, 13, 13, 13, 14, 13, 13, 13, 13, 15), 384)
  return at + 512
}
