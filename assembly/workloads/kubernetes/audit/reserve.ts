// Room for the events of deletions in a store that is full: a record of 64 KiB that stands for nothing. Once an event has no room any more
// nothing but deletions are let in; a tick gives the record up, and makes it again as soon as there is room for it. Without it nobody could
// delete, because nobody could say that they did. Key: 0 ‖ "ar".
import { STATUS_NOT_FOUND, STATUS_OK, STATUS_QUOTA } from '../../../abi/status'
import { get, put, remove } from '../../../sdk/calls'
import { countWrite } from './entries'

const RESERVE_BYTES: usize = 65536
const KEY = memory.data<u8>([0, 0x61, 0x72]) // "ar"
const KEY_LENGTH: usize = 3

let full = false
/** Something has been deleted since. */
let freed = false

export function isFull(): bool {
  return full
}

/** An event found no room. */
export function noteFull(): void {
  full = true
  freed = false
}

export function noteFreed(): void {
  freed = true
}

/** Makes the reserve where it is missing. @returns 0, or a status with which this call cannot go on */
export function openReserve(): i32 {
  if (isThere()) {
    full = false
    return STATUS_OK
  }
  full = true
  freed = true
  return restore()
}

/** A tick's share. @returns 0, or a status with which it cannot go on */
export function tendReserve(): i32 {
  if (!full) return STATUS_OK
  if (!isThere()) return freed ? restore() : STATUS_OK
  const version = remove(KEY, KEY_LENGTH)
  if (version >= 0) countWrite()
  return <i32>min<i64>(version, 0)
}

function isThere(): bool {
  return get(KEY, KEY_LENGTH, 0, 0) != STATUS_NOT_FOUND
}

function restore(): i32 {
  const zeros = heap.alloc(RESERVE_BYTES)
  memory.fill(zeros, 0, RESERVE_BYTES) // SAFETY: of that length
  const version = put(KEY, KEY_LENGTH, zeros, RESERVE_BYTES)
  heap.free(zeros)
  if (version == STATUS_QUOTA) return STATUS_OK
  if (version < 0) return <i32>version
  countWrite()
  full = false
  return STATUS_OK
}
