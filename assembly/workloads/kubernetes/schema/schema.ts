// What the fields of a kind are: enough to refuse a wrong type, to prune what is unknown, to write fields in the order in which the Go
// types do, and to merge lists as strategic merge patches want it. Written down in kinds.ts, read once at start.

export const FIELD_STRING = 0
export const FIELD_BOOL = 1
export const FIELD_INT32 = 2
export const FIELD_INT64 = 3
/** RFC 3339 in whole seconds. */
export const FIELD_TIME = 4
/** RFC 3339 with six decimals. */
export const FIELD_MICRO_TIME = 5
export const FIELD_MAP = 6
/** Values in base64. */
export const FIELD_BYTES_MAP = 7
export const FIELD_STRINGS = 8
export const FIELD_MESSAGE = 9
export const FIELD_MESSAGES = 10
/** Any JSON. */
export const FIELD_RAW = 11
/** By name, such as the properties of a schema. */
export const FIELD_MESSAGE_MAP = 12
export const FIELD_MESSAGE_OR_BOOL = 13
/** Any number, by its text. */
export const FIELD_NUMBER = 14
/** A list of any JSON. */
export const FIELD_RAW_LIST = 15

export class Field {
  /** Of a message or of a list's items. */
  message: Message | null = null
  /** A list that merges: by this member of its items, or "" for a list of strings that is a set. */
  mergeKey: string = ''
  merges: bool = false
  /** A pointer in Go: zero values are kept. */
  optional: bool = false
  /** Written even when there is nothing: null, "" or {}. */
  always: bool = false

  constructor(public name: string, public type: i32, public messageName: string) {}
}

export class Message {
  fields: Field[] = []
  constructor(public name: string) {}

  field(name: string): Field | null {
    for (let i = 0; i < this.fields.length; i++) if (this.fields[i].name == name) return this.fields[i]
    return null
  }
}

const messages: Message[] = []

export function findMessage(name: string): Message | null {
  for (let i = 0; i < messages.length; i++) if (messages[i].name == name) return messages[i]
  return null
}

/**
 * Reads one message a line: `Name: field type, field type`. Types: string, bool, int32, int64, time, micro, map, bytesmap, raw, rawlist,
 * number, []string, a message, [] of it, {} for a map of it, `|bool` behind one that may be a boolean instead. `@key` behind a list says that it merges by that member, `@` alone that it is a set; `?` optional, `!` always.
 */
export function declareMessages(text: string): void {
  const lines = text.trim().split('\n')
  for (let i = 0; i < lines.length; i++) {
    const colon = lines[i].indexOf(': ')
    const message = new Message(lines[i].substring(0, colon).trim())
    const fields = lines[i].substring(colon + 2).split(', ')
    for (let j = 0; j < fields.length; j++) message.fields.push(readField(fields[j].trim()))
    messages.push(message)
  }
  for (let i = 0; i < messages.length; i++) {
    const fields = messages[i].fields
    for (let j = 0; j < fields.length; j++) if (fields[j].messageName.length > 0) fields[j].message = findMessage(fields[j].messageName)
  }
}

function readField(text: string): Field {
  const space = text.indexOf(' ')
  const name = text.substring(0, space)
  let type = text.substring(space + 1)
  const optional = type.endsWith('?')
  const always = type.endsWith('!')
  if (optional || always) type = type.substring(0, type.length - 1)
  const at = type.indexOf('@')
  const mergeKey = at < 0 ? '' : type.substring(at + 1)
  if (at >= 0) type = type.substring(0, at)
  const isList = type.startsWith('[]')
  if (type.startsWith('{}')) return new Field(name, FIELD_MESSAGE_MAP, type.substring(2))
  if (type.endsWith('|bool')) return new Field(name, FIELD_MESSAGE_OR_BOOL, type.substring(0, type.length - 5))
  const base = isList ? type.substring(2) : type
  const scalar = scalarType(base)
  const field = new Field(name, scalar == FIELD_STRING && isList ? FIELD_STRINGS : scalar >= 0 ? scalar : isList ? FIELD_MESSAGES : FIELD_MESSAGE, scalar < 0 ? base : '')
  field.mergeKey = mergeKey
  field.merges = at >= 0
  field.optional = optional
  field.always = always
  return field
}

function scalarType(name: string): i32 {
  if (name == 'string') return FIELD_STRING
  if (name == 'bool') return FIELD_BOOL
  if (name == 'int32') return FIELD_INT32
  if (name == 'int64') return FIELD_INT64
  if (name == 'time') return FIELD_TIME
  if (name == 'micro') return FIELD_MICRO_TIME
  if (name == 'map') return FIELD_MAP
  if (name == 'bytesmap') return FIELD_BYTES_MAP
  if (name == 'raw') return FIELD_RAW
  if (name == 'rawlist') return FIELD_RAW_LIST
  if (name == 'number') return FIELD_NUMBER
  return -1
}
