// HKDF, RFC 5869, over SHA-256, SHA-384 and SHA-512.
import { copy, zeroise } from '../mem/bytes'
import { digestBytes, HMAC_CONTEXT, hmac, hmacBegin, hmacDestroy, hmacEnd, hmacKey, hmacUpdate } from './hmac'

/** The longest hash. */
const MAX_DIGEST: usize = 64

const context = memory.data(<i32>HMAC_CONTEXT, 16)
const block = memory.data(<i32>MAX_DIGEST, 16)
const counter = memory.data(1)
const pseudoRandomKey = memory.data(<i32>MAX_DIGEST, 16)

/** PRK = HMAC(salt, ikm), digestBytes(hash) long. An empty salt stands for a string of zeros, section 2.2. */
export function hkdfExtract(out: usize, hash: u32, salt: usize, saltLength: usize, ikm: usize, ikmLength: usize): void {
  hmac(out, hash, salt, saltLength, ikm, ikmLength)
}

/** OKM of `length` bytes, at most 255 digests: more is refused. SAFETY: `out` holds `length` bytes. */
export function hkdfExpand(out: usize, length: usize, hash: u32, key: usize, keyLength: usize, info: usize, infoLength: usize): bool {
  const digest = digestBytes(hash)
  if (length > 255 * digest) return false
  hmacKey(context, hash, key, keyLength)
  let previous: usize = 0
  for (let n: u32 = 1, at: usize = 0; at < length; n++) {
    hmacBegin(context)
    hmacUpdate(context, block, previous)
    hmacUpdate(context, info, infoLength)
    store<u8>(counter, <u8>n)
    hmacUpdate(context, counter, 1)
    hmacEnd(context, block)
    const taken = min(digest, length - at)
    copy(out + at, block, taken)
    at += taken
    previous = digest
  }
  hmacDestroy(context)
  zeroise(block, MAX_DIGEST)
  return true
}

/** Extract and expand in one call. */
export function hkdf(
  out: usize, length: usize, hash: u32,
  ikm: usize, ikmLength: usize, salt: usize, saltLength: usize, info: usize, infoLength: usize
): bool {
  hkdfExtract(pseudoRandomKey, hash, salt, saltLength, ikm, ikmLength)
  const fits = hkdfExpand(out, length, hash, pseudoRandomKey, digestBytes(hash), info, infoLength)
  zeroise(pseudoRandomKey, MAX_DIGEST)
  return fits
}
