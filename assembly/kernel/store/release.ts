// The store's key, released by the KMS against this enclave's evidence (PROTOCOLS 5, abi/STORE.md): K1 and K2. The KMS is known by the grant's
// key before it is asked; nothing of an answer is used unless that key signed it for this very question.
import {
  DEK_BYTES, HEAD_HASH_BYTES, REGISTER_KEY_BYTES, RELEASE_NONCE_BYTES, RELEASE_RANDOM_BYTES, STORE_RELEASE, STORE_RELEASED,
  WRAPPED_DEK_MAX
} from '../../abi/store'
import { CborReader } from '../../codec/cbor-reader'
import { Writer } from '../../codec/writer'
import { ed25519Verify } from '../../crypto/ed25519'
import { HPKE_CHACHA20_POLY1305, HPKE_CONTEXT, hpkeErase, hpkeExport, hpkeOpen, hpkeSetupBaseR } from '../../crypto/hpke'
import { sha384 } from '../../crypto/sha512'
import { x25519Base } from '../../crypto/x25519'
import { zeroise } from '../../mem/bytes'
import { LABEL_KEY_RELEASE, LABEL_REGISTER, LABEL_RELEASE, prefixed } from '../labels'
import { kmsKey, writeRecords } from '../launch'
import { requestAttestation, WAITS_STORE } from '../nsm'
import { random } from '../random'
import { deriveKeys } from './keys'
import { setWrapping } from './meta'
import { beginRegister, register } from './register'
import { sendToKms } from './relay'

const R_BYTES: usize = 48

const secret = memory.data(32, 16)
const publicKey = memory.data(32, 16)
const nonce = memory.data(32)
const r = memory.data(48, 16)
const digest = memory.data(48, 16)
const context = memory.data(<i32>HPKE_CONTEXT, 16)
const registerKey = memory.data(32, 16)
const question = new Writer(1024)
const scratch = new Writer(1024)
/** Which question waits for its document: one that was repeated meanwhile is forgotten. */
let attempt: u32 = 0

/** Asks nitro for the document of a K1. `wrapped` of length 0: none. */
export function askRelease(mode: u32, wrapped: usize, wrappedLength: usize): void {
  random(secret, 32)
  x25519Base(publicKey, secret)
  random(nonce, RELEASE_NONCE_BYTES)
  question.clear()
  question.cborArray(6)
  question.cborUint(mode)
  writeRecords(question)
  if (wrappedLength == 0) question.cborNull()
  else question.cborBytes(wrapped, wrappedLength)
  question.cborBytes(publicKey, 32)
  scratch.clear()
  prefixed(scratch, question.at, question.length)
  sha384(digest, scratch.at, scratch.length)
  scratch.clear()
  scratch.ascii(LABEL_KEY_RELEASE)
  scratch.raw(digest, 48)
  attempt++
  requestAttestation(scratch.at, scratch.length, nonce, RELEASE_NONCE_BYTES, publicKey, 32, WAITS_STORE, attempt)
}

/** The document has come: K1 goes to the KMS. @returns its ticket, or 0 where it is an old question's */
export function sendRelease(id: u32, document: usize, length: usize): u32 {
  if (id != attempt) return 0
  scratch.clear()
  prefixed(scratch, question.at, question.length)
  prefixed(scratch, document, length)
  sha384(r, scratch.at, scratch.length)
  const message = new Writer(question.length + length + 32)
  message.byte(STORE_RELEASE)
  message.cborArray(2)
  message.cborBytes(question.at, question.length)
  message.cborBytes(document, length)
  const ticket = sendToKms(message)
  message.free()
  return ticket
}

/** K2, type byte first: keys, wrapping and register are taken from it. @returns false, and takes nothing, unless all of it holds */
export function receiveRelease(at: usize, length: usize): bool {
  const reader = new CborReader(at + 1, at + length)
  if (length < 1 || load<u8>(at) != STORE_RELEASED) return false
  reader.array(3)
  reader.bytesOf(32)
  const enc = reader.at
  reader.bytes()
  const sealed = reader.at
  const sealedLength = reader.length
  reader.bytesOf(64)
  if (!reader.done()) return false
  scratch.clear()
  scratch.raw(r, R_BYTES)
  prefixed(scratch, enc, 32)
  prefixed(scratch, sealed, sealedLength)
  sha384(digest, scratch.at, scratch.length)
  scratch.clear()
  scratch.ascii(LABEL_RELEASE)
  scratch.raw(digest, 48)
  if (!ed25519Verify(kmsKey, scratch.at, scratch.length, reader.at)) return false
  scratch.clear()
  scratch.ascii(LABEL_RELEASE)
  scratch.raw(r, R_BYTES)
  const usable = hpkeSetupBaseR(context, HPKE_CHACHA20_POLY1305, enc, secret, scratch.at, scratch.length)
  const opened = usable && hpkeOpen(context, sealed, 0, 0, sealed, sealedLength) // in place
  const taken = opened && take(sealed, sealedLength - 16)
  hpkeErase(context)
  zeroise(secret, 32)
  return taken
}

// [DEK, wrapped DEK, [generation, head hash, grant version, security version], flags, random]
function take(at: usize, length: usize): bool {
  const reader = new CborReader(at, at + length)
  reader.array(5)
  reader.bytesOf(DEK_BYTES)
  const dek = reader.at
  reader.bytes()
  const wrapped = reader.at
  const wrappedLength = reader.length
  reader.array(4)
  const generation = reader.uint()
  reader.bytesOf(HEAD_HASH_BYTES)
  const hash = reader.at
  reader.uint()
  reader.uint()
  const flags = reader.uint()
  reader.bytesOf(RELEASE_RANDOM_BYTES)
  if (!reader.done() || wrappedLength == 0 || wrappedLength > <usize>WRAPPED_DEK_MAX) return false
  deriveKeys(dek, reader.at)
  setWrapping(wrapped, wrappedLength)
  register.set(generation, hash)
  scratch.clear()
  scratch.ascii(LABEL_REGISTER)
  scratch.raw(r, R_BYTES)
  hpkeExport(context, registerKey, REGISTER_KEY_BYTES, scratch.at, scratch.length)
  beginRegister(registerKey, r, flags)
  zeroise(registerKey, REGISTER_KEY_BYTES)
  zeroise(at, length)
  return true
}
