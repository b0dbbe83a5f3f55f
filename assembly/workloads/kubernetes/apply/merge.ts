// An applied configuration merged into an object, and fields taken out of one. What the configuration says wins; items of lists that are sets or
// maps stand in its order, those it does not name keep their places among them.
import { FLAG_KEY_ESCAPE, JsonNode } from '../json/node'
import { cloneTree, compareKeys } from '../json/tree'
import { elementsOf, elementText, shapeBelow } from './element'
import { below, isMember } from './set'
import { isItems, isMap, Shape } from './shape'

/** Of a node that leaves its parent, for the time until it has left. */
const LEAVES: u8 = 128

/** Merges into `live`, in place. @param config sound (`isSound`); it is used up */
export function merge(live: JsonNode, config: JsonNode, shape: Shape): void {
  if (isMap(live, shape) && isMap(config, shape)) mergeMap(live, config, shape)
  else if (isItems(live, shape) && isItems(config, shape)) mergeItems(live, config, shape)
  else become(live, cloneTree(config))
}

function mergeMap(live: JsonNode, config: JsonNode, shape: Shape): void {
  let left = elementsOf(live, shape).first
  let right = elementsOf(config, shape).first
  while (right) {
    const theirs = <JsonNode>right.first
    while (left && compareKeys(left, right) < 0) left = left.next
    if (left && compareKeys(left, right) == 0) merge(<JsonNode>left.first, theirs, shapeBelow(shape, right))
    else live.append(cloneTree(theirs))
    right = right.next
  }
}

function mergeItems(live: JsonNode, config: JsonNode, shape: Shape): void {
  let left = elementsOf(live, shape).first
  let right = elementsOf(config, shape).first
  while (left && right) {
    const order = compareKeys(left, right)
    if (order == 0) {
      const mine = <JsonNode>left.first
      const theirs = <JsonNode>right.first
      if (theirs.flags & LEAVES) mine.flags |= LEAVES // there twice: the first stays
      else {
        const merged = cloneTree(mine)
        merge(merged, theirs, shape.items)
        become(theirs, merged)
        theirs.flags |= LEAVES
        mine.flags |= LEAVES
      }
      left = left.next
    } else if (order < 0) left = left.next
    else right = right.next
  }
  weave(live, config)
}

// Each live item that the configuration names stands for the configuration's items up to it.
function weave(live: JsonNode, config: JsonNode): void {
  let each = live.first
  let theirs = config.first
  live.first = null
  live.last = null
  live.count = 0
  while (each) {
    const next = each.next
    if ((each.flags & LEAVES) == 0) live.append(each)
    else {
      while (theirs) {
        const item = theirs
        theirs = item.next
        const isShared = (item.flags & LEAVES) != 0
        item.flags &= ~LEAVES
        live.append(cloneTree(item))
        if (isShared) break
      }
    }
    each = next
  }
  while (theirs) {
    theirs.flags &= ~LEAVES
    live.append(cloneTree(theirs))
    theirs = theirs.next
  }
}

/** The item that the last value was not sound for, as messages name it. */
export let twice = ''

/** Whether no list of items that are told apart has one of them twice. */
export function isSound(node: JsonNode, shape: Shape): bool {
  const map = isMap(node, shape)
  if (!map && !isItems(node, shape)) return true
  if (!map && !isUnique(elementsOf(node, shape))) return false
  let each = node.first
  while (each) {
    if (!isSound(each, map ? shape.member(each.key, each.keyLength) : shape.items)) return false
    each = each.next
  }
  return true
}

function isUnique(elements: JsonNode): bool {
  let each = elements.first
  while (each) {
    const next = each.next
    if (next && compareKeys(each, next) == 0) {
      twice = elementText(each)
      return false
    }
    each = next
  }
  return true
}

// Everything of `source` but its name.
function become(target: JsonNode, source: JsonNode): void {
  target.type = source.type
  target.flags = (target.flags & FLAG_KEY_ESCAPE) | (source.flags & ~FLAG_KEY_ESCAPE)
  target.at = source.at
  target.length = source.length
  target.first = source.first
  target.last = source.last
  target.count = source.count
}

/** Takes the fields of a set out of a value, in place. @param leaves those alone that have no fields below them */
export function take(from: JsonNode, set: JsonNode | null, shape: Shape, leaves: bool = false): void {
  if (!set || (!isMap(from, shape) && !isItems(from, shape))) return
  let leaving = 0
  let left = elementsOf(from, shape).first
  let right = below(set)
  while (left && right) {
    const order = compareKeys(left, right)
    if (order == 0) {
      const node = <JsonNode>left.first
      const shapeOfIt = shapeBelow(shape, right)
      if (isMember(right) && !(leaves && (isMap(node, shapeOfIt) || isItems(node, shapeOfIt)))) {
        node.flags |= LEAVES
        leaving++
      } else take(node, right, shapeOfIt, leaves)
    }
    if (order <= 0) left = left.next
    else right = right.next
  }
  if (leaving == 0) return
  let each = from.first
  from.first = null
  from.last = null
  from.count = 0
  while (each) {
    const next = each.next
    if ((each.flags & LEAVES) == 0) from.append(each)
    each = next
  }
}
