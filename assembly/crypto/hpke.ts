// HPKE, RFC 9180, base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, and ChaCha20-Poly1305 or AES-256-GCM. Randomness is an argument.
import { copy, store16, store64, xor, zeroise } from '../mem/bytes'
import { AES_GCM_STATE, aesGcmInit, aesGcmOpen, aesGcmSeal } from './aes-gcm'
import { chacha20poly1305Open, chacha20poly1305Seal } from './chacha20-poly1305'
import { HASH_SHA256, HMAC_CONTEXT, hmacBegin, hmacDestroy, hmacEnd, hmacKey, hmacUpdate } from './hmac'
import { x25519, x25519Base } from './x25519'

/** AEAD identifiers, RFC 9180 section 7.3. */
export const HPKE_AES_256_GCM = 2
export const HPKE_CHACHA20_POLY1305 = 3

/** Bytes of a context: u32 AEAD (0: erased, refuses everything), key 32, base nonce 12, exporter secret 32, sequence u64. */
export const HPKE_CONTEXT: usize = 96
const KEY_AT: usize = 8
const NONCE_AT: usize = 40
const EXPORTER_AT: usize = 56
const SEQUENCE_AT: usize = 88
const SECRET_BYTES: usize = 32
const NONCE_BYTES: usize = 12
const TAG_BYTES: usize = 16
/** Sequence numbers end here, far below the 96 bits of section 5.2. */
const LAST_SEQUENCE: u64 = 0xffff_ffff_ffff_fffe

// Labels of sections 4, 4.1 and 5.1
const VERSION = memory.data<u8>([0x48, 0x50, 0x4b, 0x45, 0x2d, 0x76, 0x31]) // 'HPKE-v1'
const KEM_SUITE = memory.data<u8>([0x4b, 0x45, 0x4d, 0x00, 0x20]) // 'KEM\x00 '
const EAE_PRK = memory.data<u8>([0x65, 0x61, 0x65, 0x5f, 0x70, 0x72, 0x6b]) // 'eae_prk'
const SHARED_SECRET = memory.data<u8>([0x73, 0x68, 0x61, 0x72, 0x65, 0x64, 0x5f, 0x73, 0x65, 0x63, 0x72, 0x65, 0x74]) // 'shared_secret'
const PSK_ID_HASH = memory.data<u8>([0x70, 0x73, 0x6b, 0x5f, 0x69, 0x64, 0x5f, 0x68, 0x61, 0x73, 0x68]) // 'psk_id_hash'
const INFO_HASH = memory.data<u8>([0x69, 0x6e, 0x66, 0x6f, 0x5f, 0x68, 0x61, 0x73, 0x68]) // 'info_hash'
const SECRET = memory.data<u8>([0x73, 0x65, 0x63, 0x72, 0x65, 0x74]) // 'secret'
const KEY = memory.data<u8>([0x6b, 0x65, 0x79]) // 'key'
const BASE_NONCE = memory.data<u8>([0x62, 0x61, 0x73, 0x65, 0x5f, 0x6e, 0x6f, 0x6e, 0x63, 0x65]) // 'base_nonce'
const EXP = memory.data<u8>([0x65, 0x78, 0x70]) // 'exp'
const SEC = memory.data<u8>([0x73, 0x65, 0x63]) // 'sec'
const HPKE_SUITE = memory.data<u8>([0x48, 0x50, 0x4b, 0x45, 0x00, 0x20, 0x00, 0x01, 0x00, 0x00]) // 'HPKE', KEM 0x0020, KDF 0x0001, AEAD
const MODE_BASE: u8 = 0

const mac = memory.data(<i32>HMAC_CONTEXT, 16)
const dh = memory.data(32, 16)
const kemContext = memory.data(64, 16)
const prk = memory.data(32, 16)
const sharedSecret = memory.data(32, 16)
const schedule = memory.data(65, 16) // mode ‖ psk_id_hash ‖ info_hash
const secret = memory.data(32, 16)
const block = memory.data(32, 16)
const lengthBytes = memory.data(2)
const counter = memory.data(1)
const nonce = memory.data(12, 16)
const aes = memory.data(<i32>AES_GCM_STATE, 16)

/** Sender: writes `enc`, 32 bytes. `ephemeral`: 32 random bytes, used once. @returns false, the context erased, for a key of low order. */
export function hpkeSetupBaseS(context: usize, aead: u32, enc: usize, ephemeral: usize, publicKey: usize, info: usize, infoLength: usize): bool {
  x25519Base(enc, ephemeral)
  const valid = x25519(dh, ephemeral, publicKey)
  copy(kemContext, enc, 32)
  copy(kemContext + 32, publicKey, 32)
  return keySchedule(context, aead, info, infoLength, valid)
}

/** Recipient. @returns false, the context erased, for an `enc` of low order. */
export function hpkeSetupBaseR(context: usize, aead: u32, enc: usize, secretKey: usize, info: usize, infoLength: usize): bool {
  const valid = x25519(dh, secretKey, enc)
  copy(kemContext, enc, 32)
  x25519Base(kemContext + 32, secretKey)
  return keySchedule(context, aead, info, infoLength, valid)
}

/** Writes ciphertext ‖ tag; `out` may be `from`. @returns false, and writes nothing, when the sequence is used up or the context erased. */
export function hpkeSeal(context: usize, out: usize, aad: usize, aadLength: usize, from: usize, length: usize): bool {
  if (!nextNonce(context)) return false
  if (load<u32>(context) == HPKE_CHACHA20_POLY1305) chacha20poly1305Seal(out, context + KEY_AT, nonce, aad, aadLength, from, length)
  else {
    aesGcmInit(aes, context + KEY_AT)
    aesGcmSeal(aes, out, nonce, aad, aadLength, from, length)
    zeroise(aes, AES_GCM_STATE)
  }
  advance(context)
  return true
}

/** @returns false, writing nothing and staying at its sequence, unless the tag is right. `length` counts the tag. */
export function hpkeOpen(context: usize, out: usize, aad: usize, aadLength: usize, from: usize, length: usize): bool {
  if (length < TAG_BYTES || !nextNonce(context)) return false
  let opened: bool
  if (load<u32>(context) == HPKE_CHACHA20_POLY1305) opened = chacha20poly1305Open(out, context + KEY_AT, nonce, aad, aadLength, from, length)
  else {
    aesGcmInit(aes, context + KEY_AT)
    opened = aesGcmOpen(aes, out, nonce, aad, aadLength, from, length)
    zeroise(aes, AES_GCM_STATE)
  }
  if (opened) advance(context)
  return opened
}

/** Section 5.3. @returns false, and writes nothing, above 255 blocks or when the context is erased. */
export function hpkeExport(context: usize, out: usize, length: usize, exporterContext: usize, contextLength: usize): bool {
  const aead = load<u32>(context)
  if (aead == 0) return false
  store<u8>(HPKE_SUITE, <u8>aead, 9)
  return expand(out, length, context + EXPORTER_AT, true, SEC, 3, exporterContext, contextLength)
}

export function hpkeErase(context: usize): void {
  zeroise(context, HPKE_CONTEXT)
}

// Sections 4.1 (ExtractAndExpand) and 5.1 (KeySchedule); `valid`: the Diffie-Hellman value in `dh` is no zero
function keySchedule(context: usize, aead: u32, info: usize, infoLength: usize, valid: bool): bool {
  if (!valid || (aead != HPKE_AES_256_GCM && aead != HPKE_CHACHA20_POLY1305)) {
    hpkeErase(context)
    zeroise(dh, 32)
    return false
  }
  store<u32>(context, aead)
  store<u8>(HPKE_SUITE, <u8>aead, 9)
  extract(prk, 0, 0, false, EAE_PRK, 7, dh, 32)
  expand(sharedSecret, SECRET_BYTES, prk, false, SHARED_SECRET, 13, kemContext, 64)
  store<u8>(schedule, MODE_BASE)
  extract(schedule + 1, 0, 0, true, PSK_ID_HASH, 11, 0, 0)
  extract(schedule + 33, 0, 0, true, INFO_HASH, 9, info, infoLength)
  extract(secret, sharedSecret, SECRET_BYTES, true, SECRET, 6, 0, 0)
  expand(context + KEY_AT, 32, secret, true, KEY, 3, schedule, 65)
  expand(context + NONCE_AT, NONCE_BYTES, secret, true, BASE_NONCE, 10, schedule, 65)
  expand(context + EXPORTER_AT, SECRET_BYTES, secret, true, EXP, 3, schedule, 65)
  store<u64>(context, 0, SEQUENCE_AT)
  zeroise(dh, 32)
  zeroise(prk, 32)
  zeroise(sharedSecret, 32)
  zeroise(secret, 32)
  return true
}

function suite(hpke: bool): void {
  hmacUpdate(mac, VERSION, 7)
  if (hpke) hmacUpdate(mac, HPKE_SUITE, 10)
  else hmacUpdate(mac, KEM_SUITE, 5)
}

// LabeledExtract, section 4
function extract(out: usize, salt: usize, saltLength: usize, hpke: bool, label: usize, labelLength: usize, ikm: usize, ikmLength: usize): void {
  hmacKey(mac, HASH_SHA256, salt, saltLength)
  hmacBegin(mac)
  suite(hpke)
  hmacUpdate(mac, label, labelLength)
  hmacUpdate(mac, ikm, ikmLength)
  hmacEnd(mac, out)
  hmacDestroy(mac)
}

// LabeledExpand, section 4: HKDF-Expand over I2OSP(L, 2) ‖ "HPKE-v1" ‖ suite ‖ label ‖ info
function expand(out: usize, length: usize, key: usize, hpke: bool, label: usize, labelLength: usize, info: usize, infoLength: usize): bool {
  if (length > 255 * 32) return false
  hmacKey(mac, HASH_SHA256, key, SECRET_BYTES)
  store16(lengthBytes, <u32>length)
  let previous: usize = 0
  for (let n: u32 = 1, at: usize = 0; at < length; n++) {
    hmacBegin(mac)
    hmacUpdate(mac, block, previous)
    hmacUpdate(mac, lengthBytes, 2)
    suite(hpke)
    hmacUpdate(mac, label, labelLength)
    hmacUpdate(mac, info, infoLength)
    store<u8>(counter, <u8>n)
    hmacUpdate(mac, counter, 1)
    hmacEnd(mac, block)
    const taken = min<usize>(32, length - at)
    copy(out + at, block, taken)
    at += taken
    previous = 32
  }
  hmacDestroy(mac)
  zeroise(block, 32)
  return true
}

// base nonce XOR I2OSP(sequence, 12), section 5.2
function nextNonce(context: usize): bool {
  if (load<u32>(context) == 0) return false
  const sequence = load<u64>(context, SEQUENCE_AT)
  if (sequence > LAST_SEQUENCE) return false
  zeroise(nonce, 4)
  store64(nonce + 4, sequence)
  xor(nonce, nonce, context + NONCE_AT, NONCE_BYTES)
  return true
}

function advance(context: usize): void {
  store<u64>(context, load<u64>(context, SEQUENCE_AT) + 1, SEQUENCE_AT)
}
