// Namespaces that are being deleted: each tick takes away some of what is in one, and at last the namespace. Objects with finalizers keep it.
import { STATUS_OK } from '../../../abi/status'
import { Span } from '../../../sdk/span'
import { Scan } from '../../../sdk/store'
import { treeOf } from '../http/render'
import { spanOf } from '../http/response'
import { namespaces, storedResources } from '../resources/table'
import { collectionPrefix, keyName } from '../storage/key'
import { RecordView } from '../storage/record'
import { hasWritten, preview, readRecord, writeRecord } from '../storage/store'
import { eventAt, isSettled, nextSequence, oldest, resets } from '../watch/history'
import { changed, MODIFIED } from '../watch/changes'
import { removeObject } from '../verbs/delete'
import { Sweep } from '../verbs/sweep'

/** Names of those that are known to be on their way; a hint, made anew from the store whenever it may be wrong. */
let terminating: string[] = []
let known = false
let knownResets = 0

/** A namespace has been marked, or may have been. */
export function namespaceChanged(): void {
  known = false
}

export function terminatingCount(): i32 {
  return terminating.length
}

/** A tick's share. @returns a negative status where the tick's transaction cannot go on */
export function emptyNamespaces(): i32 {
  if (!known || knownResets != resets) find()
  // Each in its turn: one that is held must not keep the others
  for (let i = 0; i < terminating.length && !hasWritten(); i++) {
    const name = terminating.shift()
    terminating.push(name)
    const status = empty(spanOf(name))
    if (status < 0) return status
  }
  return STATUS_OK
}

function find(): void {
  terminating = []
  // What is not durable yet is not seen here: then it is looked for once more
  known = nextSequence == oldest || isSettled(eventAt(nextSequence - 1))
  knownResets = resets
  const scan = new Scan(collectionPrefix(namespaces, new Span(0, 0)), new Span(0, 0), 128)
  const record = new RecordView()
  while (scan.next())
    if (record.read(scan.value.at, scan.value.length, scan.version).isTerminating) terminating.push(keyName(scan.key, namespaces).text())
}

function empty(name: Span): i32 {
  let left = 0
  for (let i = 0; i < storedResources.length; i++) {
    const resource = storedResources[i]
    if (!resource.namespaced) continue
    const sweep = new Sweep()
    sweep.run(resource, collectionPrefix(resource, name), new Span(0, 0), null, false)
    if (sweep.failed) return -1
    if (sweep.more) return STATUS_OK
    left += sweep.held
  }
  return left > 0 ? STATUS_OK : finish(name)
}

// Its content has gone: the finalizer that stood for it goes, and the namespace unless others hold it.
function finish(name: Span): i32 {
  const none = new Span(0, 0)
  const record = readRecord(namespaces, none, name)
  known = false
  if (!record || !record.isTerminating) return STATUS_OK
  const root = treeOf(record)
  const spec = root.get('spec')
  const finalizers = spec ? spec.get('finalizers') : null
  if (!record.isHeld && (!finalizers || finalizers.count <= 1)) return removeObject(namespaces, none, name, record) ? STATUS_OK : -1
  if (!spec || !finalizers) return STATUS_OK
  let each = finalizers.first
  while (each && !each.is('kubernetes')) each = each.next
  if (!each) return STATUS_OK
  finalizers.detach(each)
  if (finalizers.count == 0) spec.detach(finalizers)
  const written = writeRecord(namespaces, none, name, preview(root))
  if (!written) return -1
  changed(MODIFIED, namespaces, none, name, written, record)
  return STATUS_OK
}
