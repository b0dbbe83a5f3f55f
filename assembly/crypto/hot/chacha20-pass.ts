// Eight blocks of ChaCha20 (RFC 8439 section 2.3) beside up to forty blocks of Poly1305 (section 2.5). Vectors are bound by the length
// of their chains, and leave the integer units idle: what Poly1305 does there is nearly free. The order of statements is the point: two
// quarter rounds of four blocks, then two that do not wait for them, and a block of Poly1305 after every four.
// CT: additions, XORs, multiplications and rotations by constants; what is branched on are counts.
import { swizzle } from '../../mem/simd'

// Three limbs of 32 bits and one of 34, so that the bit of a whole block, 2^128, and the carry over 2^130 have their place.
// @ts-ignore: decorator
@inline
const LIMB: u64 = 0xffffffff
// @ts-ignore: decorator
@inline
const LAST_LIMB: u64 = 0x3ffffffff
// @ts-ignore: decorator
@inline
const WHOLE: u64 = 0x100000000 // 2^128 in the last limb, RFC 8439 section 2.5: the byte 1 after a whole block

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

// Words 4i..4i+3 of four blocks, from one vector a word to one vector a block, over the message.
// @ts-ignore: decorator
@inline
function cover(out: usize, from: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab = v128.shuffle<u32>(a, b, 0, 4, 1, 5)
  const AB = v128.shuffle<u32>(a, b, 2, 6, 3, 7)
  const cd = v128.shuffle<u32>(c, d, 0, 4, 1, 5)
  const CD = v128.shuffle<u32>(c, d, 2, 6, 3, 7)
  v128.store(out, v128.xor(v128.load(from), v128.shuffle<u64>(ab, cd, 0, 2)))
  v128.store(out, v128.xor(v128.load(from, 64), v128.shuffle<u64>(ab, cd, 1, 3)), 64)
  v128.store(out, v128.xor(v128.load(from, 128), v128.shuffle<u64>(AB, CD, 0, 2)), 128)
  v128.store(out, v128.xor(v128.load(from, 192), v128.shuffle<u64>(AB, CD, 1, 3)), 192)
}

/**
 * out = from XOR 512 bytes of key stream, whose counter moves on by 8; and `count` blocks at `text`, 40 at most, go into `mac`.
 * `out` may be `from`. All of `text` is read before `out` is written. Poly1305 keeps h below (2.25, 2, 2, 5) · 2^32: with r clamped,
 * no sum of products reaches 13.6 · 2^60, so that carries go one limb on, all at once.
 * SAFETY: `state` holds 64 bytes, `tables` 64, `out` and `from` 512, `mac` 64 and `text` 16 · count.
 */
export function hotChacha20Pass(state: usize, tables: usize, out: usize, from: usize, mac: usize, text: usize, count: usize): void {
  const by16 = v128.load(tables)
  const by8 = v128.load(tables, 16)
  const r0 = load<u64>(mac)
  const r1 = load<u64>(mac, 8)
  const r2 = load<u64>(mac, 16)
  const r3 = load<u64>(mac, 24)
  const s1 = r1 + (r1 >> 2)
  const s2 = r2 + (r2 >> 2)
  const s3 = r3 + (r3 >> 2)
  let h0 = load<u64>(mac, 32)
  let h1 = load<u64>(mac, 40)
  let h2 = load<u64>(mac, 48)
  let h3 = load<u64>(mac, 56)
  let d0: u64 = 0
  let d1: u64 = 0
  let d2: u64 = 0
  let d3: u64 = 0
  const xCounter = i32x4.add(v128.load32_splat(state, 48), v128.load(tables, 32))
  const yCounter = i32x4.add(xCounter, v128.load(tables, 48))
  let x0 = v128.load32_splat(state)
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
  let x12 = xCounter
  let x13 = v128.load32_splat(state, 52)
  let x14 = v128.load32_splat(state, 56)
  let x15 = v128.load32_splat(state, 60)
  let y0 = x0
  let y1 = x1
  let y2 = x2
  let y3 = x3
  let y4 = x4
  let y5 = x5
  let y6 = x6
  let y7 = x7
  let y8 = x8
  let y9 = x9
  let y10 = x10
  let y11 = x11
  let y12 = yCounter
  let y13 = x13
  let y14 = x14
  let y15 = x15
  for (let i = 0; i < 10; i++) {
    x0 = i32x4.add(x0, x4)
    x1 = i32x4.add(x1, x5)
    x12 = swizzle(v128.xor(x12, x0), by16)
    x13 = swizzle(v128.xor(x13, x1), by16)
    x8 = i32x4.add(x8, x12)
    x9 = i32x4.add(x9, x13)
    x4 = rotate12(v128.xor(x4, x8))
    x5 = rotate12(v128.xor(x5, x9))
    x0 = i32x4.add(x0, x4)
    x1 = i32x4.add(x1, x5)
    x12 = swizzle(v128.xor(x12, x0), by8)
    x13 = swizzle(v128.xor(x13, x1), by8)
    x8 = i32x4.add(x8, x12)
    x9 = i32x4.add(x9, x13)
    x4 = rotate7(v128.xor(x4, x8))
    x5 = rotate7(v128.xor(x5, x9))
    x2 = i32x4.add(x2, x6)
    x3 = i32x4.add(x3, x7)
    x14 = swizzle(v128.xor(x14, x2), by16)
    x15 = swizzle(v128.xor(x15, x3), by16)
    x10 = i32x4.add(x10, x14)
    x11 = i32x4.add(x11, x15)
    x6 = rotate12(v128.xor(x6, x10))
    x7 = rotate12(v128.xor(x7, x11))
    x2 = i32x4.add(x2, x6)
    x3 = i32x4.add(x3, x7)
    x14 = swizzle(v128.xor(x14, x2), by8)
    x15 = swizzle(v128.xor(x15, x3), by8)
    x10 = i32x4.add(x10, x14)
    x11 = i32x4.add(x11, x15)
    x6 = rotate7(v128.xor(x6, x10))
    x7 = rotate7(v128.xor(x7, x11))
    if (count > 0) {
      d2 = <u64>load<u32>(text, 8) + h3 * s3 + h2 * r0 + h1 * r1 + h0 * r2
      d3 = <u64>load<u32>(text, 12) + WHOLE + h3 * r0 + h2 * r1 + h1 * r2 + h0 * r3
      d1 = <u64>load<u32>(text, 4) + h3 * s2 + h2 * s3 + h1 * r0 + h0 * r1
      d0 = <u64>load<u32>(text) + h3 * s1 + h2 * s2 + h1 * s3 + h0 * r0
      h3 = (d3 & LAST_LIMB) + (d2 >> 32)
      h2 = (d2 & LIMB) + (d1 >> 32)
      h1 = (d1 & LIMB) + (d0 >> 32)
      h0 = (d0 & LIMB) + (d3 >> 34) * 5
      text += 16
      count--
    }
    y0 = i32x4.add(y0, y4)
    y1 = i32x4.add(y1, y5)
    y12 = swizzle(v128.xor(y12, y0), by16)
    y13 = swizzle(v128.xor(y13, y1), by16)
    y8 = i32x4.add(y8, y12)
    y9 = i32x4.add(y9, y13)
    y4 = rotate12(v128.xor(y4, y8))
    y5 = rotate12(v128.xor(y5, y9))
    y0 = i32x4.add(y0, y4)
    y1 = i32x4.add(y1, y5)
    y12 = swizzle(v128.xor(y12, y0), by8)
    y13 = swizzle(v128.xor(y13, y1), by8)
    y8 = i32x4.add(y8, y12)
    y9 = i32x4.add(y9, y13)
    y4 = rotate7(v128.xor(y4, y8))
    y5 = rotate7(v128.xor(y5, y9))
    y2 = i32x4.add(y2, y6)
    y3 = i32x4.add(y3, y7)
    y14 = swizzle(v128.xor(y14, y2), by16)
    y15 = swizzle(v128.xor(y15, y3), by16)
    y10 = i32x4.add(y10, y14)
    y11 = i32x4.add(y11, y15)
    y6 = rotate12(v128.xor(y6, y10))
    y7 = rotate12(v128.xor(y7, y11))
    y2 = i32x4.add(y2, y6)
    y3 = i32x4.add(y3, y7)
    y14 = swizzle(v128.xor(y14, y2), by8)
    y15 = swizzle(v128.xor(y15, y3), by8)
    y10 = i32x4.add(y10, y14)
    y11 = i32x4.add(y11, y15)
    y6 = rotate7(v128.xor(y6, y10))
    y7 = rotate7(v128.xor(y7, y11))
    if (count > 0) {
      d2 = <u64>load<u32>(text, 8) + h3 * s3 + h2 * r0 + h1 * r1 + h0 * r2
      d3 = <u64>load<u32>(text, 12) + WHOLE + h3 * r0 + h2 * r1 + h1 * r2 + h0 * r3
      d1 = <u64>load<u32>(text, 4) + h3 * s2 + h2 * s3 + h1 * r0 + h0 * r1
      d0 = <u64>load<u32>(text) + h3 * s1 + h2 * s2 + h1 * s3 + h0 * r0
      h3 = (d3 & LAST_LIMB) + (d2 >> 32)
      h2 = (d2 & LIMB) + (d1 >> 32)
      h1 = (d1 & LIMB) + (d0 >> 32)
      h0 = (d0 & LIMB) + (d3 >> 34) * 5
      text += 16
      count--
    }
    x0 = i32x4.add(x0, x5)
    x1 = i32x4.add(x1, x6)
    x15 = swizzle(v128.xor(x15, x0), by16)
    x12 = swizzle(v128.xor(x12, x1), by16)
    x10 = i32x4.add(x10, x15)
    x11 = i32x4.add(x11, x12)
    x5 = rotate12(v128.xor(x5, x10))
    x6 = rotate12(v128.xor(x6, x11))
    x0 = i32x4.add(x0, x5)
    x1 = i32x4.add(x1, x6)
    x15 = swizzle(v128.xor(x15, x0), by8)
    x12 = swizzle(v128.xor(x12, x1), by8)
    x10 = i32x4.add(x10, x15)
    x11 = i32x4.add(x11, x12)
    x5 = rotate7(v128.xor(x5, x10))
    x6 = rotate7(v128.xor(x6, x11))
    x2 = i32x4.add(x2, x7)
    x3 = i32x4.add(x3, x4)
    x13 = swizzle(v128.xor(x13, x2), by16)
    x14 = swizzle(v128.xor(x14, x3), by16)
    x8 = i32x4.add(x8, x13)
    x9 = i32x4.add(x9, x14)
    x7 = rotate12(v128.xor(x7, x8))
    x4 = rotate12(v128.xor(x4, x9))
    x2 = i32x4.add(x2, x7)
    x3 = i32x4.add(x3, x4)
    x13 = swizzle(v128.xor(x13, x2), by8)
    x14 = swizzle(v128.xor(x14, x3), by8)
    x8 = i32x4.add(x8, x13)
    x9 = i32x4.add(x9, x14)
    x7 = rotate7(v128.xor(x7, x8))
    x4 = rotate7(v128.xor(x4, x9))
    if (count > 0) {
      d2 = <u64>load<u32>(text, 8) + h3 * s3 + h2 * r0 + h1 * r1 + h0 * r2
      d3 = <u64>load<u32>(text, 12) + WHOLE + h3 * r0 + h2 * r1 + h1 * r2 + h0 * r3
      d1 = <u64>load<u32>(text, 4) + h3 * s2 + h2 * s3 + h1 * r0 + h0 * r1
      d0 = <u64>load<u32>(text) + h3 * s1 + h2 * s2 + h1 * s3 + h0 * r0
      h3 = (d3 & LAST_LIMB) + (d2 >> 32)
      h2 = (d2 & LIMB) + (d1 >> 32)
      h1 = (d1 & LIMB) + (d0 >> 32)
      h0 = (d0 & LIMB) + (d3 >> 34) * 5
      text += 16
      count--
    }
    y0 = i32x4.add(y0, y5)
    y1 = i32x4.add(y1, y6)
    y15 = swizzle(v128.xor(y15, y0), by16)
    y12 = swizzle(v128.xor(y12, y1), by16)
    y10 = i32x4.add(y10, y15)
    y11 = i32x4.add(y11, y12)
    y5 = rotate12(v128.xor(y5, y10))
    y6 = rotate12(v128.xor(y6, y11))
    y0 = i32x4.add(y0, y5)
    y1 = i32x4.add(y1, y6)
    y15 = swizzle(v128.xor(y15, y0), by8)
    y12 = swizzle(v128.xor(y12, y1), by8)
    y10 = i32x4.add(y10, y15)
    y11 = i32x4.add(y11, y12)
    y5 = rotate7(v128.xor(y5, y10))
    y6 = rotate7(v128.xor(y6, y11))
    y2 = i32x4.add(y2, y7)
    y3 = i32x4.add(y3, y4)
    y13 = swizzle(v128.xor(y13, y2), by16)
    y14 = swizzle(v128.xor(y14, y3), by16)
    y8 = i32x4.add(y8, y13)
    y9 = i32x4.add(y9, y14)
    y7 = rotate12(v128.xor(y7, y8))
    y4 = rotate12(v128.xor(y4, y9))
    y2 = i32x4.add(y2, y7)
    y3 = i32x4.add(y3, y4)
    y13 = swizzle(v128.xor(y13, y2), by8)
    y14 = swizzle(v128.xor(y14, y3), by8)
    y8 = i32x4.add(y8, y13)
    y9 = i32x4.add(y9, y14)
    y7 = rotate7(v128.xor(y7, y8))
    y4 = rotate7(v128.xor(y4, y9))
    if (count > 0) {
      d2 = <u64>load<u32>(text, 8) + h3 * s3 + h2 * r0 + h1 * r1 + h0 * r2
      d3 = <u64>load<u32>(text, 12) + WHOLE + h3 * r0 + h2 * r1 + h1 * r2 + h0 * r3
      d1 = <u64>load<u32>(text, 4) + h3 * s2 + h2 * s3 + h1 * r0 + h0 * r1
      d0 = <u64>load<u32>(text) + h3 * s1 + h2 * s2 + h1 * s3 + h0 * r0
      h3 = (d3 & LAST_LIMB) + (d2 >> 32)
      h2 = (d2 & LIMB) + (d1 >> 32)
      h1 = (d1 & LIMB) + (d0 >> 32)
      h0 = (d0 & LIMB) + (d3 >> 34) * 5
      text += 16
      count--
    }
  }
  x0 = i32x4.add(x0, v128.load32_splat(state))
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
  x12 = i32x4.add(x12, xCounter)
  x13 = i32x4.add(x13, v128.load32_splat(state, 52))
  x14 = i32x4.add(x14, v128.load32_splat(state, 56))
  x15 = i32x4.add(x15, v128.load32_splat(state, 60))
  cover(out + 0, from + 0, x0, x1, x2, x3)
  cover(out + 16, from + 16, x4, x5, x6, x7)
  cover(out + 32, from + 32, x8, x9, x10, x11)
  cover(out + 48, from + 48, x12, x13, x14, x15)
  y0 = i32x4.add(y0, v128.load32_splat(state))
  y1 = i32x4.add(y1, v128.load32_splat(state, 4))
  y2 = i32x4.add(y2, v128.load32_splat(state, 8))
  y3 = i32x4.add(y3, v128.load32_splat(state, 12))
  y4 = i32x4.add(y4, v128.load32_splat(state, 16))
  y5 = i32x4.add(y5, v128.load32_splat(state, 20))
  y6 = i32x4.add(y6, v128.load32_splat(state, 24))
  y7 = i32x4.add(y7, v128.load32_splat(state, 28))
  y8 = i32x4.add(y8, v128.load32_splat(state, 32))
  y9 = i32x4.add(y9, v128.load32_splat(state, 36))
  y10 = i32x4.add(y10, v128.load32_splat(state, 40))
  y11 = i32x4.add(y11, v128.load32_splat(state, 44))
  y12 = i32x4.add(y12, yCounter)
  y13 = i32x4.add(y13, v128.load32_splat(state, 52))
  y14 = i32x4.add(y14, v128.load32_splat(state, 56))
  y15 = i32x4.add(y15, v128.load32_splat(state, 60))
  cover(out + 256, from + 256, y0, y1, y2, y3)
  cover(out + 272, from + 272, y4, y5, y6, y7)
  cover(out + 288, from + 288, y8, y9, y10, y11)
  cover(out + 304, from + 304, y12, y13, y14, y15)
  store<u32>(state, load<u32>(state, 48) + 8, 48)
  store<u64>(mac, h0, 32)
  store<u64>(mac, h1, 40)
  store<u64>(mac, h2, 48)
  store<u64>(mac, h3, 56)
}
