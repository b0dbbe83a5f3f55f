// Poly1305, RFC 8439 section 2.5, in five limbs of 26 bits. CT: no branch or address depends on key, message or accumulator.
import { copy, zeroise } from '../mem/bytes'

/** Bytes of a state: r and its multiples by five, accumulator, s, a block that fills up, u32 filled. */
export const POLY1305_STATE: usize = 128
export const POLY1305_KEY: usize = 32
export const POLY1305_TAG: usize = 16

const H: usize = 20 // after r0..r4
const S: usize = 40
const BLOCK: usize = 56
const FILLED: usize = 72

const MASK: u32 = 0x3ffffff

/** SAFETY: `key` holds 32 bytes: r, clamped here, and s. */
export function poly1305Init(state: usize, key: usize): void {
  // Section 2.5.1: the clamp, cut into limbs
  store<u32>(state, load<u32>(key) & 0x3ffffff)
  store<u32>(state, (load<u32>(key, 3) >> 2) & 0x3ffff03, 4)
  store<u32>(state, (load<u32>(key, 6) >> 4) & 0x3ffc0ff, 8)
  store<u32>(state, (load<u32>(key, 9) >> 6) & 0x3f03fff, 12)
  store<u32>(state, (load<u32>(key, 12) >> 8) & 0x00fffff, 16)
  zeroise(state + H, 20)
  copy(state + S, key + 16, 16)
  store<u32>(state, 0, FILLED)
}

export function poly1305Update(state: usize, from: usize, length: usize): void {
  let filled = <usize>load<u32>(state, FILLED)
  if (filled > 0) {
    const taken = min<usize>(16 - filled, length)
    copy(state + BLOCK + filled, from, taken) // SAFETY: filled + taken <= 16
    from += taken
    length -= taken
    filled += taken
    store<u32>(state, <u32>filled, FILLED)
    if (filled < 16) return
    blocks(state, state + BLOCK, 16, 1 << 24)
    store<u32>(state, 0, FILLED)
  }
  const whole = length & ~15
  if (whole > 0) blocks(state, from, whole, 1 << 24)
  copy(state + BLOCK, from + whole, length - whole) // SAFETY: less than 16
  store<u32>(state, <u32>(length - whole), FILLED)
}

/** Zeros up to the next multiple of 16, RFC 8439 section 2.8. */
export function poly1305Pad(state: usize): void {
  const filled = <usize>load<u32>(state, FILLED)
  if (filled == 0) return
  zeroise(state + BLOCK + filled, 16 - filled)
  blocks(state, state + BLOCK, 16, 1 << 24)
  store<u32>(state, 0, FILLED)
}

/** Writes the 16-byte tag and erases the state. */
export function poly1305Final(state: usize, tag: usize): void {
  const filled = <usize>load<u32>(state, FILLED)
  if (filled > 0) {
    store<u8>(state + BLOCK + filled, 1)
    zeroise(state + BLOCK + filled + 1, 15 - filled)
    blocks(state, state + BLOCK, 16, 0)
  }
  let h0 = load<u32>(state, H)
  let h1 = load<u32>(state, H + 4)
  let h2 = load<u32>(state, H + 8)
  let h3 = load<u32>(state, H + 12)
  let h4 = load<u32>(state, H + 16)
  let c = h1 >> 26
  h1 &= MASK
  h2 += c
  c = h2 >> 26
  h2 &= MASK
  h3 += c
  c = h3 >> 26
  h3 &= MASK
  h4 += c
  c = h4 >> 26
  h4 &= MASK
  h0 += c * 5
  c = h0 >> 26
  h0 &= MASK
  h1 += c
  // h - p, kept when it does not borrow: a mask, no branch
  let g0 = h0 + 5
  c = g0 >> 26
  g0 &= MASK
  let g1 = h1 + c
  c = g1 >> 26
  g1 &= MASK
  let g2 = h2 + c
  c = g2 >> 26
  g2 &= MASK
  let g3 = h3 + c
  c = g3 >> 26
  g3 &= MASK
  const g4 = h4 + c - (1 << 26)
  const keep = (g4 >> 31) - 1
  h0 = (h0 & ~keep) | (g0 & keep)
  h1 = (h1 & ~keep) | (g1 & keep)
  h2 = (h2 & ~keep) | (g2 & keep)
  h3 = (h3 & ~keep) | (g3 & keep)
  h4 = (h4 & ~keep) | (g4 & keep)
  let f = <u64>(h0 | (h1 << 26)) + <u64>load<u32>(state, S)
  store<u32>(tag, <u32>f)
  f = <u64>((h1 >> 6) | (h2 << 20)) + <u64>load<u32>(state, S + 4) + (f >> 32)
  store<u32>(tag, <u32>f, 4)
  f = <u64>((h2 >> 12) | (h3 << 14)) + <u64>load<u32>(state, S + 8) + (f >> 32)
  store<u32>(tag, <u32>f, 8)
  f = <u64>((h3 >> 18) | (h4 << 8)) + <u64>load<u32>(state, S + 12) + (f >> 32)
  store<u32>(tag, <u32>f, 12)
  zeroise(state, POLY1305_STATE)
}

// SAFETY: reads `length` bytes at `from`, a multiple of 16.
function blocks(state: usize, from: usize, length: usize, high: u32): void {
  const r0 = <u64>load<u32>(state)
  const r1 = <u64>load<u32>(state, 4)
  const r2 = <u64>load<u32>(state, 8)
  const r3 = <u64>load<u32>(state, 12)
  const r4 = <u64>load<u32>(state, 16)
  const s1 = r1 * 5
  const s2 = r2 * 5
  const s3 = r3 * 5
  const s4 = r4 * 5
  let h0 = <u64>load<u32>(state, H)
  let h1 = <u64>load<u32>(state, H + 4)
  let h2 = <u64>load<u32>(state, H + 8)
  let h3 = <u64>load<u32>(state, H + 12)
  let h4 = <u64>load<u32>(state, H + 16)
  for (; length > 0; length -= 16, from += 16) {
    h0 += <u64>(load<u32>(from) & MASK)
    h1 += <u64>((load<u32>(from, 3) >> 2) & MASK)
    h2 += <u64>((load<u32>(from, 6) >> 4) & MASK)
    h3 += <u64>(load<u32>(from, 9) >> 6)
    h4 += <u64>((load<u32>(from, 12) >> 8) | high)
    const d0 = h0 * r0 + h1 * s4 + h2 * s3 + h3 * s2 + h4 * s1
    let d1 = h0 * r1 + h1 * r0 + h2 * s4 + h3 * s3 + h4 * s2
    let d2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * s4 + h4 * s3
    let d3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * s4
    let d4 = h0 * r4 + h1 * r3 + h2 * r2 + h3 * r1 + h4 * r0
    h0 = d0 & MASK
    d1 += d0 >> 26
    h1 = d1 & MASK
    d2 += d1 >> 26
    h2 = d2 & MASK
    d3 += d2 >> 26
    h3 = d3 & MASK
    d4 += d3 >> 26
    h4 = d4 & MASK
    h0 += (d4 >> 26) * 5
    h1 += h0 >> 26
    h0 &= MASK
  }
  store<u32>(state, <u32>h0, H)
  store<u32>(state, <u32>h1, H + 4)
  store<u32>(state, <u32>h2, H + 8)
  store<u32>(state, <u32>h3, H + 12)
  store<u32>(state, <u32>h4, H + 16)
}
