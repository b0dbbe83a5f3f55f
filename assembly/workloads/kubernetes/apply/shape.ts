// How the values of a kind merge and who can own them one by one: which maps and lists are one value with one owner (atomic), which lists are
// sets or maps by keys. https://kubernetes.io/docs/reference/using-api/server-side-apply, "Merge strategy". From the schema of a built-in
// kind; the schema of a custom resource declares its own (x-kubernetes-list-type, -list-map-keys, -map-type) by `declareShape`.
import { JsonNode } from '../json/node'
import { Resource } from '../resources/table'
import {
  Field, FIELD_BYTES_MAP, FIELD_MAP, FIELD_MESSAGE, FIELD_MESSAGE_MAP, FIELD_MESSAGES, FIELD_RAW, FIELD_STRINGS, findMessage, Message
} from '../schema/schema'

export const LIST_ATOMIC = 0
/** Of scalars, each with an owner of its own. */
export const LIST_SET = 1
/** Of objects, which some of their members tell apart. */
export const LIST_MAP = 2

export class Shape {
  /** One value with one owner, whatever is in it. */
  atomic: bool = false
  list: i32 = LIST_ATOMIC
  /** Of a LIST_MAP, sorted. */
  keys: string[] = []
  /** Of a list's items. */
  item: Shape | null = null
  names: string[] = []
  members: Shape[] = []
  /** Of members that are not declared; null where there may be none. */
  rest: Shape | null = null

  field(name: string, shape: Shape): this {
    this.names.push(name)
    this.members.push(shape)
    return this
  }

  /** Whether this member is a declared field, and no entry of a map. */
  declares(at: usize, length: usize): bool {
    return this.indexOf(at, length) >= 0
  }

  member(at: usize, length: usize): Shape {
    const index = this.indexOf(at, length)
    if (index >= 0) return this.members[index]
    const rest = this.rest
    return rest ? rest : ANY
  }

  get items(): Shape {
    const item = this.item
    return item ? item : ANY
  }

  private indexOf(at: usize, length: usize): i32 {
    for (let i = 0; i < this.names.length; i++) {
      const name = this.names[i]
      if (<usize>name.length != length) continue
      let same = true
      for (let j = 0; j < name.length && same; j++) same = load<u8>(at + j) == <u8>load<u16>(changetype<usize>(name) + (<usize>j << 1)) // SAFETY: j < length
      if (same) return i
    }
    return -1
  }
}

/** Where nothing is declared: maps by their members, lists as a whole. */
export const ANY: Shape = new Shape()
ANY.rest = ANY

/** Types of k8s.io/api that are one value: +structType=atomic. */
const ATOMIC_MESSAGES: StaticArray<string> = ['OwnerReference', 'ObjectReference', 'LocalObjectReference', 'LabelSelector', 'RoleRef', 'Subject']
/** Lists that merge in strategic merge patches, and are one value here: +listType=atomic. */
const ATOMIC_LISTS: StaticArray<string> = ['imagePullSecrets', 'managedFields']

const shapes: Map<string, Shape> = new Map()

/** @param schema the name by which `Resource.schema` names it */
export function declareShape(schema: string, shape: Shape): void {
  shapes.set(schema, shape)
}

export function shapeOf(resource: Resource): Shape {
  const known = shapes.has(resource.schema) ? shapes.get(resource.schema) : null
  if (known) return known
  const message = findMessage(resource.schema)
  return message ? shapeOfMessage(message) : ANY
}

/** Also for the metadata of custom resources. */
export function shapeOfMessage(message: Message): Shape {
  if (shapes.has(message.name)) return shapes.get(message.name)
  const shape = new Shape()
  shapes.set(message.name, shape)
  shape.atomic = ATOMIC_MESSAGES.includes(message.name)
  for (let i = 0; i < message.fields.length; i++) shape.field(message.fields[i].name, shapeOfField(message.fields[i]))
  return shape
}

function shapeOfField(field: Field): Shape {
  const message = field.message
  if (field.type == FIELD_MESSAGE && message) return shapeOfMessage(message)
  const shape = new Shape()
  if (field.type == FIELD_MAP || field.type == FIELD_BYTES_MAP) shape.rest = ANY
  else if (field.type == FIELD_MESSAGE_MAP && message) shape.rest = shapeOfMessage(message)
  else if (field.type == FIELD_RAW) shape.atomic = true
  else if (!ATOMIC_LISTS.includes(field.name) && field.merges) {
    if (field.type == FIELD_STRINGS) shape.list = LIST_SET
    else if (field.type == FIELD_MESSAGES && message) {
      shape.list = LIST_MAP
      shape.keys = [field.mergeKey]
      shape.item = shapeOfMessage(message)
    }
  }
  return shape
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
