// AES-256-GCM, SP 800-38D, with nonces of 96 bits. Opening verifies the whole tag before it releases a byte.
import { copy, equal, store32, store64, xor, zeroise } from '../mem/bytes'
import { AES256_STATE, AES_PASS, aes256Encrypt8, aes256Init } from './aes'
import { GHASH_KEY, ghashKey, ghashUpdate } from './ghash'

/** Bytes of a key's state. */
export const AES_GCM_STATE: usize = AES256_STATE + GHASH_KEY
export const AES_GCM_NONCE: usize = 12
export const AES_GCM_TAG: usize = 16
const HASH_KEY: usize = AES256_STATE

/** In the first pass: block 0 is the tag's mask, the others the first bytes of key stream. */
const FIRST: usize = AES_PASS - 16

const first = memory.data(<i32>AES_PASS, 16)
const stream = memory.data(<i32>AES_PASS, 16)
const sum = memory.data(16, 16)
const lengths = memory.data(16, 16)
const expected = memory.data(16, 16)

/** SAFETY: `state` holds AES_GCM_STATE bytes, `key` 32. */
export function aesGcmInit(state: usize, key: usize): void {
  aes256Init(state, key)
  zeroise(stream, AES_PASS)
  aes256Encrypt8(state, stream, stream)
  ghashKey(state + HASH_KEY, stream)
  zeroise(stream, AES_PASS)
}

/** Writes ciphertext ‖ tag. `out` may be `from`. SAFETY: nonce 12, out length + 16 bytes. */
export function aesGcmSeal(
  state: usize, out: usize, nonce: usize, aad: usize, aadLength: usize, from: usize, length: usize
): void {
  counters(state, first, nonce, 1)
  cipher(state, nonce, out, from, length)
  authenticate(state, aad, aadLength, out, length, out + length)
  zeroise(first, AES_PASS)
}

/** @returns false, and writes nothing, unless the tag is right. `length` counts the tag; `out` gets length - 16 bytes and may be `from`. */
export function aesGcmOpen(
  state: usize, out: usize, nonce: usize, aad: usize, aadLength: usize, from: usize, length: usize
): bool {
  if (length < AES_GCM_TAG) return false
  const textLength = length - AES_GCM_TAG
  counters(state, first, nonce, 1)
  authenticate(state, aad, aadLength, from, textLength, expected)
  const right = equal(expected, from + textLength, AES_GCM_TAG) // CT: whole tag
  zeroise(expected, AES_GCM_TAG) // of a forged message, it is the tag that would pass
  if (right) cipher(state, nonce, out, from, textLength)
  zeroise(first, AES_PASS)
  return right
}

/** Key stream of eight blocks from `counter` on, section 6.5. */
function counters(state: usize, out: usize, nonce: usize, counter: u32): void {
  for (let i: usize = 0; i < AES_PASS; i += 16) {
    copy(out + i, nonce, AES_GCM_NONCE)
    store32(out + i + 12, counter++)
  }
  aes256Encrypt8(state, out, out)
}

function cipher(state: usize, nonce: usize, out: usize, from: usize, length: usize): void {
  const head = min(length, FIRST)
  xor(out, from, first + 16, head)
  let counter: u32 = 9
  for (let at = head; at < length; at += AES_PASS, counter += 8) {
    counters(state, stream, nonce, counter)
    xor(out + at, from + at, stream, min(<usize>AES_PASS, length - at))
  }
  zeroise(stream, AES_PASS)
}

// Section 7.1: GHASH over AAD, text and their lengths in bits, masked by the first counter block
function authenticate(state: usize, aad: usize, aadLength: usize, text: usize, length: usize, tag: usize): void {
  zeroise(sum, 16)
  ghashUpdate(state + HASH_KEY, sum, aad, aadLength)
  ghashUpdate(state + HASH_KEY, sum, text, length)
  store64(lengths, <u64>aadLength << 3)
  store64(lengths + 8, <u64>length << 3)
  ghashUpdate(state + HASH_KEY, sum, lengths, 16)
  xor(tag, sum, first, 16)
  zeroise(sum, 16)
}
