// Trees as values: copied, compared, sorted.
import { JsonNode, newNode, TYPE_NUMBER, TYPE_OBJECT, TYPE_STRING } from './node'

/** A copy, without name: what it holds is shared, never changed in place. */
export function cloneTree(node: JsonNode): JsonNode {
  const copy = newNode(node.type)
  copy.flags = node.flags
  copy.key = node.key
  copy.keyLength = node.keyLength
  copy.at = node.at
  copy.length = node.length
  let child = node.first
  while (child) {
    copy.append(cloneTree(child))
    child = child.next
  }
  return copy
}

/** Equal as JSON values: members in any order, numbers by their text. */
export function sameTree(a: JsonNode, b: JsonNode): bool {
  if (a.type != b.type) return false
  if (a.type == TYPE_STRING || a.type == TYPE_NUMBER) return a.length == b.length && memory.compare(a.at, b.at, a.length) == 0
  if (a.count != b.count) return false
  let one = a.first
  let other = b.first
  while (one) {
    // Mostly the order is the same
    const match = a.type != TYPE_OBJECT || (other && other.keyEquals(one.key, one.keyLength)) ? other : b.find(one.key, one.keyLength)
    if (!match || !sameTree(one, match)) return false
    one = one.next
    if (other) other = other.next
  }
  return true
}

/** Members by name, bytewise. */
export function sortMembers(node: JsonNode): void {
  if (node.count < 2) return
  let sorted = true
  let each = node.first
  while (each && each.next) {
    if (compareKeys(each, <JsonNode>each.next) > 0) {
      sorted = false
      break
    }
    each = each.next
  }
  if (sorted) return
  node.first = mergeSort(<JsonNode>node.first, node.count)
  let last = node.first
  while (last && last.next) last = last.next
  node.last = last
}

/** Bytewise. */
export function compareKeys(a: JsonNode, b: JsonNode): i32 {
  const order = memory.compare(a.key, b.key, min(a.keyLength, b.keyLength))
  return order != 0 ? order : <i32>a.keyLength - <i32>b.keyLength
}

// Sorts the first `count` of a chain. @returns its head; the chain ends there
function mergeSort(head: JsonNode, count: i32): JsonNode {
  if (count == 1) {
    head.next = null
    return head
  }
  const half = count >> 1
  let middle = head
  for (let i = 0; i < half; i++) middle = <JsonNode>middle.next
  let a: JsonNode | null = null
  const b = mergeSort(middle, count - half)
  a = mergeSort(head, half)
  let right: JsonNode | null = b
  let first: JsonNode | null = null
  let last: JsonNode | null = null
  while (a || right) {
    const takeLeft = a != null && (right == null || compareKeys(<JsonNode>a, <JsonNode>right) <= 0)
    const taken = takeLeft ? <JsonNode>a : <JsonNode>right
    if (takeLeft) a = taken.next
    else right = taken.next
    if (last) last.next = taken
    else first = taken
    last = taken
  }
  return <JsonNode>first
}
