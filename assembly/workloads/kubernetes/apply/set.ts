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
  while (left || right) {
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
