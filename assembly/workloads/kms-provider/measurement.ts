// What this enclave is: PCR0 of a document that nitro signs for it. No version of a key is made before it is known, because a key_id says
// which code made the key. The document comes from the kernel and is believed: whoever could forge it is nitro, and measures us anyway.
import { CborReader } from '../../codec/cbor-reader'
import { copy, equal } from '../../mem/bytes'
import { attest } from '../../sdk/calls'

/** SHA-384, the only algorithm of the NSM's registers. */
export const MEASUREMENT_BYTES: usize = 48
/** AWS's documents have nine fields and 32 registers. */
const MAX_FIELDS: u64 = 9
const MAX_REGISTERS: u64 = 32

const measured = memory.data(48)
let known = false
/** Above 0 while a document is awaited. */
let ticket: i32 = 0

export function isMeasured(): bool {
  return known
}

/** SAFETY: MEASUREMENT_BYTES, valid for ever; zeros before `isMeasured`. */
export function measurement(): usize {
  return measured
}

/** Whether these bytes are this enclave's measurement. Public on both sides. */
export function isOurs(at: usize): bool {
  return equal(at, measured, MEASUREMENT_BYTES)
}

/** Asks for a document, unless one is there or under way. */
export function askMeasurement(): void {
  if (!known && ticket <= 0) ticket = attest(0, <usize>-1, 0, 0, 0, <usize>-1)
}

/** @returns whether the measurement is known now */
export function learnMeasurement(answered: u32, document: usize, length: usize): bool {
  if (<i32>answered != ticket) return known
  ticket = 0
  // COSE_Sign1, RFC 9052 section 4.2, over {module_id, digest, timestamp, pcrs, …} in AWS's order
  const envelope = new CborReader(document, document + length)
  envelope.array(4)
  envelope.bytes()
  envelope.map(0)
  envelope.bytes()
  if (envelope.failed) return known
  const payload = new CborReader(envelope.at, envelope.at + envelope.length)
  payload.mapUpTo(MAX_FIELDS)
  payload.text()
  payload.text()
  payload.text()
  payload.text()
  payload.text()
  payload.uint()
  payload.text()
  if (!payload.is('pcrs')) return known
  payload.mapUpTo(MAX_REGISTERS)
  if (payload.uint() != 0) return known
  payload.bytesOf(MEASUREMENT_BYTES)
  if (payload.failed) return known
  copy(measured, payload.at, MEASUREMENT_BYTES) // SAFETY: both hold MEASUREMENT_BYTES
  known = true
  return true
}
