// Bodies of application/vnd.kubernetes.protobuf to the JSON of the same object: four bytes of magic, then runtime.Unknown with the type and
// the object's message. Unknown fields are skipped, as every reader of protobuf does; a field of another wire type than its own is refused,
// and so is one that comes twice where one is due, since there are two readings of it. The table has no cycle: its depth bounds ours.
import { TextWriter } from '../../../sdk/text-writer'
import {
  Field,
  findKind,
  KIND_BOOL,
  KIND_BYTES,
  KIND_INT32,
  KIND_INT64,
  KIND_JSON,
  KIND_MESSAGE,
  KIND_MICRO,
  KIND_STRING,
  KIND_STRINGS,
  MAX_FIELDS,
  Message
} from './fields'
import { writeBytes, writeJson, writeString, writeTime } from './text'
import { begin, broken, fail, LENGTH_DELIMITED, next, number, valueAt, valueLength, VARINT, varintValue, wireType } from './wire'

export const PROTOBUF_OK: i32 = 0
/** No protobuf, cut short, or of a shape that no client writes. */
export const PROTOBUF_MALFORMED: i32 = -1
/** An object of a kind or version that is not in messages.ts. */
export const PROTOBUF_UNKNOWN_KIND: i32 = -2
/** As JSON, larger than MAX_JSON_BYTES. */
export const PROTOBUF_TOO_LARGE: i32 = -3

/** Six bytes for each of a string's control characters: a body at its limit of 3 MiB could become 18. No honest one doubles. */
export const MAX_JSON_BYTES: usize = 6291456
/** "k8s" NUL, in front of each body. */
const MAGIC: u32 = 0x0073386b
/** ObjectMeta in an object, an entry in it, a time in that; messages.ts goes no deeper, which a test holds it to. */
export const MAX_DEPTH = 8

const UNKNOWN_TYPE_META: u32 = 1
const UNKNOWN_RAW: u32 = 2
const UNKNOWN_ENCODING: u32 = 3
const TYPE_API_VERSION: u32 = 1
const TYPE_KIND: u32 = 2
const MAP_KEY: u32 = 1
const MAP_VALUE: u32 = 2

/** For each field of the messages under way: where it begins first, and where it ends last; 0 where it is absent. */
const marks = memory.data(8 * 16 * 8) // MAX_DEPTH * MAX_FIELDS * two u32
let depth: usize = 0
let tooLarge: bool = false

/** Writes `{"kind":…,"apiVersion":…,…}`, which still has to be parsed: what is in FieldsV1 was not looked at. @returns PROTOBUF_OK or why not */
export function decodeProtobuf(at: usize, length: usize, out: TextWriter): i32 {
  begin()
  depth = 0
  tooLarge = false
  if (length < 4 || load<u32>(at) != MAGIC) return PROTOBUF_MALFORMED
  const end = at + length
  let type: usize = 0
  let typeLength: usize = 0
  let raw: usize = 0
  let rawLength: usize = 0
  for (at += 4; at < end; ) {
    at = next(at, end)
    if (number > UNKNOWN_ENCODING) continue
    if (wireType != LENGTH_DELIMITED) fail()
    if (number == UNKNOWN_TYPE_META) {
      type = valueAt
      typeLength = valueLength
    } else if (number == UNKNOWN_RAW) {
      raw = valueAt
      rawLength = valueLength
    } else if (valueLength > 0) fail() // compressed, or worse
  }
  if (broken) return PROTOBUF_MALFORMED
  const status = writeType(type, typeLength, out)
  if (status != PROTOBUF_OK) return status
  writeFields(kind!, raw, rawLength, out, true)
  if (broken) return tooLarge ? PROTOBUF_TOO_LARGE : PROTOBUF_MALFORMED
  return PROTOBUF_OK
}

let kind: Message | null = null

// {"kind":"ConfigMap","apiVersion":"v1" into `out`, and the message of it into `kind`
function writeType(at: usize, length: usize, out: TextWriter): i32 {
  const end = at + length
  let apiVersion: usize = 0
  let apiVersionLength: usize = 0
  let name: usize = 0
  let nameLength: usize = 0
  while (at < end) {
    at = next(at, end)
    if (number > TYPE_KIND) continue
    if (wireType != LENGTH_DELIMITED) fail()
    if (number == TYPE_API_VERSION) {
      apiVersion = valueAt
      apiVersionLength = valueLength
    } else {
      name = valueAt
      nameLength = valueLength
    }
  }
  if (broken) return PROTOBUF_MALFORMED
  kind = findKind(name, nameLength, apiVersion, apiVersionLength)
  if (!kind) return PROTOBUF_UNKNOWN_KIND
  writeString(out.ascii('{"kind":'), name, nameLength)
  writeString(out.ascii(',"apiVersion":'), apiVersion, apiVersionLength)
  return broken ? PROTOBUF_MALFORMED : PROTOBUF_OK
}

/** @returns whether there was anything in it. `begun`: the object's brace and its first fields are there */
function writeFields(message: Message, at: usize, length: usize, out: TextWriter, begun: bool): bool {
  if (depth == MAX_DEPTH) fail()
  if (broken) return false
  const mine = marks + depth++ * (MAX_FIELDS * 8) // SAFETY: depth < MAX_DEPTH
  survey(message, at, length, mine)
  if (!begun) out.ascii('{')
  let any = begun
  for (let i = 0; i < message.count && !broken; i++) {
    const first = <usize>load<u32>(mine + (<usize>i << 3))
    if (first == 0) continue
    const field = message.field(i)
    const before = out.length
    if (any) out.ascii(',')
    out.ascii('"').raw(field.name, field.nameLength).ascii('":')
    if (writeField(field, first, <usize>load<u32>(mine + (<usize>i << 3), 4), out)) any = true
    else out.shorten(before)
    if (out.length > MAX_JSON_BYTES) {
      tooLarge = true
      fail()
    }
  }
  out.ascii('}')
  depth--
  return any
}

// Where each field is, after a look at every one of them.
function survey(message: Message, at: usize, length: usize, into: usize): void {
  memory.fill(into, 0, MAX_FIELDS * 8) // SAFETY: `into` is one depth's share of `marks`
  const end = at + length
  while (at < end) {
    const from = at
    at = next(at, end)
    if (broken) return
    const index = indexOf(message, number)
    if (index < 0) continue
    const field = message.field(index)
    const mark = into + (<usize>index << 3) // SAFETY: index < count <= MAX_FIELDS
    if (wireType != wireTypeOf(field) || (load<u32>(mark) != 0 && !field.list && !field.map)) return fail()
    if (load<u32>(mark) == 0) store<u32>(mark, <u32>from)
    store<u32>(mark, <u32>at, 4)
  }
}

// @returns false where what was written stands for nothing
function writeField(field: Field, at: usize, end: usize, out: TextWriter): bool {
  if (!field.list && !field.map) {
    next(at, end)
    return writeValue(field, out) || field.pointer
  }
  out.ascii(field.list ? '[' : '{')
  for (let any = false; at < end && !broken; ) {
    at = next(at, end)
    if (number != field.number) continue
    if (any) out.ascii(',')
    any = true
    if (field.list) writeValue(field, out)
    else writeEntry(field, out)
    if (out.length <= MAX_JSON_BYTES) continue
    tooLarge = true
    fail()
  }
  out.ascii(field.list ? ']' : '}')
  return true
}

// An entry of a map: what it lacks is empty.
function writeEntry(field: Field, out: TextWriter): void {
  let at = valueAt
  const end = at + valueLength
  let key: usize = 0
  let keyLength: usize = 0
  let value: usize = 0
  let length: usize = 0
  while (at < end) {
    at = next(at, end)
    if (number > MAP_VALUE) continue
    if (wireType != LENGTH_DELIMITED) fail()
    if (number == MAP_KEY) {
      key = valueAt
      keyLength = valueLength
    } else {
      value = valueAt
      length = valueLength
    }
  }
  if (broken) return
  writeString(out, key, keyLength)
  out.ascii(':')
  writeDelimited(field, value, length, out)
}

// What `next` has read last. @returns whether it is more than Go's zero
function writeValue(field: Field, out: TextWriter): bool {
  if (wireTypeOf(field) == LENGTH_DELIMITED) return writeDelimited(field, valueAt, valueLength, out)
  const value = <i64>varintValue
  if (field.kind == KIND_BOOL) out.ascii(value != 0 ? 'true' : 'false')
  else if (field.kind == KIND_INT32 && value != <i64>(<i32>value)) fail()
  else out.ascii(value.toString())
  return value != 0
}

function writeDelimited(field: Field, at: usize, length: usize, out: TextWriter): bool {
  const kind = field.kind
  if (kind == KIND_MESSAGE) return writeFields(field.message, at, length, out, false)
  if (kind == KIND_STRING) writeString(out, at, length)
  else if (kind == KIND_BYTES) writeBytes(out, at, length)
  else if (kind == KIND_STRINGS) writeStrings(at, length, out)
  else if (kind == KIND_JSON) return writeJson(out, at, length)
  else if (length == 0) return false // no time
  else writeTime(out, at, length, kind == KIND_MICRO)
  return length > 0
}

function writeStrings(at: usize, length: usize, out: TextWriter): void {
  const end = at + length
  out.ascii('[')
  for (let any = false; at < end && !broken; ) {
    at = next(at, end)
    if (number != 1) continue
    if (wireType != LENGTH_DELIMITED) return fail()
    if (any) out.ascii(',')
    any = true
    writeString(out, valueAt, valueLength)
  }
  out.ascii(']')
}

function wireTypeOf(field: Field): u32 {
  return field.kind == KIND_BOOL || field.kind == KIND_INT32 || field.kind == KIND_INT64 ? VARINT : LENGTH_DELIMITED
}

function indexOf(message: Message, number: u32): i32 {
  for (let i = 0; i < message.count; i++) if (message.field(i).number == number) return i
  return -1
}
