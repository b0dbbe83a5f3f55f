// The hash chain. What is settled is gathered into batches: a line {"after":…,"events":…,"previous":…} and the events' lines. A batch's hash is
// the SHA-256 of its bytes, and the next one says it as `previous`; the head says the last. Only what is durable is ever chained, so a
// transaction that comes to nothing leaves no hole. One batch is under way at a time.
import { STATUS_AGAIN, STATUS_OK } from '../../../abi/status'
import { sha256 } from '../../../sdk/calls'
import { TextWriter } from '../../../sdk/text-writer'
import { MAX_AUDIT_SEGMENT_BYTES } from '../limits'
import { refresh, settledVersion } from '../storage/store'
import { forget, numberAt, oldestBytes, readEntry, ready, removeEntry, waitingBytes, waitingCount } from './entries'
import { head, HASH_BYTES, headIs, putHead, readHead } from './head'
import { forgetReads } from './reads'
import { appendBatch, begun, nothingBegun } from './segments'

/** Entries of a batch. With segment, head, two dropped segments and what a call writes itself, they are fewer than a transaction may write. */
const MAX_ENTRIES = 80
/** A call that writes anyway makes a batch of so much. */
const DUE_ENTRIES = 64
const DUE_BYTES: usize = 49152
/** Room for its head line. */
const MAX_BATCH_BYTES: usize = MAX_AUDIT_SEGMENT_BYTES - 256

const batch = new TextWriter()
const lines = new TextWriter()
const hash = memory.data(32)

/** The transaction of the batch that was made last, how many entries it takes, and its hash; 0 where its fate is known. */
let version: u64 = 0
let taken = 0
const madeHash = memory.data(32)

/** Makes a batch if one is due. @returns 0, or a status with which this call cannot go on */
export function batchIfDue(): i32 {
  if (!isDue(waitingCount() - taken, waitingBytes - oldestBytes(taken))) return STATUS_OK
  refresh()
  if (version > settledVersion) return STATUS_OK
  finishLast()
  const settled = ready(settledVersion, MAX_ENTRIES, MAX_BATCH_BYTES)
  if (!isDue(settled, oldestBytes(settled))) return STATUS_OK
  const status = makeBatch()
  // Where nothing is written there is no room or no quiet: entries wait as they are
  return begun ? status : STATUS_OK
}

/** Makes a batch of all that is settled, behind the one under way. @returns 0, or a status with which this call cannot go on */
export function batchNow(): i32 {
  refresh()
  if (version > settledVersion) {
    // Where it is under way this says so: try again. A call that was taken back has left nothing under way
    readHead()
    const put = putHead()
    if (put < 0) return <i32>put
  }
  finishLast()
  const status = makeBatch()
  return begun || status == STATUS_AGAIN ? status : STATUS_OK
}

function isDue(entries: i32, bytes: usize): bool {
  return entries >= DUE_ENTRIES || bytes >= DUE_BYTES
}

// What the last batch took is in it, or still here. Reads the head.
function finishLast(): void {
  readHead()
  if (version != 0 && headIs(madeHash)) forget(taken)
  version = 0
  taken = 0
}

// Behind `finishLast`. @returns 0, or a status: with `begun` this call cannot go on, without it nothing is written
function makeBatch(): i32 {
  nothingBegun()
  const count = ready(settledVersion, MAX_ENTRIES, MAX_BATCH_BYTES)
  lines.clear()
  for (let i = 0; i < count; i++) {
    const text = readEntry(numberAt(i))
    if (text) lines.span(text)
  }
  if (lines.length == 0) {
    forget(count)
    return STATUS_OK
  }
  const events = writeBatch()
  sha256(batch.at, batch.length, hash)
  let status = appendBatch(batch)
  if (status < 0) return status
  head.events += events
  memory.copy(head.hash, hash, HASH_BYTES)
  for (let i = 0; i < count; i++) head.highest = max(head.highest, numberAt(i))
  const put = putHead()
  if (put < 0) return <i32>put
  for (let i = 0; i < count; i++) {
    const number = numberAt(i)
    if (!readEntry(number)) continue
    status = removeEntry(number)
    if (status < 0) return status
    forgetReads(number)
  }
  version = <u64>put
  taken = count
  memory.copy(madeHash, hash, HASH_BYTES)
  return STATUS_OK
}

// @returns how many events are in it
function writeBatch(): u64 {
  let events: u64 = 0
  for (let i: usize = 0; i < lines.length; i++) if (load<u8>(lines.at + i) == 0x0a) events++ // SAFETY: i < length
  batch.clear().ascii('{"after":').number(head.events).ascii(',"events":').number(events).ascii(',"previous":"')
  writeHash(batch, head.hash)
  batch.ascii('"}\n').raw(lines.at, lines.length)
  return events
}

export function writeHash(out: TextWriter, at: usize): void {
  for (let i: usize = 0; i < HASH_BYTES; i++) {
    const byte = load<u8>(at + i) // SAFETY: a hash has 32 bytes
    out.byte(hexDigit(byte >> 4)).byte(hexDigit(byte & 15))
  }
}

function hexDigit(digit: u8): u8 {
  return digit < 10 ? 0x30 + digit : 0x61 + digit - 10
}
