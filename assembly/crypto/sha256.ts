// SHA-256, FIPS 180-4. State: 8 words, a block that fills up, the count of bytes. Message contents may be secret: no branch or
// address depends on them, only on lengths.
import { copy, store32, store64, zeroise } from '../mem/bytes'

@external('sha256-blocks', 'hotSha256Blocks')
declare function hotSha256Blocks(state: usize, from: usize, count: usize, tables: usize): void

/** Bytes of a hash state: chaining value 32, block 64, count 8. What a block does not hold yet is zero. */
export const SHA256_STATE: usize = 104
export const SHA256_DIGEST: usize = 32
export const SHA256_BLOCK: usize = 64

const BLOCK: usize = 32
const COUNT: usize = 96

// What the compression reads, in its order. FIPS 180-4 section 4.2.2: cube roots of the first 64 primes; scratch; a swizzle.
const TABLES = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f // the bytes of a word turned round
], 16)
const SCRATCH: usize = 256
const SCRATCH_BYTES: usize = 64
const LENGTH_AT: usize = 56

export function sha256Init(state: usize): void {
  // FIPS 180-4 section 5.3.3
  store<u32>(state, 0x6a09e667)
  store<u32>(state, 0xbb67ae85, 4)
  store<u32>(state, 0x3c6ef372, 8)
  store<u32>(state, 0xa54ff53a, 12)
  store<u32>(state, 0x510e527f, 16)
  store<u32>(state, 0x9b05688c, 20)
  store<u32>(state, 0x1f83d9ab, 24)
  store<u32>(state, 0x5be0cd19, 28)
  zeroise(state + BLOCK, SHA256_BLOCK + 8)
}

/** Begins where a state stood that had taken one whole block. SAFETY: `chain` holds that state's first 32 bytes. */
export function sha256Resume(state: usize, chain: usize): void {
  v128.store(state, v128.load(chain))
  v128.store(state, v128.load(chain, 16), 16)
  zeroise(state + BLOCK, SHA256_BLOCK)
  store<u64>(state, SHA256_BLOCK, COUNT)
}

export function sha256Update(state: usize, from: usize, length: usize): void {
  const count = load<u64>(state, COUNT)
  store<u64>(state, count + <u64>length, COUNT)
  let filled = <usize>(count & 63)
  if (filled > 0) {
    const taken = min(SHA256_BLOCK - filled, length)
    copy(state + BLOCK + filled, from, taken) // SAFETY: filled + taken <= 64
    from += taken
    length -= taken
    filled += taken
    if (filled < SHA256_BLOCK) return
    compress(state, state + BLOCK, 1)
    zeroise(state + BLOCK, SHA256_BLOCK)
  }
  const blocks = length / SHA256_BLOCK
  if (blocks > 0) compress(state, from, blocks)
  const whole = blocks * SHA256_BLOCK
  if (length > whole) copy(state + BLOCK, from + whole, length - whole) // SAFETY: less than 64
}

/** Writes 32 bytes and erases the state. */
export function sha256Final(state: usize, out: usize): void {
  const count = load<u64>(state, COUNT)
  const filled = <usize>(count & 63)
  const block = state + BLOCK
  store<u8>(block + filled, 0x80)
  if (filled >= LENGTH_AT) {
    compress(state, block, 1)
    zeroise(block, SHA256_BLOCK)
  }
  store64(block + LENGTH_AT, count << 3)
  compress(state, block, 1)
  for (let i: usize = 0; i < SHA256_DIGEST; i += 4) store32(out + i, load<u32>(state + i))
  zeroise(state, SHA256_STATE)
}

const oneShot = memory.data(<i32>SHA256_STATE, 16)

export function sha256(out: usize, from: usize, length: usize): void {
  sha256Init(oneShot)
  sha256Update(oneShot, from, length)
  sha256Final(oneShot, out)
}

// What is left of the schedule would give the block away.
function compress(state: usize, from: usize, count: usize): void {
  hotSha256Blocks(state, from, count, TABLES)
  zeroise(TABLES + SCRATCH, SCRATCH_BYTES)
}
