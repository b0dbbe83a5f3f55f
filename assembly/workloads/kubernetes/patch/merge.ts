// JSON merge patch, RFC 7386: objects merge, null deletes, everything else replaces.
import { FLAG_KEY_ESCAPE, JsonNode, newNode, TYPE_NULL, TYPE_OBJECT } from '../json/node'
import { cloneTree } from '../json/tree'
import { spend } from './budget'

/** Merges into `target`, in place. @returns false when it is too much work */
export function applyMergePatch(target: JsonNode, patch: JsonNode): bool {
  // What the patch adds is looked through in its turn
  if (!spend(<i64>target.count * <i64>patch.count + (<i64>patch.count * <i64>patch.count) / 2)) return false
  let each = patch.first
  while (each) {
    const known = target.find(each.key, each.keyLength)
    if (each.type == TYPE_NULL) {
      if (known) target.detach(known)
    } else if (each.type != TYPE_OBJECT) {
      put(target, known, each, cloneTree(each))
    } else if (known && known.type == TYPE_OBJECT) {
      if (!applyMergePatch(known, each)) return false
    } else {
      const made = newNode(TYPE_OBJECT)
      if (!applyMergePatch(made, each)) return false
      put(target, known, each, made)
    }
    each = each.next
  }
  return true
}

/** `value` under the name of `named`, in the place of `known` where there is one. */
export function put(target: JsonNode, known: JsonNode | null, named: JsonNode, value: JsonNode): void {
  if (known) return target.replace(known, value)
  value.key = named.key
  value.keyLength = named.keyLength
  value.flags |= named.flags & FLAG_KEY_ESCAPE
  target.append(value)
}
