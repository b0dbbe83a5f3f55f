// Sealing and opening under a KEK: u8 format ‖ nonce 12 ‖ AES-256-GCM, the key_id as additional data. Nonces are random: SP 800-38D section
// 8.3 allows 2^32 of them a key, and kube-apiserver asks for one a start and one a rotation. The encryption core is compiled into this
// workload, the one that kernel and tests use; state and plaintext are erased before a call ends.
import { AES_GCM_NONCE, AES_GCM_STATE, AES_GCM_TAG, aesGcmInit, aesGcmOpen, aesGcmSeal } from '../../crypto/aes-gcm'
import { equal, zeroise } from '../../mem/bytes'
import { random } from '../../sdk/calls'
import { Span } from '../../sdk/span'
import { keyIdOf } from './key-id'
import { CIPHERTEXT_FORMAT, CIPHERTEXT_OVERHEAD_BYTES } from '../../abi/kms-provider'
import { Entry } from './ring'

const NONCE: usize = 1
const SEALED: usize = NONCE + AES_GCM_NONCE
/** What kube-apiserver sends: the seed of its data keys. */
const PROBE_BYTES: usize = 32

const state = heap.alloc(AES_GCM_STATE)
const sealed = memory.data(1040, 16) // MAX_CIPHERTEXT_BYTES and what vectors read behind it
const opened = memory.data(1040, 16)
const probe = memory.data(32, 16)

/** SAFETY: `plaintext` has MAX_PLAINTEXT_BYTES at most, which callers check. @returns the ciphertext, valid until the next one */
export function seal(entry: Entry, plaintext: Span): Span {
  const keyId = keyIdOf(entry.hash)
  store<u8>(sealed, CIPHERTEXT_FORMAT)
  random(sealed + NONCE, AES_GCM_NONCE)
  aesGcmInit(state, entry.kek)
  aesGcmSeal(state, sealed + SEALED, sealed + NONCE, keyId.at, keyId.length, plaintext.at, plaintext.length)
  zeroise(state, AES_GCM_STATE)
  return new Span(sealed, plaintext.length + <usize>CIPHERTEXT_OVERHEAD_BYTES)
}

/**
 * SAFETY: `ciphertext` has MAX_CIPHERTEXT_BYTES at most, which callers check.
 * @returns the plaintext, to be erased by `eraseOpened`; null for every reason
 */
export function open(entry: Entry, ciphertext: Span): Span | null {
  if (ciphertext.length < <usize>CIPHERTEXT_OVERHEAD_BYTES || load<u8>(ciphertext.at) != <u8>CIPHERTEXT_FORMAT) return null
  const keyId = keyIdOf(entry.hash)
  aesGcmInit(state, entry.kek)
  const body = ciphertext.at + SEALED
  const right = aesGcmOpen(state, opened, ciphertext.at + NONCE, keyId.at, keyId.length, body, ciphertext.length - SEALED)
  zeroise(state, AES_GCM_STATE)
  return right ? new Span(opened, ciphertext.length - SEALED - AES_GCM_TAG) : null
}

export function eraseOpened(): void {
  zeroise(opened, 1040)
}

/** Whether this key seals, opens what it sealed, and refuses it with one bit turned. */
export function holdsSelfTest(entry: Entry): bool {
  random(probe, PROBE_BYTES)
  const ciphertext = seal(entry, new Span(probe, PROBE_BYTES))
  const plaintext = open(entry, ciphertext)
  const right = plaintext !== null && plaintext.length == PROBE_BYTES && equal(plaintext.at, probe, PROBE_BYTES)
  store<u8>(sealed + SEALED, load<u8>(sealed + SEALED) ^ 1)
  const altered = open(entry, ciphertext)
  zeroise(probe, PROBE_BYTES)
  eraseOpened()
  return right && altered === null
}
