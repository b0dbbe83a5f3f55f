// $setElementOrder: items that the patch names stand in the order it gives; those it does not know keep their places among them.
// mergeSortedSlice of k8s.io/apimachinery/pkg/util/strategicpatch.
import { JsonNode } from '../json/node'
import { findByKey, findText } from './strategic'

/** @param before the list as it was, which says where the items unknown to the patch belong @param key of items that are objects, else "" */
export function mergeOrder(list: JsonNode, before: JsonNode, order: JsonNode, key: string): void {
  const named: JsonNode[] = []
  const others: JsonNode[] = []
  let each = order.first
  while (each) {
    const found = find(list, each, key)
    if (found && !named.includes(found)) named.push(found)
    each = each.next
  }
  each = list.first
  while (each) {
    if (!find(order, each, key)) others.push(each)
    each = each.next
  }
  list.first = null
  list.last = null
  list.count = 0
  let i = 0
  let j = 0
  while (i < named.length || j < others.length) {
    const takeNamed = j == others.length || (i < named.length && comesFirst(before, named[i], others[j], key))
    list.append(takeNamed ? named[i++] : others[j++])
  }
}

// What was not there before comes first.
function comesFirst(before: JsonNode, named: JsonNode, other: JsonNode, key: string): bool {
  const place = placeOf(before, named, key)
  return place < 0 || place < placeOf(before, other, key)
}

function placeOf(list: JsonNode, item: JsonNode, key: string): i32 {
  let index = 0
  let each = list.first
  while (each) {
    if (same(each, item, key)) return index
    index++
    each = each.next
  }
  return -1
}

function find(list: JsonNode, item: JsonNode, key: string): JsonNode | null {
  if (key.length == 0) return findText(list, item)
  const value = item.get(key)
  return value ? findByKey(list, key, value) : null
}

function same(a: JsonNode, b: JsonNode, key: string): bool {
  const one = key.length == 0 ? a : a.get(key)
  const other = key.length == 0 ? b : b.get(key)
  return one != null && other != null && one.length == other.length && memory.compare(one.at, other.at, one.length) == 0
}
