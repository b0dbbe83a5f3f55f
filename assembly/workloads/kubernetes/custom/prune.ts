// A custom object as its schema would have it: members in order of their names, what no schema knows taken out and told, what is missing
// filled in with defaults. What is wrong with the rest validate.ts says. Apiextensions' pruning and defaulting, in one walk.
import { arenaIsFull } from '../json/arena'
import { JsonNode, TYPE_NULL } from '../json/node'
import { cloneTree, sortMembers } from '../json/tree'
import { isSpent, spend } from '../patch/budget'
import { enterIndex, enterKey, leave } from '../schema/field-path'
import { noteUnknownField } from '../schema/normalise'
import { EMBEDDED, NULLABLE, PRESERVES, Schema, TAKES_ANY } from './structural'

let fills = true

/** In place; `schema/field-path.ts` stands at the node. @param defaults whether they are filled in */
export function prune(node: JsonNode, schema: Schema, isRoot: bool, defaults: bool): void {
  fills = defaults
  shape(node, schema, isRoot)
}

/** The request's budget bounds it: a schema's properties times an object's could be anything. Nothing more is changed once it is spent. */
function shape(node: JsonNode, schema: Schema, isRoot: bool): void {
  if (isSpent()) return
  if (node.isObject) object(node, schema, isRoot, isRoot || schema.has(EMBEDDED))
  else if (node.isArray) {
    const items = schema.items
    let index = 0
    let each = node.first
    while (each) {
      enterIndex(index++)
      if (items) shape(each, items, false)
      else sortAll(each)
      leave()
      each = each.next
    }
  }
}

// Members and properties are both in order: they are gone through side by side.
function object(node: JsonNode, schema: Schema, isRoot: bool, isWhole: bool): void {
  sortMembers(node)
  let member = node.first
  let property = schema.properties
  let head: JsonNode | null = null
  let tail: JsonNode | null = null
  let kept = 0
  while (member || property) {
    const order = !member ? 1 : !property ? -1 : compareNames(member, property)
    let taken: JsonNode | null = null
    const goesOn = spend(1)
    if (!goesOn && !member) break
    if (order <= 0 || !goesOn) {
      const each = <JsonNode>member
      member = each.next
      if (!goesOn || (isRoot && isIdentity(each.key, each.keyLength))) {
        // metadata of the object itself is in the order of its type
        taken = each
        if (order == 0) property = (<Schema>property).next
      } else if (order < 0) taken = undeclared(each, schema, isWhole)
      else {
        const declared = <Schema>property
        property = declared.next
        taken = declaredMember(each, declared, isWhole)
      }
    } else {
      const missing = <Schema>property
      property = missing.next
      if (!isWhole || !isIdentity(missing.key, missing.keyLength)) taken = defaultOf(missing)
    }
    if (!taken) continue
    taken.next = null
    if (tail) tail.next = taken
    else head = taken
    tail = taken
    kept++
  }
  node.first = head
  node.last = tail
  node.count = kept
}

function declaredMember(member: JsonNode, property: Schema, isWhole: bool): JsonNode {
  if (isWhole && isIdentity(member.key, member.keyLength)) {
    sortAll(member)
    return member
  }
  // null, where it may not be, is as good as nothing if there is a default
  if (fills && member.type == TYPE_NULL && property.default && !property.has(NULLABLE)) {
    const filled = defaultOf(property)
    if (filled) return filled
  }
  enterKey(member.key, member.keyLength)
  shape(member, property, false)
  leave()
  return member
}

function undeclared(member: JsonNode, schema: Schema, isWhole: bool): JsonNode | null {
  const additional = schema.additional
  if (isWhole && isIdentity(member.key, member.keyLength)) sortAll(member)
  else if (additional) {
    enterKey(member.key, member.keyLength)
    shape(member, additional, false)
    leave()
  } else if (schema.has(PRESERVES | TAKES_ANY)) sortAll(member)
  else {
    enterKey(member.key, member.keyLength)
    noteUnknownField()
    leave()
    return null
  }
  return member
}

// With the defaults below it.
function defaultOf(property: Schema): JsonNode | null {
  const value = property.default
  if (!value || !fills || arenaIsFull()) return null
  const made = cloneTree(value)
  made.key = property.key
  made.keyLength = property.keyLength
  made.flags |= property.keyFlags
  enterKey(made.key, made.keyLength)
  shape(made, property, false)
  leave()
  return made
}

/** Members of whole objects, which every schema has. */
function isIdentity(at: usize, length: usize): bool {
  const probe = identity
  probe.key = at
  probe.keyLength = length
  return probe.keyIs('metadata') || probe.keyIs('kind') || probe.keyIs('apiVersion')
}

const identity = changetype<JsonNode>(heap.alloc(offsetof<JsonNode>()))

function compareNames(member: JsonNode, property: Schema): i32 {
  const order = memory.compare(member.key, property.key, min(member.keyLength, property.keyLength))
  return order != 0 ? order : <i32>member.keyLength - <i32>property.keyLength
}

/** Nothing is declared of it: only its members are put in order. */
export function sortAll(node: JsonNode): void {
  if (node.isObject) sortMembers(node)
  let each = node.first
  while (each) {
    if (each.first) sortAll(each)
    each = each.next
  }
}
