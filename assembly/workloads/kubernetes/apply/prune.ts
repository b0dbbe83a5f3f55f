// What a manager applied before and applies no more: it goes, unless somebody else owns it.
import { arenaIsFull } from '../json/arena'
import { JsonNode } from '../json/node'
import { cloneTree } from '../json/tree'
import { take } from './merge'
import { fieldsOf, withDeclared } from './owned'
import { difference, intersection, union } from './set'
import { Shape } from './shape'

/**
 * In place. @param last what the manager owned @param now what it applies @param others what all others own, and nobody else: a field that
 * nobody owns stays @returns false where it is too much for one request
 */
export function prune(merged: JsonNode, last: JsonNode | null, now: JsonNode | null, others: JsonNode | null, shape: Shape): bool {
  if (!last || !difference(last, now)) return true
  const before = withDeclared(cloneTree(last), shape)
  const all = withDeclared(fieldsOf(merged, shape), shape)
  // Without what it owned, and with what is owned by others in it again
  const without = cloneTree(merged)
  take(without, before, shape)
  if (arenaIsFull()) return false
  const owned = withDeclared(union(now, others), shape)
  const kept = cloneTree(merged)
  if (arenaIsFull()) return false
  take(kept, difference(all, union(fieldsAndDeclared(without, shape), owned)), shape)
  if (arenaIsFull()) return false
  // What went with its parent, and was not the manager's, stays
  take(merged, intersection(difference(all, fieldsAndDeclared(kept, shape)), before), shape)
  return true
}

function fieldsAndDeclared(node: JsonNode, shape: Shape): JsonNode | null {
  return withDeclared(fieldsOf(node, shape), shape)
}
