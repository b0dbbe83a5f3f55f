// References to owners, and what has become of them.
import { Span } from '../../../sdk/span'
import { JsonNode } from '../json/node'
import { memberSpan, memberText, metadataOf } from '../object/metadata'
import { Resource, resources } from '../resources/table'
import { peekRecord } from '../storage/store'
import { hashOf } from './dependents'
import { isInForeground } from './note'

export const FOREGROUND = 'foregroundDeletion'
export const ORPHAN = 'orphan'

/** It is there, or nobody can know: it keeps what depends on it. */
export const OWNER_SOLID = 0
/** No such object, or another of its name. */
export const OWNER_ABSENT = 1
/** It is being deleted, and waits for what depends on it. */
export const OWNER_WAITING = 2

/** Its references, or null. */
export function ownersOf(root: JsonNode): JsonNode | null {
  return metadataOf(root).get('ownerReferences')
}

/**
 * What became of an owner. It is looked for in the namespace of what depends on it: one elsewhere is none. A kind that is not served, and a
 * namespaced owner of something that is in no namespace, cannot be looked up.
 */
export function stateOf(reference: JsonNode, namespace: Span): i32 {
  const resource = resourceOf(reference)
  if (!resource || (resource.namespaced && namespace.length == 0)) return OWNER_SOLID
  const record = peekRecord(resource, resource.namespaced ? namespace : new Span(0, 0), memberSpan(reference, 'name'))
  if (!record || !isSame(record.uid, memberSpan(reference, 'uid'))) return OWNER_ABSENT
  return record.isTerminating && record.isHeld && isInForeground(hashOf(record.uid)) ? OWNER_WAITING : OWNER_SOLID
}

function resourceOf(reference: JsonNode): Resource | null {
  const version = memberText(reference, 'apiVersion')
  const slash = version.indexOf('/')
  const group = slash < 0 ? '' : version.substring(0, slash)
  const kind = memberText(reference, 'kind')
  for (let i = 0; i < resources.length; i++) {
    const each = resources[i]
    if (each.kind == kind && each.group == group && !each.isVirtual) return each
  }
  return null
}

export function hasFinalizer(root: JsonNode, name: string): bool {
  return findFinalizer(root, name) != null
}

export function findFinalizer(root: JsonNode, name: string): JsonNode | null {
  const finalizers = metadataOf(root).get('finalizers')
  let each = finalizers ? finalizers.first : null
  while (each && !each.is(name)) each = each.next
  return each
}

/** Takes a finalizer away. */
export function removeFinalizer(root: JsonNode, name: string): void {
  const found = findFinalizer(root, name)
  const metadata = metadataOf(root)
  const finalizers = metadata.get('finalizers')
  if (!found || !finalizers) return
  finalizers.detach(found)
  if (finalizers.count == 0) metadata.detach(finalizers)
}

export function isSame(a: Span, b: Span): bool {
  return a.length == b.length && memory.compare(a.at, b.at, a.length) == 0
}
