// JSON patch, RFC 6902: all six operations, one by one; the first that fails refuses all.
import { Span } from '../../../sdk/span'
import { arenaIsFull } from '../json/arena'
import { FLAG_KEY_ESCAPE, JsonNode, needsEscape } from '../json/node'
import { cloneTree, sameTree } from '../json/tree'
import { isSpent, spend } from './budget'
import { arrayIndex, child, parent, resolve, token } from './pointer'

let whole: JsonNode = changetype<JsonNode>(0)

/** Applies the operations to `root`, in place. @returns the new root, or null where one cannot be applied */
export function applyJsonPatch(root: JsonNode, operations: JsonNode): JsonNode | null {
  whole = root
  let each = operations.first
  while (each) {
    if (!apply(each) || arenaIsFull() || isSpent()) return null
    each = each.next
  }
  return whole
}

function apply(operation: JsonNode): bool {
  const op = operation.get('op')
  const path = operation.get('path')
  if (!op || !op.isString || !path || !path.isString) return false
  const at = new Span(path.at, path.length)
  const value = operation.get('value')
  if (op.is('remove')) return take(at) != null
  if (op.is('move') || op.is('copy')) {
    const from = operation.get('from')
    if (!from || !from.isString) return false
    const source = new Span(from.at, from.length)
    if (op.is('copy')) {
      const found = get(source)
      return found != null && countCopy(found) && add(at, cloneTree(found))
    }
    // Nothing may be moved into itself
    if (isBelow(at, source)) return false
    const taken = take(source)
    return taken != null && add(at, taken)
  }
  if (!value) return false
  if (op.is('add')) return add(at, cloneTree(value))
  if (op.is('replace')) return replace(at, cloneTree(value))
  if (!op.is('test')) return false
  const found = get(at)
  return found != null && spend(size(value)) && sameTree(found, value)
}

// A path below another is longer, and goes on with a slash.
function isBelow(path: Span, above: Span): bool {
  return path.length > above.length && memory.compare(path.at, above.at, above.length) == 0 && load<u8>(path.at + above.length) == 0x2f
}

function get(pointer: Span): JsonNode | null {
  if (!resolve(whole, pointer)) return null
  const in_ = parent
  return in_ ? child(in_, token) : whole
}

function take(pointer: Span): JsonNode | null {
  const found = get(pointer)
  const in_ = parent
  if (!found || !in_ || !spend(in_.count)) return null
  in_.detach(found)
  return found
}

function add(pointer: Span, value: JsonNode): bool {
  if (!resolve(whole, pointer)) return false
  const in_ = parent
  if (!in_) {
    whole = value
    return true
  }
  if (in_.isObject) {
    const known = child(in_, token)
    if (known) in_.replace(known, value)
    else {
      name(value, token)
      in_.append(value)
    }
    return !isSpent()
  }
  if (token.is('-')) {
    in_.append(value)
    return true
  }
  const index = arrayIndex(token)
  if (index < 0 || index > in_.count || !spend(index + 1)) return false
  in_.insertAfter(index == 0 ? null : in_.item(index - 1), value)
  return true
}

function replace(pointer: Span, value: JsonNode): bool {
  const known = get(pointer)
  if (!known) return false
  const in_ = parent
  if (in_) in_.replace(known, value)
  else whole = value
  return in_ == null || spend(in_.count)
}

function name(value: JsonNode, key: Span): void {
  value.key = key.at
  value.keyLength = key.length
  if (needsEscape(key.at, key.length)) value.flags |= FLAG_KEY_ESCAPE
  else value.flags &= ~FLAG_KEY_ESCAPE
}

function countCopy(node: JsonNode): bool {
  return spend(size(node))
}

function size(node: JsonNode): i64 {
  let sum: i64 = 1
  let each = node.first
  while (each) {
    sum += size(each)
    each = each.next
  }
  return sum
}
