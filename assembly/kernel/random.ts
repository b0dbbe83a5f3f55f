// Randomness: seeded by the NSM's, spread by ChaCha20 with its key replaced at each use, so that a later state tells nothing of
// earlier output.
import { chacha20Init, CHACHA20_STATE, chacha20Xor } from '../crypto/chacha20'
import { sha256 } from '../crypto/sha256'
import { copy, equal, zeroise } from '../mem/bytes'

/** What NSM GetRandom gives, nsm-api. */
export const SEED_BYTES: usize = 256
/** Fewer different values in a seed do not happen by chance: of 256 random bytes about 162 differ. */
const MIN_DISTINCT = 100

const key = memory.data(32, 16)
const stream = memory.data(<i32>CHACHA20_STATE, 16)
const nonce = memory.data(12)
const seen = memory.data(256)
const mixed = memory.data(64, 16)
/** SHA-256 of the last seed: the same again is no randomness. */
const before = memory.data(32, 16)

/** Mixes a seed in, and erases it. @returns false for one that is constant, repeats or is too short: no key is ever made from it */
export function seed(from: usize, length: usize): bool {
  const healthy = isHealthy(from, length)
  if (healthy) {
    sha256(mixed + 32, from, length)
    copy(mixed, key, 32)
    sha256(key, mixed, 64)
    copy(before, mixed + 32, 32)
    zeroise(mixed, 64)
  }
  zeroise(from, length)
  return healthy
}

function isHealthy(from: usize, length: usize): bool {
  if (length < SEED_BYTES || equal(from, from + length / 2, length / 2)) return false
  sha256(mixed, from, length)
  const repeated = equal(mixed, before, 32)
  zeroise(mixed, 64)
  if (repeated) return false
  zeroise(seen, 256)
  let distinct = 0
  for (let i: usize = 0; i < length; i++) {
    const at = seen + <usize>load<u8>(from + i) // SAFETY: a byte indexes 256
    if (load<u8>(at) == 0) distinct++
    store<u8>(at, 1)
  }
  zeroise(seen, 256)
  return distinct >= MIN_DISTINCT
}

/** SAFETY: caller holds `length` bytes. */
export function random(out: usize, length: usize): void {
  zeroise(out, length)
  chacha20Init(stream, key, nonce, 0)
  zeroise(key, 32)
  chacha20Xor(stream, key, key, 32) // the next key, from block 0
  chacha20Xor(stream, out, out, length) // from block 1 on
  zeroise(stream, CHACHA20_STATE)
}
