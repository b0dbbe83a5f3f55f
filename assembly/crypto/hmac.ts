// HMAC, RFC 2104, over SHA-256, SHA-384 and SHA-512. A context keeps what the hash makes of each pad, so that a key is set up once.
import { copy, equal, zeroise } from '../mem/bytes'
import { SHA256_BLOCK, SHA256_DIGEST, sha256Final, sha256Init, sha256Resume, sha256Update } from './sha256'
import {
  SHA384_DIGEST, SHA512_BLOCK, SHA512_DIGEST, SHA512_STATE, sha384Final, sha384Init, sha512Final, sha512Init, sha512Resume, sha512Update
} from './sha512'

export const HASH_SHA256 = 0
export const HASH_SHA384 = 1
export const HASH_SHA512 = 2

/** The longest chaining value: SHA-512's eight words. */
const CHAIN: usize = 64
/** Bytes of a context: u32 hash, the chaining values after inner and outer pad, running state. */
export const HMAC_CONTEXT: usize = 8 + 2 * CHAIN + SHA512_STATE
const INNER: usize = 8
const OUTER: usize = INNER + CHAIN
const RUNNING: usize = OUTER + CHAIN

const pad = memory.data(<i32>SHA512_BLOCK, 16)
const inner = memory.data(<i32>SHA512_DIGEST, 16)
const expected = memory.data(<i32>SHA512_DIGEST, 16)
const oneShot = memory.data(<i32>HMAC_CONTEXT, 16)

export function digestBytes(hash: u32): usize {
  return hash == HASH_SHA256 ? SHA256_DIGEST : hash == HASH_SHA384 ? SHA384_DIGEST : SHA512_DIGEST
}

function blockBytes(hash: u32): usize {
  return hash == HASH_SHA256 ? SHA256_BLOCK : SHA512_BLOCK
}

function init(hash: u32, state: usize): void {
  if (hash == HASH_SHA256) sha256Init(state)
  else if (hash == HASH_SHA384) sha384Init(state)
  else sha512Init(state)
}

function resume(hash: u32, state: usize, chain: usize): void {
  if (hash == HASH_SHA256) sha256Resume(state, chain)
  else sha512Resume(state, chain)
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
  keep(hash, context + INNER, context + RUNNING, 0x3636363636363636) // ipad, RFC 2104 section 2
  keep(hash, context + OUTER, context + RUNNING, 0x6a6a6a6a6a6a6a6a) // 0x36 ^ 0x5c: opad
  zeroise(pad, SHA512_BLOCK)
}

// The pad XOR `mask`, hashed, and of that the chaining value.
function keep(hash: u32, chain: usize, state: usize, mask: u64): void {
  const block = blockBytes(hash)
  for (let i: usize = 0; i < block; i += 8) store<u64>(pad + i, load<u64>(pad + i) ^ mask)
  init(hash, state)
  update(hash, state, pad, block)
  copy(chain, state, CHAIN) // of SHA-256's state, 32 bytes too many: the room for a block, which a whole one never went through
  zeroise(state, SHA512_STATE)
}

export function hmacBegin(context: usize): void {
  resume(load<u32>(context), context + RUNNING, context + INNER)
}

export function hmacUpdate(context: usize, from: usize, length: usize): void {
  update(load<u32>(context), context + RUNNING, from, length)
}

/** Writes the MAC, digestBytes(hash) long. The key stays set up. */
export function hmacEnd(context: usize, out: usize): void {
  const hash = load<u32>(context)
  finish(hash, context + RUNNING, inner)
  resume(hash, context + RUNNING, context + OUTER)
  update(hash, context + RUNNING, inner, digestBytes(hash))
  finish(hash, context + RUNNING, out)
  zeroise(inner, SHA512_DIGEST)
}

/** Whether the MAC is the one at `mac`, digestBytes(hash) long. The key stays set up. */
export function hmacVerify(context: usize, mac: usize): bool {
  hmacEnd(context, expected)
  const right = equal(expected, mac, digestBytes(load<u32>(context))) // CT: whole MAC
  zeroise(expected, SHA512_DIGEST) // of a forged message, it is the MAC that would pass
  return right
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
