// One object that has owners: is any of them there still? Without one it goes; with one its references to those that are not do.
import { Span } from '../../../sdk/span'
import { trackBy } from '../apply/track'
import { treeOf } from '../http/render'
import { JsonNode, newNode, TYPE_FALSE, TYPE_TRUE } from '../json/node'
import { cloneTree } from '../json/tree'
import { metadataOf, putManagedFields, takeManagedFields } from '../object/metadata'
import { namespaceChanged } from '../namespaces/emptying'
import { namespaces, Resource, storedResources } from '../resources/table'
import { collectionPrefix, keyName, keyNamespace } from '../storage/key'
import { RecordView } from '../storage/record'
import { peekRecord, preview, readRecord, writeRecord } from '../storage/store'
import { isHeld, isProtected, markDeleted, removeObject } from '../verbs/delete'
import { changed, MODIFIED } from '../watch/changes'
import { beginsWith } from '../watch/history'
import { Dependent, dependentIn, hashOf, hasDependents, keptKey, slotCount } from './dependents'
import { settleFinalizers } from './finalizers'
import { isInForeground } from './note'
import { OWNER_SOLID, OWNER_WAITING, ownersOf, stateOf } from './owners'

/** There is no such object, or it has no owner. */
export const EXAMINED_GONE = 0
export const EXAMINED_LEFT = 1
/** It was changed or deleted. */
export const EXAMINED_WRITTEN = 2
/** The transaction cannot go on. */
export const EXAMINED_FAILED = 3

/** Who writes, in managedFields. */
const COLLECTOR = 'wasmclave-garbage-collector'

/** What a key is of; null where its definition has gone. */
export function resourceOfKey(key: Span): Resource | null {
  for (let i = 0; i < storedResources.length; i++) if (beginsWith(key, collectionPrefix(storedResources[i], new Span(0, 0)))) return storedResources[i]
  return null
}

/** Of the last object that was looked at: its bytes, and entries of the table that were gone through for it. */
export let examinedBytes: usize = 0
export let examinedSteps: u32 = 0

export function examine(entry: Dependent): i32 {
  examinedBytes = 0
  examinedSteps = 0
  const resource = resourceOfKey(entry.key)
  if (!resource) return EXAMINED_GONE
  const key = keptKey(entry)
  const namespace = keyNamespace(key, resource)
  const name = keyName(key, resource)
  const record = readRecord(resource, namespace, name)
  if (!record || !record.isOwned) return EXAMINED_GONE
  examinedBytes = record.jsonLength
  const root = treeOf(record)
  const owners = ownersOf(root)
  if (!owners) return EXAMINED_GONE
  let solid = 0
  let waits = 0
  examinedSteps = <u32>owners.count
  let each = owners.first
  while (each) {
    const state = stateOf(each, namespace)
    if (state == OWNER_SOLID) solid++
    else if (state == OWNER_WAITING) waits++
    each = each.next
  }
  if (solid == owners.count) return EXAMINED_LEFT
  if (solid > 0) return dropOwners(resource, namespace, name, record, root, null) ? EXAMINED_WRITTEN : EXAMINED_FAILED
  if (record.isTerminating || (resource == namespaces && isProtected(name.text()))) return EXAMINED_LEFT
  const own = hashOf(record.uid)
  if (waits > 0 && hasDependents(own)) {
    // In a circle each would wait for the other
    if (isAmongTheDeleted(own)) unblock(owners)
    settleFinalizers(root, 'Foreground')
  } else settleFinalizers(root, '')
  if (!isHeld(root)) return removeObject(resource, namespace, name, record) ? EXAMINED_WRITTEN : EXAMINED_FAILED
  const written = writeRecord(resource, namespace, name, markDeleted(resource, root))
  if (!written) return EXAMINED_FAILED
  if (resource == namespaces) namespaceChanged()
  changed(MODIFIED, resource, namespace, name, written, record)
  return EXAMINED_WRITTEN
}

/** Writes an object without its references to one owner, or to all that are not there any more. @returns false as writeRecord */
export function dropOwners(resource: Resource, namespace: Span, name: Span, record: RecordView, root: JsonNode, uid: Span | null): bool {
  const metadata = metadataOf(root)
  const live = takeManagedFields(metadata)
  const before = cloneTree(root)
  const owners = <JsonNode>ownersOf(root)
  let each = owners.first
  while (each) {
    const next = each.next
    const reference = each.get('uid')
    const isMeant = uid ? reference != null && reference.length == uid.length && memory.compare(reference.at, uid.at, uid.length) == 0 : stateOf(each, namespace) != OWNER_SOLID
    if (isMeant) owners.detach(each)
    each = next
  }
  if (owners.count == 0) metadata.detach(owners)
  return write(resource, namespace, name, record, before, root, live)
}

/** Writes what has changed, and who owns it. @returns false as writeRecord */
export function write(resource: Resource, namespace: Span, name: Span, record: RecordView, before: JsonNode, root: JsonNode, live: JsonNode | null): bool {
  putManagedFields(metadataOf(root), trackBy(COLLECTOR, before, root, live, resource))
  const written = writeRecord(resource, namespace, name, preview(root))
  if (!written) return false
  changed(MODIFIED, resource, namespace, name, written, record)
  return true
}

// Whether something that depends on it is being deleted in the foreground already.
function isAmongTheDeleted(owner: u64): bool {
  examinedSteps += slotCount()
  for (let i: u32 = 0; i < slotCount(); i++) {
    const entry = dependentIn(i)
    if (!entry || entry.owner != owner) continue
    const resource = resourceOfKey(entry.key)
    const record = resource ? peekRecord(resource, keyNamespace(entry.key, resource), keyName(entry.key, resource)) : null
    if (record && record.isTerminating && record.isHeld && isInForeground(hashOf(record.uid))) return true
  }
  return false
}

function unblock(owners: JsonNode): void {
  let each = owners.first
  while (each) {
    const blocks = each.get('blockOwnerDeletion')
    if (blocks && blocks.type == TYPE_TRUE) each.replace(blocks, newNode(TYPE_FALSE))
    each = each.next
  }
}
