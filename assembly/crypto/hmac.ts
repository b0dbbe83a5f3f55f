// HMAC, RFC 2104, over SHA-256, SHA-384 and SHA-512. A context keeps both pads' states, so that a key is set up once.
import { copy, zeroise } from '../mem/bytes'
import { SHA256_BLOCK, SHA256_DIGEST, SHA256_STATE, sha256Final, sha256Init, sha256Update } from './sha256'
import { SHA384_DIGEST, SHA512_BLOCK, SHA512_DIGEST, SHA512_STATE, sha384Final, sha384Init, sha512Final, sha512Init, sha512Update } from './sha512'

export const HASH_SHA256 = 0
export const HASH_SHA384 = 1
export const HASH_SHA512 = 2

/** Bytes of a context: u32 hash, then inner, outer and running state. */
export const HMAC_CONTEXT: usize = 8 + 3 * SHA512_STATE
const INNER: usize = 8
const OUTER: usize = INNER + SHA512_STATE
const RUNNING: usize = OUTER + SHA512_STATE

const pad = memory.data(<i32>SHA512_BLOCK, 16)
const inner = memory.data(<i32>SHA512_DIGEST, 16)
const oneShot = memory.data(<i32>HMAC_CONTEXT, 16)

export function digestBytes(hash: u32): usize {
  return hash == HASH_SHA256 ? SHA256_DIGEST : hash == HASH_SHA384 ? SHA384_DIGEST : SHA512_DIGEST
}

function blockBytes(hash: u32): usize {
  return hash == HASH_SHA256 ? SHA256_BLOCK : SHA512_BLOCK
}

function stateBytes(hash: u32): usize {
  return hash == HASH_SHA256 ? SHA256_STATE : SHA512_STATE
}

function init(hash: u32, state: usize): void {
  if (hash == HASH_SHA256) sha256Init(state)
  else if (hash == HASH_SHA384) sha384Init(state)
  else sha512Init(state)
}

function update(hash: u32, state: usize, from: usize, length: usize): void {
  if (hash == HASH_SHA256) sha256Update(state, from, length)
  else sha512Update(state, from, length)
}

function finish(hash: u32, state: usize, out: usize): void {
  if (hash == HASH_SHA256) sha256Final(state, out)
  else if (hash == HASH_SHA384) sha384Final(state, out)
  else sha512Final(state, out)
}

/** Sets a key up. SAFETY: `context` holds HMAC_CONTEXT bytes, `key` keyLength. */
export function hmacKey(context: usize, hash: u32, key: usize, keyLength: usize): void {
  store<u32>(context, hash)
  const block = blockBytes(hash)
  zeroise(pad, SHA512_BLOCK)
  if (keyLength > block) {
    init(hash, context + RUNNING)
    update(hash, context + RUNNING, key, keyLength)
    finish(hash, context + RUNNING, pad)
  } else copy(pad, key, keyLength)
  for (let i: usize = 0; i < block; i++) store<u8>(pad + i, load<u8>(pad + i) ^ 0x36) // ipad, RFC 2104 section 2
  init(hash, context + INNER)
  update(hash, context + INNER, pad, block)
  for (let i: usize = 0; i < block; i++) store<u8>(pad + i, load<u8>(pad + i) ^ 0x6a) // 0x36 ^ 0x5c: opad
  init(hash, context + OUTER)
  update(hash, context + OUTER, pad, block)
  zeroise(pad, SHA512_BLOCK)
}

export function hmacBegin(context: usize): void {
  copy(context + RUNNING, context + INNER, stateBytes(load<u32>(context)))
}

export function hmacUpdate(context: usize, from: usize, length: usize): void {
  update(load<u32>(context), context + RUNNING, from, length)
}

/** Writes the MAC, digestBytes(hash) long. The key stays set up. */
export function hmacEnd(context: usize, out: usize): void {
  const hash = load<u32>(context)
  finish(hash, context + RUNNING, inner)
  copy(context + RUNNING, context + OUTER, stateBytes(hash))
  update(hash, context + RUNNING, inner, digestBytes(hash))
  finish(hash, context + RUNNING, out)
  zeroise(inner, SHA512_DIGEST)
}

export function hmacDestroy(context: usize): void {
  zeroise(context, HMAC_CONTEXT)
}

/** HMAC in one call. SAFETY: `out` holds digestBytes(hash) bytes. */
export function hmac(out: usize, hash: u32, key: usize, keyLength: usize, from: usize, length: usize): void {
  hmacKey(oneShot, hash, key, keyLength)
  hmacBegin(oneShot)
  hmacUpdate(oneShot, from, length)
  hmacEnd(oneShot, out)
  hmacDestroy(oneShot)
}
