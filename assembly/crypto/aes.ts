// AES-256, FIPS 197, bitsliced: eight blocks at a time in eight planes, one plane a bit. A plane's byte is a position of the state,
// its bit a block. CT: logic operations and fixed shuffles only; no table, no branch and no address depends on key or data.
// SAFETY: in functions that are not exported, `at` and `key` name AES_PASS bytes; offsets are constants below that.
import { zeroise } from '../mem/bytes'

export const AES256_KEY: usize = 32
export const AES_BLOCK: usize = 16
/** What one pass encrypts: eight blocks. */
export const AES_PASS: usize = 128
/** Bytes of a key's state: 15 round keys of eight planes. */
export const AES256_STATE: usize = 15 * AES_PASS

// @ts-ignore: decorator
@external('aes', 'hotAesEncrypt8')
declare function hotAesEncrypt8(key: usize, at: usize): void
// @ts-ignore: decorator
@external('aes', 'hotAesSubstitute')
declare function hotAesSubstitute(at: usize): void

const ROUNDS: usize = 14 // FIPS 197 section 5, Nk = 8
const planes = memory.data(<i32>AES_PASS, 16)
const words = memory.data(240, 16)

/** Expands a key. SAFETY: `state` holds AES256_STATE bytes, `key` 32. */
export function aes256Init(state: usize, key: usize): void {
  memory.copy(words, key, 32)
  let constant: u32 = 1 // FIPS 197 section 5.2: Rcon
  for (let i: usize = 8; i < 60; i++) {
    let word = load<u32>(words + 4 * i - 4)
    if ((i & 7) == 0) {
      word = substitute(rotr<u32>(word, 8)) ^ constant
      constant <<= 1
    } else if ((i & 7) == 4) word = substitute(word)
    store<u32>(words + 4 * i, load<u32>(words + 4 * i - 32) ^ word)
  }
  for (let round: usize = 0; round <= ROUNDS; round++) {
    const bytes = v128.load(words + 16 * round)
    for (let bit = 0; bit < 8; bit++) {
      const set = v128.and(bytes, i8x16.splat(<i8>(<i32>1 << bit)))
      v128.store(state + round * AES_PASS + 16 * <usize>bit, i8x16.ne(set, i8x16.splat(0)))
    }
  }
  zeroise(words, 240)
  zeroise(planes, AES_PASS)
}

/** Encrypts eight blocks. `out` may be `from`. SAFETY: 128 bytes at both. */
export function aes256Encrypt8(state: usize, out: usize, from: usize): void {
  memory.copy(planes, from, AES_PASS)
  hotAesEncrypt8(state, planes)
  memory.copy(out, planes, AES_PASS)
}

// S-box of four bytes
function substitute(word: u32): u32 {
  zeroise(planes, AES_PASS)
  store<u32>(planes, word)
  hotAesSubstitute(planes)
  return load<u32>(planes)
}
