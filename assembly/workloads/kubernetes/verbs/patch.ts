// PATCH of one object: JSON patch, merge patch, strategic merge patch, and server-side apply (apply/). The patched object is then written as
// a PUT of it would be, under the resourceVersion that it was read with, unless the patch names another.
import { applyObject } from '../apply/apply'
import { managerIsValid } from '../apply/manager-name'
import { contentTypeIs } from '../http/accept'
import { finishObject, parseBody, refuseText } from '../http/body'
import { Call } from '../http/call'
import { fail, failBadRequest, failNotFound, failTooLarge } from '../http/failure'
import { failOptions, forbidden } from '../http/issues'
import { objectOf } from '../http/render'
import { sendFailure } from '../http/response'
import { JsonNode } from '../json/node'
import { cloneTree } from '../json/tree'
import { metadataOf } from '../object/metadata'
import { MAX_BODY_BYTES, MAX_OPERATIONS } from '../limits'
import { applyJsonPatch } from '../patch/json-patch'
import { applyMergePatch } from '../patch/merge'
import { beginPatch } from '../patch/budget'
import { applyStrategicPatch, strategicProblem } from '../patch/strategic'
import { findMessage } from '../schema/schema'
import { readRecord } from '../storage/store'
import { namesMatch, replaceObject } from './update'

const JSON_PATCH = 0
const MERGE_PATCH = 1
const STRATEGIC_PATCH = 2
const APPLY = 3

export function patchObject(call: Call): i32 {
  const type = patchType(call)
  if (call.resource.custom && (type < 0 || type == STRATEGIC_PATCH)) {
    fail(415, 'UnsupportedMediaType', 'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml')
    return sendFailure(call.id)
  }
  if (type < 0) {
    fail(415, 'UnsupportedMediaType', 'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml')
    return sendFailure(call.id)
  }
  if (type == APPLY) return applyObject(call)
  if (call.request.parameter('force')) {
    forbidden('force', 'may not be specified for non-apply patch')
    failOptions('PatchOptions')
    return sendFailure(call.id)
  }
  if (!call.readWriteOptions('PatchOptions') || !managerIsValid(call, 'PatchOptions')) return sendFailure(call.id)
  const patch = readPatch(call, type)
  if (!patch) return sendFailure(call.id)
  const old = readRecord(call.resource, call.namespace, call.name)
  if (!old) {
    failNotFound(call.resource, call.name.text())
    return sendFailure(call.id)
  }
  const before = objectOf(old, call.resource)
  beginPatch()
  const patched = apply(call, type, cloneTree(before), patch)
  if (!patched) return sendFailure(call.id)
  if (!patched.isObject) {
    failRejected()
    return sendFailure(call.id)
  }
  if (!keepsKind(call, patched) || !finishObject(call, patched, '') || !namesMatch(call, metadataOf(patched))) return sendFailure(call.id)
  return replaceObject(call, old, before, patched, null)
}

function patchType(call: Call): i32 {
  if (contentTypeIs(call.request, 'application/json-patch+json')) return JSON_PATCH
  if (contentTypeIs(call.request, 'application/apply-patch+yaml')) return APPLY
  if (contentTypeIs(call.request, 'application/merge-patch+json')) return MERGE_PATCH
  return contentTypeIs(call.request, 'application/strategic-merge-patch+json') ? STRATEGIC_PATCH : -1
}

function readPatch(call: Call, type: i32): JsonNode | null {
  const body = call.request.body
  if (body.length > <usize>MAX_BODY_BYTES) {
    failTooLarge(MAX_BODY_BYTES)
    return null
  }
  const patch = parseBody(body)
  if (!patch) return refuseText(body, 'error decoding patch: ')
  if (type == JSON_PATCH) {
    if (!patch.isArray) return refuse('json: cannot unmarshal object into Go value of type jsonpatch.Patch')
    if (patch.count > MAX_OPERATIONS) {
      fail(413, 'RequestEntityTooLarge', 'The allowed maximum operations in a JSON patch is ' + MAX_OPERATIONS.toString() + ', got ' + patch.count.toString())
      return null
    }
    return patch
  }
  return patch.isObject ? patch : refuse('Invalid JSON Patch')
}

function apply(call: Call, type: i32, target: JsonNode, patch: JsonNode): JsonNode | null {
  if (type == JSON_PATCH) {
    const patched = applyJsonPatch(target, patch)
    if (!patched) failRejected()
    return patched
  }
  if (type == MERGE_PATCH) {
    if (applyMergePatch(target, patch)) return target
    failTooLarge(MAX_BODY_BYTES)
    return null
  }
  if (applyStrategicPatch(target, patch, findMessage(call.resource.schema))) return target
  return refuse(strategicProblem)
}

// An operation cannot be applied, or a test failed.
function failRejected(): void {
  fail(422, 'Invalid', 'the server rejected our request due to an error in our request').emptyDetails()
}

function keepsKind(call: Call, root: JsonNode): bool {
  const kind = root.get('kind')
  const version = root.get('apiVersion')
  if (kind && version && kind.is(call.resource.kind) && version.is(call.resource.groupVersion)) return true
  failBadRequest('the kind and apiVersion of an object cannot be changed')
  return false
}

function refuse(message: string): JsonNode | null {
  failBadRequest(message)
  return null
}
