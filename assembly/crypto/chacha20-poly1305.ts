// AEAD_CHACHA20_POLY1305, RFC 8439 section 2.8. Opening verifies the whole tag before it releases a byte.
import { equal, xor, zeroise } from '../mem/bytes'
import { CHACHA20_BLOCK, CHACHA20_PASS, CHACHA20_STATE, chacha20Blocks, chacha20Init, chacha20Xor } from './chacha20'
import { POLY1305_STATE, POLY1305_TAG, poly1305Final, poly1305Init, poly1305Pad, poly1305Update } from './poly1305'

export const CHACHA20_POLY1305_TAG: usize = POLY1305_TAG

/** The first pass makes the one-time key and this much key stream for the message. */
const FIRST: usize = CHACHA20_PASS - CHACHA20_BLOCK

const stream = memory.data(<i32>CHACHA20_STATE, 16)
const first = memory.data(<i32>CHACHA20_PASS, 16)
const mac = memory.data(<i32>POLY1305_STATE, 16)
const lengths = memory.data(16, 16)
const expected = memory.data(16, 16)

/** Writes ciphertext ‖ tag. `out` may be `from`. SAFETY: key 32, nonce 12, out length + 16 bytes. */
export function chacha20poly1305Seal(
  out: usize, key: usize, nonce: usize, aad: usize, aadLength: usize, from: usize, length: usize
): void {
  begin(key, nonce)
  cipher(out, from, length)
  authenticate(aad, aadLength, out, length, out + length)
  end()
}

/** @returns false, and writes nothing, unless the tag is right. `length` counts the tag; `out` gets length - 16 bytes and may be `from`. */
export function chacha20poly1305Open(
  out: usize, key: usize, nonce: usize, aad: usize, aadLength: usize, from: usize, length: usize
): bool {
  if (length < POLY1305_TAG) return false
  const textLength = length - POLY1305_TAG
  begin(key, nonce)
  authenticate(aad, aadLength, from, textLength, expected)
  const right = equal(expected, from + textLength, POLY1305_TAG) // CT: whole tag
  zeroise(expected, POLY1305_TAG) // of a forged message, it is the tag that would pass
  if (right) cipher(out, from, textLength)
  end()
  return right
}

function begin(key: usize, nonce: usize): void {
  chacha20Init(stream, key, nonce, 0)
  chacha20Blocks(stream, first)
  poly1305Init(mac, first)
  store<u32>(stream, 4, 48) // the next pass begins with block 4
}

function cipher(out: usize, from: usize, length: usize): void {
  const head = min(length, FIRST)
  xor(out, from, first + CHACHA20_BLOCK, head)
  if (length > head) chacha20Xor(stream, out + head, from + head, length - head)
}

function authenticate(aad: usize, aadLength: usize, text: usize, length: usize, tag: usize): void {
  poly1305Update(mac, aad, aadLength)
  poly1305Pad(mac)
  poly1305Update(mac, text, length)
  poly1305Pad(mac)
  store<u64>(lengths, <u64>aadLength)
  store<u64>(lengths, <u64>length, 8)
  poly1305Update(mac, lengths, 16)
  poly1305Final(mac, tag)
}

function end(): void {
  zeroise(stream, CHACHA20_STATE)
  zeroise(first, CHACHA20_PASS)
}
