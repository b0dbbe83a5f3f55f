// Objects in the kernel's key space. A request's writes are one transaction; each has a resourceVersion of its own (record.ts). Nothing is
// said before all of them are put: `again` and `full` take the whole request back.
import { MAX_TRANSACTION_BYTES } from '../../../abi/limits'
import { STATUS_AGAIN, STATUS_NOT_FOUND, STATUS_QUOTA, STATUS_TOO_LARGE } from '../../../abi/status'
import { get, put, remove, settled } from '../../../sdk/calls'
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { auditWrite } from '../audit/index'
import { fail, failTooLarge } from '../http/failure'
import { keepBytes } from '../json/arena'
import { JsonNode } from '../json/node'
import { Resource } from '../resources/table'
import { objectKey } from './key'
import { compile, LAST_WRITE, RecordView, RECORD_HEADER, resourceVersion } from './record'

const VERSION_BYTES: usize = 8
/** Room before a record, for the digits to move its beginning into. */
const FRONT: usize = 16

let room: usize = 65536
let buffer = heap.alloc(FRONT + room)

/** Newest transaction whose fate is known, as of `refresh`, and the newest that came to nothing. */
export let settledVersion: u64 = 0
export let lostVersion: u64 = 0
const settledWords = memory.data(16, 8)

let writes: u8 = 0
/** Of the records that this call has put. */
export let bytesWritten: usize = 0

/** A call begins: it has written nothing. */
export function beginTransaction(): void {
  writes = 0
  bytesWritten = 0
  seenVersion = 0
}

/** What has been written by now is part of what the rest of the call sees: its lists are of that state. */
export function countAsSeen(): void {
  if (writes > 0) seenVersion = openVersion
}

/** Of the transaction under way, once it has written. */
let openVersion: u64 = 0
let seenVersion: u64 = 0

export function hasWritten(): bool {
  return writes > 0
}

export function writesSoFar(): i32 {
  return <i32>writes
}

export function refresh(): void {
  settled(settledWords)
  settledVersion = load<u64>(settledWords)
  lostVersion = load<u64>(settledWords, 8)
}

/** The resourceVersion of a list made now: all that is durable is at or below it, all else above. */
export function currentResourceVersion(): u64 {
  refresh()
  return resourceVersion(max(settledVersion, seenVersion), LAST_WRITE)
}

// Length of the record, which lies behind the version in the buffer; negative where there is none.
function fetch(resource: Resource, namespace: Span, name: Span): i32 {
  const key = objectKey(resource, namespace, name)
  let length = get(key.at, key.length, buffer + FRONT, room)
  if (length > 0 && <usize>length > room) {
    heap.free(buffer)
    room = <usize>length
    buffer = heap.alloc(FRONT + room)
    length = get(key.at, key.length, buffer + FRONT, room)
  }
  return length < 0 ? length : length - <i32>VERSION_BYTES
}

export function objectExists(resource: Resource, namespace: Span, name: Span): bool {
  const key = objectKey(resource, namespace, name)
  return get(key.at, key.length, buffer, 0) != STATUS_NOT_FOUND
}

const digits = new TextWriter()

/** Where `readText` has left an object's JSON. */
export let textAt: usize = 0
export let textLength: usize = 0

/** The JSON of an object, whole, at textAt until the next read. Its beginning is moved to make room for the digits. */
export function readText(resource: Resource, namespace: Span, name: Span): bool {
  const length = fetch(resource, namespace, name)
  if (length < 0) return false
  const at = buffer + FRONT + VERSION_BYTES
  const json = at + RECORD_HEADER
  const hole = <usize>load<u32>(at)
  digits.clear().number(resourceVersion(load<u64>(buffer, FRONT), load<u8>(at, 4)))
  textAt = json - digits.length // SAFETY: at most 20 digits, and FRONT + 8 + 16 bytes are before the JSON
  memory.copy(textAt, json, hole)
  memory.copy(textAt + hole, digits.at, digits.length)
  textLength = <usize>length - RECORD_HEADER + digits.length
  return true
}

/** A record copied into the arena, or null. */
export function readRecord(resource: Resource, namespace: Span, name: Span): RecordView | null {
  const length = fetch(resource, namespace, name)
  if (length < 0) return null
  return new RecordView().read(keepBytes(buffer + FRONT + VERSION_BYTES, length), length, load<u64>(buffer, FRONT))
}

/** A record where it was read to, until the next read. */
export function peekRecord(resource: Resource, namespace: Span, name: Span): RecordView | null {
  const length = fetch(resource, namespace, name)
  return length < 0 ? null : new RecordView().read(buffer + FRONT + VERSION_BYTES, length, load<u64>(buffer, FRONT))
}

const recordText = new TextWriter()

/** The object as it would be stored, in the arena; its resourceVersion is 0. */
export function preview(root: JsonNode): RecordView {
  compile(recordText, root, 0)
  return new RecordView().read(keepBytes(recordText.at, recordText.length), recordText.length, 0)
}

/** How the last write ended: it is to run again, or the failure that was set. */
export let mustRetry = false

/** Stores an object. @returns it with its resourceVersion, or null: then `mustRetry`, or a failure is set */
export function writeRecord(resource: Resource, namespace: Span, name: Span, record: RecordView): RecordView | null {
  mustRetry = false
  const audited = auditWrite()
  if (audited < 0) return refusedByAudit(audited)
  const at = record.json - RECORD_HEADER
  const length = record.jsonLength + RECORD_HEADER
  store<u8>(at, writes, 4) // SAFETY: a record as `preview` made it
  const key = objectKey(resource, namespace, name)
  const version = put(key.at, key.length, at, length)
  if (version < 0) return refused(version)
  openVersion = <u64>version
  record.resourceVersion = resourceVersion(openVersion, writes)
  bytesWritten += length
  writes++
  return record
}

/** @returns the resourceVersion of the removal, or 0: then `mustRetry`, or a failure is set */
export function removeRecord(resource: Resource, namespace: Span, name: Span): u64 {
  mustRetry = false
  const audited = auditWrite()
  if (audited < 0) {
    refusedByAudit(audited)
    return 0
  }
  const key = objectKey(resource, namespace, name)
  const version = remove(key.at, key.length)
  if (version < 0) {
    refused(version)
    return 0
  }
  return resourceVersion(<u64>version, writes++)
}

// Where the store is full the audit has said so.
function refusedByAudit(status: i32): RecordView | null {
  return status == STATUS_QUOTA ? null : refused(status)
}

function refused(status: i64): RecordView | null {
  if (status == STATUS_AGAIN) mustRetry = true
  else if (status == STATUS_TOO_LARGE) failTooLarge(MAX_TRANSACTION_BYTES)
  else if (status == STATUS_QUOTA) fail(500, 'InternalError', 'Internal error occurred: the store is full')
  else fail(500, 'InternalError', 'Internal error occurred: the store refuses it')
  return null
}
