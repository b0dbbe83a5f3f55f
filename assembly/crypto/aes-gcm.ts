// AES-256-GCM, SP 800-38D, with nonces of 96 bits. Opening verifies the whole tag before it releases a byte: it reads a message twice.
// Group 0 of counters is {unused, the tag's mask, the first 96 bytes of key stream}; all others are whole. A counter of 32 bits would
// wrap at 64 GiB, and memory ends at 4 GiB.
import { copy, store64 } from '../mem/bytes'
import { wipe } from '../mem/simd'
import { AES256_STATE, AES_GROUP, aes256End, aes256Init, aes256Stream } from './aes'
import { GHASH_BLOCKS, GHASH_KEY, ghashBlocks, ghashEnd, ghashKey, ghashPowers } from './ghash'

/** Bytes of a key's state: round keys and tables, to which sealing and opening add. It is the caller's, and to be erased as the key is. */
export const AES_GCM_STATE: usize = AES256_STATE + GHASH_KEY
export const AES_GCM_NONCE: usize = 12
export const AES_GCM_TAG: usize = 16
const HASH_KEY: usize = AES256_STATE

/** Bytes of key stream in group 0, after the unused block and the mask. */
const FIRST: usize = AES_GROUP - 32
const PIECE: usize = GHASH_BLOCKS * 16

const zeros = memory.data(<i32>AES_GROUP, 16)
/** Group 0 */
const first = memory.data(<i32>AES_GROUP, 16)
/** The group that the message ends in */
const last = memory.data(<i32>AES_GROUP, 16)
/** Blocks that wait to be hashed together. */
const pending = memory.data(<i32>PIECE, 16)
let waiting: usize = 0

/** SAFETY: `state` holds AES_GCM_STATE bytes, `key` 32. */
export function aesGcmInit(state: usize, key: usize): void {
  aes256Init(state, key)
  aes256Stream(state, zeros, 0, 1, first, zeros)
  ghashKey(state + HASH_KEY, first)
  finish()
}

/**
 * Writes ciphertext ‖ tag. `out` is `from`, or does not overlap it; nor does it nonce and AAD.
 * SAFETY: nonce 12, out length + 16 bytes.
 */
export function aesGcmSeal(
  state: usize, out: usize, nonce: usize, aad: usize, aadLength: usize, from: usize, length: usize
): void {
  aes256Stream(state, nonce, 0, 1, first, zeros)
  cipher(state, nonce, out, from, length)
  v128.store(out + length, authenticate(state, aad, aadLength, out, length))
  finish()
}

/**
 * @returns false, and writes nothing, unless the tag is right. `length` counts the tag; `out` gets length - 16 bytes; it is `from`, or
 * does not overlap it, nor nonce and AAD.
 */
export function aesGcmOpen(
  state: usize, out: usize, nonce: usize, aad: usize, aadLength: usize, from: usize, length: usize
): bool {
  if (length < AES_GCM_TAG) return false
  length -= AES_GCM_TAG
  aes256Stream(state, nonce, 0, 1, first, zeros)
  const expected = authenticate(state, aad, aadLength, from, length)
  const right = !v128.any_true(v128.xor(expected, v128.load(from + length))) // CT: the whole tag at once
  if (right) cipher(state, nonce, out, from, length)
  finish()
  return right
}

function finish(): void {
  wipe(first, AES_GROUP)
  wipe(pending, PIECE)
  aes256End()
  ghashEnd()
}

function cipher(state: usize, nonce: usize, out: usize, from: usize, length: usize): void {
  const head = min(length, FIRST)
  apply(out, from, first + 32, head)
  if (length == head) return
  out += head
  from += head
  length -= head
  const groups = <u32>(length / AES_GROUP)
  const whole = <usize>groups * AES_GROUP
  aes256Stream(state, nonce, 1, groups, out, from)
  if (whole == length) return
  aes256Stream(state, nonce, 1 + groups, 1, last, zeros)
  apply(out + whole, from + whole, last, length - whole)
  wipe(last, AES_GROUP)
}

// out = from XOR key stream. The last sixteen bytes are read before any is written, and written again: there are no single bytes to do.
function apply(out: usize, from: usize, stream: usize, length: usize): void {
  if (length < 16) {
    for (let i: usize = 0; i < length; i++) store<u8>(out + i, load<u8>(from + i) ^ load<u8>(stream + i))
    return
  }
  const end = length - 16
  const tail = v128.xor(v128.load(from + end), v128.load(stream + end))
  for (let i: usize = 0; i < end; i += 16) v128.store(out + i, v128.xor(v128.load(from + i), v128.load(stream + i)))
  v128.store(out + end, tail)
}

// Section 7.1: GHASH over AAD, text and their lengths in bits, masked by the second counter block
function authenticate(state: usize, aad: usize, aadLength: usize, text: usize, length: usize): v128 {
  const key = state + HASH_KEY
  const blocks = ((aadLength + 15) >> 4) + ((length + 15) >> 4) + 1
  ghashPowers(key, <u32>min(blocks, GHASH_BLOCKS))
  let sum = i64x2.splat(0)
  sum = absorb(key, sum, aad, aadLength)
  sum = absorb(key, sum, text, length)
  const at = pending + waiting
  store64(at, <u64>aadLength << 3) // SAFETY: absorb leaves room for a block
  store64(at + 8, <u64>length << 3)
  sum = ghashBlocks(key, sum, pending, (waiting >> 4) + 1)
  waiting = 0
  return v128.xor(sum, v128.load(first, 16))
}

// Hashes whole pieces, and keeps the rest, padded with zeros to whole blocks, for the next call: always less than a piece.
function absorb(key: usize, sum: v128, from: usize, length: usize): v128 {
  if (waiting > 0) {
    const fitting = min(length, PIECE - waiting)
    sum = keep(key, sum, from, fitting)
    from += fitting
    length -= fitting
  }
  for (; length >= PIECE; length -= PIECE, from += PIECE) sum = ghashBlocks(key, sum, from, GHASH_BLOCKS)
  return keep(key, sum, from, length)
}

// SAFETY: waiting + length is PIECE at most
function keep(key: usize, sum: v128, from: usize, length: usize): v128 {
  const at = pending + waiting
  const whole = length & ~15
  for (let i: usize = 0; i < whole; i += 16) v128.store(at + i, v128.load(from + i))
  if (whole < length) {
    v128.store(at + whole, i64x2.splat(0))
    copy(at + whole, from + whole, length - whole)
  }
  waiting += (length + 15) & ~15
  if (waiting < PIECE) return sum
  waiting = 0
  return ghashBlocks(key, sum, pending, GHASH_BLOCKS)
}
