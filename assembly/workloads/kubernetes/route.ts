// From method and path to a verb.
import { STATUS_OK } from '../../abi/status'
import { Request } from '../../sdk/request'
import { mayDo, mayGetPath } from './auth/access'
import { identify, isMaster } from './auth/asker'
import { decisionReason } from './auth/authorize'
import { auditReason, auditRefusal, auditRequest } from './audit/index'
import { AUDIT_PATH, serveAudit } from './audit/serve'
import { answerReview } from './auth/reviews'
import { createToken } from './auth/token-request'
import { serveDiscovery } from './discovery/index'
import { acceptedForm, FORM_NONE } from './http/accept'
import { Call } from './http/call'
import { fail, failMethod, failUnknownResource, failure } from './http/failure'
import { PATH_OTHER, PATH_UNKNOWN, readPath, Target } from './http/path'
import { query, queryBool } from './http/query'
import { answered, sendFailure, sendText, warn } from './http/response'
import { countRequest, sendMetrics } from './metrics'
import { namespaceChanged } from './namespaces/emptying'
import { namespaces } from './resources/table'
import { INCLUDE_METADATA, INCLUDE_NONE, INCLUDE_OBJECT } from './table/rows'
import { createObject } from './verbs/create'
import { deleteObject } from './verbs/delete'
import { deleteCollection } from './verbs/delete-collection'
import { getObject } from './verbs/get'
import { listObjects } from './verbs/list'
import { patchObject } from './verbs/patch'
import { updateObject } from './verbs/update'
import { watchObjects } from './verbs/watch'

export function route(request: Request): i32 {
  if (!identify(request)) return refuse(request, methodVerb(request), null)
  const target = new Target()
  const kind = readPath(request.path, target)
  if (kind == PATH_OTHER) return serveOther(request)
  if (kind == PATH_UNKNOWN) {
    auditRequest(request, methodVerb(request), null)
    failUnknownResource()
    return sendFailure(request.id)
  }
  const call = new Call(request, target)
  const verb = verbOf(call)
  auditRequest(request, verb.length > 0 ? verb : methodVerb(request), call)
  const status = verb.length == 0 ? refuseMethod(request) : serve(call, verb)
  if (status != STATUS_OK) return status
  countRequest(verb.length > 0 ? verb : 'other', target.resource.qualified, answered)
  return status
}

function serveOther(request: Request): i32 {
  if (request.path.is(AUDIT_PATH)) return serveAudit(request)
  if (!mayGetPath(request)) return refuse(request, methodVerb(request), null)
  if (request.path.is('/metrics')) {
    auditRequest(request, methodVerb(request), null)
    return sendMetrics(request.id)
  }
  if (serveDiscovery(request)) return STATUS_OK
  auditRequest(request, methodVerb(request), null)
  return sendText(request.id, 404, '404 page not found\n')
}

/** The verb of an API request, or "" where the path does not take the method. */
function verbOf(call: Call): string {
  const method = call.request.method
  const named = call.name.length > 0
  let verb = ''
  if (method.is('GET') || method.is('HEAD')) verb = named ? 'get' : queryBool(call.request, 'watch') ? 'watch' : 'list'
  else if (method.is('POST')) verb = named && !call.hasSubresource ? '' : 'create'
  else if (method.is('PUT')) verb = named ? 'update' : ''
  else if (method.is('PATCH')) verb = named ? 'patch' : ''
  else if (method.is('DELETE')) verb = named ? 'delete' : 'deletecollection'
  if (verb.length == 0) return ''
  if (call.hasSubresource) {
    const subresource = call.resource.subresource(call.subresource.text())
    return subresource && subresource.verbs.includes(verb) ? verb : ''
  }
  // A collection of all namespaces is there to be read
  const wide = call.resource.namespaced && call.namespace.length == 0
  if (wide && verb != 'list' && verb != 'watch') return ''
  return call.resource.hasVerb(verb) ? verb : ''
}

// The failure says who may not, or that nobody knows who asks.
function refuse(request: Request, verb: string, call: Call | null): i32 {
  const told = failure
  auditRequest(request, verb, call)
  auditRefusal(told == null || told.code != 401)
  return sendFailure(request.id)
}

/** What the audit calls a request that is for no resource. */
function methodVerb(request: Request): string {
  const method = request.method
  if (method.is('GET') || method.is('HEAD')) return 'get'
  if (method.is('POST')) return 'post'
  if (method.is('PUT')) return 'put'
  if (method.is('PATCH')) return 'patch'
  return method.is('DELETE') ? 'delete' : 'other'
}

function refuseMethod(request: Request): i32 {
  failMethod()
  return sendFailure(request.id)
}

function serve(call: Call, verb: string): i32 {
  if (!mayDo(call, verb)) return refuse(call.request, verb, call)
  if (!isMaster()) auditReason(decisionReason())
  call.form = acceptedForm(call.request)
  if (call.form == FORM_NONE) {
    fail(406, 'NotAcceptable', '406: Not Acceptable').emptyDetails()
    return sendFailure(call.id)
  }
  const include = query(call.request, 'includeObject')
  if (include) call.includeObject = include.is('Object') ? INCLUDE_OBJECT : include.is('None') ? INCLUDE_NONE : INCLUDE_METADATA
  if (call.resource.isVirtual) return answerReview(call)
  if (call.hasSubresource && verb == 'create') return createToken(call)
  if (call.resource == namespaces && verb != 'get' && verb != 'list' && verb != 'watch') namespaceChanged()
  const custom = call.resource.custom
  if (custom && custom.deprecation.length > 0) warn(custom.deprecation)
  if (verb == 'get') return getObject(call)
  if (verb == 'list') return listObjects(call)
  if (verb == 'watch') return watchObjects(call)
  if (verb == 'create') return createObject(call)
  if (verb == 'update') return updateObject(call)
  if (verb == 'patch') return patchObject(call)
  if (verb == 'delete') return deleteObject(call)
  return deleteCollection(call)
}
