// What a write changes, as two sets of fields: those that are new or other than before, and those that are gone. A map or list that is new or
// gone is in the set itself, beside all that is in it.
import { JsonNode, newNode, TYPE_OBJECT } from '../json/node'
import { compareKeys, sameTree, sortMembers } from '../json/tree'
import { elementsOf, nameAsField, shapeBelow } from './element'
import { allOf } from './owned'
import { appendAs, below } from './set'
import { isItems, isMap, Shape } from './shape'

/** Of the last `compare`; null where there is nothing. */
export let changed: JsonNode | null = null
export let removed: JsonNode | null = null

export function compare(before: JsonNode, after: JsonNode, shape: Shape): void {
  walk(before, after, shape)
}

// Both are there.
function walk(before: JsonNode, after: JsonNode, shape: Shape): void {
  changed = null
  removed = null
  const map = isMap(before, shape) && isMap(after, shape)
  if (map || (isItems(before, shape) && isItems(after, shape))) {
    if (map && inOrder(before) && inOrder(after)) walkMembers(before, after, shape)
    else if (map && before.count <= FEW && after.count <= FEW) walkFields(before, after, shape)
    else walkElements(before, after, shape)
  } else if (!sameTree(before, after)) {
    // Of what became something else all that was in it is gone
    const gone = allOf(before, shape)
    const left = newNode(TYPE_OBJECT)
    let each = below(gone)
    while (each) {
      const next = each.next
      left.append(each)
      each = next
    }
    removed = left.first ? left : null
    changed = allOf(after, shape)
  }
}

// Two objects whose members are sorted, as those of maps are: nothing is made where nothing differs.
function walkMembers(before: JsonNode, after: JsonNode, shape: Shape): void {
  const added = newNode(TYPE_OBJECT)
  const gone = newNode(TYPE_OBJECT)
  let left = before.first
  let right = after.first
  while (left || right) {
    const order = !left ? 1 : !right ? -1 : compareKeys(left, right)
    const named = order <= 0 ? <JsonNode>left : <JsonNode>right
    settle(order <= 0 ? left : null, order >= 0 ? right : null, shape.member(named.key, named.keyLength))
    if (changed) appendField(added, <JsonNode>changed, named)
    if (removed) appendField(gone, <JsonNode>removed, named)
    if (left && order <= 0) left = left.next
    if (right && order >= 0) right = right.next
  }
  changed = added.first ? added : null
  removed = gone.first ? gone : null
}

/** Below it, members are looked for one by one. */
const FEW = 32

// Two objects whose members are in the order of their type.
function walkFields(before: JsonNode, after: JsonNode, shape: Shape): void {
  const added = newNode(TYPE_OBJECT)
  const gone = newNode(TYPE_OBJECT)
  let other = before.first
  let each = after.first
  while (each) {
    // Mostly they have the same
    const old = other && other.keyEquals(each.key, each.keyLength) ? other : before.find(each.key, each.keyLength)
    settle(old, each, shape.member(each.key, each.keyLength))
    if (changed) appendField(added, <JsonNode>changed, each)
    if (removed) appendField(gone, <JsonNode>removed, each)
    if (old) other = old.next
    each = each.next
  }
  each = before.first
  while (each) {
    if (!after.find(each.key, each.keyLength)) appendField(gone, allOf(each, shape.member(each.key, each.keyLength)), each)
    each = each.next
  }
  sortMembers(added)
  sortMembers(gone)
  changed = added.first ? added : null
  removed = gone.first ? gone : null
}

function walkElements(before: JsonNode, after: JsonNode, shape: Shape): void {
  const added = newNode(TYPE_OBJECT)
  const gone = newNode(TYPE_OBJECT)
  let left = elementsOf(before, shape).first
  let right = elementsOf(after, shape).first
  while (left || right) {
    const order = !left ? 1 : !right ? -1 : compareKeys(left, right)
    const named = order <= 0 ? <JsonNode>left : <JsonNode>right
    const leftNext = left && order <= 0 ? behind(left) : left
    const rightNext = right && order >= 0 ? behind(right) : right
    if (isTwice(left, leftNext) || isTwice(right, rightNext)) settleTwice(left, leftNext, right, rightNext, shapeBelow(shape, named))
    else settle(order <= 0 ? (<JsonNode>left).first : null, order >= 0 ? (<JsonNode>right).first : null, shapeBelow(shape, named))
    if (changed) appendAs(added, <JsonNode>changed, named)
    if (removed) appendAs(gone, <JsonNode>removed, named)
    left = leftNext
    right = rightNext
  }
  changed = added.first ? added : null
  removed = gone.first ? gone : null
}

// One may be missing.
function settle(before: JsonNode | null, after: JsonNode | null, shape: Shape): void {
  if (before && after) return walk(before, after, shape)
  changed = after ? allOf(after, shape) : null
  removed = before ? allOf(before, shape) : null
}

// Items of one name are one value: of them nobody can own a part.
function settleTwice(left: JsonNode | null, leftEnd: JsonNode | null, right: JsonNode | null, rightEnd: JsonNode | null, shape: Shape): void {
  let before = left
  let after = right
  while (before && before != leftEnd && after && after != rightEnd && sameTree(<JsonNode>before.first, <JsonNode>after.first)) {
    before = before.next
    after = after.next
  }
  changed = null
  removed = null
  if (before == leftEnd && after == rightEnd) return
  if (left != leftEnd) removed = allOf(<JsonNode>(<JsonNode>left).first, shape)
  if (right != rightEnd) changed = right && isTwice(right, rightEnd) ? newNode(TYPE_OBJECT) : allOf(<JsonNode>(<JsonNode>right).first, shape)
}

function isTwice(from: JsonNode | null, end: JsonNode | null): bool {
  return from != null && from != end && from.next != end
}

// The first element of another name.
function behind(element: JsonNode): JsonNode | null {
  let next = element.next
  while (next && compareKeys(element, next) == 0) next = next.next
  return next
}

function inOrder(node: JsonNode): bool {
  let each = node.first
  while (each) {
    const next = each.next
    if (next && compareKeys(each, next) >= 0) return false
    each = next
  }
  return true
}

function appendField(parent: JsonNode, child: JsonNode, member: JsonNode): void {
  parent.append(nameAsField(child, member))
}
