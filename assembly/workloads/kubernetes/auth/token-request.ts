// POST of serviceaccounts/NAME/token: authentication.k8s.io/v1 TokenRequest. Bounds and texts are the real server's.
import { Span } from '../../../sdk/span'
import { time } from '../../../sdk/calls'
import { readObject } from '../http/body'
import { Call } from '../http/call'
import { FORM_JSON } from '../http/accept'
import { fail, failBadRequest, failNotFound } from '../http/failure'
import { failInvalid, hasIssues, invalidNumber } from '../http/issues'
import { Target } from '../http/path'
import { decimal } from '../http/query'
import { treeOf } from '../http/render'
import { body, sendBody, sendFailure } from '../http/response'
import { JsonNode, newNode, newNumber, newText, TYPE_ARRAY, TYPE_OBJECT } from '../json/node'
import { writeJson } from '../json/writer'
import { MAX_ITEMS, MAX_TOKEN_SECONDS, MIN_TOKEN_SECONDS } from '../limits'
import { memberText, metadataOf } from '../object/metadata'
import { writeTime } from '../object/time'
import { secrets, tokenRequests } from '../resources/table'
import { readRecord } from '../storage/store'
import { TextWriter } from '../../../sdk/text-writer'
import { arenaSpan } from './attributes'
import { BoundSecret, ISSUER, issueToken } from './token'

const DEFAULT_SECONDS: i64 = 3600
const text = new TextWriter()
let bound: BoundSecret | null = null

export function createToken(call: Call): i32 {
  const target = new Target()
  target.resource = tokenRequests
  target.namespace = call.namespace
  target.name = call.name
  const asked = new Call(call.request, target)
  if (call.form != FORM_JSON) {
    fail(406, 'NotAcceptable', '406: Not Acceptable').emptyDetails()
    return sendFailure(call.id)
  }
  if (!asked.readWriteOptions('CreateOptions')) return sendFailure(call.id)
  const root = readObject(asked)
  if (!root) return sendFailure(call.id)
  const account = readRecord(call.resource, call.namespace, call.name)
  if (!account) {
    failNotFound(call.resource, call.name.text())
    return sendFailure(call.id)
  }
  const spec = fill(root, call)
  const audiences = spec ? readAudiences(spec) : null
  if (!spec || !audiences || !bindsTo(spec, call.namespace)) return sendFailure(call.id)
  const seconds = secondsOf(spec)
  const uid = memberText(metadataOf(treeOf(account)), 'uid')
  const issued = issueToken(call.namespace.text(), call.name.text(), uid, audiences, seconds, bound)
  if (issued.length == 0) {
    failBadRequest('the token would be too long')
    return sendFailure(call.id)
  }
  const status = newNode(TYPE_OBJECT)
  status.set('token', newText(issued))
  writeTime(text.clear(), (time() / 1000 + seconds) * 1000000, false)
  status.set('expirationTimestamp', newText(new Span(text.at, text.length).text()))
  root.set('status', status)
  writeJson(body.clear(), root)
  body.byte(0x0a)
  return sendBody(call.id, 201)
}

// Names and defaults. @returns the spec, or null with a failure
function fill(root: JsonNode, call: Call): JsonNode | null {
  const metadata = metadataOf(root)
  const name = memberText(metadata, 'name')
  const namespace = memberText(metadata, 'namespace')
  if ((name.length > 0 && name != call.name.text()) || (namespace.length > 0 && namespace != call.namespace.text())) {
    failBadRequest('the name and namespace of the provided object do not match those on the request')
    return null
  }
  metadata.set('name', newText(call.name.text()))
  metadata.set('namespace', newText(call.namespace.text()))
  const spec = root.get('spec')
  if (!spec) return null
  const seconds = spec.get('expirationSeconds')
  if (!seconds) {
    spec.set('expirationSeconds', newNumber(DEFAULT_SECONDS.toString()))
    return spec
  }
  const value = secondsOf(spec)
  if (value < MIN_TOKEN_SECONDS) invalidNumber('spec.expirationSeconds', seconds.text(), 'may not specify a duration less than 10 minutes')
  else if (value > MAX_TOKEN_SECONDS) invalidNumber('spec.expirationSeconds', seconds.text(), 'may not specify a duration larger than 2^32 seconds')
  if (!hasIssues()) return spec
  failInvalid(tokenRequests, '')
  return null
}

// A negative one is as much too small.
function secondsOf(spec: JsonNode): i64 {
  const seconds = spec.get('expirationSeconds')
  return seconds ? decimal(new Span(seconds.at, seconds.length)) : DEFAULT_SECONDS
}

function readAudiences(spec: JsonNode): string[] | null {
  const found: string[] = []
  let list = spec.get('audiences')
  if (!list || list.count == 0) {
    list = newNode(TYPE_ARRAY)
    list.append(newText(ISSUER))
    spec.set('audiences', list)
  }
  if (list.count > MAX_ITEMS) {
    failBadRequest('too many audiences')
    return null
  }
  let each = list.first
  while (each) {
    found.push(each.text())
    each = each.next
  }
  return found
}

// @returns false with a failure
function bindsTo(spec: JsonNode, namespace: Span): bool {
  bound = null
  const reference = spec.get('boundObjectRef')
  if (!reference) return true
  const kind = memberText(reference, 'kind')
  const version = memberText(reference, 'apiVersion')
  if (kind != 'Secret' || version != 'v1') {
    failBadRequest('cannot bind token to object of type ' + version + ', Kind=' + kind)
    return false
  }
  const name = memberText(reference, 'name')
  const record = readRecord(secrets, namespace, arenaSpan(name))
  if (!record) {
    failNotFound(secrets, name)
    return false
  }
  const uid = memberText(metadataOf(treeOf(record)), 'uid')
  const asked = memberText(reference, 'uid')
  if (asked.length > 0 && asked != uid) {
    fail(409, 'Conflict', 'Operation cannot be fulfilled on secrets "' + name + '": the UID in the bound object reference (' + asked + ') does not match the UID in record. The object might have been deleted and then recreated').about(secrets, name)
    return false
  }
  reference.set('uid', newText(uid))
  bound = new BoundSecret(name, uid)
  return true
}
