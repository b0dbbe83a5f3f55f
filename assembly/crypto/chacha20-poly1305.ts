// AEAD_CHACHA20_POLY1305, RFC 8439 section 2.8. Cipher and authenticator run side by side (hot/chacha20-pass.ts); opening deciphers
// into memory of its own, and releases no byte of it before the whole tag is verified.
import { copy, xor, zeroise } from '../mem/bytes'
import { CHACHA20_BLOCK, CHACHA20_BLOCKS, CHACHA20_PASS, CHACHA20_STATE, CHACHA20_TABLES, chacha20Blocks, chacha20Init, chacha20Xor, hotChacha20Pass } from './chacha20'
import { POLY1305_BLOCK, POLY1305_STATE, POLY1305_TAG, poly1305Final, poly1305Init, poly1305Lengths, poly1305Padded } from './poly1305'

export const CHACHA20_POLY1305_TAG: usize = POLY1305_TAG

/** The first four blocks make the one-time key and this much key stream for the message. */
const HEAD: usize = CHACHA20_BLOCKS - CHACHA20_BLOCK
/** What opening deciphers, after the head, while it authenticates: passes, and with the head just below 64 KiB. Longer messages are deciphered after. */
const AHEAD: usize = 127 * CHACHA20_PASS
/** Blocks of Poly1305 that a pass has room for, and from which on a pass for their sake is cheaper than they alone. */
const BESIDE: usize = 40
const WORTH_A_PASS: usize = 20

const stream = memory.data(<i32>CHACHA20_STATE, 16)
const first = memory.data(<i32>CHACHA20_BLOCKS, 16)
const last = memory.data(<i32>CHACHA20_PASS, 16)
const mac = memory.data(<i32>POLY1305_STATE, 16)
const expected = memory.data(16, 16)
const deciphered = memory.data(<i32>AHEAD, 16)

/**
 * Writes ciphertext ‖ tag. `out` may overlap `from` in any way, and begin anywhere in or about `aad`.
 * SAFETY: key 32, nonce 12, out length + 16 bytes.
 */
export function chacha20poly1305Seal(
  out: usize, key: usize, nonce: usize, aad: usize, aadLength: usize, from: usize, length: usize
): void {
  begin(key, nonce)
  poly1305Padded(mac, aad, aadLength)
  if (out != from && overlap(out, from, length)) {
    copy(out, from, length)
    from = out
  }
  const head = min(length, HEAD)
  xor(out, from, first + CHACHA20_BLOCK, head)
  const absorbed = cipher(out, from, head, length, out, 0, true)
  poly1305Padded(mac, out + absorbed, length - absorbed)
  poly1305Lengths(mac, aadLength, length)
  poly1305Final(mac, out + length)
  end()
}

/**
 * @returns false, and writes nothing, unless the tag is right. `length` counts the tag; `out` gets length - 16 bytes and may overlap
 * `from` in any way.
 */
export function chacha20poly1305Open(
  out: usize, key: usize, nonce: usize, aad: usize, aadLength: usize, from: usize, length: usize
): bool {
  if (length < POLY1305_TAG) return false
  const textLength = length - POLY1305_TAG
  begin(key, nonce)
  poly1305Padded(mac, aad, aadLength)
  const head = min(textLength, HEAD)
  const ahead = min(textLength - head, AHEAD)
  // SAFETY: written from byte `head` on, which is the first of `deciphered`
  const absorbed = ahead > 0 ? cipher(deciphered - head, from, head, head + ahead, from, textLength, false) : 0
  poly1305Padded(mac, from + absorbed, textLength - absorbed)
  poly1305Lengths(mac, aadLength, textLength)
  poly1305Final(mac, expected)
  const right = equal16(expected, from + textLength)
  zeroise(expected, POLY1305_TAG) // of a forged message, it is the tag that would pass
  if (right) {
    if (out != from && overlap(out, from, textLength)) {
      copy(out, from, textLength)
      from = out
    }
    xor(out, from, first + CHACHA20_BLOCK, head)
    copy(out + head, deciphered, ahead)
    const done = head + ahead
    if (textLength > done) chacha20Xor(stream, out + done, from + done, textLength - done)
  }
  if (ahead > 0) zeroise(deciphered, ahead)
  end()
  return right
}

function begin(key: usize, nonce: usize): void {
  chacha20Init(stream, key, nonce, 0)
  chacha20Blocks(stream, first)
  poly1305Init(mac, first)
  store<u32>(stream, 4, 48) // the next pass begins with block 4
}

/**
 * out = from XOR key stream from `at` to `to`, and as much of `text` beside it as passes have room for: all of its `textLength` bytes,
 * or, if it is what this writes, what stands there already.
 * @returns how many bytes of `text` were absorbed: whole blocks
 */
function cipher(out: usize, from: usize, at: usize, to: usize, text: usize, textLength: usize, lagging: bool): usize {
  let absorbed: usize = 0
  while (at < to) {
    const blocks = ((lagging ? at : textLength) - absorbed) / POLY1305_BLOCK
    const beside = min(blocks, BESIDE)
    const left = to - at
    if (left >= CHACHA20_PASS) {
      hotChacha20Pass(stream, CHACHA20_TABLES, out + at, from + at, mac, text + absorbed, beside)
      at += CHACHA20_PASS
    } else {
      if (left <= CHACHA20_BLOCKS && blocks < WORTH_A_PASS) {
        chacha20Xor(stream, out + at, from + at, left)
        return absorbed
      }
      copy(last, from + at, left)
      hotChacha20Pass(stream, CHACHA20_TABLES, last, last, mac, text + absorbed, beside)
      copy(out + at, last, left)
      zeroise(last, CHACHA20_PASS)
      at = to
    }
    absorbed += beside * POLY1305_BLOCK
  }
  return absorbed
}

// @ts-ignore: decorator
@inline
function overlap(a: usize, b: usize, length: usize): bool {
  return a - b < length || b - a < length
}

/** CT: no early exit. SAFETY: caller holds 16 bytes at both. */
// @ts-ignore: decorator
@inline
function equal16(a: usize, b: usize): bool {
  return ((load<u64>(a) ^ load<u64>(b)) | (load<u64>(a, 8) ^ load<u64>(b, 8))) == 0
}

function end(): void {
  zeroise(stream, CHACHA20_STATE)
  zeroise(first, CHACHA20_BLOCKS)
}
