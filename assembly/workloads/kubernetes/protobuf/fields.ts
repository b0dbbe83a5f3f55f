// The table of messages.ts in a form to look things up in: read once, at the start of the module, into memory of its own.
import { MESSAGES } from './messages'

export const KIND_STRING: u8 = 0
export const KIND_BOOL: u8 = 1
export const KIND_INT32: u8 = 2
export const KIND_INT64: u8 = 3
export const KIND_BYTES: u8 = 4
export const KIND_JSON: u8 = 5
export const KIND_TIME: u8 = 6
export const KIND_MICRO: u8 = 7
export const KIND_STRINGS: u8 = 8
export const KIND_MESSAGE: u8 = 9
const TYPES = ['string', 'bool', 'int32', 'int64', 'bytes', 'json', 'time', 'micro', 'strings']

const STAR: u8 = 0x2a
const NEWLINE: u8 = 0x0a
const SPACE: u8 = 0x20
const COLON: u8 = 0x3a
const EQUALS: u8 = 0x3d
const BRACKET: u8 = 0x5b
const BRACE: u8 = 0x7b

/** ObjectMeta and Event have the most. */
export const MAX_FIELDS = 16
const MAX_MESSAGES = 64
const MAX_ALL_FIELDS = 256

@unmanaged
export class Field {
  number: u32
  kind: u8
  list: bool
  map: bool
  /** Kept as it comes, also when it is empty. */
  pointer: bool
  message: Message
  name: usize
  nameLength: usize
}

@unmanaged
export class Message {
  name: usize
  nameLength: usize
  /** Length 0: no object's kind, but part of one. */
  apiVersion: usize
  apiVersionLength: usize
  fields: usize
  count: i32

  field(index: i32): Field {
    return changetype<Field>(this.fields + <usize>index * offsetof<Field>()) // SAFETY: callers keep index < count
  }
}

const text = String.UTF8.encode(MESSAGES)
const messages = memory.data(64 * 24) // MAX_MESSAGES of Message
const fields = memory.data(256 * 20) // MAX_ALL_FIELDS of Field
let messageCount = 0
let fieldCount = 0
let at: usize = changetype<usize>(text)
const end: usize = at + text.byteLength

readTable()

/** The kind of an object, or null: of no API here, or known and of another version than this. */
export function findKind(kind: usize, kindLength: usize, apiVersion: usize, apiVersionLength: usize): Message | null {
  const found = find(kind, kindLength)
  if (!found || found.apiVersionLength == 0) return null
  if (found.apiVersionLength == 1 && load<u8>(found.apiVersion) == STAR) return found
  return same(found.apiVersion, found.apiVersionLength, apiVersion, apiVersionLength) ? found : null
}

// Names first, so that fields find the messages that they hold.
function readTable(): void {
  for (at++; at < end; skipLine()) {
    if (messageCount == MAX_MESSAGES) unreachable()
    const message = messageAt(messageCount++)
    message.name = at
    message.nameLength = word()
    if (load<u8>(at) != EQUALS) continue
    message.apiVersion = ++at
    message.apiVersionLength = word()
  }
  at = changetype<usize>(text) + 1
  for (let i = 0; i < messageCount; i++, skipLine()) readFields(messageAt(i))
}

function readFields(message: Message): void {
  while (load<u8>(at) != SPACE) at++ // SAFETY: every message has fields, and each is behind a space
  message.fields = fields + <usize>fieldCount * offsetof<Field>()
  while (load<u8>(at) == SPACE) {
    if (fieldCount == MAX_ALL_FIELDS || message.count == MAX_FIELDS) unreachable()
    const field = message.field(message.count++)
    fieldCount++
    for (at++; load<u8>(at) != COLON; at++) field.number = field.number * 10 + (load<u8>(at) - 0x30)
    field.name = ++at
    field.nameLength = word()
    at++
    readType(field)
  }
}

function readType(field: Field): void {
  const mark = load<u8>(at)
  field.list = mark == BRACKET
  field.map = mark == BRACE
  field.pointer = mark == STAR
  if (field.list || field.map) at += 2
  else if (field.pointer) at++
  const name = at
  const length = word()
  for (let kind = 0; kind < TYPES.length; kind++) {
    const type = String.UTF8.encode(TYPES[kind])
    if (!same(name, length, changetype<usize>(type), type.byteLength)) continue
    field.kind = <u8>kind
    return
  }
  field.kind = KIND_MESSAGE
  const message = find(name, length)
  if (!message) unreachable()
  field.message = message!
}

// Length of the word at `at`, which is left behind it.
function word(): usize {
  const from = at
  for (; at < end; at++) {
    const c = load<u8>(at)
    if (c == SPACE || c == NEWLINE || c == COLON || c == EQUALS) break
  }
  return at - from
}

function skipLine(): void {
  while (at < end && load<u8>(at) != NEWLINE) at++
  at++
}

function find(name: usize, length: usize): Message | null {
  for (let i = 0; i < messageCount; i++) {
    const message = messageAt(i)
    if (same(message.name, message.nameLength, name, length)) return message
  }
  return null
}

function messageAt(index: i32): Message {
  return changetype<Message>(messages + <usize>index * offsetof<Message>()) // SAFETY: index < MAX_MESSAGES
}

function same(a: usize, aLength: usize, b: usize, bLength: usize): bool {
  return aLength == bLength && memory.compare(a, b, aLength) == 0
}
