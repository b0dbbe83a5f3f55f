// SHA-512 and SHA-384, FIPS 180-4. State: 8 words, a block that fills up, the count of bytes. Message contents may be secret: no
// branch or address depends on them, only on lengths.
import { copy, store64, zeroise } from '../mem/bytes'

@external('sha512-blocks', 'hotSha512Blocks')
declare function hotSha512Blocks(state: usize, from: usize, count: usize, tables: usize): void

/** Bytes of a hash state: chaining value 64, block 128, count 8. What a block does not hold yet is zero. */
export const SHA512_STATE: usize = 200
export const SHA512_DIGEST: usize = 64
export const SHA384_DIGEST: usize = 48
export const SHA512_BLOCK: usize = 128

const BLOCK: usize = 64
const COUNT: usize = 192
const LENGTH_AT: usize = 112

// What the compression reads, in its order. FIPS 180-4 section 4.2.3: cube roots of the first 80 primes; scratch; two swizzles.
const TABLES = memory.data<u64>([
  0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
  0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
  0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
  0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
  0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
  0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
  0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
  0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
  0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
  0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
  0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
  0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
  0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
  0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
  0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
  0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
  0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
  0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
  0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
  0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0x0001020304050607, 0x08090a0b0c0d0e0f, // the bytes of a word turned round
  0x0007060504030201, 0x080f0e0d0c0b0a09 // a word rotated right by a byte
], 16)
const SCRATCH: usize = 640
const SCRATCH_BYTES: usize = 128

export function sha512Init(state: usize): void {
  // FIPS 180-4 section 5.3.5
  store<u64>(state, 0x6a09e667f3bcc908)
  store<u64>(state, 0xbb67ae8584caa73b, 8)
  store<u64>(state, 0x3c6ef372fe94f82b, 16)
  store<u64>(state, 0xa54ff53a5f1d36f1, 24)
  store<u64>(state, 0x510e527fade682d1, 32)
  store<u64>(state, 0x9b05688c2b3e6c1f, 40)
  store<u64>(state, 0x1f83d9abfb41bd6b, 48)
  store<u64>(state, 0x5be0cd19137e2179, 56)
  zeroise(state + BLOCK, SHA512_BLOCK + 8)
}

export function sha384Init(state: usize): void {
  // FIPS 180-4 section 5.3.4
  store<u64>(state, 0xcbbb9d5dc1059ed8)
  store<u64>(state, 0x629a292a367cd507, 8)
  store<u64>(state, 0x9159015a3070dd17, 16)
  store<u64>(state, 0x152fecd8f70e5939, 24)
  store<u64>(state, 0x67332667ffc00b31, 32)
  store<u64>(state, 0x8eb44a8768581511, 40)
  store<u64>(state, 0xdb0c2e0d64f98fa7, 48)
  store<u64>(state, 0x47b5481dbefa4fa4, 56)
  zeroise(state + BLOCK, SHA512_BLOCK + 8)
}

/** Begins where a state stood that had taken one whole block. SAFETY: `chain` holds that state's first 64 bytes. */
export function sha512Resume(state: usize, chain: usize): void {
  v128.store(state, v128.load(chain))
  v128.store(state, v128.load(chain, 16), 16)
  v128.store(state, v128.load(chain, 32), 32)
  v128.store(state, v128.load(chain, 48), 48)
  zeroise(state + BLOCK, SHA512_BLOCK)
  store<u64>(state, SHA512_BLOCK, COUNT)
}

/** For both hashes. */
export function sha512Update(state: usize, from: usize, length: usize): void {
  const count = load<u64>(state, COUNT)
  store<u64>(state, count + <u64>length, COUNT)
  let filled = <usize>(count & 127)
  if (filled > 0) {
    const taken = min(SHA512_BLOCK - filled, length)
    copy(state + BLOCK + filled, from, taken) // SAFETY: filled + taken <= 128
    from += taken
    length -= taken
    filled += taken
    if (filled < SHA512_BLOCK) return
    compress(state, state + BLOCK, 1)
    zeroise(state + BLOCK, SHA512_BLOCK)
  }
  const blocks = length / SHA512_BLOCK
  if (blocks > 0) compress(state, from, blocks)
  const whole = blocks * SHA512_BLOCK
  if (length > whole) copy(state + BLOCK, from + whole, length - whole) // SAFETY: less than 128
}

/** Writes 64 bytes and erases the state. */
export function sha512Final(state: usize, out: usize): void {
  finish(state, out, SHA512_DIGEST)
}

/** Writes 48 bytes and erases the state. */
export function sha384Final(state: usize, out: usize): void {
  finish(state, out, SHA384_DIGEST)
}

const oneShot = memory.data(<i32>SHA512_STATE, 16)

export function sha512(out: usize, from: usize, length: usize): void {
  sha512Init(oneShot)
  sha512Update(oneShot, from, length)
  sha512Final(oneShot, out)
}

export function sha384(out: usize, from: usize, length: usize): void {
  sha384Init(oneShot)
  sha512Update(oneShot, from, length)
  sha384Final(oneShot, out)
}

function finish(state: usize, out: usize, digestBytes: usize): void {
  const count = load<u64>(state, COUNT)
  const filled = <usize>(count & 127)
  const block = state + BLOCK
  store<u8>(block + filled, 0x80)
  if (filled >= LENGTH_AT) {
    compress(state, block, 1)
    zeroise(block, SHA512_BLOCK)
  }
  store64(block + LENGTH_AT + 8, count << 3) // of the 128-bit length, the high half is zero
  compress(state, block, 1)
  for (let i: usize = 0; i < digestBytes; i += 8) store64(out + i, load<u64>(state + i))
  zeroise(state, SHA512_STATE)
}

// What is left of the schedule would give the block away.
function compress(state: usize, from: usize, count: usize): void {
  hotSha512Blocks(state, from, count, TABLES)
  zeroise(TABLES + SCRATCH, SCRATCH_BYTES)
}
