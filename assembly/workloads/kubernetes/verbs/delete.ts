// DELETE of one object. What has finalizers is marked and stays until they have gone; a namespace is marked, and emptied by ticks.
import { STATUS_AGAIN } from '../../../abi/status'
import { Span } from '../../../sdk/span'
import { markTerminating } from '../custom/naming'
import { settleFinalizers } from '../garbage/finalizers'
import { Call } from '../http/call'
import { fail, failNotFound } from '../http/failure'
import { sendObject, treeOf } from '../http/render'
import { body, sendBody, sendFailure } from '../http/response'
import { writeText } from '../json/writer'
import { JsonNode } from '../json/node'
import { memberText, metadataOf, place, timeNode, zeroNode } from '../object/metadata'
import { setPhase } from '../object/rules'
import { definitions, namespaces, Resource } from '../resources/table'
import { RecordView } from '../storage/record'
import { mustRetry, preview, readRecord, removeRecord, writeRecord } from '../storage/store'
import { changed, DELETED, MODIFIED } from '../watch/changes'
import { deletePreconditionsHold, readDeleteOptions } from './delete-options'

const PROTECTED: StaticArray<string> = ['default', 'kube-public', 'kube-system']

export function deleteObject(call: Call): i32 {
  const options = readDeleteOptions(call)
  if (!options) return sendFailure(call.id)
  const resource = call.resource
  const name = call.name.text()
  if (resource == namespaces && isProtected(name)) {
    fail(403, 'Forbidden', 'namespaces "' + name + '" is forbidden: this namespace may not be deleted').about(resource, name)
    return sendFailure(call.id)
  }
  const old = readRecord(resource, call.namespace, call.name)
  if (!old) {
    failNotFound(resource, name)
    return sendFailure(call.id)
  }
  const root = treeOf(old)
  const uid = memberText(metadataOf(root), 'uid')
  if (!deletePreconditionsHold(options, resource, name, uid, old)) return sendFailure(call.id)
  if (!old.isTerminating) settleFinalizers(root, options.policy)
  if (isHeld(root)) {
    if (old.isTerminating) return sendObject(call, 200, old)
    const marked = markDeleted(resource, root)
    if (call.dryRun) {
      marked.resourceVersion = old.resourceVersion
      return sendObject(call, 200, marked)
    }
    const written = writeRecord(resource, call.namespace, call.name, marked)
    if (!written) return mustRetry ? STATUS_AGAIN : sendFailure(call.id)
    changed(MODIFIED, resource, call.namespace, call.name, written, old)
    return sendObject(call, 200, written)
  }
  if (!call.dryRun && !removeObject(resource, call.namespace, call.name, old)) return mustRetry ? STATUS_AGAIN : sendFailure(call.id)
  return sendSuccess(call, name, uid)
}

/** Whether it is one of the namespaces that stay. */
export function isProtected(namespace: string): bool {
  return PROTECTED.includes(namespace)
}

/** Whether finalizers keep it: its own, or those of a namespace's spec. */
export function isHeld(root: JsonNode): bool {
  const finalizers = metadataOf(root).get('finalizers')
  if (finalizers && finalizers.count > 0) return true
  const spec = root.get('spec')
  const held = spec ? spec.get('finalizers') : null
  return held != null && held.count > 0
}

/** As it is stored while it waits for its finalizers. */
export function markDeleted(resource: Resource, root: JsonNode): RecordView {
  const metadata = metadataOf(root)
  place(metadata, 'deletionTimestamp', timeNode())
  if (resource == definitions) markTerminating(root)
  if (resource == namespaces) setPhase(root, 'Terminating')
  else place(metadata, 'deletionGracePeriodSeconds', zeroNode())
  return preview(root)
}

/** Removes it and notes the event, whose object is the last one with the resourceVersion of the removal. @returns false as removeRecord */
export function removeObject(resource: Resource, namespace: Span, name: Span, old: RecordView): bool {
  const removed = removeRecord(resource, namespace, name)
  if (removed == 0) return false
  const last = old.copy()
  last.resourceVersion = removed
  changed(DELETED, resource, namespace, name, last, null)
  return true
}

function sendSuccess(call: Call, name: string, uid: string): i32 {
  body.clear().ascii('{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":{"name":')
  writeText(body, name)
  if (call.resource.group.length > 0) body.ascii(',"group":"' + call.resource.group + '"')
  body.ascii(',"kind":"' + call.resource.resource + '","uid":"' + uid + '"}}\n')
  return sendBody(call.id, 200)
}
