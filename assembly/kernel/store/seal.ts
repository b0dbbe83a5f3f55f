// Records as the parent keeps them (PROTOCOLS 6, abi/STORE-RECORDS.md): AES-256-GCM under an epoch's key, bound to their store, their place
// and their header. Their sizes are padded; where one lies says which key it is to nobody without the `place` key, but it is always there.
// LIMIT(C03): the parent sees which place changes when.
import { AES_GCM_TAG, aesGcmOpen, aesGcmSeal } from '../../crypto/aes-gcm'
import { Writer } from '../../codec/writer'
import { copy, load16, load32, load64, store16, store32, store64, zeroise } from '../../mem/bytes'
import {
  makeRecord, RECORD_KERNEL, recordElement, recordHas, recordKey, recordKeyLength, recordValue, recordValueLength, recordVersion,
  setRecordVersion
} from '../space/record'
import { elementOf, Epoch, epochOf, ownEpoch, placeOf, spendCounter, storeId } from './keys'
import { padded, PLAIN_HEADER, SEALED_HEADER } from './padding'

export const FORMAT: u8 = 1
export const PLACE_BYTES: usize = 32
const EPOCH_AT: usize = 1
const COUNTER_AT: usize = 33
const GENERATION_AT: usize = 41

export const AREA_KERNEL: u32 = 0
export const AREA_WORKLOAD: u32 = 1

const nonce = memory.data(12, 4)
const aad = memory.data(32 + 32 + 49) // store id ‖ place ‖ header

/** The header of what this epoch seals next: its counter is spent. SAFETY: `at` holds SEALED_HEADER bytes. */
export function writeHeader(at: usize, generation: u64): void {
  store<u8>(at, FORMAT)
  copy(at + EPOCH_AT, ownEpoch().id, 32)
  store64(at + COUNTER_AT, spendCounter())
  store64(at + GENERATION_AT, generation)
}

/** The epoch of a header, and its nonce in `headerNonce`. @returns null where the format or the epoch is none */
export function readHeader(at: usize): Epoch | null {
  if (load<u8>(at) != FORMAT) return null
  return epochOf(at + EPOCH_AT)
}

export function headerGeneration(at: usize): u64 {
  return load64(at + GENERATION_AT)
}

/** 4 zero bytes ‖ counter. Valid until the next call. */
export function headerNonce(at: usize): usize {
  store<u32>(nonce, 0)
  copy(nonce + 4, at + COUNTER_AT, 8)
  return nonce
}

export function areaOf(record: usize): u32 {
  return recordHas(record, RECORD_KERNEL) ? AREA_KERNEL : AREA_WORKLOAD
}

/** Appends place ‖ u32 length ‖ the sealed record, and notes what it adds to the set hash. */
export function sealRecord(out: Writer, record: usize, generation: u64): void {
  const keyLength = recordKeyLength(record)
  const valueLength = recordValueLength(record)
  const used = PLAIN_HEADER + keyLength + valueLength
  const length = padded(used)
  const sealed = SEALED_HEADER + length + AES_GCM_TAG
  const place = out.grow(PLACE_BYTES + 4 + sealed) // SAFETY: all that is written below
  placeOf(place, areaOf(record), recordKey(record), keyLength)
  store32(place + PLACE_BYTES, <u32>sealed)
  const header = place + PLACE_BYTES + 4
  writeHeader(header, generation)
  const plain = header + SEALED_HEADER
  store<u8>(plain, <u8>areaOf(record))
  store16(plain + 1, <u32>keyLength)
  store32(plain + 3, <u32>valueLength)
  store64(plain + 7, recordVersion(record))
  copy(plain + PLAIN_HEADER, recordKey(record), keyLength)
  copy(plain + PLAIN_HEADER + keyLength, recordValue(record), valueLength)
  zeroise(plain + used, length - used)
  aesGcmSeal(ownEpoch().state, plain, headerNonce(header), bind(place, header), AAD_BYTES, plain, length)
  elementOf(recordElement(record), place, header + EPOCH_AT, header + COUNTER_AT, plain + length)
}

/** Opens in place what lies at `place`. @returns the record, or 0: every failure is the same */
export function openRecord(place: usize, sealed: usize, length: usize): usize {
  if (length < SEALED_HEADER + PLAIN_HEADER + AES_GCM_TAG) return 0
  const epoch = readHeader(sealed)
  if (!epoch) return 0
  const plain = sealed + SEALED_HEADER
  const plainLength = length - SEALED_HEADER - AES_GCM_TAG
  if (!aesGcmOpen(epoch.state, plain, headerNonce(sealed), bind(place, sealed), AAD_BYTES, plain, length - SEALED_HEADER)) return 0
  const area = <u32>load<u8>(plain)
  const keyLength = <usize>load16(plain + 1)
  const valueLength = <usize>load32(plain + 3)
  // What was sealed is ours; a kernel of another release may have sealed it otherwise
  if (area > AREA_WORKLOAD || keyLength == 0 || keyLength + valueLength > plainLength - PLAIN_HEADER) return 0
  const key = plain + PLAIN_HEADER
  const record = makeRecord(key, keyLength, key + keyLength, valueLength, area == AREA_KERNEL ? RECORD_KERNEL : 0)
  setRecordVersion(record, load64(plain + 7))
  elementOf(recordElement(record), place, sealed + EPOCH_AT, sealed + COUNTER_AT, plain + plainLength)
  return record
}

const AAD_BYTES: usize = 32 + PLACE_BYTES + SEALED_HEADER

// Store id ‖ place ‖ header
function bind(place: usize, header: usize): usize {
  copy(aad, storeId, 32)
  copy(aad + 32, place, PLACE_BYTES)
  copy(aad + 64, header, SEALED_HEADER)
  return aad
}
