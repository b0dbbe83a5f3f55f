// How the values of a kind merge and who can own them one by one: which maps and lists are one value with one owner (atomic), which lists are
// sets or maps by keys. https://kubernetes.io/docs/reference/using-api/server-side-apply, "Merge strategy". Of a built-in kind from its
// message, made once; of a custom resource from its schema (x-kubernetes-list-type, -list-map-keys, -map-type), in the arena, as a walk
// comes by.
import { CustomVersion } from '../custom/definition'
import { EMBEDDED, LIST_MAP as SCHEMA_LIST_MAP, LIST_SET as SCHEMA_LIST_SET, MAP_ATOMIC, Schema, SCHEMA_ARRAY } from '../custom/structural'
import { allocateNode } from '../json/arena'
import { JsonNode, sameAscii } from '../json/node'
import { Resource } from '../resources/table'
import {
  Field, FIELD_BYTES_MAP, FIELD_MAP, FIELD_MESSAGE, FIELD_MESSAGE_MAP, FIELD_MESSAGES, FIELD_RAW, FIELD_STRINGS, findMessage, Message
} from '../schema/schema'

export const LIST_ATOMIC: u8 = 0
/** Of scalars, each with an owner of its own. */
export const LIST_SET: u8 = 1
/** Of objects, which some of their members tell apart. */
export const LIST_MAP: u8 = 2

/** A member of an object that tells items of a list apart. */
@unmanaged
export class KeyName {
  name: usize
  nameLength: usize
  next: KeyName | null
}

/** A declared field. */
@unmanaged
class Member {
  name: usize
  nameLength: usize
  shape: Shape
  next: Member | null
}

@unmanaged
export class Shape {
  /** One value with one owner, whatever is in it. */
  atomic: bool
  list: u8
  /** An object that begins as all do: apiVersion, kind, metadata. */
  whole: bool
  /** Of a LIST_MAP, sorted. */
  keys: KeyName | null
  members: Member | null
  /** Of members that are not declared, and of items; null is ANY. */
  rest: Shape | null
  /** Of a custom resource: then it is this that declares members. */
  schema: Schema | null
  /** Where the last property was found: members mostly come in the order of properties. */
  private last: Schema | null

  /** Whether this member is a declared field, and no entry of a map. */
  declares(at: usize, length: usize): bool {
    return (this.whole && isIdentity(at, length)) || this.find(at, length) != null || this.property(at, length) != null
  }

  member(at: usize, length: usize): Shape {
    if (this.whole && isIdentity(at, length)) return sameAscii(at, length, 'metadata') ? shapeOfMessage(<Message>findMessage('ObjectMeta')) : ANY
    const found = this.find(at, length)
    if (found) return found.shape
    const property = this.property(at, length)
    return property ? shapeOfSchema(property) : this.items
  }

  get items(): Shape {
    const rest = this.rest
    return rest ? rest : ANY
  }

  private find(at: usize, length: usize): Member | null {
    let each = this.members
    while (each && (each.nameLength != length || memory.compare(each.name, at, length) != 0)) each = each.next
    return each
  }

  // Properties are sorted.
  private property(at: usize, length: usize): Schema | null {
    const schema = this.schema
    if (!schema) return null
    let each = this.last
    if (!each || compareNames(each.key, each.keyLength, at, length) > 0) each = schema.properties
    while (each) {
      const order = compareNames(each.key, each.keyLength, at, length)
      if (order > 0) return null
      this.last = each
      if (order == 0) return each
      each = each.next
    }
    return null
  }
}

/** Where nothing is declared: maps by their members, lists as a whole. */
export const ANY: Shape = newShape()

function newShape(): Shape {
  return clear(heap.alloc(offsetof<Shape>()))
}

function clear(at: usize): Shape {
  memory.fill(at, 0, offsetof<Shape>()) // SAFETY: of that length
  return changetype<Shape>(at)
}

/** Types of k8s.io/api that are one value: +structType=atomic. */
const ATOMIC_MESSAGES: StaticArray<string> = ['OwnerReference', 'ObjectReference', 'LocalObjectReference', 'LabelSelector', 'RoleRef', 'Subject']
/** Lists that merge in strategic merge patches, and are one value here: +listType=atomic. */
const ATOMIC_LISTS: StaticArray<string> = ['imagePullSecrets', 'managedFields']

/** Of built-in kinds, by the name of their message. Never given back. */
const shapes: Map<string, Shape> = new Map()

/** Valid during this call of the workload. */
export function shapeOf(resource: Resource): Shape {
  const custom = resource.custom
  if (custom) return shapeOfVersion(custom)
  const message = findMessage(resource.schema)
  return message ? shapeOfMessage(message) : ANY
}

function shapeOfVersion(custom: CustomVersion): Shape {
  const schema = custom.schema
  const shape = schema ? shapeOfSchema(schema) : clear(allocateNode(offsetof<Shape>()))
  shape.whole = true
  return shape
}

function shapeOfSchema(schema: Schema): Shape {
  const shape = clear(allocateNode(offsetof<Shape>()))
  shape.schema = schema
  shape.whole = schema.has(EMBEDDED)
  shape.atomic = schema.has(MAP_ATOMIC)
  const below = schema.type == SCHEMA_ARRAY ? schema.items : schema.additional
  if (below) shape.rest = shapeOfSchema(below)
  if (schema.has(SCHEMA_LIST_SET)) shape.list = LIST_SET
  else if (schema.has(SCHEMA_LIST_MAP)) {
    shape.list = LIST_MAP
    const keys = schema.mapKeys
    let each = keys ? keys.first : null
    while (each) {
      addKey(shape, each.at, each.length, allocateNode(offsetof<KeyName>()))
      each = each.next
    }
  }
  return shape
}

function shapeOfMessage(message: Message): Shape {
  if (shapes.has(message.name)) return shapes.get(message.name)
  const shape = newShape()
  shapes.set(message.name, shape)
  shape.atomic = ATOMIC_MESSAGES.includes(message.name)
  for (let i = message.fields.length - 1; i >= 0; i--) {
    const field = message.fields[i]
    const member = changetype<Member>(heap.alloc(offsetof<Member>()))
    member.name = lasting(field.name)
    member.nameLength = field.name.length
    member.shape = shapeOfField(field)
    member.next = shape.members
    shape.members = member
  }
  return shape
}

function shapeOfField(field: Field): Shape {
  const message = field.message
  if (field.type == FIELD_MESSAGE && message) return shapeOfMessage(message)
  if (field.type == FIELD_MAP || field.type == FIELD_BYTES_MAP) return ANY
  const shape = newShape()
  if (field.type == FIELD_MESSAGE_MAP && message) shape.rest = shapeOfMessage(message)
  else if (field.type == FIELD_RAW) shape.atomic = true
  else if (!ATOMIC_LISTS.includes(field.name) && field.merges) {
    if (field.type == FIELD_STRINGS) shape.list = LIST_SET
    else if (field.type == FIELD_MESSAGES && message) {
      shape.list = LIST_MAP
      shape.rest = shapeOfMessage(message)
      addKey(shape, lasting(field.mergeKey), field.mergeKey.length, heap.alloc(offsetof<KeyName>()))
    }
  }
  return shape
}

// In order.
function addKey(shape: Shape, name: usize, length: usize, at: usize): void {
  const key = changetype<KeyName>(at)
  key.name = name
  key.nameLength = length
  let before: KeyName | null = null
  let each = shape.keys
  while (each && compareNames(each.name, each.nameLength, name, length) < 0) {
    before = each
    each = each.next
  }
  key.next = each
  if (before) before.next = key
  else shape.keys = key
}

/** An ASCII name, outside of the arena. */
function lasting(name: string): usize {
  const at = heap.alloc(name.length)
  for (let i = 0; i < name.length; i++) store<u8>(at + i, <u8>name.charCodeAt(i)) // SAFETY: i < length
  return at
}

function isIdentity(at: usize, length: usize): bool {
  return sameAscii(at, length, 'apiVersion') || sameAscii(at, length, 'kind') || sameAscii(at, length, 'metadata')
}

function compareNames(a: usize, aLength: usize, b: usize, bLength: usize): i32 {
  const order = memory.compare(a, b, min(aLength, bLength))
  return order != 0 ? order : <i32>aLength - <i32>bLength
}

const KIND_LEAF = 0
const KIND_MAP = 1
const KIND_LIST = 2

/** Whether it has members that are owned one by one. */
export function isMap(node: JsonNode, shape: Shape): bool {
  return kindOf(node, shape) == KIND_MAP
}

/** Whether it has items that are owned one by one. */
export function isItems(node: JsonNode, shape: Shape): bool {
  return kindOf(node, shape) == KIND_LIST
}

function kindOf(node: JsonNode, shape: Shape): i32 {
  if (shape.atomic) return KIND_LEAF
  if (node.isObject) return KIND_MAP
  return node.isArray && shape.list != LIST_ATOMIC ? KIND_LIST : KIND_LEAF
}
