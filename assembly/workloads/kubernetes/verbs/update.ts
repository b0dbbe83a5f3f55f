// PUT of one object, and what a PATCH does once it has made the new object: preconditions, what may not change, and the write, unless
// nothing changes.
import { STATUS_AGAIN } from '../../../abi/status'
import { managerIsValid } from '../apply/manager-name'
import { Applied, trackUpdate } from '../apply/track'
import { lockDefinitions } from '../custom/registry'
import { mayGrant } from '../auth/escalation'
import { readObject } from '../http/body'
import { Call } from '../http/call'
import { failBadRequest, fail, failModified, failNotFound } from '../http/failure'
import { failInvalid, hasIssues, invalidNumber } from '../http/issues'
import { objectOf, sendObject } from '../http/render'
import { readResourceVersion } from '../http/resource-version'
import { sendFailure } from '../http/response'
import { JsonNode } from '../json/node'
import { definitions } from '../resources/table'
import { cloneTree, sameTree } from '../json/tree'
import { checkManagedFields } from '../object/meta-rules'
import { dropSystemFields, memberSpan, memberText, metadataOf, place, putManagedFields, takeManagedFields } from '../object/metadata'
import { check, checkUpdate, prepareUpdate } from '../object/rules'
import { RecordView, sameRecord } from '../storage/record'
import { mustRetry, preview, readRecord, removeRecord, writeRecord } from '../storage/store'
import { changed, DELETED, MODIFIED } from '../watch/changes'

export function updateObject(call: Call): i32 {
  if (!call.readWriteOptions('UpdateOptions') || !managerIsValid(call, 'UpdateOptions')) return sendFailure(call.id)
  const root = readObject(call)
  if (!root || !namesMatch(call, metadataOf(root))) return sendFailure(call.id)
  const old = readRecord(call.resource, call.namespace, call.name)
  if (!old) {
    failNotFound(call.resource, call.name.text())
    return sendFailure(call.id)
  }
  return replaceObject(call, old, objectOf(old, call.resource), root, null)
}

/** The name of a body is its path's, and so is its namespace, where it has one. */
export function namesMatch(call: Call, metadata: JsonNode): bool {
  const name = memberText(metadata, 'name')
  if (name.length == 0) {
    failBadRequest('the name of the object (based on URL) was undeterminable: name must be provided')
    return false
  }
  if (name != call.name.text()) {
    failBadRequest('the name of the object (' + name + ') does not match the name on the URL (' + call.name.text() + ')')
    return false
  }
  const namespace = memberText(metadata, 'namespace')
  if (!call.resource.namespaced || namespace.length == 0 || namespace == call.namespace.text()) return true
  failBadRequest('the namespace of the provided object does not match the namespace sent on the request')
  return false
}

/**
 * Writes `root` in the place of `old`, whose tree is `before`; both in normal form. Answers.
 * @param applied who owns what behind it, where an apply made it
 */
export function replaceObject(call: Call, old: RecordView, before: JsonNode, root: JsonNode, applied: Applied | null): i32 {
  const resource = call.resource
  const metadata = metadataOf(root)
  const oldMetadata = metadataOf(before)
  if (!preconditionsHold(call, metadata, old, oldMetadata)) return sendFailure(call.id)
  const given = takeManagedFields(metadata)
  const live = takeManagedFields(oldMetadata)
  if (given && (!live || !sameTree(given, live))) checkManagedFields(given)
  dropSystemFields(metadata)
  prepareUpdate(root, before, resource, call.hasSubresource ? call.subresource.text() : '')
  const now = metadataOf(root) // a subresource has brought the old one
  inherit(now, oldMetadata, 'namespace')
  inherit(now, oldMetadata, 'uid')
  if (!now.get('creationTimestamp')) inherit(now, oldMetadata, 'creationTimestamp')
  inherit(now, oldMetadata, 'deletionTimestamp')
  inherit(now, oldMetadata, 'deletionGracePeriodSeconds')
  check(root, resource)
  checkUpdate(root, before, resource)
  if (hasIssues()) {
    failInvalid(resource, call.name.text())
    return sendFailure(call.id)
  }
  if (!mayGrant(call, root, before)) return sendFailure(call.id)
  putManagedFields(now, applied ? applied.managedFields : trackUpdate(call, before, root, live, given))
  const record = preview(root)
  if (sameRecord(record, old) && !isFree(old, root)) return sendObject(call, 200, old)
  if (call.dryRun) {
    record.resourceVersion = old.resourceVersion
    return sendObject(call, 200, record)
  }
  if (isFree(old, root)) return removeFreed(call, record, old)
  if (resource == definitions && !lockDefinitions()) return STATUS_AGAIN
  const written = writeRecord(resource, call.namespace, call.name, record)
  if (!written) return mustRetry ? STATUS_AGAIN : sendFailure(call.id)
  changed(MODIFIED, resource, call.namespace, call.name, written, old)
  return sendObject(call, 200, written)
}

// It was waiting for the last finalizer, and that has gone.
function isFree(old: RecordView, root: JsonNode): bool {
  if (!old.isTerminating) return false
  const finalizers = metadataOf(root).get('finalizers')
  if (finalizers && finalizers.count > 0) return false
  const spec = root.get('spec')
  const held = spec ? spec.get('finalizers') : null
  return held == null || held.count == 0
}

function removeFreed(call: Call, record: RecordView, old: RecordView): i32 {
  const removed = removeRecord(call.resource, call.namespace, call.name)
  if (removed == 0) return mustRetry ? STATUS_AGAIN : sendFailure(call.id)
  record.resourceVersion = removed
  changed(DELETED, call.resource, call.namespace, call.name, record, old)
  return sendObject(call, 200, record)
}

function preconditionsHold(call: Call, metadata: JsonNode, old: RecordView, oldMetadata: JsonNode): bool {
  const version = memberSpan(metadata, 'resourceVersion')
  if (version.length > 0) {
    const asked = readResourceVersion(version)
    if (asked < 0) return false
    // 0 is as good as none
    if (asked != 0 && <u64>asked != old.resourceVersion) {
      failModified(call.resource, call.name.text())
      return false
    }
  }
  // Custom objects are never written over unread
  if ((version.length == 0 || version.is('0')) && call.resource.custom && call.request.method.is('PUT')) {
    invalidNumber('metadata.resourceVersion', '0x0', 'must be specified for an update')
    return failInvalid(call.resource, call.name.text())
  }
  const uid = memberText(metadata, 'uid')
  const oldUid = memberText(oldMetadata, 'uid')
  if (uid.length == 0 || uid == oldUid) return true
  const name = call.name.text()
  fail(409, 'Conflict', 'Operation cannot be fulfilled on ' + call.resource.qualified + ' "' + name + '": Precondition failed: UID in precondition: ' + uid + ', UID in object meta: ' + oldUid).about(call.resource, name)
  return false
}

function inherit(metadata: JsonNode, old: JsonNode, name: string): void {
  const value = old.get(name)
  if (value) place(metadata, name, cloneTree(value))
  else metadata.remove(name)
}

