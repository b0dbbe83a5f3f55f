// An object as its Go type would hold it: wrong types refused, unknown fields pruned and told, empty ones left out, maps sorted, fields
// in the type's order. Two objects are the same if and only if their normal forms are the same bytes.
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { allocateNode, arenaIsFull } from '../json/arena'
import { FLAG_ESCAPE, JsonNode, newNode, newString, newText, TYPE_ARRAY, TYPE_FALSE, TYPE_NULL, TYPE_NUMBER, TYPE_OBJECT, TYPE_STRING, TYPE_TRUE } from '../json/node'
import { sortMembers } from '../json/tree'
import { badAt, decodeBase64, isCanonicalBase64 } from '../object/base64'
import { parsedMicros, parseTime, writeTime } from '../object/time'
import { clearPath, enterField, enterIndex, enterKey, leave, pathText, plainPathText } from './field-path'
import {
  Field, FIELD_BOOL, FIELD_BYTES_MAP, FIELD_INT32, FIELD_INT64, FIELD_MAP, FIELD_MESSAGE, FIELD_MESSAGE_MAP,
  FIELD_MESSAGE_OR_BOOL, FIELD_MESSAGES, FIELD_MICRO_TIME, FIELD_NUMBER, FIELD_RAW, FIELD_RAW_LIST, FIELD_STRING, FIELD_STRINGS, FIELD_TIME, Message
} from './schema'

/** Why the last `normalise` refused: a text as Go's decoder gives it. */
export let problem = ''
/** Paths of fields that are not of the type, in the order met. */
export let unknownFields: string[] = []

/** What a hostile object may have of them. */
const MAX_UNKNOWN = 100

let kindName = ''
const text = new TextWriter()

/** In place. @returns false where a value is of the wrong type, `problem` saying which */
export function normalise(root: JsonNode, message: Message): bool {
  beginFields(message.name)
  if (!root.isObject) return wrongType(root, 'a Go value', message.name)
  return normaliseMessage(root, message)
}

/** A part of an object whose other parts are of no message. The path is left at the object. */
export function normaliseMember(root: JsonNode, name: string, message: Message): bool {
  beginFields(message.name)
  const member = root.get(name)
  if (!member) return true
  enterField(name)
  const isNormal = member.isObject ? normaliseMessage(member, message) : wrongField(member, message.name) == KEPT
  leave()
  return isNormal
}

/** Forgets what the last one was told of. */
function beginFields(kind: string): void {
  clearPath()
  if (unknownFields.length > 0) unknownFields = []
  kindName = kind
  problem = ''
}

/** Where the path stands is a field that nothing declares. */
export function noteUnknownField(): void {
  if (unknownFields.length < MAX_UNKNOWN) unknownFields.push(pathText())
}

function normaliseMessage(node: JsonNode, message: Message): bool {
  const fields = message.fields
  let head: JsonNode | null = null
  let tail: JsonNode | null = null
  let kept = 0
  let found = 0
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]
    let member = node.get(field.name)
    if (member) {
      found++
      enterField(field.name)
      const state = normaliseField(member, field)
      leave()
      if (state == WRONG) return false
      // Taken out at once, what is left in the end is unknown
      unlink(node, member)
      if (state == EMPTY) member = null
    }
    if (!member && field.always) member = emptyOf(field)
    if (!member) continue
    member.next = null
    if (tail) tail.next = member
    else head = member
    tail = member
    kept++
  }
  if (node.first) noteUnknown(node)
  node.first = head
  node.last = tail
  node.count = kept
  return true
}

function unlink(node: JsonNode, member: JsonNode): void {
  node.detach(member)
}

function noteUnknown(node: JsonNode): void {
  let each = node.first
  while (each && unknownFields.length < MAX_UNKNOWN) {
    enterKey(each.key, each.keyLength)
    noteUnknownField()
    leave()
    each = each.next
  }
}

const WRONG = 0
const KEPT = 1
/** Left out: it is the zero value. */
const EMPTY = 2

function normaliseField(node: JsonNode, field: Field): i32 {
  if (node.type == TYPE_NULL && field.type != FIELD_RAW) return EMPTY
  switch (field.type) {
    case FIELD_STRING:
      if (node.type != TYPE_STRING) return wrongField(node, 'string')
      return node.length == 0 && !field.optional ? EMPTY : KEPT
    case FIELD_BOOL:
      if (node.type != TYPE_TRUE && node.type != TYPE_FALSE) return wrongField(node, 'bool')
      return node.type == TYPE_FALSE && !field.optional ? EMPTY : KEPT
    case FIELD_INT32: return integer(node, field, 'int32')
    case FIELD_INT64: return integer(node, field, 'int64')
    case FIELD_TIME: return time(node, false)
    case FIELD_MICRO_TIME: return time(node, true)
    case FIELD_MAP: return map(node, false)
    case FIELD_BYTES_MAP: return map(node, true)
    case FIELD_STRINGS: return strings(node)
    case FIELD_MESSAGE:
      if (node.type != TYPE_OBJECT) return wrongField(node, field.messageName)
      if (!normaliseMessage(node, <Message>field.message)) return WRONG
      return KEPT
    case FIELD_MESSAGES: return messages(node, field)
    case FIELD_MESSAGE_MAP: return messageMap(node, field)
    case FIELD_MESSAGE_OR_BOOL:
      if (node.type == TYPE_TRUE || node.type == TYPE_FALSE) return KEPT
      if (node.type != TYPE_OBJECT) return wrongField(node, field.messageName)
      return normaliseMessage(node, <Message>field.message) ? KEPT : WRONG
    case FIELD_NUMBER: return node.type == TYPE_NUMBER ? KEPT : wrongField(node, 'float64')
    case FIELD_RAW_LIST:
      if (node.type != TYPE_ARRAY) return wrongField(node, '[]interface {}')
      return node.count == 0 ? EMPTY : KEPT
  }
  return KEPT
}

function messages(node: JsonNode, field: Field): i32 {
  if (node.type != TYPE_ARRAY) return wrongField(node, '[]' + field.messageName)
  let item = node.first
  let index = 0
  while (item) {
    enterIndex(index++)
    if (item.type == TYPE_NULL) item.type = TYPE_OBJECT // Go's zero value
    if (item.type != TYPE_OBJECT) return wrongField(item, field.messageName)
    // Each gets the members that are always there
    if (arenaIsFull()) {
      problem = 'the object is too large'
      return WRONG
    }
    if (!normaliseMessage(item, <Message>field.message)) return WRONG
    leave()
    item = item.next
  }
  return node.count == 0 ? EMPTY : KEPT
}

function messageMap(node: JsonNode, field: Field): i32 {
  if (node.type != TYPE_OBJECT) return wrongField(node, 'map[string]' + field.messageName)
  sortMembers(node)
  let member = node.first
  while (member) {
    enterKey(member.key, member.keyLength)
    if (member.type == TYPE_NULL) member.type = TYPE_OBJECT // Go's zero value
    if (member.type != TYPE_OBJECT) return wrongField(member, field.messageName)
    if (arenaIsFull()) {
      problem = 'the object is too large'
      return WRONG
    }
    if (!normaliseMessage(member, <Message>field.message)) return WRONG
    leave()
    member = member.next
  }
  return node.count == 0 ? EMPTY : KEPT
}

function strings(node: JsonNode): i32 {
  if (node.type != TYPE_ARRAY) return wrongField(node, '[]string')
  let item = node.first
  while (item) {
    if (item.type == TYPE_NULL) item.type = TYPE_STRING
    if (item.type != TYPE_STRING) return wrongField(item, 'string')
    item = item.next
  }
  return node.count == 0 ? EMPTY : KEPT
}

function map(node: JsonNode, bytes: bool): i32 {
  if (node.type != TYPE_OBJECT) return wrongField(node, bytes ? 'map[string][]uint8' : 'map[string]string')
  let member = node.first
  while (member) {
    if (member.type == TYPE_NULL) {
      member.type = TYPE_STRING
      member.at = 0
      member.length = 0
    }
    if (member.type != TYPE_STRING) return wrongField(member, bytes ? '[]uint8' : 'string')
    if (bytes && !canonical(member)) return WRONG
    member = member.next
  }
  sortMembers(node)
  return node.count == 0 ? EMPTY : KEPT
}

// Base64 as it is to be stored.
function canonical(node: JsonNode): bool {
  const given = new Span(node.at, node.length)
  if (isCanonicalBase64(given)) return true
  const decoded = decodeBase64(given)
  if (!decoded) {
    problem = 'illegal base64 data at input byte ' + badAt.toString()
    return false
  }
  text.clear().base64(decoded)
  const at = allocateNode(text.length)
  memory.copy(at, text.at, text.length) // SAFETY: of that length
  node.at = at
  node.length = text.length
  node.flags &= ~FLAG_ESCAPE
  return true
}

function integer(node: JsonNode, field: Field, name: string): i32 {
  if (node.type != TYPE_NUMBER) return wrongField(node, name)
  const negative = load<u8>(node.at) == 0x2d
  const from = node.at + <usize>negative
  const length = node.length - <usize>negative
  let value: u64 = 0
  let fits = length <= 19
  for (let i: usize = 0; i < length && fits; i++) {
    const digit = load<u8>(from + i) - 0x30 // SAFETY: i < length
    if (digit > 9) fits = false
    value = value * 10 + digit
  }
  const most: u64 = field.type == FIELD_INT32 ? 0x7fffffff : 0x7fffffffffffffff
  if (!fits || value > most + <u64>negative) {
    problem = 'json: cannot unmarshal number ' + node.text() + ' into Go struct field ' + kindName + '.' + plainPathText() + ' of type ' + name
    return WRONG
  }
  if (value == 0 && negative) node.at++, node.length--
  return value == 0 && !field.optional ? EMPTY : KEPT
}

function time(node: JsonNode, micro: bool): i32 {
  if (node.type != TYPE_STRING) return wrongField(node, 'string')
  if (!parseTime(new Span(node.at, node.length))) {
    problem = 'parsing time ' + quote(node) + ' as "2006-01-02T15:04:05' + (micro ? '.000000' : '') + 'Z07:00": cannot parse'
    return WRONG
  }
  text.clear()
  writeTime(text, parsedMicros, micro)
  const at = allocateNode(text.length)
  memory.copy(at, text.at, text.length) // SAFETY: of that length
  node.at = at
  node.length = text.length
  node.flags &= ~FLAG_ESCAPE
  return KEPT
}

function quote(node: JsonNode): string {
  return '"' + (node.length > 64 ? String.UTF8.decodeUnsafe(node.at, 64) : node.text()) + '"'
}

function emptyOf(field: Field): JsonNode {
  const node = newNode(field.type == FIELD_STRING ? TYPE_STRING : field.type == FIELD_MESSAGE ? TYPE_OBJECT : TYPE_NULL)
  const named = newText(field.name)
  node.key = named.at
  node.keyLength = named.length
  if (field.type == FIELD_MESSAGE) normaliseMessage(node, <Message>field.message)
  return node
}

function wrongField(node: JsonNode, type: string): i32 {
  problem = 'json: cannot unmarshal ' + typeName(node) + ' into Go struct field ' + kindName + '.' + plainPathText() + ' of type ' + type
  return WRONG
}

function wrongType(node: JsonNode, what: string, type: string): bool {
  problem = 'json: cannot unmarshal ' + typeName(node) + ' into ' + what + ' of type v1.' + type
  return false
}

function typeName(node: JsonNode): string {
  switch (node.type) {
    case TYPE_STRING: return 'string'
    case TYPE_NUMBER: return 'number'
    case TYPE_ARRAY: return 'array'
    case TYPE_OBJECT: return 'object'
    case TYPE_NULL: return 'null'
  }
  return 'bool'
}
