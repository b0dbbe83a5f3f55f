// The object in a request's body: JSON, or protobuf that becomes JSON; of the kind that the path is of; in normal form. What it may not
// hold is refused or told, as fieldValidation asks.
import { keepReset } from '../apply/managers'
import { customProblem, normaliseCustom } from '../custom/object'
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { hasDuplicates, parse, parseError, parseErrorAt, PARSE_DEPTH, PARSE_END, PARSE_SIZE, PARSE_TEXT } from '../json/parser'
import { JsonNode, newText, TYPE_STRING } from '../json/node'
import { decodeProtobuf, PROTOBUF_OK, PROTOBUF_TOO_LARGE, PROTOBUF_UNKNOWN_KIND } from '../protobuf/decode'
import { Resource, resources } from '../resources/table'
import { normalise, problem, unknownFields } from '../schema/normalise'
import { MAX_BODY_BYTES } from '../limits'
import { clearDuplicates, duplicates, settleDuplicates } from '../schema/duplicates'
import { findMessage, Message } from '../schema/schema'
import { contentTypeIs } from './accept'
import { Call, VALIDATION_IGNORE, VALIDATION_STRICT } from './call'
import { fail, failBadRequest, failTooLarge } from './failure'
import { warn } from './response'

const decoded = new TextWriter()

/** The text of the body as JSON, or null with a failure. */
export function bodyText(call: Call): Span | null {
  const request = call.request
  if (request.body.length > <usize>MAX_BODY_BYTES) {
    failTooLarge(MAX_BODY_BYTES)
    return null
  }
  const type = request.header('content-type')
  if (!type || contentTypeIs(request, 'application/json') || contentTypeIs(request, '*/*')) return request.body
  if (contentTypeIs(request, 'application/vnd.kubernetes.protobuf')) {
    const status = decodeProtobuf(request.body.at, request.body.length, decoded.clear())
    if (status == PROTOBUF_OK) return new Span(decoded.at, decoded.length)
    const kind = call.resource.kind
    if (status == PROTOBUF_TOO_LARGE) failTooLarge(MAX_BODY_BYTES)
    else if (status == PROTOBUF_UNKNOWN_KIND) failBadRequest('no kind of this protobuf message is registered here')
    else failBadRequest(kind + ' in version "' + call.resource.version + '" cannot be handled as a ' + kind + ': proto: the message is malformed')
    return null
  }
  fail(415, 'UnsupportedMediaType', 'the body of the request was in an unknown format - accepted media types include: application/json, application/vnd.kubernetes.protobuf')
  return null
}

/** The body as an object of the call's resource, in normal form, or null with a failure. */
export function readObject(call: Call): JsonNode | null {
  const text = bodyText(call)
  if (!text) return null
  const kind = call.resource.kind
  const root = parseBody(text)
  if (!root) return refuseText(text, 'the object provided is unrecognized (must be of type ' + kind + '): couldn\'t get version/kind; json parse error: ')
  if (!root.isObject) return refuse('the object provided is unrecognized (must be of type ' + kind + '): couldn\'t get version/kind; json parse error: json: cannot unmarshal into Go value of type struct')
  if (!checkKind(root, call.resource)) return null
  return finishObject(call, root, kind + ' in version "' + call.resource.version + '" cannot be handled as a ' + kind + ': ') ? root : null
}

/** Parses a body, with the last of duplicate names; `finishObject` tells of the others. */
export function parseBody(text: Span): JsonNode | null {
  const root = parse(text.at, text.length)
  clearDuplicates()
  if (root && hasDuplicates) settleDuplicates(root)
  return root
}

/** Brings a tree into normal form. @param prefix of what is refused @returns false with a failure */
export function finishObject(call: Call, root: JsonNode, prefix: string): bool {
  keepReset(root.get('metadata'))
  const custom = call.resource.custom
  if (custom ? !normaliseCustom(root, custom) : !normalise(root, <Message>findMessage(call.resource.schema))) {
    failBadRequest(prefix + (custom ? customProblem : problem))
    return false
  }
  if (call.validation == VALIDATION_IGNORE || (unknownFields.length == 0 && duplicates.length == 0)) return true
  let text = ''
  for (let i = 0; i < unknownFields.length; i++) text = note(call, text, 'unknown field "' + unknownFields[i] + '"')
  for (let i = 0; i < duplicates.length; i++) text = note(call, text, 'duplicate field "' + duplicates[i] + '"')
  if (call.validation != VALIDATION_STRICT) return true
  failBadRequest(prefix + 'strict decoding error: ' + text)
  return false
}

function note(call: Call, text: string, problem: string): string {
  if (call.validation != VALIDATION_STRICT) {
    warn(problem)
    return ''
  }
  return text.length > 0 ? text + ', ' + problem : problem
}

/** Why the parser refused, behind a prefix. Always null. */
export function refuseText(text: Span, prefix: string): JsonNode | null {
  if (parseError == PARSE_SIZE) failTooLarge(MAX_BODY_BYTES)
  else failBadRequest(prefix + parseProblem(text))
  return null
}

function parseProblem(text: Span): string {
  if (parseError == PARSE_END) return 'unexpected end of JSON input' + (text.length <= 64 ? ' (' + text.text() + ')' : '')
  if (parseError == PARSE_TEXT) return 'invalid UTF-8, escape or control character in string at offset ' + parseErrorAt.toString()
  if (parseError == PARSE_DEPTH) return 'exceeded max depth'
  return 'invalid character at offset ' + parseErrorAt.toString()
}

function refuse(message: string): JsonNode | null {
  failBadRequest(message)
  return null
}

// Missing ones are filled in from the path; others must be the path's.
function checkKind(root: JsonNode, resource: Resource): bool {
  const kind = textOf(root.get('kind'))
  const version = textOf(root.get('apiVersion'))
  if ((kind.length == 0 || kind == resource.kind) && (version.length == 0 || version == resource.groupVersion)) {
    root.set('kind', newText(resource.kind))
    root.set('apiVersion', newText(resource.groupVersion))
    return true
  }
  const named = kind.length > 0 ? kind : resource.kind
  const slash = version.indexOf('/')
  const short = slash < 0 ? version : version.substring(slash + 1)
  const prefix = named + ' in version "' + short + '" cannot be handled as a ' + resource.kind + ': '
  if (isServed(named, version)) failBadRequest(prefix + 'converting (' + short + '.' + named + ') to (' + internalGroup(resource) + '.' + resource.kind + '): unknown conversion')
  else failBadRequest(prefix + 'no kind "' + named + '" is registered for version "' + version + '" in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"')
  return false
}

function isServed(kind: string, groupVersion: string): bool {
  for (let i = 0; i < resources.length; i++) if (resources[i].kind == kind && (groupVersion.length == 0 || resources[i].groupVersion == groupVersion)) return true
  return false
}

function internalGroup(resource: Resource): string {
  const dot = resource.group.indexOf('.')
  return resource.group.length == 0 ? 'core' : dot < 0 ? resource.group : resource.group.substring(0, dot)
}

function textOf(node: JsonNode | null): string {
  return node && node.type == TYPE_STRING ? node.text() : ''
}
