// Questions about who may what, and who is who: authorization.k8s.io/v1 and authentication.k8s.io/v1. They are answered and not stored;
// who may ask about others is a matter of rules, as everything is.
import { Span } from '../../../sdk/span'
import { FORM_JSON } from '../http/accept'
import { readObject } from '../http/body'
import { Call } from '../http/call'
import { fail, failBadRequest } from '../http/failure'
import { failInvalid, hasIssues, invalid } from '../http/issues'
import { body, JSON_TYPE, sendFailure } from '../http/response'
import { JsonNode, newNode, newText, TYPE_ARRAY, TYPE_FALSE, TYPE_OBJECT, TYPE_TRUE } from '../json/node'
import { writeJson } from '../json/writer'
import { memberSpan, memberText, metadataOf } from '../object/metadata'
import { localAccessReviews, selfAccessReviews, selfReviews, selfRulesReviews, tokenReviews } from '../resources/table'
import { sendLong } from '../verbs/spool'
import { Attributes } from './attributes'
import { decisionReason, isAuthorized } from './authorize'
import { writeRules } from './rules-review'
import { Subject } from './subject'
import { ISSUER, verifyToken } from './token'

export function answerReview(call: Call): i32 {
  if (call.form != FORM_JSON) {
    fail(406, 'NotAcceptable', '406: Not Acceptable').emptyDetails()
    return sendFailure(call.id)
  }
  if (!call.readWriteOptions('CreateOptions')) return sendFailure(call.id)
  const root = readObject(call)
  if (!root) return sendFailure(call.id)
  const status = statusOf(call, root)
  if (!status) return sendFailure(call.id)
  root.set('status', status)
  writeJson(body.clear(), root)
  body.byte(0x0a)
  return sendLong(call.id, 201, JSON_TYPE, body, true)
}

// @returns null with a failure
function statusOf(call: Call, root: JsonNode): JsonNode | null {
  const resource = call.resource
  if (resource == selfReviews) return newNode(TYPE_OBJECT).with('userInfo', infoOf(call.subject))
  const spec = root.get('spec')
  if (!spec) {
    failBadRequest('spec is required')
    return null
  }
  if (resource == tokenReviews) return reviewToken(spec)
  if (resource == selfRulesReviews) return writeRules(spec, call.subject)
  return reviewAccess(call, root, spec)
}

function reviewAccess(call: Call, root: JsonNode, spec: JsonNode): JsonNode | null {
  const isSelf = call.resource == selfAccessReviews
  const about = spec.get('resourceAttributes')
  const path = spec.get('nonResourceAttributes')
  if (about && path) invalid('spec.nonResourceAttributes', '', 'cannot be specified in combination with resourceAttributes')
  else if (call.resource == localAccessReviews && path) invalid('spec.nonResourceAttributes', '', 'disallowed on this kind of request')
  else if (!about && !path) invalid('spec.resourceAttributes', '', 'exactly one of nonResourceAttributes or resourceAttributes must be specified')
  const groups = spec.get('groups')
  if (!isSelf && memberText(spec, 'user').length == 0 && (!groups || groups.count == 0)) invalid('spec.user', '', 'at least one of user or group must be specified')
  const metadata = metadataOf(root)
  if (memberText(metadata, 'name').length > 0 || metadata.get('labels')) invalid('metadata', '', 'must be empty')
  if (call.resource == localAccessReviews && about && memberText(about, 'namespace') != call.namespace.text())
    invalid('spec.resourceAttributes.namespace', memberText(about, 'namespace'), 'must match metadata.namespace')
  if (hasIssues()) {
    failInvalid(call.resource, '')
    return null
  }
  const wanted = about ? attributesOf(about) : new Attributes(memberText(<JsonNode>path, 'verb')).onPath(memberSpan(<JsonNode>path, 'path'))
  const allowed = isAuthorized(isSelf ? call.subject : subjectOf(spec), wanted)
  const status = newNode(TYPE_OBJECT).with('allowed', newNode(allowed ? TYPE_TRUE : TYPE_FALSE))
  const reason = decisionReason()
  return reason.length > 0 ? status.with('reason', newText(reason)) : status
}

function attributesOf(about: JsonNode): Attributes {
  const wanted = new Attributes(memberText(about, 'verb'))
  return wanted.on(memberText(about, 'group'), memberText(about, 'resource'), memberText(about, 'subresource'), memberSpan(about, 'namespace'), memberSpan(about, 'name'))
}

// As it is asked: whoever asks says the groups too.
function subjectOf(spec: JsonNode): Subject {
  const made = new Subject(memberText(spec, 'user'), [])
  const groups = spec.get('groups')
  let each = groups ? groups.first : null
  while (each) {
    made.groups.push(each.text())
    each = each.next
  }
  return made
}

// Of a token that is none, nothing is said but that.
function reviewToken(spec: JsonNode): JsonNode | null {
  const token = memberSpan(spec, 'token')
  if (token.length == 0) {
    failBadRequest('token is required for TokenReview in authentication')
    return null
  }
  const status = newNode(TYPE_OBJECT)
  const verified = verifyToken(token)
  const wanted = spec.get('audiences')
  const audiences = newNode(TYPE_ARRAY)
  if (verified) {
    if (!wanted || wanted.count == 0) {
      if (verified.isFor(ISSUER)) audiences.append(newText(ISSUER))
    } else {
      let each = wanted.first
      while (each) {
        if (verified.isFor(each.text())) audiences.append(newText(each.text()))
        each = each.next
      }
    }
  }
  if (!verified || audiences.count == 0) return status.with('user', newNode(TYPE_OBJECT)).with('error', newText('invalid bearer token'))
  return status.with('authenticated', newNode(TYPE_TRUE)).with('user', infoOf(verified.subject)).with('audiences', audiences)
}

/** authentication.k8s.io/v1 UserInfo. */
export function infoOf(who: Subject): JsonNode {
  const info = newNode(TYPE_OBJECT).with('username', newText(who.name))
  if (who.uid.length > 0) info.set('uid', newText(who.uid))
  if (who.groups.length > 0) info.set('groups', listOf(who.groups))
  if (who.extra.length == 0) return info
  const extra = newNode(TYPE_OBJECT)
  for (let i = 0; i < who.extra.length; i++) {
    const key = newText(who.extra[i].key)
    const values = listOf(who.extra[i].values)
    values.key = key.at
    values.keyLength = key.length
    values.flags |= key.flags << 1 // FLAG_KEY_ESCAPE where FLAG_ESCAPE
    extra.append(values)
  }
  return info.with('extra', extra)
}

function listOf(texts: string[]): JsonNode {
  const list = newNode(TYPE_ARRAY)
  for (let i = 0; i < texts.length; i++) list.append(newText(texts[i]))
  return list
}
