// The scale subresource: how many of what a custom object stands for there are to be and are, as autoscaling/v1 Scale, by the paths that its
// definition names. What is written is the object; what is answered is the Scale.
import { TextWriter } from '../../../sdk/text-writer'
import { contentTypeIs } from '../http/accept'
import { finishObject, parseBody, refuseText } from '../http/body'
import { Call } from '../http/call'
import { fail, failBadRequest, failNotFound, failTooLarge } from '../http/failure'
import { failInvalid, invalidNumber } from '../http/issues'
import { objectOf } from '../http/render'
import { sendBody, sendFailure, body } from '../http/response'
import { JsonNode, newNode, newNumber, newText, TYPE_NUMBER, TYPE_OBJECT } from '../json/node'
import { cloneTree, sortMembers } from '../json/tree'
import { writeJson } from '../json/writer'
import { MAX_BODY_BYTES } from '../limits'
import { memberText, metadataOf } from '../object/metadata'
import { applyJsonPatch } from '../patch/json-patch'
import { applyMergePatch } from '../patch/merge'
import { beginPatch } from '../patch/budget'
import { Resource } from '../resources/table'
import { RecordView } from '../storage/record'
import { readRecord } from '../storage/store'
import { namesMatch, replaceObject } from '../verbs/update'
import { JsonPath } from './json-path'

/** Of a version: members alone lead to each. */
export class ScalePaths {
  constructor(public specReplicas: JsonPath, public statusReplicas: JsonPath, public labelSelector: JsonPath | null) {}
}

/** What the subresource takes and gives, for discovery. */
export function scaleKind(): Resource {
  return new Resource('autoscaling', 'v1', 'scale', 'Scale', 'scale', true)
}

export function serveScale(call: Call, paths: ScalePaths, verb: string): i32 {
  if (verb != 'get' && !call.readWriteOptions(verb == 'update' ? 'UpdateOptions' : 'PatchOptions')) return sendFailure(call.id)
  const old = readRecord(call.resource, call.namespace, call.name)
  if (!old) {
    failNotFound(call.resource, call.name.text())
    return sendFailure(call.id)
  }
  const before = objectOf(old, call.resource)
  if (verb == 'get') return sendTree(call, 200, scaleOf(before, paths))
  const scale = verb == 'update' ? readScale(call) : patchedScale(call, scaleOf(before, paths))
  if (!scale || !namesMatch(call, metadataOf(scale))) return sendFailure(call.id)
  const spec = scale.get('spec')
  const replicas = spec ? spec.get('replicas') : null
  if (replicas && !isCount(replicas)) {
    invalidNumber('spec.replicas', replicas.type == TYPE_NUMBER ? replicas.text() : 'null', 'must be greater than or equal to 0')
    failInvalid(call.resource, call.name.text())
    return sendFailure(call.id)
  }
  const root = cloneTree(before)
  setAt(root, paths.specReplicas, replicas ? newNumber(replicas.text()) : newNumber('0'))
  // Who has read a Scale writes over that one
  const version = memberText(metadataOf(scale), 'resourceVersion')
  if (version.length > 0) metadataOf(root).set('resourceVersion', newText(version))
  if (!finishObject(call, root, '')) return sendFailure(call.id)
  return replaceObject(call, old, before, root, null)
}

/** What a write of a Scale answers. */
export function sendScale(call: Call, status: i32, record: RecordView, paths: ScalePaths): i32 {
  return sendTree(call, status, scaleOf(objectOf(record, call.resource), paths))
}

function sendTree(call: Call, status: i32, tree: JsonNode): i32 {
  const out: TextWriter = body.clear()
  writeJson(out, tree)
  out.byte(0x0a)
  return sendBody(call.id, status)
}

const COPIED: StaticArray<string> = ['name', 'namespace', 'uid', 'resourceVersion', 'creationTimestamp']

function scaleOf(root: JsonNode, paths: ScalePaths): JsonNode {
  const scale = newNode(TYPE_OBJECT)
  scale.set('kind', newText('Scale'))
  scale.set('apiVersion', newText('autoscaling/v1'))
  const metadata = newNode(TYPE_OBJECT)
  const known = metadataOf(root)
  for (let i = 0; i < COPIED.length; i++) {
    const member = known.get(COPIED[i])
    if (member) metadata.set(COPIED[i], cloneTree(member))
  }
  scale.set('metadata', metadata)
  const spec = newNode(TYPE_OBJECT)
  spec.set('replicas', countAt(root, paths.specReplicas))
  scale.set('spec', spec)
  const status = newNode(TYPE_OBJECT)
  status.set('replicas', countAt(root, paths.statusReplicas))
  const selectorPath = paths.labelSelector
  const selector = selectorPath ? selectorPath.find(root) : null
  if (selector && selector.isString) status.set('selector', cloneTree(selector))
  scale.set('status', status)
  return scale
}

function countAt(root: JsonNode, path: JsonPath): JsonNode {
  const found = path.find(root)
  return found && isCount(found) ? newNumber(found.text()) : newNumber('0')
}

// Digits alone, of an int32.
function isCount(node: JsonNode): bool {
  if (node.type != TYPE_NUMBER || node.length > 10) return false
  let value: i64 = 0
  for (let i: usize = 0; i < node.length; i++) {
    const digit = load<u8>(node.at + i) - 0x30 // SAFETY: i < length
    if (digit > 9) return false
    value = value * 10 + digit
  }
  return value <= <i64>i32.MAX_VALUE
}

// Makes the objects on its way that are not there.
function setAt(root: JsonNode, path: JsonPath, value: JsonNode): void {
  const names = path.dotted.split('.')
  let node = root
  for (let i = 0; i < names.length - 1; i++) {
    const next = node.get(names[i])
    const below = next && next.isObject ? next : node.set(names[i], newNode(TYPE_OBJECT))
    sortMembers(node)
    node = below
  }
  node.set(names[names.length - 1], value)
  sortMembers(node)
}

function readScale(call: Call): JsonNode | null {
  const root = readJson(call)
  if (!root) return null
  if (root.isObject && memberText(root, 'kind') == 'Scale' && memberText(root, 'apiVersion') == 'autoscaling/v1') return root
  failBadRequest('the object provided is unrecognized (must be of type Scale of autoscaling/v1)')
  return null
}

function readJson(call: Call): JsonNode | null {
  const text = call.request.body
  if (text.length > <usize>MAX_BODY_BYTES) {
    failTooLarge(MAX_BODY_BYTES)
    return null
  }
  const root = parseBody(text)
  return root ? root : refuseText(text, 'the object provided is unrecognized (must be of type Scale): couldn\'t get version/kind; json parse error: ')
}

function patchedScale(call: Call, scale: JsonNode): JsonNode | null {
  const isMerge = contentTypeIs(call.request, 'application/merge-patch+json')
  if (!isMerge && !contentTypeIs(call.request, 'application/json-patch+json')) {
    fail(415, 'UnsupportedMediaType', 'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json')
    return null
  }
  const patch = readJson(call)
  if (!patch) return null
  beginPatch()
  if (isMerge && patch.isObject && applyMergePatch(scale, patch)) return scale
  const patched = !isMerge && patch.isArray ? applyJsonPatch(scale, patch) : null
  if (patched && patched.isObject) return patched
  fail(422, 'Invalid', 'the server rejected our request due to an error in our request').emptyDetails()
  return null
}
