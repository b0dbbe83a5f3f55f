// The last events, for watches that resume and readers that are slow: one copy for all of them, outside of the collected heap, bounded by
// number and bytes. An event is here as soon as it is written, and may still come to nothing: who reads it asks whether its transaction is
// settled. Since a boot nothing older is known, so an older resourceVersion has expired.
import { Span } from '../../../sdk/span'
import { fail } from '../http/failure'
import { MAX_EVENT_BYTES, MAX_EVENTS } from '../limits'
import { Resource } from '../resources/table'
import { LAST_WRITE, RecordView, RECORD_HEADER, resourceVersion, versionOf } from '../storage/record'
import { lostVersion, refresh, settledVersion } from '../storage/store'
import { Change } from './changes'

const SLOTS: u64 = MAX_EVENTS // a sequence number's low bits are its slot

/** In front of key, record and previous record. */
@unmanaged
export class Event {
  resourceVersion: u64
  type: i32
  resource: u8
  keyLength: usize
  recordLength: usize
  previousLength: usize

  get key(): Span {
    return new Span(changetype<usize>(this) + offsetof<Event>(), this.keyLength)
  }

  readRecord(view: RecordView): RecordView {
    view.read(this.recordAt, this.recordLength, 0)
    view.resourceVersion = this.resourceVersion
    return view
  }

  /** As it was before, with the resourceVersion of the event. */
  readPrevious(view: RecordView): RecordView {
    view.read(this.recordAt + this.recordLength, this.previousLength, 0)
    view.resourceVersion = this.resourceVersion
    return view
  }

  get size(): usize {
    return offsetof<Event>() + this.keyLength + this.recordLength + this.previousLength
  }

  private get recordAt(): usize {
    return changetype<usize>(this) + offsetof<Event>() + this.keyLength
  }
}

const slots = heap.alloc(<usize>SLOTS << 2)
/** Sequence numbers: of the oldest event, and of the next. */
export let oldest: u64 = 0
export let nextSequence: u64 = 0
let bytes: usize = 0
/** Every event above this resourceVersion is here. */
let coveredFrom: u64 = 0
let started = false
let knownLost: u64 = 0
let knownSettled: u64 = 0
/** Counts the times that events were thrown away because some may not have happened, or were not told. */
export let resets = 0

/** Asks what has become of what was written. To be called before history or store are read for a watch or a list. */
export function settleHistory(): void {
  refresh()
  if (!started) {
    started = true
    coveredFrom = resourceVersion(settledVersion, LAST_WRITE)
  } else if (lostVersion != knownLost || settledVersion - knownSettled > RENUMBERED) forgetAll()
  knownLost = lostVersion
  knownSettled = settledVersion
}

/** An owner has accepted an older state: numbers go on far above (abi/README.md). */
const RENUMBERED: u64 = 0x40000000

function forgetAll(): void {
  if (nextSequence > oldest) coveredFrom = eventAt(nextSequence - 1).resourceVersion
  coveredFrom = max(coveredFrom, resourceVersion(settledVersion, LAST_WRITE))
  while (oldest < nextSequence) evict()
  resets++
}

export function eventAt(sequence: u64): Event {
  return changetype<Event>(<usize>load<u32>(slotOf(sequence)))
}

function slotOf(sequence: u64): usize {
  return slots + (<usize>(sequence & (SLOTS - 1)) << 2) // SAFETY: below SLOTS words
}

export function isSettled(event: Event): bool {
  return versionOf(event.resourceVersion) <= settledVersion
}

/** @param previous kept where the change may make an object begin or end to match a selector */
export function remember(change: Change, key: Span, keepPrevious: bool): void {
  const previous = keepPrevious ? change.previous : null
  const recordLength = change.record.jsonLength + RECORD_HEADER
  const previousLength = previous ? previous.jsonLength + RECORD_HEADER : 0
  const at = heap.alloc(offsetof<Event>() + key.length + recordLength + previousLength)
  const event = changetype<Event>(at)
  event.resourceVersion = change.record.resourceVersion
  event.type = change.type
  event.resource = change.resource.id
  event.keyLength = key.length
  event.recordLength = recordLength
  event.previousLength = previousLength
  let to = at + offsetof<Event>() // SAFETY: key, record and previous record are as long as was allocated
  memory.copy(to, key.at, key.length)
  to += key.length
  memory.copy(to, change.record.json - RECORD_HEADER, recordLength)
  to += recordLength
  if (previous) memory.copy(to, previous.json - RECORD_HEADER, previousLength)
  if (nextSequence - oldest == SLOTS) evict()
  store<u32>(slotOf(nextSequence++), <u32>at)
  bytes += event.size
  while (bytes > <usize>MAX_EVENT_BYTES && nextSequence - oldest > 1) evict()
}

function evict(): void {
  const event = eventAt(oldest++)
  coveredFrom = max(coveredFrom, event.resourceVersion)
  bytes -= event.size
  heap.free(changetype<usize>(event))
}

export function isCovered(version: u64): bool {
  return version >= coveredFrom
}

/** The first event above a resourceVersion. */
export function sequenceAfter(version: u64): u64 {
  let low = oldest
  let high = nextSequence
  while (low < high) {
    const middle = low + ((high - low) >> 1)
    if (eventAt(middle).resourceVersion > version) high = middle
    else low = middle + 1
  }
  return low
}

/** Whether nothing that is durable has changed since, under a prefix and behind a key; false too where nobody knows any more. */
export function unchangedSince(version: u64, resource: Resource, prefix: Span, after: Span): bool {
  settleHistory()
  if (!isCovered(version)) return false
  for (let i = sequenceAfter(version); i < nextSequence; i++) {
    const event = eventAt(i)
    if (!isSettled(event)) return true
    if (event.resource != resource.id || !beginsWith(event.key, prefix)) continue
    if (after.length == 0 || compare(event.key, after) > 0) return false
  }
  return true
}

export function beginsWith(key: Span, prefix: Span): bool {
  return key.length >= prefix.length && memory.compare(key.at, prefix.at, prefix.length) == 0
}

function compare(a: Span, b: Span): i32 {
  const order = memory.compare(a.at, b.at, min(a.length, b.length))
  return order != 0 ? order : <i32>a.length - <i32>b.length
}

export function failExpired(version: u64, current: u64): bool {
  fail(410, 'Expired', 'too old resource version: ' + version.toString() + ' (' + current.toString() + ')')
  return false
}

/** What metrics show. */
export function historyBytes(): usize {
  return bytes
}
