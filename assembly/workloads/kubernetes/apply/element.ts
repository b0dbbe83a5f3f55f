// Path elements: how a field of an object, and an item of a list, are named in a set (set.ts) and in messages.
import { TextWriter } from '../../../sdk/text-writer'
import { allocateNode, keepBytes } from '../json/arena'
import { FLAG_KEY_ESCAPE, JsonNode, newNode, TYPE_OBJECT } from '../json/node'
import { parse } from '../json/parser'
import { compareKeys, sortMembers } from '../json/tree'
import { writeBytes, writeJson } from '../json/writer'
import { quoted } from '../http/issues'
import { LIST_SET, Shape } from './shape'

const FIELD: u8 = 0x66 // f:
const KEY: u8 = 0x6b // k:
const VALUE: u8 = 0x76 // v:
const COLON: u8 = 0x3a
/** Of "f:" and the others. */
const PREFIX: usize = 2

const text = new TextWriter()

/** Gives `node` the name of a member of an object. */
export function nameAsField(node: JsonNode, member: JsonNode): JsonNode {
  const at = allocateNode(PREFIX + member.keyLength)
  store<u8>(at, FIELD)
  store<u8>(at, COLON, 1)
  memory.copy(at + PREFIX, member.key, member.keyLength) // SAFETY: as long as was allocated
  node.key = at
  node.keyLength = PREFIX + member.keyLength
  node.flags = (node.flags & ~FLAG_KEY_ESCAPE) | (member.flags & FLAG_KEY_ESCAPE)
  return node
}

/** Gives `node` the name of an item of a list that is a set or a map. */
export function nameAsItem(node: JsonNode, item: JsonNode, shape: Shape): JsonNode {
  text.clear()
  if (shape.list == LIST_SET) writeJson(text.ascii('v:'), item)
  else {
    text.ascii('k:{')
    let separator = false
    let key = shape.keys
    while (key) {
      const value = item.find(key.name, key.nameLength)
      if (value) {
        if (separator) text.byte(0x2c)
        writeBytes(text, key.name, key.nameLength)
        writeJson(text.byte(COLON), value)
        separator = true
      }
      key = key.next
    }
    text.byte(0x7d)
  }
  return rename(node)
}

// What was written into `text`: a name with quotation marks in it.
function rename(node: JsonNode): JsonNode {
  node.key = keepBytes(text.at, text.length)
  node.keyLength = text.length
  node.flags |= FLAG_KEY_ESCAPE
  return node
}

/** What the fields below an element are. */
export function shapeBelow(shape: Shape, element: JsonNode): Shape {
  return isField(element) ? shape.member(element.key + PREFIX, element.keyLength - PREFIX) : shape.items
}

/** Whether it names a declared field: no entry of a map, no item. */
export function isDeclared(shape: Shape, element: JsonNode): bool {
  return isField(element) && shape.declares(element.key + PREFIX, element.keyLength - PREFIX)
}

export function isField(element: JsonNode): bool {
  return element.keyLength >= PREFIX && load<u8>(element.key) == FIELD
}

/** Whether it is `f:NAME`. */
export function isFieldNamed(element: JsonNode, name: string): bool {
  if (!isField(element) || element.keyLength != PREFIX + <usize>name.length) return false
  for (let i = 0; i < name.length; i++) if (load<u8>(element.key + PREFIX + i) != <u8>name.charCodeAt(i)) return false // SAFETY: i < length
  return true
}

/**
 * The members of an object as elements, or the items of a list, sorted: nodes of their own, each with the member or item as `first`. An item
 * that is there twice is there twice.
 */
export function elementsOf(node: JsonNode, shape: Shape): JsonNode {
  const list = newNode(TYPE_OBJECT)
  let each = node.first
  while (each) {
    const element = newNode(TYPE_OBJECT)
    if (node.isObject) nameAsField(element, each)
    else nameAsItem(element, each, shape)
    list.append(element)
    element.first = each
    each = each.next
  }
  sortMembers(list)
  return list
}

/**
 * Brings a set that a user wrote into the form of ours, in place: names without spaces, sorted; what is below a leaf's "." is dropped.
 * @returns false for what is no set
 */
export function readSet(node: JsonNode): bool {
  if (!node.isObject) return false
  let each = node.first
  while (each) {
    const next = each.next
    if (!each.isObject) return false
    if (each.keyIs('.')) {
      each.first = null
      each.last = null
      each.count = 0
    } else if (!readElement(each) || !readSet(each)) return false
    each = next
  }
  sortMembers(node)
  // One of a name
  let before = node.first
  while (before) {
    const next = before.next
    if (!next || compareKeys(before, next) != 0) before = next
    else {
      before.next = next.next
      if (node.last == next) node.last = before
      node.count--
    }
  }
  const dot = node.first
  if (dot && dot.keyIs('.') && node.count == 1) node.detach(dot)
  return true
}

function readElement(element: JsonNode): bool {
  if (element.keyLength < PREFIX || load<u8>(element.key, 1) != COLON) return false
  const kind = load<u8>(element.key)
  if (kind == FIELD) return true
  const at = element.key + PREFIX
  const length = element.keyLength - PREFIX
  if (kind == 0x69) return isIndex(at, length) // i:
  if (kind != KEY && kind != VALUE) return false
  const value = parse(at, length)
  if (!value || value.isObject != (kind == KEY)) return false
  if (kind == KEY) sortMembers(value)
  writeJson(text.clear().ascii(kind == KEY ? 'k:' : 'v:'), value)
  rename(element)
  return true
}

function isIndex(at: usize, length: usize): bool {
  for (let i: usize = 0; i < length; i++) if (load<u8>(at + i) - 0x30 > 9) return false // SAFETY: i < length
  return length > 0
}

/** As messages name it: `.data`, `[name="s1"]`, `["x/y"]`, `[3]`. */
export function elementText(element: JsonNode): string {
  const rest = String.UTF8.decodeUnsafe(element.key + PREFIX, element.keyLength - PREFIX)
  const kind = load<u8>(element.key)
  if (kind == FIELD) return '.' + rest
  if (kind != KEY) return '[' + rest + ']'
  const value = parse(element.key + PREFIX, element.keyLength - PREFIX)
  let inside = ''
  let each = value ? value.first : null
  while (each) {
    writeJson(text.clear(), each)
    inside += (inside.length > 0 ? ',' : '') + each.keyText() + '=' + (each.isString ? quoted(each.text()) : String.UTF8.decodeUnsafe(text.at, text.length))
    each = each.next
  }
  return '[' + inside + ']'
}
