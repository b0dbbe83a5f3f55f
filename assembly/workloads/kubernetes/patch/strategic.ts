// Strategic merge patch: a merge patch that knows which lists are maps or sets, and takes directives: $patch, $retainKeys, $setElementOrder/F,
// $deleteFromPrimitiveList/F. k8s.io/apimachinery/pkg/util/strategicpatch; the merge keys stand in schema/kinds.ts.
import { Span } from '../../../sdk/span'
import { JsonNode, newNode, TYPE_ARRAY, TYPE_NULL, TYPE_OBJECT, TYPE_STRING } from '../json/node'
import { cloneTree } from '../json/tree'
import { Field, FIELD_MESSAGE, FIELD_MESSAGES, FIELD_STRINGS, Message } from '../schema/schema'
import { spend } from './budget'
import { mergeOrder } from './element-order'
import { put } from './merge'

const ORDER = '$setElementOrder/'
const DELETE_FROM = '$deleteFromPrimitiveList/'

/** Why the last patch was refused. */
export let strategicProblem = ''

export function applyStrategicPatch(target: JsonNode, patch: JsonNode, message: Message | null): bool {
  strategicProblem = ''
  return merge(target, patch, message)
}

function merge(target: JsonNode, patch: JsonNode, message: Message | null): bool {
  if (!spend(<i64>(target.count + 1) * <i64>(patch.count + 1) + (<i64>patch.count * <i64>patch.count) / 2)) return refuse('the patch is too much work')
  const directive = patch.get('$patch')
  if (directive) {
    if (directive.is('replace') || directive.is('delete')) {
      clear(target)
      if (directive.is('delete')) return true
    } else if (!directive.is('merge')) return refuse('unknown patch type found: ' + (directive.isString ? directive.text() : ''))
  }
  const retain = patch.get('$retainKeys')
  if (retain && !keepOnly(target, patch, retain)) return false
  let each = patch.first
  while (each) {
    if (each.keyLength == 0 || load<u8>(each.key) != 0x24) {
      if (!mergeMember(target, patch, each, message)) return false
    } else if (beginsWith(each, DELETE_FROM)) {
      if (!deleteFrom(target, each)) return false
    } else if (beginsWith(each, ORDER)) {
      // With the list, unless the patch has none of its own
      if (!patch.find(each.key + ORDER.length, each.keyLength - ORDER.length) && !reorder(target, null, each, message)) return false
    } else if (!each.keyIs('$patch') && !each.keyIs('$retainKeys')) return refuse('unknown directive ' + each.keyText())
    each = each.next
  }
  return true
}

function mergeMember(target: JsonNode, patch: JsonNode, value: JsonNode, message: Message | null): bool {
  const known = target.find(value.key, value.keyLength)
  if (value.type == TYPE_NULL) {
    if (known) target.detach(known)
    return true
  }
  const field = fieldOf(message, value)
  if (value.type == TYPE_OBJECT) {
    let into = known && known.type == TYPE_OBJECT ? known : null
    if (!into) {
      into = newNode(TYPE_OBJECT)
      put(target, known, value, into)
    }
    return merge(into, value, field && field.type == FIELD_MESSAGE ? field.message : null)
  }
  if (value.type != TYPE_ARRAY || !field || !field.merges) {
    put(target, known, value, cloneTree(value))
    return true
  }
  const list = known && known.type == TYPE_ARRAY ? known : newNode(TYPE_ARRAY)
  if (list != known) put(target, known, value, list)
  const before = cloneTree(list)
  const merged = field.type == FIELD_STRINGS ? addToSet(list, value) : mergeList(list, value, field)
  if (!merged) return false
  const order = orderOf(patch, value)
  return !order || reorder(target, before, order, message)
}

function addToSet(list: JsonNode, items: JsonNode): bool {
  if (!spend(<i64>list.count * <i64>items.count + <i64>items.count * <i64>items.count)) return refuse('the patch is too much work')
  let each = items.first
  while (each) {
    if (each.type != TYPE_STRING) return refuse('a list of strings holds something else')
    if (!findText(list, each)) list.append(cloneTree(each))
    each = each.next
  }
  return true
}

function mergeList(list: JsonNode, items: JsonNode, field: Field): bool {
  if (!spend(<i64>(list.count + items.count) * <i64>items.count)) return refuse('the patch is too much work')
  let each = items.first
  while (each) {
    if (each.type != TYPE_OBJECT) return refuse('a list of objects holds something else')
    const directive = each.get('$patch')
    if (directive && directive.is('replace')) return replaceList(list, items)
    each = each.next
  }
  each = items.first
  while (each) {
    const key = each.get(field.mergeKey)
    if (!key) return refuse('map: map[] does not contain declared merge key: ' + field.mergeKey)
    const directive = each.get('$patch')
    const known = findByKey(list, field.mergeKey, key)
    if (directive && directive.is('delete')) {
      if (known) list.detach(known)
    } else if (known) {
      if (!merge(known, each, field.message)) return false
    } else {
      const made = newNode(TYPE_OBJECT)
      if (!merge(made, each, field.message)) return false
      list.append(made)
    }
    each = each.next
  }
  return true
}

// {"$patch":"replace"} among the items: the others are the list.
function replaceList(list: JsonNode, items: JsonNode): bool {
  clear(list)
  let each = items.first
  while (each) {
    if (!each.get('$patch')) list.append(cloneTree(each))
    each = each.next
  }
  return true
}

function deleteFrom(target: JsonNode, directive: JsonNode): bool {
  const list = target.find(directive.key + DELETE_FROM.length, directive.keyLength - DELETE_FROM.length)
  if (!list || list.type != TYPE_ARRAY || directive.type != TYPE_ARRAY) return true
  if (!spend(<i64>list.count * <i64>directive.count)) return refuse('the patch is too much work')
  let each = directive.first
  while (each) {
    const known = each.type == TYPE_STRING ? findText(list, each) : null
    if (known) list.detach(known)
    each = each.next
  }
  return true
}

/** @param before the list as it was; null where the patch does not change it */
function reorder(target: JsonNode, before: JsonNode | null, directive: JsonNode, message: Message | null): bool {
  const list = target.find(directive.key + ORDER.length, directive.keyLength - ORDER.length)
  if (!list || list.type != TYPE_ARRAY || directive.type != TYPE_ARRAY) return true
  const field = fieldOf(message, list)
  if (!field || !field.merges) return true
  if (!spend(3 * <i64>(list.count + 1) * <i64>(directive.count + list.count + 1))) return refuse('the patch is too much work')
  mergeOrder(list, before ? before : cloneTree(list), directive, field.type == FIELD_MESSAGES ? field.mergeKey : '')
  return true
}

function orderOf(patch: JsonNode, value: JsonNode): JsonNode | null {
  let each = patch.first
  while (each) {
    if (beginsWith(each, ORDER) && value.keyEquals(each.key + ORDER.length, each.keyLength - ORDER.length)) return each
    each = each.next
  }
  return null
}

// The keys that may stay; the patch sets no other.
function keepOnly(target: JsonNode, patch: JsonNode, retain: JsonNode): bool {
  if (retain.type != TYPE_ARRAY) return refuse('$retainKeys is not a list')
  if (!spend(<i64>retain.count * <i64>(target.count + patch.count))) return refuse('the patch is too much work')
  let each = target.first
  while (each) {
    const next = each.next
    let kept = false
    let item = retain.first
    while (item && !kept) {
      kept = item.type == TYPE_STRING && each.keyEquals(item.at, item.length)
      item = item.next
    }
    if (!kept) target.detach(each)
    each = next
  }
  return true
}

function fieldOf(message: Message | null, member: JsonNode): Field | null {
  if (!message) return null
  const fields = message.fields
  for (let i = 0; i < fields.length; i++) if (member.keyIs(fields[i].name)) return fields[i]
  return null
}

export function findText(list: JsonNode, text: JsonNode): JsonNode | null {
  let each = list.first
  while (each) {
    if (each.length == text.length && memory.compare(each.at, text.at, text.length) == 0) return each
    each = each.next
  }
  return null
}

export function findByKey(list: JsonNode, name: string, key: JsonNode): JsonNode | null {
  let each = list.first
  while (each) {
    const other = each.get(name)
    if (other && other.type == key.type && other.length == key.length && memory.compare(other.at, key.at, key.length) == 0) return each
    each = each.next
  }
  return null
}

function clear(node: JsonNode): void {
  node.first = null
  node.last = null
  node.count = 0
}

function beginsWith(node: JsonNode, prefix: string): bool {
  return node.keyLength > <usize>prefix.length && new Span(node.key, node.keyLength).begins(prefix)
}

function refuse(problem: string): bool {
  strategicProblem = problem
  return false
}
