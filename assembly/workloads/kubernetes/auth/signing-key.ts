// The key of ServiceAccount tokens: drawn inside the enclave with the first namespaces, kept in its sealed store, never anywhere else.
import { STATUS_NOT_FOUND } from '../../../abi/status'
import { get, hmac, put, random } from '../../../sdk/calls'
import { Span } from '../../../sdk/span'

export const MAC_BYTES: usize = 32
const KEY_BYTES: usize = 32
const VERSION_BYTES: usize = 8
/** Of the store: no resource has the id 0. */
const NAME = memory.data<u8>([0, 0x74]) // "t"
const NAME_LENGTH: usize = 2

const key = memory.data(40, 8) // u64 version, then the key
const mac = memory.data(32, 8)

/** Draws the key, if there is none. @returns false where the call is to run again */
export function makeSigningKey(): bool {
  if (get(NAME, NAME_LENGTH, key, 0) != STATUS_NOT_FOUND) return true
  random(key, KEY_BYTES)
  const version = put(NAME, NAME_LENGTH, key, KEY_BYTES)
  forget()
  return version >= 0
}

/** HMAC-SHA-256 under it: 32 bytes, valid until the next; 0 where there is no key, under which everybody could sign. */
export function sign(text: Span): usize {
  if (get(NAME, NAME_LENGTH, key, VERSION_BYTES + KEY_BYTES) != <i32>(VERSION_BYTES + KEY_BYTES)) return 0
  hmac(key + VERSION_BYTES, KEY_BYTES, text.at, text.length, mac)
  forget()
  return mac
}

function forget(): void {
  memory.fill(key, 0, VERSION_BYTES + KEY_BYTES)
}
