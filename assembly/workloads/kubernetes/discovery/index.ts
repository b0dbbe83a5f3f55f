// What is served besides resources: who the server is, what it has, how it is. Every caller may ask.
import { Request } from '../../../sdk/request'
import { Span } from '../../../sdk/span'
import { acceptedForm, FORM_JSON } from '../http/accept'
import { fail, failMethod } from '../http/failure'
import { sendFailure, sendText, send, spanOf, JSON_TYPE } from '../http/response'
import { sendAggregated, wantsAggregated } from './aggregated'
import { sendGroup, sendGroups, sendResources, sendVersions } from './legacy'
import { sendOpenApiV2 } from './openapi-v2'
import { sendOpenApiV3 } from './openapi-v3'
import { VERSION_TEXT } from './version'

const SLASH: u8 = 0x2f

/** Answers what is no path of a resource. @returns false where the path is nobody's */
export function serveDiscovery(request: Request): bool {
  const path = withoutSlash(request.path)
  if (!begins(path, '/api') && !path.begins('/openapi/') && !path.is('/version') && !isHealth(path)) return false
  if (!request.method.is('GET') && !request.method.is('HEAD')) {
    failMethod()
    sendFailure(request.id)
    return true
  }
  if (isHealth(path)) return sendHealth(request, path)
  if (path.is('/openapi/v2')) {
    sendOpenApiV2(request)
    return true
  }
  if ((path.is('/api') || path.is('/apis')) && wantsAggregated(request)) {
    sendAggregated(request, path.is('/api'))
    return true
  }
  return sendJson(request, path)
}

// What is JSON and nothing else: asked for as protobuf alone or as a Table it is not acceptable.
function sendJson(request: Request, path: Span): bool {
  if (acceptedForm(request) != FORM_JSON) {
    fail(406, 'NotAcceptable', '406: Not Acceptable').emptyDetails()
    sendFailure(request.id)
    return true
  }
  if (path.is('/version')) {
    const text = spanOf(VERSION_TEXT)
    send(request.id, 200, JSON_TYPE, text.at, text.length)
    return true
  }
  if (path.begins('/openapi/')) return sendOpenApiV3(request, path)
  if (path.is('/api')) sendVersions(request)
  else if (path.is('/apis')) sendGroups(request)
  else return sendResources(request, path) || (path.begins('/apis/') && sendGroup(request, path.cut(6, path.length)))
  return true
}

function isHealth(path: Span): bool {
  return path.is('/healthz') || path.is('/livez') || path.is('/readyz')
}

/** There is one check: who can answer is well, as a store that fails ends the enclave. */
function sendHealth(request: Request, path: Span): bool {
  if (request.parameter('verbose') === null) sendText(request.id, 200, 'ok')
  else sendText(request.id, 200, '[+]ping ok\n' + path.cut(1, path.length).text() + ' check passed\n')
  return true
}

// `/api`, `/apis` and what is below them.
function begins(path: Span, root: string): bool {
  const rest = path.begins(root) ? path.cut(root.length, path.length) : null
  return rest !== null && (rest.length == 0 || rest.begins('/') || rest.is('s') || rest.begins('s/'))
}

function withoutSlash(path: Span): Span {
  return path.length > 1 && load<u8>(path.at + path.length - 1) == SLASH ? path.cut(0, path.length - 1) : path
}
