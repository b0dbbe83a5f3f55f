// Two clocks. `now` is the host's: whole milliseconds, never backwards, coarse, and trusted for nothing but time-outs. The time of day is
// nitro's, told by the timestamp of each attestation document that it signs for this enclave, and counted on by `now` in between: as right
// as nitro's clock was then, and as the host's counting since.
import { CborReader } from '../codec/cbor-reader'

export let now: i64 = 0

/** Time of day at `now` = 0, in milliseconds since 1970; 0 before the first document. */
let origin: i64 = 0
let lastTime: i64 = 0

export function advance(nowMs: f64): void {
  const told = <i64>nowMs
  if (told > now) now = told
}

/** Reads the timestamp of a document that nitro has just given: COSE_Sign1 over {module_id, digest, timestamp, ...}, in AWS's order. */
export function learnTime(document: usize, length: usize): void {
  const envelope = new CborReader(document, document + length)
  envelope.array(4)
  envelope.bytes()
  envelope.map(0)
  envelope.bytes()
  if (envelope.failed) return
  const payload = new CborReader(envelope.at, envelope.at + envelope.length)
  payload.mapUpTo(MAX_FIELDS)
  for (let i = 0; i < 2; i++) {
    payload.text()
    payload.text()
  }
  payload.text()
  if (!payload.is('timestamp')) return
  const timestamp = payload.uint()
  if (!payload.failed && timestamp <= MAX_TIME) origin = <i64>timestamp - now
}

/** Milliseconds since 1970, never backwards; 0 while nitro has not told it. */
export function timeOfDay(): i64 {
  if (origin == 0) return 0
  lastTime = max(lastTime, origin + now)
  return lastTime
}

/** Fields of a document's payload. */
const MAX_FIELDS: u64 = 9
/** The end of the year 9999: what RFC 3339 can write. */
const MAX_TIME: u64 = 253402300799999
