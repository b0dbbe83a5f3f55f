// Poly1305 as AEAD_CHACHA20_POLY1305 uses it, RFC 8439 sections 2.5 and 2.8: every input is padded to whole blocks. Three limbs of 32
// bits and one of 34 in 64-bit integers, as hot/chacha20-pass.ts keeps them, which absorbs blocks too. CT: no branch or address depends
// on key, message or accumulator.
import { zeroise } from '../mem/bytes'

/** Bytes of a state: r and the accumulator, four u64 each; s; a block to pad in. */
export const POLY1305_STATE: usize = 96
export const POLY1305_TAG: usize = 16
export const POLY1305_BLOCK: usize = 16

const H: usize = 32
const S: usize = 64
const PAD: usize = 80

// @ts-ignore: decorator
@inline
const LIMB: u64 = 0xffffffff
// @ts-ignore: decorator
@inline
const LAST_LIMB: u64 = 0x3ffffffff
// @ts-ignore: decorator
@inline
const WHOLE: u64 = 0x100000000 // 2^128 in the last limb: the byte 1 after a whole block

/** SAFETY: `key` holds 32 bytes: r, clamped here, and s. */
export function poly1305Init(state: usize, key: usize): void {
  // Section 2.5.1: the clamp
  store<u64>(state, <u64>(load<u32>(key) & 0x0fffffff))
  store<u64>(state, <u64>(load<u32>(key, 4) & 0x0ffffffc), 8)
  store<u64>(state, <u64>(load<u32>(key, 8) & 0x0ffffffc), 16)
  store<u64>(state, <u64>(load<u32>(key, 12) & 0x0ffffffc), 24)
  zeroise(state + H, 32)
  v128.store(state, v128.load(key, 16), S)
}

/** SAFETY: `from` holds 16 · count bytes. */
export function poly1305Blocks(state: usize, from: usize, count: usize): void {
  const r0 = load<u64>(state)
  const r1 = load<u64>(state, 8)
  const r2 = load<u64>(state, 16)
  const r3 = load<u64>(state, 24)
  // r1 to r3 are multiples of four, so that 2^130 = 5 takes what passes 2^128 to 5/4 of them.
  const s1 = r1 + (r1 >> 2)
  const s2 = r2 + (r2 >> 2)
  const s3 = r3 + (r3 >> 2)
  let h0 = load<u64>(state, H)
  let h1 = load<u64>(state, H + 8)
  let h2 = load<u64>(state, H + 16)
  let h3 = load<u64>(state, H + 24)
  for (; count > 0; count--, from += POLY1305_BLOCK) {
    // h = h · r + block: the product first, so that h stays below what the products can bear
    const d2 = <u64>load<u32>(from, 8) + h3 * s3 + h2 * r0 + h1 * r1 + h0 * r2
    const d3 = <u64>load<u32>(from, 12) + WHOLE + h3 * r0 + h2 * r1 + h1 * r2 + h0 * r3
    const d1 = <u64>load<u32>(from, 4) + h3 * s2 + h2 * s3 + h1 * r0 + h0 * r1
    const d0 = <u64>load<u32>(from) + h3 * s1 + h2 * s2 + h1 * s3 + h0 * r0
    h3 = (d3 & LAST_LIMB) + (d2 >> 32)
    h2 = (d2 & LIMB) + (d1 >> 32)
    h1 = (d1 & LIMB) + (d0 >> 32)
    h0 = (d0 & LIMB) + (d3 >> 34) * 5
  }
  store<u64>(state, h0, H)
  store<u64>(state, h1, H + 8)
  store<u64>(state, h2, H + 16)
  store<u64>(state, h3, H + 24)
}

/** Absorbs `length` bytes and zeros up to the next multiple of 16, section 2.8. SAFETY: `from` holds `length` bytes. */
export function poly1305Padded(state: usize, from: usize, length: usize): void {
  const blocks = length / POLY1305_BLOCK
  if (blocks > 0) poly1305Blocks(state, from, blocks)
  if ((length & 15) == 0) return
  from += blocks * POLY1305_BLOCK
  // CT: branches on the length alone
  let at = state + PAD
  v128.store(at, i64x2.splat(0))
  if (length & 8) {
    store<u64>(at, load<u64>(from))
    at += 8
    from += 8
  }
  if (length & 4) {
    store<u32>(at, load<u32>(from))
    at += 4
    from += 4
  }
  if (length & 2) {
    store<u16>(at, load<u16>(from))
    at += 2
    from += 2
  }
  if (length & 1) store<u8>(at, load<u8>(from))
  poly1305Blocks(state, state + PAD, 1)
}

/** Absorbs the last block, section 2.8: both lengths in bytes. */
export function poly1305Lengths(state: usize, aadLength: usize, length: usize): void {
  store<u64>(state, <u64>aadLength, PAD)
  store<u64>(state, <u64>length, PAD + 8)
  poly1305Blocks(state, state + PAD, 1)
}

/** Writes the 16-byte tag and erases the state. */
export function poly1305Final(state: usize, tag: usize): void {
  const r0 = load<u64>(state)
  const r1 = load<u64>(state, 8)
  const r2 = load<u64>(state, 16)
  const r3 = load<u64>(state, 24)
  const s1 = r1 + (r1 >> 2)
  const s2 = r2 + (r2 >> 2)
  const s3 = r3 + (r3 >> 2)
  let h0 = load<u64>(state, H)
  let h1 = load<u64>(state, H + 8)
  let h2 = load<u64>(state, H + 16)
  let h3 = load<u64>(state, H + 24)
  // The product that the last block still lacks, carried through
  const d0 = h3 * s1 + h2 * s2 + h1 * s3 + h0 * r0
  const d1 = h3 * s2 + h2 * s3 + h1 * r0 + h0 * r1 + (d0 >> 32)
  const d2 = h3 * s3 + h2 * r0 + h1 * r1 + h0 * r2 + (d1 >> 32)
  const d3 = h3 * r0 + h2 * r1 + h1 * r2 + h0 * r3 + (d2 >> 32)
  h0 = (d0 & LIMB) + (d3 >> 34) * 5
  h1 = (d1 & LIMB) + (h0 >> 32)
  h2 = (d2 & LIMB) + (h1 >> 32)
  h3 = (d3 & LAST_LIMB) + (h2 >> 32)
  h0 &= LIMB
  h1 &= LIMB
  h2 &= LIMB
  // h + 5 reaches 2^130 where h is p or more, and is then h - p but for that bit. CT: a mask, no branch
  const g0 = h0 + 5
  const g1 = h1 + (g0 >> 32)
  const g2 = h2 + (g1 >> 32)
  const g3 = h3 + (g2 >> 32)
  const reduced: u64 = 0 - (g3 >> 34)
  h0 ^= (h0 ^ g0) & reduced
  h1 ^= (h1 ^ g1) & reduced
  h2 ^= (h2 ^ g2) & reduced
  h3 ^= (h3 ^ g3) & reduced
  let t = (h0 & LIMB) + <u64>load<u32>(state, S)
  store<u32>(tag, <u32>t)
  t = (h1 & LIMB) + <u64>load<u32>(state, S + 4) + (t >> 32)
  store<u32>(tag, <u32>t, 4)
  t = (h2 & LIMB) + <u64>load<u32>(state, S + 8) + (t >> 32)
  store<u32>(tag, <u32>t, 8)
  t = (h3 & LIMB) + <u64>load<u32>(state, S + 12) + (t >> 32)
  store<u32>(tag, <u32>t, 12)
  zeroise(state, POLY1305_STATE)
}
