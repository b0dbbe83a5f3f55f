// Where batches lie: segments of up to 64 KiB, under 0 ‖ "as" ‖ u64 number, big-endian. A value is u64 events before it ‖ hash[32] of the batch
// before it ‖ its batches. So when the oldest goes, the next one says where the chain is held from. LIMIT: whatever a store holds also lies in
// the enclave's memory; a segment leaves both at once, when all of them together are larger than MAX_AUDIT_BYTES.
import { STATUS_NOT_FOUND } from '../../../abi/status'
import { get, put, remove } from '../../../sdk/calls'
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { MAX_AUDIT_BYTES, MAX_AUDIT_SEGMENT_BYTES } from '../limits'
import { countWrite } from './entries'
import { HASH_BYTES, head } from './head'

const PREFIX_LENGTH: usize = 3
const KEY_LENGTH: usize = 11
const VERSION_BYTES: usize = 8
const SEGMENT_HEADER: usize = 8 + HASH_BYTES
/** As many go at once: each brings a batch's worth of room, and a batch has no more than two segments. */
const MAX_DROPPED = 2
const key = memory.data<u8>([0, 0x61, 0x73, 0, 0, 0, 0, 0, 0, 0, 0])

let room: usize = 131072
let buffer = heap.alloc(room)
const segment = new TextWriter()

/** Where `readSegment` has left one. */
let found = new Span(0, 0)

export function readSegment(number: u64): bool {
  let length = get(keyOf(number), KEY_LENGTH, buffer, room)
  if (length == STATUS_NOT_FOUND) return false
  if (<usize>length > room) {
    heap.free(buffer)
    room = <usize>length
    buffer = heap.alloc(room)
    length = get(keyOf(number), KEY_LENGTH, buffer, room)
  }
  found = new Span(buffer + VERSION_BYTES, <usize>length - VERSION_BYTES)
  return true
}

/** Events before the segment that was read. */
export function segmentAfter(): u64 {
  return load<u64>(found.at) // SAFETY: a segment has its header
}

/** Its batches. */
export function segmentText(): Span {
  return found.cut(SEGMENT_HEADER, found.length)
}

/**
 * Appends a batch to the last segment, or begins one with it, and drops what is too much. Changes the head, which is to be put then and says
 * how many events there were before. @returns 0, or a status: where `begun` is false nothing is written then
 */
export function appendBatch(batch: TextWriter): i32 {
  segment.clear()
  let number = head.next
  if (head.lastLength > 0 && head.lastLength + batch.length <= <usize>MAX_AUDIT_SEGMENT_BYTES && readSegment(head.next - 1)) {
    number--
    segment.raw(found.at, found.length)
  } else {
    store<u64>(segment.reserve(8), head.events)
    segment.raw(head.hash, HASH_BYTES)
  }
  segment.raw(batch.at, batch.length)
  const status = put(keyOf(number), KEY_LENGTH, segment.at, segment.length)
  if (status < 0) return <i32>status
  begun = true
  countWrite()
  head.bytes += segment.length - (number < head.next ? head.lastLength : 0)
  head.lastLength = segment.length
  head.next = number + 1
  for (let i = 0; i < MAX_DROPPED && head.bytes > <u64>MAX_AUDIT_BYTES && head.next - head.first > 1; i++) {
    const dropped = dropOldest()
    if (dropped < 0) return dropped
  }
  return 0
}

/** Something of the batch is written. */
export let begun = false

export function nothingBegun(): void {
  begun = false
}

/** @returns 0, or a status */
export function dropOldest(): i32 {
  if (readSegment(head.first)) {
    const length = found.length
    const version = remove(keyOf(head.first), KEY_LENGTH)
    if (version < 0) return <i32>version
    countWrite()
    head.bytes -= length
  }
  head.first++
  if (readSegment(head.first)) {
    head.dropped = segmentAfter()
    memory.copy(head.droppedHash, found.at + 8, HASH_BYTES) // SAFETY: a segment has its header
  } else {
    head.dropped = head.events
    memory.copy(head.droppedHash, head.hash, HASH_BYTES)
    head.lastLength = 0
  }
  return 0
}

function keyOf(number: u64): usize {
  store<u64>(key + PREFIX_LENGTH, bswap(number)) // SAFETY: the key ends with 8 bytes
  return key
}
