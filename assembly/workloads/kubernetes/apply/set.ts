// Sets of fields, kept as what they are stored as: trees of FieldsV1. A member of an object `f:NAME`, an item of a list by key `k:{…}`, by value
// `v:…` or by place `i:N`; `{}` or a "." in it says that the field itself is in the set, the rest says which fields below are. Members are
// sorted bytewise everywhere. A set is null where nothing is in it. https://kubernetes.io/docs/reference/using-api/server-side-apply
import { keep } from '../json/arena'
import { FLAG_KEY_ESCAPE, JsonNode, newNode, TYPE_OBJECT } from '../json/node'
import { cloneTree, compareKeys } from '../json/tree'

const UNION = 0
const DIFFERENCE = 1
const INTERSECTION = 2

export function union(a: JsonNode | null, b: JsonNode | null): JsonNode | null {
  return combine(a, b, UNION)
}

/** What is in any of them. Of each one copy is made, however many there are. */
export function unionOfAll(sets: (JsonNode | null)[]): JsonNode | null {
  const left: JsonNode[] = []
  for (let i = 0; i < sets.length; i++) {
    const set = sets[i]
    if (set) left.push(cloneTree(set))
  }
  // In pairs, so that none is gone through more often than there are halvings
  for (let step = 1; step < left.length; step <<= 1) for (let i = 0; i + step < left.length; i += 2 * step) absorb(left[i], left[i + step])
  return left.length > 0 ? left[0] : null
}

// Puts all of b into a. Nothing is left of b.
function absorb(a: JsonNode, b: JsonNode): void {
  const inEither = isMember(a) || isMember(b)
  let left = below(a)
  let right = below(b)
  a.first = null
  a.last = null
  a.count = 0
  while (left || right) {
    const order = !left ? 1 : !right ? -1 : compareKeys(left, right)
    const taken = order <= 0 ? <JsonNode>left : <JsonNode>right
    const leftNext = left && order <= 0 ? left.next : left
    const rightNext = right && order >= 0 ? right.next : right
    if (order == 0) absorb(<JsonNode>left, <JsonNode>right)
    a.append(taken)
    left = leftNext
    right = rightNext
  }
  if (inEither && a.first) withMember(a)
}

/** What is in `a` and not in `b`. */
export function difference(a: JsonNode | null, b: JsonNode | null): JsonNode | null {
  return a && b ? combine(a, b, DIFFERENCE) : a
}

export function intersection(a: JsonNode | null, b: JsonNode | null): JsonNode | null {
  return combine(a, b, INTERSECTION)
}

/** Whether the field that the node stands for is in the set itself. */
export function isMember(node: JsonNode): bool {
  const first = node.first
  return !first || first.keyIs('.')
}

/** The first of the fields below; its `next` are the others. */
export function below(node: JsonNode): JsonNode | null {
  const first = node.first
  return first && first.keyIs('.') ? first.next : first
}

/** Without the fields that have others below them. */
export function leavesOf(set: JsonNode | null): JsonNode | null {
  if (!set) return null
  const copy = cloneTree(set)
  dropBranches(copy)
  return copy
}

function dropBranches(node: JsonNode): void {
  const first = node.first
  if (first && first.keyIs('.')) node.detach(first)
  let each = node.first
  while (each) {
    dropBranches(each)
    each = each.next
  }
}

/** The node, or a new one, as one whose field is in the set. */
export function withMember(node: JsonNode | null): JsonNode {
  if (!node) return newNode(TYPE_OBJECT)
  if (isMember(node)) return node
  const dot = newNode(TYPE_OBJECT)
  dot.key = keep('.')
  dot.keyLength = 1
  node.insertAfter(null, dot)
  return node
}

/** Appends a node under the name of another. */
export function appendAs(parent: JsonNode, child: JsonNode, named: JsonNode): void {
  child.key = named.key
  child.keyLength = named.keyLength
  child.flags = (child.flags & ~FLAG_KEY_ESCAPE) | (named.flags & FLAG_KEY_ESCAPE)
  parent.append(child)
}

// Makes nodes of its own: those of a and b stay as they are.
function combine(a: JsonNode | null, b: JsonNode | null, how: i32): JsonNode | null {
  if (!a) return how == UNION && b ? cloneTree(b) : null
  if (!b) return how == INTERSECTION ? null : cloneTree(a)
  const made = newNode(TYPE_OBJECT)
  let left = below(a)
  let right = below(b)
  // Of what only b has there is only something in a union
  while (left || (how == UNION && right != null)) {
    const order = !left ? 1 : !right ? -1 : compareKeys(left, right)
    const child = combine(order <= 0 ? left : null, order >= 0 ? right : null, how)
    if (child) appendAs(made, child, order <= 0 ? <JsonNode>left : <JsonNode>right)
    if (left && order <= 0) left = left.next
    if (right && order >= 0) right = right.next
  }
  const inA = isMember(a)
  const inB = isMember(b)
  if (how == UNION ? inA || inB : how == DIFFERENCE ? inA && !inB : inA && inB) return made.first ? withMember(made) : made
  return made.first ? made : null
}
