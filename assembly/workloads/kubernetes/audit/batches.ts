// The hash chain. What is settled is gathered into batches: a line {"after":…,"events":…,"previous":…} and the events' lines. A batch's hash is
// the SHA-256 of its bytes, and the next one says it as `previous`; the head says the last. Only what is durable is ever chained, so a
// transaction that comes to nothing leaves no hole. One batch is under way at a time.
import { STATUS_AGAIN, STATUS_OK } from '../../../abi/status'
import { sha256 } from '../../../sdk/calls'
import { TextWriter } from '../../../sdk/text-writer'
import { MAX_AUDIT_BACKLOG_BYTES } from '../limits'
import { refresh, settledVersion } from '../storage/store'
import { forgetUpTo, numberAt, oldestBytes, readEntry, ready, waitingBytes, waitingCount } from './entries'
import { head, HASH_BYTES, putHead, readHead } from './head'
import { forgetReads } from './reads'
import { appendBatch, begun, nothingBegun } from './segments'

/** A call that writes anyway makes a batch of so much. */
const DUE_ENTRIES = 64
const DUE_BYTES: usize = 49152
/** As much as a commit of the largest size may bring in a busy moment: there is one batch at a time. */
const MAX_BATCH_BYTES: usize = 524288

const batch = new TextWriter()
const lines = new TextWriter()
const hash = memory.data(32)

/** The transaction of the batch that was made last, and how many entries it takes; 0 where its fate is known. */
let version: u64 = 0
let taken = 0

/** Makes a batch if one is due. @returns 0, or a status with which this call cannot go on */
export function batchIfDue(): i32 {
  if (!isDue(waitingCount() - taken, waitingBytes - oldestBytes(taken))) return STATUS_OK
  refresh()
  if (version > settledVersion) return STATUS_OK
  finishLast()
  const settled = ready(settledVersion, MAX_BATCH_BYTES)
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

/** Keeps what waits for a batch within its bound. @returns 0, or a status with which this call cannot go on */
export function batchIfBehind(): i32 {
  return waitingBytes > <usize>MAX_AUDIT_BACKLOG_BYTES ? batchNow() : STATUS_OK
}

function isDue(entries: i32, bytes: usize): bool {
  return entries >= DUE_ENTRIES || bytes >= DUE_BYTES
}

// What the head says is in batches waits no longer. Reads the head.
function finishLast(): void {
  readHead()
  forgetUpTo(head.highest)
  version = 0
  taken = 0
}

// Behind `finishLast`. @returns 0, or a status: with `begun` this call cannot go on, without it nothing is written
function makeBatch(): i32 {
  nothingBegun()
  const count = ready(settledVersion, MAX_BATCH_BYTES)
  if (count == 0) return STATUS_OK
  lines.clear()
  for (let i = 0; i < count; i++) {
    const text = readEntry(i)
    if (!text) continue
    lines.span(text)
    forgetReads(numberAt(i))
  }
  const highest = numberAt(count - 1)
  if (lines.length == 0) {
    forgetUpTo(highest)
    return STATUS_OK
  }
  const events = writeBatch()
  sha256(batch.at, batch.length, hash)
  const status = appendBatch(batch)
  if (status < 0) return status
  head.events += events
  memory.copy(head.hash, hash, HASH_BYTES)
  head.highest = highest
  const put = putHead()
  if (put < 0) return <i32>put
  version = <u64>put
  taken = count
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
