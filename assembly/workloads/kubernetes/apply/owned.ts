// Which fields an object has: those that whoever applies it says something about.
import { JsonNode, newNode, TYPE_OBJECT } from '../json/node'
import { sortMembers } from '../json/tree'
import { isDeclared, isFieldNamed, nameAsField, nameAsItem, shapeBelow } from './element'
import { below, withMember } from './set'
import { isItems, isMap, Shape } from './shape'

/** The leaves of an object, the entries of its maps and the items of its lists; maps that are declared fields are not among them. */
export function fieldsOf(node: JsonNode, shape: Shape): JsonNode | null {
  const map = isMap(node, shape)
  if (!map && !isItems(node, shape)) return newNode(TYPE_OBJECT)
  const made = newNode(TYPE_OBJECT)
  let each = node.first
  while (each) {
    let child = fieldsOf(each, map ? shape.member(each.key, each.keyLength) : shape.items)
    if (!map || (each.isObject && each.count == 0) || !shape.declares(each.key, each.keyLength)) child = withMember(child)
    if (child) made.append(map ? nameAsField(child, each) : nameAsItem(child, each, shape))
    each = each.next
  }
  sortMembers(made)
  return made.first ? made : null
}

/** Everything in a value and below it: what somebody who adds it has changed. */
export function allOf(node: JsonNode, shape: Shape): JsonNode {
  const made = newNode(TYPE_OBJECT)
  const map = isMap(node, shape)
  if (!map && !isItems(node, shape)) return made
  let each = node.first
  while (each) {
    const child = allOf(each, map ? shape.member(each.key, each.keyLength) : shape.items)
    made.append(map ? nameAsField(child, each) : nameAsItem(child, each, shape))
    each = each.next
  }
  if (!made.first) return made
  sortMembers(made)
  return withMember(made)
}

/** Puts declared fields of which anything is in the set into it themselves. In place. */
export function withDeclared(set: JsonNode | null, shape: Shape): JsonNode | null {
  let each = set ? below(set) : null
  while (each) {
    const next = each.next
    if (each.first) withDeclared(each, shapeBelow(shape, each))
    if (isDeclared(shape, each)) withMember(each)
    each = next
  }
  return set
}

const NOBODYS: StaticArray<string> = ['apiVersion', 'kind']
const NOBODYS_METADATA: StaticArray<string> = ['name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'generation', 'managedFields', 'resourceVersion']

/** Takes out what nobody owns: who an object is. In place. @returns null where nothing is left */
export function withoutIdentity(set: JsonNode | null): JsonNode | null {
  if (!set) return null
  drop(set, NOBODYS)
  let metadata = set.first
  while (metadata && !isFieldNamed(metadata, 'metadata')) metadata = metadata.next
  if (metadata) {
    drop(metadata, NOBODYS_METADATA)
    const dot = metadata.first
    if (dot && dot.keyIs('.')) metadata.detach(dot)
    if (!metadata.first) set.detach(metadata)
  }
  return set.first ? set : null
}

/** Takes fields out of the first level of a set, in place. */
export function drop(set: JsonNode, names: StaticArray<string>): void {
  let each = set.first
  while (each) {
    const next = each.next
    for (let i = 0; i < names.length; i++)
      if (isFieldNamed(each, names[i])) {
        set.detach(each)
        break
      }
    each = next
  }
}
