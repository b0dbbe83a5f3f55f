// An object that is being deleted and waits for what depends on it: in the foreground until nothing that blocks it is there, or until nothing
// refers to it any more. Then its finalizer goes, and it with the last of them.
import { MAX_WRITES } from '../../../abi/limits'
import { Span } from '../../../sdk/span'
import { treeOf } from '../http/render'
import { JsonNode } from '../json/node'
import { cloneTree } from '../json/tree'
import { metadataOf, takeManagedFields } from '../object/metadata'
import { Resource } from '../resources/table'
import { keyName, keyNamespace } from '../storage/key'
import { RecordView } from '../storage/record'
import { readRecord, settledVersion, writesSoFar } from '../storage/store'
import { isHeld, removeObject } from '../verbs/delete'
import { dependentIn, hasDependents, hashOf, isBlocked, keptKey, slotCount } from './dependents'
import { dropOwners, resourceOfKey, write } from './examine'
import { Waiting } from './note'
import { FOREGROUND, hasFinalizer, ORPHAN, ownersOf, removeFinalizer } from './owners'

export const SERVED_DONE = 0
export const SERVED_WAITS = 1
/** The transaction cannot go on. */
export const SERVED_FAILED = 2

/** Entries of the table that were gone through, in all. */
export let servedSteps: u32 = 0

/** Left for what a transaction writes besides. */
const SPARE = 8
/** Of objects that one transaction writes. */
const MAX_BYTES: usize = 786432

/** @param isKnown whether all that depends on anything is known */
export function serve(each: Waiting, isKnown: bool): i32 {
  if (each.isForeground && isBlocked(each.owner)) return SERVED_WAITS
  const key = Span.of(each.key)
  const resource = resourceOfKey(key)
  if (!resource) return SERVED_DONE
  const namespace = keyNamespace(key, resource)
  const name = keyName(key, resource)
  const record = readRecord(resource, namespace, name)
  if (!record || !record.isTerminating || !record.isHeld || hashOf(record.uid) != each.owner) return SERVED_DONE
  const root = treeOf(record)
  const orphans = hasFinalizer(root, ORPHAN)
  if (!orphans && !hasFinalizer(root, FOREGROUND)) return SERVED_DONE
  if (!isKnown) return SERVED_WAITS
  if (orphans && hasDependents(each.owner)) {
    const left = releaseDependents(each.owner, record.uid)
    if (left != SERVED_DONE) return left
  } else if (!orphans && isBlocked(each.owner)) return SERVED_WAITS
  return finish(resource, namespace, name, record, root, orphans ? ORPHAN : FOREGROUND) ? SERVED_DONE : SERVED_FAILED
}

// Takes the owner out of all that refers to it. What is not durable yet, or does not fit, waits.
function releaseDependents(owner: u64, uid: Span): i32 {
  let bytes: usize = 0
  servedSteps += slotCount()
  for (let i: u32 = 0; i < slotCount(); i++) {
    const entry = dependentIn(i)
    if (!entry || entry.owner != owner) continue
    if (entry.version > settledVersion || bytes > MAX_BYTES || writesSoFar() >= MAX_WRITES - SPARE) return SERVED_WAITS
    const resource = resourceOfKey(entry.key)
    if (!resource) continue
    const key = keptKey(entry)
    const namespace = keyNamespace(key, resource)
    const name = keyName(key, resource)
    const record = readRecord(resource, namespace, name)
    if (!record || !record.isOwned) continue
    const root = treeOf(record)
    if (!refersTo(root, uid)) continue
    bytes += record.jsonLength
    if (!dropOwners(resource, namespace, name, record, root, uid)) return SERVED_FAILED
  }
  return SERVED_DONE
}

function refersTo(root: JsonNode, uid: Span): bool {
  const owners = ownersOf(root)
  let each = owners ? owners.first : null
  while (each) {
    const reference = each.get('uid')
    if (reference && reference.length == uid.length && memory.compare(reference.at, uid.at, uid.length) == 0) return true
    each = each.next
  }
  return false
}

function finish(resource: Resource, namespace: Span, name: Span, record: RecordView, root: JsonNode, finalizer: string): bool {
  const live = takeManagedFields(metadataOf(root))
  const before = cloneTree(root)
  removeFinalizer(root, finalizer)
  if (!isHeld(root)) return removeObject(resource, namespace, name, record)
  return write(resource, namespace, name, record, before, root, live)
}
