// Events as they are first stored: an entry for each transaction that has some, in a slot of its own, so that no two writes wait for one
// another. Key: 0 ‖ "ae" ‖ u32 slot, big-endian; value: u64 number ‖ lines. What is settled waits here for a batch (batches.ts), whose head says
// up to which number it took all; then its slot is given to another, for to write over a record costs half of removing it and adding one. An
// entry whose transaction came to nothing is not in its slot when it is looked for: that is all there is to know of it.
import { STATUS_NOT_FOUND } from '../../../abi/status'
import { get, put } from '../../../sdk/calls'
import { Span } from '../../../sdk/span'
import { Scan } from '../../../sdk/store'
import { TextWriter } from '../../../sdk/text-writer'

const PREFIX_LENGTH: usize = 3
const KEY_LENGTH: usize = 7
const VERSION_BYTES: usize = 8
const NUMBER_BYTES: usize = 8
/** Of the store: no resource has the id 0. */
const key = memory.data<u8>([0, 0x61, 0x65, 0, 0, 0, 0])

class Entry {
  constructor(public number: u64, public slot: u32, public version: u64, public length: usize) {}
}

/** In the order of their numbers, which is that of their transactions. */
let waiting: Entry[] = []
/** Bytes of them. */
export let waitingBytes: usize = 0
/** Slots whose entries are in batches, or nowhere. */
let free: u32[] = []
let nextSlot: u32 = 0
let nextNumber: u64 = 1
/** What this call has written of all that the audit keeps. */
let writes = 0

let room: usize = 16384
let buffer = heap.alloc(room)
const value = new TextWriter()

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

function keyOf(slot: u32): usize {
  store<u32>(key + PREFIX_LENGTH, bswap(slot)) // SAFETY: the key ends with 4 bytes
  return key
}

function find(number: u64): Entry | null {
  for (let i = waiting.length - 1; i >= 0 && waiting[i].number >= number; i--) if (waiting[i].number == number) return waiting[i]
  return null
}

/** Stores an entry, or replaces what this call has put. @returns 0, or a status: then nothing is written */
export function putEntry(number: u64, text: TextWriter): i32 {
  const known = find(number)
  const slot = known ? known.slot : free.length > 0 ? free[0] : nextSlot
  store<u64>(value.clear().reserve(NUMBER_BYTES), number)
  value.raw(text.at, text.length)
  const version = put(keyOf(slot), KEY_LENGTH, value.at, value.length)
  if (version < 0) return <i32>version
  writes++
  if (known) {
    waitingBytes += text.length - known.length
    known.version = <u64>version
    known.length = text.length
    return 0
  }
  if (free.length > 0) free.shift()
  else nextSlot++
  waiting.push(new Entry(number, slot, <u64>version, text.length))
  waitingBytes += text.length
  return 0
}

/** How many of the oldest may go into a batch of so many bytes; one may always. */
export function ready(settled: u64, mostBytes: usize): i32 {
  let count = 0
  let bytes: usize = 0
  while (count < waiting.length && waiting[count].version <= settled) {
    bytes += waiting[count].length
    if (count > 0 && bytes > mostBytes) break
    count++
  }
  return count
}

/** Bytes of the oldest `count`, or of all where there are fewer. */
export function oldestBytes(count: i32): usize {
  let bytes: usize = 0
  for (let i = 0; i < count && i < waiting.length; i++) bytes += waiting[i].length
  return bytes
}

export function waitingCount(): i32 {
  return waiting.length
}

export function numberAt(index: i32): u64 {
  return waiting[index].number
}

/** The lines of one that waits, until the next read; null where it is not in its slot. */
export function readEntry(index: i32): Span | null {
  return read(waiting[index])
}

/** Whether one is known to be durable; one that waits no longer is not. */
export function isStored(number: u64): bool {
  const entry = find(number)
  return entry != null && read(entry) != null
}

function read(entry: Entry): Span | null {
  let length = get(keyOf(entry.slot), KEY_LENGTH, buffer, room)
  if (length == STATUS_NOT_FOUND) return null
  if (<usize>length > room) {
    heap.free(buffer)
    room = <usize>length
    buffer = heap.alloc(room)
    length = get(keyOf(entry.slot), KEY_LENGTH, buffer, room)
  }
  if (load<u64>(buffer, VERSION_BYTES) != entry.number) return null // SAFETY: every entry has its number
  return new Span(buffer + VERSION_BYTES + NUMBER_BYTES, <usize>length - VERSION_BYTES - NUMBER_BYTES)
}

/** All up to this number are in batches, or came to nothing. */
export function forgetUpTo(number: u64): void {
  let count = 0
  while (count < waiting.length && waiting[count].number <= number) {
    waitingBytes -= waiting[count].length
    free.push(waiting[count].slot)
    count++
  }
  if (count > 0) waiting.splice(0, count)
}

/** Finds what is in the store, beside what is on its way there. @param batched up to which number all is in batches */
export function findEntries(settled: u64, batched: u64): void {
  const coming = waiting
  waiting = []
  free = []
  const scan = new Scan(new Span(key, PREFIX_LENGTH), new Span(0, 0), 128)
  while (scan.next()) {
    const slot = bswap(load<u32>(scan.key.at, PREFIX_LENGTH)) // SAFETY: keys have 7 bytes
    const number = load<u64>(scan.value.at)
    nextSlot = max(nextSlot, slot + 1)
    if (number > batched) insert(new Entry(number, slot, scan.version, scan.value.length - NUMBER_BYTES))
    else if (!isComing(coming, slot, settled)) free.push(slot)
  }
  for (let i = 0; i < coming.length; i++) if (coming[i].version > settled) insert(coming[i])
  nextNumber = max(nextNumber, batched + 1)
  if (waiting.length > 0) nextNumber = max(nextNumber, waiting[waiting.length - 1].number + 1)
  waitingBytes = oldestBytes(waiting.length)
}

function isComing(coming: Entry[], slot: u32, settled: u64): bool {
  for (let i = 0; i < coming.length; i++) if (coming[i].slot == slot && coming[i].version > settled) return true
  return false
}

function insert(entry: Entry): void {
  waiting.push(entry)
  for (let i = waiting.length - 1; i > 0 && waiting[i - 1].number > waiting[i].number; i--) {
    const later = waiting[i - 1]
    waiting[i - 1] = waiting[i]
    waiting[i] = later
  }
}
