// ChaCha20, RFC 8439: one word of four blocks in a vector; long messages eight blocks a pass, by hot/chacha20-pass.ts.
// CT: additions, XORs and rotations by constants only.
import { xor, zeroise } from '../mem/bytes'
import { swizzle } from '../mem/simd'

@external('chacha20-pass', 'hotChacha20Pass')
export declare function hotChacha20Pass(state: usize, tables: usize, out: usize, from: usize, mac: usize, text: usize, count: usize): void

/** Bytes of a state: the 16 words of RFC 8439 section 2.3. */
export const CHACHA20_STATE: usize = 64
export const CHACHA20_KEY: usize = 32
export const CHACHA20_NONCE: usize = 12
export const CHACHA20_BLOCK: usize = 64
/** What chacha20Blocks makes, and what hotChacha20Pass does. */
export const CHACHA20_BLOCKS: usize = 256
export const CHACHA20_PASS: usize = 512

/** What hotChacha20Pass reads: the bytes of words rotated left by 16 and by 8; which block a lane is; how many blocks a vector has. */
export const CHACHA20_TABLES = memory.data<u32>([
  0x01000302, 0x05040706, 0x09080b0a, 0x0d0c0f0e,
  0x02010003, 0x06050407, 0x0a09080b, 0x0e0d0c0f,
  0, 1, 2, 3,
  4, 4, 4, 4
], 16)

const keystream = memory.data(<i32>CHACHA20_BLOCKS, 16)
/** Where hotChacha20Pass may keep the Poly1305 of nothing. */
const idle = memory.data(64, 16)

/** SAFETY: `key` holds 32 bytes, `nonce` 12. */
export function chacha20Init(state: usize, key: usize, nonce: usize, counter: u32): void {
  store<u32>(state, 0x61707865) // "expand 32-byte k", RFC 8439 section 2.3
  store<u32>(state, 0x3320646e, 4)
  store<u32>(state, 0x79622d32, 8)
  store<u32>(state, 0x6b206574, 12)
  v128.store(state, v128.load(key), 16)
  v128.store(state, v128.load(key, 16), 32)
  store<u32>(state, counter, 48)
  store<u32>(state, load<u32>(nonce), 52)
  store<u64>(state, load<u64>(nonce, 4), 56)
}

/** out = in XOR key stream; `out` may be `from`. The state's counter moves on by the blocks that were begun. */
export function chacha20Xor(state: usize, out: usize, from: usize, length: usize): void {
  for (; length >= CHACHA20_PASS; length -= CHACHA20_PASS, out += CHACHA20_PASS, from += CHACHA20_PASS)
    hotChacha20Pass(state, CHACHA20_TABLES, out, from, idle, 0, 0)
  while (length > 0) {
    const taken = min(length, CHACHA20_BLOCKS)
    chacha20Blocks(state, keystream)
    store<u32>(state, load<u32>(state, 48) + <u32>((taken + 63) / 64), 48)
    xor(out, from, keystream, taken)
    length -= taken
    out += taken
    from += taken
  }
  zeroise(keystream, CHACHA20_BLOCKS)
}

// @ts-ignore: decorator
@inline
function rotate12(x: v128): v128 {
  return v128.or(i32x4.shl(x, 12), i32x4.shr_u(x, 20))
}

// @ts-ignore: decorator
@inline
function rotate7(x: v128): v128 {
  return v128.or(i32x4.shl(x, 7), i32x4.shr_u(x, 25))
}

// Words 4i..4i+3 of four blocks, from one vector a word to one vector a block.
// @ts-ignore: decorator
@inline
function transpose(out: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab = v128.shuffle<u32>(a, b, 0, 4, 1, 5)
  const AB = v128.shuffle<u32>(a, b, 2, 6, 3, 7)
  const cd = v128.shuffle<u32>(c, d, 0, 4, 1, 5)
  const CD = v128.shuffle<u32>(c, d, 2, 6, 3, 7)
  v128.store(out, v128.shuffle<u64>(ab, cd, 0, 2))
  v128.store(out, v128.shuffle<u64>(ab, cd, 1, 3), 64)
  v128.store(out, v128.shuffle<u64>(AB, CD, 0, 2), 128)
  v128.store(out, v128.shuffle<u64>(AB, CD, 1, 3), 192)
}

/** 256 bytes of key stream from the state's counter on, which stays. SAFETY: `out` holds 256 bytes. */
export function chacha20Blocks(state: usize, out: usize): void {
  const by16 = v128.load(CHACHA20_TABLES)
  const by8 = v128.load(CHACHA20_TABLES, 16)
  let x0 = v128.load32_splat(state, 0)
  let x1 = v128.load32_splat(state, 4)
  let x2 = v128.load32_splat(state, 8)
  let x3 = v128.load32_splat(state, 12)
  let x4 = v128.load32_splat(state, 16)
  let x5 = v128.load32_splat(state, 20)
  let x6 = v128.load32_splat(state, 24)
  let x7 = v128.load32_splat(state, 28)
  let x8 = v128.load32_splat(state, 32)
  let x9 = v128.load32_splat(state, 36)
  let x10 = v128.load32_splat(state, 40)
  let x11 = v128.load32_splat(state, 44)
  const counters = i32x4.add(v128.load32_splat(state, 48), v128.load(CHACHA20_TABLES, 32))
  let x12 = counters
  let x13 = v128.load32_splat(state, 52)
  let x14 = v128.load32_splat(state, 56)
  let x15 = v128.load32_splat(state, 60)
  for (let i = 0; i < 10; i++) {
    x0 = i32x4.add(x0, x4)
    x1 = i32x4.add(x1, x5)
    x2 = i32x4.add(x2, x6)
    x3 = i32x4.add(x3, x7)
    x12 = swizzle(v128.xor(x12, x0), by16)
    x13 = swizzle(v128.xor(x13, x1), by16)
    x14 = swizzle(v128.xor(x14, x2), by16)
    x15 = swizzle(v128.xor(x15, x3), by16)
    x8 = i32x4.add(x8, x12)
    x9 = i32x4.add(x9, x13)
    x10 = i32x4.add(x10, x14)
    x11 = i32x4.add(x11, x15)
    x4 = rotate12(v128.xor(x4, x8))
    x5 = rotate12(v128.xor(x5, x9))
    x6 = rotate12(v128.xor(x6, x10))
    x7 = rotate12(v128.xor(x7, x11))
    x0 = i32x4.add(x0, x4)
    x1 = i32x4.add(x1, x5)
    x2 = i32x4.add(x2, x6)
    x3 = i32x4.add(x3, x7)
    x12 = swizzle(v128.xor(x12, x0), by8)
    x13 = swizzle(v128.xor(x13, x1), by8)
    x14 = swizzle(v128.xor(x14, x2), by8)
    x15 = swizzle(v128.xor(x15, x3), by8)
    x8 = i32x4.add(x8, x12)
    x9 = i32x4.add(x9, x13)
    x10 = i32x4.add(x10, x14)
    x11 = i32x4.add(x11, x15)
    x4 = rotate7(v128.xor(x4, x8))
    x5 = rotate7(v128.xor(x5, x9))
    x6 = rotate7(v128.xor(x6, x10))
    x7 = rotate7(v128.xor(x7, x11))
    x0 = i32x4.add(x0, x5)
    x1 = i32x4.add(x1, x6)
    x2 = i32x4.add(x2, x7)
    x3 = i32x4.add(x3, x4)
    x15 = swizzle(v128.xor(x15, x0), by16)
    x12 = swizzle(v128.xor(x12, x1), by16)
    x13 = swizzle(v128.xor(x13, x2), by16)
    x14 = swizzle(v128.xor(x14, x3), by16)
    x10 = i32x4.add(x10, x15)
    x11 = i32x4.add(x11, x12)
    x8 = i32x4.add(x8, x13)
    x9 = i32x4.add(x9, x14)
    x5 = rotate12(v128.xor(x5, x10))
    x6 = rotate12(v128.xor(x6, x11))
    x7 = rotate12(v128.xor(x7, x8))
    x4 = rotate12(v128.xor(x4, x9))
    x0 = i32x4.add(x0, x5)
    x1 = i32x4.add(x1, x6)
    x2 = i32x4.add(x2, x7)
    x3 = i32x4.add(x3, x4)
    x15 = swizzle(v128.xor(x15, x0), by8)
    x12 = swizzle(v128.xor(x12, x1), by8)
    x13 = swizzle(v128.xor(x13, x2), by8)
    x14 = swizzle(v128.xor(x14, x3), by8)
    x10 = i32x4.add(x10, x15)
    x11 = i32x4.add(x11, x12)
    x8 = i32x4.add(x8, x13)
    x9 = i32x4.add(x9, x14)
    x5 = rotate7(v128.xor(x5, x10))
    x6 = rotate7(v128.xor(x6, x11))
    x7 = rotate7(v128.xor(x7, x8))
    x4 = rotate7(v128.xor(x4, x9))
  }
  x0 = i32x4.add(x0, v128.load32_splat(state, 0))
  x1 = i32x4.add(x1, v128.load32_splat(state, 4))
  x2 = i32x4.add(x2, v128.load32_splat(state, 8))
  x3 = i32x4.add(x3, v128.load32_splat(state, 12))
  x4 = i32x4.add(x4, v128.load32_splat(state, 16))
  x5 = i32x4.add(x5, v128.load32_splat(state, 20))
  x6 = i32x4.add(x6, v128.load32_splat(state, 24))
  x7 = i32x4.add(x7, v128.load32_splat(state, 28))
  x8 = i32x4.add(x8, v128.load32_splat(state, 32))
  x9 = i32x4.add(x9, v128.load32_splat(state, 36))
  x10 = i32x4.add(x10, v128.load32_splat(state, 40))
  x11 = i32x4.add(x11, v128.load32_splat(state, 44))
  x12 = i32x4.add(x12, counters)
  x13 = i32x4.add(x13, v128.load32_splat(state, 52))
  x14 = i32x4.add(x14, v128.load32_splat(state, 56))
  x15 = i32x4.add(x15, v128.load32_splat(state, 60))
  transpose(out + 0, x0, x1, x2, x3)
  transpose(out + 16, x4, x5, x6, x7)
  transpose(out + 32, x8, x9, x10, x11)
  transpose(out + 48, x12, x13, x14, x15)
}
