// key_id: `wasmclave:` and the 64 hex digits of an entry's hash. It is public, stable and the additional data of every ciphertext, so that
// none opens under another version's name.
import { Span } from '../../sdk/span'
import { KEY_ID_BYTES } from '../../abi/kms-provider'
import { HASH_BYTES } from './ring'

const SCHEME = 'wasmclave:'

const written = memory.data(80)
const parsed = memory.data(32)

/** The key_id of a hash; valid until it is called again. */
export function keyIdOf(hash: usize): Span {
  for (let i = 0; i < SCHEME.length; i++) store<u8>(written + i, <u8>SCHEME.charCodeAt(i)) // SAFETY: 10 of 80 bytes
  writeHex(written + SCHEME.length, hash, HASH_BYTES)
  return new Span(written, <usize>KEY_ID_BYTES)
}

/** The hash that a key_id names, valid until it is called again; 0 where it is none of ours. */
export function parseKeyId(text: Span): usize {
  if (text.length != <usize>KEY_ID_BYTES || !text.begins(SCHEME)) return 0
  const from = text.at + SCHEME.length
  for (let i: usize = 0; i < HASH_BYTES; i++) {
    const high = digit(load<u8>(from + 2 * i)) // SAFETY: the length was checked
    const low = digit(load<u8>(from + 2 * i, 1))
    if ((high | low) < 0) return 0
    store<u8>(parsed + i, <u8>((high << 4) | low))
  }
  return parsed
}

/** Lower-case hex. SAFETY: `to` holds 2 * length bytes. */
export function writeHex(to: usize, from: usize, length: usize): void {
  for (let i: usize = 0; i < length; i++) {
    const value = load<u8>(from + i)
    store<u8>(to + 2 * i, letter(value >> 4))
    store<u8>(to + 2 * i, letter(value & 15), 1)
  }
}

function letter(value: u8): u8 {
  return value < 10 ? 0x30 + value : 0x61 + value - 10
}

function digit(c: u8): i32 {
  if (c >= 0x30 && c <= 0x39) return c - 0x30
  return c >= 0x61 && c <= 0x66 ? c - 0x61 + 10 : -1
}
