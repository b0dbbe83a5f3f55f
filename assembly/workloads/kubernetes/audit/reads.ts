// Events of reads: gathered in memory, and stored together within a second, or as soon as there are MAX_AUDIT_WAITING_BYTES of them: then the
// read that brings one more stores them, and waits for that as a write does. So memory is bounded, and what was gathered is lost with the
// enclave alone.
import { STATUS_OK, STATUS_QUOTA } from '../../../abi/status'
import { now } from '../../../sdk/calls'
import { TextWriter } from '../../../sdk/text-writer'
import { MAX_AUDIT_WAITING_BYTES } from '../limits'
import { isStored, putEntry, takeNumber } from './entries'
import { isFull, noteFull } from './reserve'

const STORE_AFTER_MS: i64 = 1000

let gathered = new TextWriter()
/** Stored as `number`, and kept until that is known to be durable. */
let stored = new TextWriter()
let number: u64 = 0
let since: i64 = 0
/** Where the last event begins. */
let mark: usize = 0

/** Adds one; before it, stores the others where it is time. @returns 0, or a status: then it is not added */
export function gather(event: TextWriter): i32 {
  const isOver = gathered.length + event.length > <usize>MAX_AUDIT_WAITING_BYTES
  if (isOver || (gathered.length > 0 && now() - since >= STORE_AFTER_MS)) {
    const status = storeReads()
    if (status < 0 && (status != STATUS_QUOTA || isOver)) return status
  }
  if (gathered.length == 0) since = now()
  mark = gathered.length
  gathered.raw(event.at, event.length)
  return STATUS_OK
}

/** Takes the last event back: its request is answered otherwise. */
export function ungather(): void {
  gathered.shorten(mark)
}

/** @returns 0, or a status: then they are gathered as before */
export function storeReads(): i32 {
  if (gathered.length == 0 && number == 0) return STATUS_OK
  // What room there is by now is for deletions
  if (isFull()) return STATUS_QUOTA
  if (number != 0 && !isStored(number)) {
    // Its transaction came to nothing: once more. Where it is under way this says so: try again
    const again = takeNumber()
    const status = putEntry(again, stored)
    if (status == STATUS_QUOTA) noteFull()
    if (status == STATUS_OK) number = again
    return status
  }
  number = 0
  if (gathered.length == 0) return STATUS_OK
  const next = takeNumber()
  const status = putEntry(next, gathered)
  if (status < 0) {
    if (status == STATUS_QUOTA) noteFull()
    return status
  }
  const empty = stored
  stored = gathered
  gathered = empty.clear()
  number = next
  return STATUS_OK
}

/** An entry was found to be durable, and moves into a batch. */
export function forgetReads(entry: u64): void {
  if (entry == number) number = 0
}

/** What metrics show. */
export function waitingReads(): usize {
  return gathered.length
}
