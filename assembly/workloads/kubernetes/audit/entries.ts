// Events as they are first stored: an entry for each transaction that has some, under a key of its own, so that no two writes wait for one
// another. Key: 0 ‖ "ae" ‖ u64 number, big-endian; value: lines. What is settled waits here for a batch (batches.ts). An entry whose
// transaction came to nothing is not in the store when it is looked for: that is all there is to know of it.
import { STATUS_NOT_FOUND } from '../../../abi/status'
import { get, put, remove } from '../../../sdk/calls'
import { Span } from '../../../sdk/span'
import { Scan } from '../../../sdk/store'
import { TextWriter } from '../../../sdk/text-writer'

const PREFIX_LENGTH: usize = 3
const KEY_LENGTH: usize = 11
const VERSION_BYTES: usize = 8
/** Of the store: no resource has the id 0. */
const key = memory.data<u8>([0, 0x61, 0x65, 0, 0, 0, 0, 0, 0, 0, 0])

class Entry {
  constructor(public number: u64, public version: u64, public length: usize) {}
}

let waiting: Entry[] = []
/** Bytes of them. */
export let waitingBytes: usize = 0
let nextNumber: u64 = 1
/** What this call has written of all that the audit keeps. */
let writes = 0

let room: usize = 16384
let buffer = heap.alloc(room)

export function beginWrites(): void {
  writes = 0
}

export function countWrite(): void {
  writes++
}

export function auditHasWritten(): bool {
  return writes > 0
}

export function takeNumber(): u64 {
  return nextNumber++
}

function keyOf(number: u64): usize {
  store<u64>(key + PREFIX_LENGTH, bswap(number)) // SAFETY: the key ends with 8 bytes
  return key
}

/** Stores an entry, or replaces what this call has put. @returns 0, or a status: then nothing is written */
export function putEntry(number: u64, text: TextWriter): i32 {
  const version = put(keyOf(number), KEY_LENGTH, text.at, text.length)
  if (version < 0) return <i32>version
  writes++
  for (let i = waiting.length - 1; i >= 0; i--) {
    if (waiting[i].number != number) continue
    waitingBytes += text.length - waiting[i].length
    waiting[i].version = <u64>version
    waiting[i].length = text.length
    return 0
  }
  waiting.push(new Entry(number, <u64>version, text.length))
  waitingBytes += text.length
  return 0
}

/** How many of the oldest may go into a batch of so many entries and bytes; one may always. */
export function ready(settled: u64, most: i32, mostBytes: usize): i32 {
  let count = 0
  let bytes: usize = 0
  while (count < waiting.length && count < most) {
    const entry = waiting[count]
    if (entry.version > settled) break
    bytes += entry.length
    if (count > 0 && bytes > mostBytes) break
    count++
  }
  return count
}

/** Bytes of the oldest `count`. */
export function oldestBytes(count: i32): usize {
  let bytes: usize = 0
  for (let i = 0; i < count; i++) bytes += waiting[i].length
  return bytes
}

export function waitingCount(): i32 {
  return waiting.length
}

export function numberAt(index: i32): u64 {
  return waiting[index].number
}

/** The lines of an entry, until the next read; null where it is not in the store. */
export function readEntry(number: u64): Span | null {
  let length = get(keyOf(number), KEY_LENGTH, buffer, room)
  if (length == STATUS_NOT_FOUND) return null
  if (<usize>length > room) {
    heap.free(buffer)
    room = <usize>length
    buffer = heap.alloc(room)
    length = get(keyOf(number), KEY_LENGTH, buffer, room)
  }
  return new Span(buffer + VERSION_BYTES, <usize>length - VERSION_BYTES)
}

/** @returns 0, or a status */
export function removeEntry(number: u64): i32 {
  const version = remove(keyOf(number), KEY_LENGTH)
  if (version >= 0) writes++
  return <i32>min<i64>(version, 0)
}

/** The oldest `count` are in a batch that is durable, or nowhere. */
export function forget(count: i32): void {
  waitingBytes -= oldestBytes(count)
  waiting.splice(0, count)
}

/** Finds what is in the store, beside what is on its way there. @param after numbers go on above it */
export function findEntries(settled: u64, after: u64): void {
  const coming = waiting
  waiting = []
  const scan = new Scan(new Span(key, PREFIX_LENGTH), new Span(0, 0), 128)
  while (scan.next()) waiting.push(new Entry(bswap(load<u64>(scan.key.at, PREFIX_LENGTH)), scan.version, scan.value.length)) // SAFETY: keys have 11 bytes
  for (let i = 0; i < coming.length; i++) if (coming[i].version > settled) waiting.push(coming[i])
  nextNumber = max(nextNumber, after + 1)
  for (let i = 0; i < waiting.length; i++) nextNumber = max(nextNumber, waiting[i].number + 1)
  waitingBytes = oldestBytes(waiting.length)
}
