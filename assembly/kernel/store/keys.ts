// What is derived from a store's data key (PROTOCOLS 6), by HKDF-SHA256 with the store id as salt: `place` hides names, `set` and `token`
// authenticate, `commitment` tells a wrong key at once, and each epoch, which is one boot, seals under a key of its own.
import { STORE_ID_BYTES } from '../../abi/store'
import { AES_GCM_STATE, aesGcmInit } from '../../crypto/aes-gcm'
import { hkdf } from '../../crypto/hkdf'
import { HASH_SHA256, HMAC_CONTEXT, hmacBegin, hmacEnd, hmacKey, hmacUpdate } from '../../crypto/hmac'
import { sha256 } from '../../crypto/sha256'
import { Writer } from '../../codec/writer'
import { copy, store64, zeroise } from '../../mem/bytes'
import { random } from '../random'

export const EPOCH_BYTES: usize = 32
const KEY_BYTES: usize = 32
/** Records that one epoch seals, PROTOCOLS 6. */
const EPOCH_RECORDS: u64 = 0x1_0000_0000

export const storeId = memory.data(32, 16)
export const commitment = memory.data(32, 16)
const dek = memory.data(32, 16)
const derived = memory.data(32, 16)
const placeKey = memory.data(<i32>HMAC_CONTEXT, 16)
const setKey = memory.data(<i32>HMAC_CONTEXT, 16)
const tokenKey = memory.data(<i32>HMAC_CONTEXT, 16)
const kmsRandom = memory.data(32, 16)
const areaByte = memory.data(1)
const lineageBytes = memory.data(8)
const info = new Writer(64)
const epochInput = new Writer(128)

/** One boot's key. */
export class Epoch {
  id: usize = heap.alloc(EPOCH_BYTES)
  /** Of AES-256-GCM. */
  state: usize = heap.alloc(AES_GCM_STATE)

  constructor(from: usize) {
    copy(this.id, from, EPOCH_BYTES)
    info.clear()
    label('epoch\0')
    info.raw(from, EPOCH_BYTES)
    derive(derived)
    aesGcmInit(this.state, derived)
    zeroise(derived, KEY_BYTES)
  }
}

// By the first eight bytes of the id: ids are hashes, and one that shares them with another is refused
const epochs: Map<u64, Epoch> = new Map()
let own: Epoch | null = null
let counter: u64 = 0

/** Takes the data key of this store, and the KMS's randomness for this boot's epoch. */
export function deriveKeys(dataKey: usize, fromKms: usize): void {
  copy(dek, dataKey, KEY_BYTES)
  copy(kmsRandom, fromKms, 32)
  deriveMac(placeKey, 'place\0')
  deriveMac(setKey, 'set\0')
  deriveMac(tokenKey, 'token\0')
  info.clear()
  label('commitment\0')
  derive(commitment)
}

/** A new epoch: SHA-256(NSM's random ‖ KMS's random ‖ enclave id). The kernel's randomness is the NSM's. */
export function beginEpoch(enclaveId: usize, enclaveIdLength: usize): void {
  epochInput.clear()
  random(epochInput.grow(32), 32)
  epochInput.raw(kmsRandom, 32)
  epochInput.raw(enclaveId, enclaveIdLength)
  sha256(derived, epochInput.at, epochInput.length)
  const epoch = new Epoch(derived)
  own = epoch
  counter = 0
  epochs.set(load<u64>(epoch.id), epoch)
}

/** Whether this epoch has sealed as many records as one may. */
export function epochIsOver(): bool {
  return counter >= EPOCH_RECORDS
}

export function ownEpoch(): Epoch {
  return <Epoch>own
}

/** A counter of the epoch's, spent from now on, whatever becomes of the record. */
export function spendCounter(): u64 {
  return counter++
}

/** The epoch with this id. @returns null for one that could not be a hash like the others */
export function epochOf(id: usize): Epoch | null {
  const name = load<u64>(id)
  if (epochs.has(name)) {
    const epoch = epochs.get(name)
    return memory.compare(epoch.id, id, EPOCH_BYTES) == 0 ? epoch : null // public
  }
  const epoch = new Epoch(id)
  epochs.set(name, epoch)
  return epoch
}

/** Where the parent keeps a key's record: HMAC(place, u8 area ‖ key). SAFETY: `out` holds 32 bytes. */
export function placeOf(out: usize, area: u32, key: usize, keyLength: usize): void {
  store<u8>(areaByte, <u8>area)
  hmacBegin(placeKey)
  hmacUpdate(placeKey, areaByte, 1)
  hmacUpdate(placeKey, key, keyLength)
  hmacEnd(placeKey, out)
}

/** What a sealed record adds to the set hash: HMAC(set, place ‖ epoch id ‖ counter ‖ tag). SAFETY: `counter` names 8 bytes as they are sealed. */
export function elementOf(out: usize, place: usize, epochId: usize, counter: usize, tag: usize): void {
  hmacBegin(setKey)
  hmacUpdate(setKey, place, 32)
  hmacUpdate(setKey, epochId, EPOCH_BYTES)
  hmacUpdate(setKey, counter, 8)
  hmacUpdate(setKey, tag, 16)
  hmacEnd(setKey, out)
}

/** MAC of a head token's first 72 bytes, and of the history that it belongs to. SAFETY: `out` holds 32 bytes. */
export function tokenMac(out: usize, token: usize, lineage: u64): void {
  store64(lineageBytes, lineage)
  hmacBegin(tokenKey)
  hmacUpdate(tokenKey, token, 72)
  hmacUpdate(tokenKey, lineageBytes, 8)
  hmacEnd(tokenKey, out)
}

function deriveMac(context: usize, name: string): void {
  info.clear()
  label(name)
  derive(derived)
  hmacKey(context, HASH_SHA256, derived, KEY_BYTES)
  zeroise(derived, KEY_BYTES)
}

function label(name: string): void {
  info.ascii(name)
}

function derive(out: usize): void {
  hkdf(out, KEY_BYTES, HASH_SHA256, dek, KEY_BYTES, storeId, STORE_ID_BYTES, info.at, info.length)
}
