// What is written, as far as owners and what depends on them are concerned. Nearly nothing while no object has an owner.
import { Span } from '../../../sdk/span'
import { treeOf } from '../http/render'
import { JsonNode, TYPE_TRUE } from '../json/node'
import { memberSpan } from '../object/metadata'
import { objectKey } from '../storage/key'
import { RecordView, versionOf } from '../storage/record'
import { Change, DELETED } from '../watch/changes'
import { addDependent, dependentCount, dropDependent, hashOf } from './dependents'
import { FOREGROUND, hasFinalizer, isSame, ORPHAN, ownersOf } from './owners'

/** Owners of which something has to be told to who depends on them: hash of their uid, and the transaction that it is of. */
export const news: u64[] = []
export const newsVersions: u64[] = []

/** An object that is being deleted, and waits for what depends on it. */
export class Waiting {
  constructor(public key: Uint8Array, public owner: u64, public version: u64, public isForeground: bool) {}
}

export let waiting: Waiting[] = []

/** Whether an owner is known to be deleted in the foreground. */
export function isInForeground(owner: u64): bool {
  for (let i = 0; i < waiting.length; i++) if (waiting[i].owner == owner && waiting[i].isForeground) return true
  return false
}

export function forgetNews(): void {
  news.length = 0
  newsVersions.length = 0
  waiting = []
}

/** An event: it may still come to nothing (`resets` then tells). */
export function noteOwners(change: Change): void {
  const record = change.record
  const previous = change.previous
  const isOwned = record.isOwned || (previous != null && previous.isOwned)
  if (!isOwned && change.type != DELETED && !record.isTerminating) return
  const key = objectKey(change.resource, change.namespace, change.name)
  if (previous && previous.isOwned) drop(key, previous)
  if (change.type == DELETED) {
    if (record.isOwned) drop(key, record)
    if (dependentCount > 0) tell(record)
  } else noteRecord(key, record)
}

/** An object as it is stored: its references, and whether it waits for others. */
export function noteRecord(key: Span, record: RecordView): void {
  const waits = record.isTerminating && record.isHeld
  if (!record.isOwned && !waits) return
  const root = treeOf(record)
  const version = versionOf(record.resourceVersion)
  if (record.isOwned) {
    let each = firstOwner(root)
    while (each) {
      const uid = memberSpan(each, 'uid')
      const blocks = each.get('blockOwnerDeletion')
      // Its own owner it would wait for for ever
      if (!isSame(uid, record.uid)) addDependent(hashOf(uid), key, version, blocks != null && blocks.type == TYPE_TRUE)
      each = each.next
    }
  }
  const isForeground = waits && hasFinalizer(root, FOREGROUND)
  if (!isForeground && !(waits && hasFinalizer(root, ORPHAN))) return
  for (let i = 0; i < waiting.length; i++)
    if (isSame(Span.of(waiting[i].key), key)) {
      waiting[i].version = version
      waiting[i].owner = hashOf(record.uid)
      waiting[i].isForeground = isForeground
      return tell(record)
    }
  const copy = new Uint8Array(<i32>key.length)
  memory.copy(copy.dataStart, key.at, key.length) // SAFETY: of that length
  waiting.push(new Waiting(copy, hashOf(record.uid), version, isForeground))
  tell(record)
}

function tell(record: RecordView): void {
  news.push(hashOf(record.uid))
  newsVersions.push(versionOf(record.resourceVersion))
}

function drop(key: Span, record: RecordView): void {
  let each = firstOwner(treeOf(record))
  while (each) {
    dropDependent(hashOf(memberSpan(each, 'uid')), key)
    each = each.next
  }
}

function firstOwner(root: JsonNode): JsonNode | null {
  const owners = ownersOf(root)
  return owners ? owners.first : null
}
