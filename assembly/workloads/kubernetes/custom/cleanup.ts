// Definitions that are being deleted: each tick takes away some of their objects, and at last the definition. And definitions whose names have
// become free are given them.
import { STATUS_OK } from '../../../abi/status'
import { Span } from '../../../sdk/span'
import { treeOf } from '../http/render'
import { spanOf } from '../http/response'
import { metadataOf } from '../object/metadata'
import { definitions as resource } from '../resources/table'
import { collectionPrefix } from '../storage/key'
import { sameRecord } from '../storage/record'
import { hasWritten, preview, readRecord, writeRecord } from '../storage/store'
import { removeObject } from '../verbs/delete'
import { Sweep } from '../verbs/sweep'
import { changed, MODIFIED } from '../watch/changes'
import { Definition } from './definition'
import { CLEANUP } from './definition-rules'
import { settleStatus } from './naming'
import { definitions, lockDefinitions } from './registry'

/** Where the last tick ended: one that is held must not keep the others. */
let turn = 0

/** A tick's share. @returns a negative status where the tick's transaction cannot go on */
export function cleanUpDefinitions(): i32 {
  for (let i = 0; i < definitions.length && !hasWritten(); i++) {
    const definition = definitions[++turn % definitions.length]
    const status = definition.isTerminating ? empty(definition) : definition.isEstablished ? STATUS_OK : establish(definition)
    if (status < 0) return status
  }
  return STATUS_OK
}

function empty(definition: Definition): i32 {
  const none = new Span(0, 0)
  const sweep = new Sweep()
  sweep.run(definition.stored, collectionPrefix(definition.stored, none), none, null, false)
  if (sweep.failed) return -1
  return sweep.more || sweep.held > 0 || sweep.records.length > 0 ? STATUS_OK : finish(definition)
}

// Nothing is left of it: the finalizer that stood for its objects goes, and the definition unless others hold it.
function finish(definition: Definition): i32 {
  const none = new Span(0, 0)
  const name = spanOf(definition.name)
  const record = readRecord(resource, none, name)
  if (!record || !record.isTerminating) return STATUS_OK
  const root = treeOf(record)
  const finalizers = metadataOf(root).get('finalizers')
  let each = finalizers ? finalizers.first : null
  while (each && !each.is(CLEANUP)) each = each.next
  if (finalizers && each && finalizers.count > 1) {
    finalizers.detach(each)
    const written = writeRecord(resource, none, name, preview(root))
    if (!written) return -1
    changed(MODIFIED, resource, none, name, written, record)
    return STATUS_OK
  }
  if (finalizers && !each) return STATUS_OK
  return removeObject(resource, none, name, record) ? STATUS_OK : -1
}

function establish(definition: Definition): i32 {
  const none = new Span(0, 0)
  const name = spanOf(definition.name)
  const record = readRecord(resource, none, name)
  if (!record || record.isTerminating) return STATUS_OK
  const root = treeOf(record)
  settleStatus(root, definitions)
  const made = preview(root)
  if (sameRecord(made, record)) return STATUS_OK
  if (!lockDefinitions()) return -1
  const written = writeRecord(resource, none, name, made)
  if (!written) return -1
  changed(MODIFIED, resource, none, name, written, record)
  return STATUS_OK
}
