// A key-value service: PUT, GET and DELETE /v1/<percent-encoded key>, lists (GET /v1/?prefix=&limit=&after=) and watches (&watch).
// A key is all that follows /v1/, decoded: any 1 to 1,024 bytes, slashes too. Its version is its ETag, and If-Match and If-None-Match hold
// as in RFC 9110 section 13.1. A list is {"items":[{"key","version","value"}],"after"}: key percent-encoded, value in base64, `after` what to
// ask for next, or null. To miss nothing, begin the watch and then list: an event whose version is not above the listed one is old.
import { MAX_KEY_BYTES } from '../../abi/limits'
import { STATUS_AGAIN, STATUS_NOT_FOUND, STATUS_OK, STATUS_QUOTA, STATUS_TOO_LARGE } from '../../abi/status'
import { put, remove } from '../../sdk/calls'
import { collect } from '../../sdk/entry'
import { Request } from '../../sdk/request'
import { answer, answerError, begin, outcome } from '../../sdk/response'
import { percentDecode, Span } from '../../sdk/span'
import { exists, read, Scan } from '../../sdk/store'
import { TextWriter } from '../../sdk/text-writer'
import { tagsInclude } from './tags'
import { addWatcher, dropWatcher, flushWatchers, notify, TYPE_DELETE, TYPE_PUT, watchersAreFull } from './watchers'

export { allocate, wasmclave_abi } from '../../sdk/entry'

const PREFIX = '/v1/'
const DEFAULT_LIMIT = 100
const MAX_LIMIT = 1000
/** A page ends with the item that reaches this; the rest is behind its `after`. So a page in JSON stays below MAX_STREAM_BUFFER. */
const MAX_PAGE_BYTES: usize = 262144
/** Items asked for at a time. */
const SCAN_BATCH = 64

const text = new TextWriter()

export function handle(request: u32, pointer: usize, length: usize): i32 {
  collect()
  return outcome(route(new Request(request, pointer)))
}

export function closed(request: u32): void {
  dropWatcher(request)
}

export function tick(): i32 {
  collect()
  flushWatchers()
  return STATUS_OK
}

function route(request: Request): i32 {
  const id = request.id
  if (!request.path.begins(PREFIX)) return answerError(id, 404, 'ERR_NOT_FOUND', 'keys are under /v1/')
  const name = request.path.cut(PREFIX.length, request.path.length)
  if (name.length == 0) return readMany(request)
  const key = percentDecode(name)
  if (key === null) return answerError(id, 400, 'ERR_KEY_ENCODING', 'the key is not percent-encoded')
  if (key.length > <usize>MAX_KEY_BYTES) return answerError(id, 414, 'ERR_KEY_LENGTH', 'a key has at most 1024 bytes')
  const method = request.method
  if (method.is('GET') || method.is('HEAD')) return getOne(request, key)
  if (method.is('PUT')) return putOne(request, key)
  if (method.is('DELETE')) return deleteOne(request, key)
  return answerError(id, 405, 'ERR_METHOD', 'GET, HEAD, PUT and DELETE', 'allow: GET, HEAD, PUT, DELETE\n')
}

function getOne(request: Request, key: Span): i32 {
  const id = request.id
  const stored = read(key)
  const match = request.header('if-match')
  if (match !== null && (stored === null || !tagsInclude(match, stored.version, false))) return preconditionFailed(id, stored ? stored.version : 0)
  if (stored === null) return answerError(id, 404, 'ERR_NOT_FOUND', 'no such key')
  const headers = versionTag(stored.version)
  const none = request.header('if-none-match')
  if (none !== null && tagsInclude(none, stored.version, true)) return answer(id, 304, headers, 0, 0)
  const length = request.method.is('HEAD') ? <usize>0 : stored.value.length
  const status = answer(id, 200, headers + 'content-type: application/octet-stream\n', stored.value.at, length)
  return status == STATUS_AGAIN ? busy(id) : status
}

function putOne(request: Request, key: Span): i32 {
  const id = request.id
  const value = request.body
  let created = false
  if (isConditional(request)) {
    const stored = read(key)
    if (!preconditionHolds(request, stored !== null, stored ? stored.version : 0)) return preconditionFailed(id, stored ? stored.version : 0)
    created = stored === null
  } else created = !exists(key)
  const version = put(key.at, key.length, value.at, value.length)
  if (version == STATUS_AGAIN) return STATUS_AGAIN // another request is writing it: this one runs again, behind it
  if (version == STATUS_TOO_LARGE) return answerError(id, 413, 'ERR_VALUE_LENGTH', 'key and value are larger than a transaction')
  if (version == STATUS_QUOTA) return answerError(id, 507, 'ERR_QUOTA', 'the key space is full')
  const status = answer(id, created ? 201 : 204, versionTag(<u64>version), 0, 0)
  if (outcome(status) == STATUS_OK) notify(TYPE_PUT, key, <u64>version, value)
  return status
}

function deleteOne(request: Request, key: Span): i32 {
  const id = request.id
  if (isConditional(request)) {
    const stored = read(key)
    if (!preconditionHolds(request, stored !== null, stored ? stored.version : 0)) return preconditionFailed(id, stored ? stored.version : 0)
  }
  const version = remove(key.at, key.length)
  if (version == STATUS_AGAIN) return STATUS_AGAIN
  if (version == STATUS_NOT_FOUND) return answerError(id, 404, 'ERR_NOT_FOUND', 'no such key')
  const status = answer(id, 204, '', 0, 0)
  if (outcome(status) == STATUS_OK) notify(TYPE_DELETE, key, <u64>version, new Span(0, 0))
  return status
}

function readMany(request: Request): i32 {
  const id = request.id
  if (!request.method.is('GET')) return answerError(id, 405, 'ERR_METHOD', 'GET lists keys', 'allow: GET\n')
  const prefix = decoded(request.parameter('prefix'))
  const after = decoded(request.parameter('after'))
  if (prefix === null || after === null) return answerError(id, 400, 'ERR_KEY_ENCODING', 'prefix or after is not percent-encoded')
  if (max(prefix.length, after.length) > <usize>MAX_KEY_BYTES) return answerError(id, 414, 'ERR_KEY_LENGTH', 'prefix and after have at most 1024 bytes')
  if (request.parameter('watch') !== null) {
    if (watchersAreFull()) return answerError(id, 503, 'ERR_WATCH_COUNT', 'as many watches are open as there may be')
    const status = begin(id, 200, 'content-type: application/x-ndjson\n', 0, 0, false)
    if (status == STATUS_OK) addWatcher(id, prefix)
    return status
  }
  const limit = parseLimit(request.parameter('limit'))
  if (limit < 0) return answerError(id, 400, 'ERR_LIMIT', 'limit is a number from 1 to 1000')
  writePage(prefix, after, limit)
  const status = answer(id, 200, 'content-type: application/json\n', text.at, text.length)
  return status == STATUS_AGAIN ? busy(id) : status
}

// {"items":[…],"after":…} into `text`
function writePage(prefix: Span, after: Span, limit: i32): void {
  const scan = new Scan(prefix, after, min(limit + 1, SCAN_BATCH))
  let count = 0
  let bytes: usize = 0
  let more = scan.next()
  let last: usize = 0
  let lastLength: usize = 0
  text.clear().ascii('{"items":[')
  while (more && count < limit && bytes < MAX_PAGE_BYTES) {
    text.ascii(count > 0 ? ',{"key":"' : '{"key":"')
    last = text.length
    text.percentEncoded(scan.key)
    lastLength = text.length - last
    text.ascii('","version":' + scan.version.toString() + ',"value":"').base64(scan.value).ascii('"}')
    bytes += scan.key.length + scan.value.length
    count++
    more = scan.next()
  }
  text.ascii('],"after":')
  if (more) text.ascii('"').again(last, lastLength).ascii('"}\n')
  else text.ascii('null}\n')
}

function isConditional(request: Request): bool {
  return request.header('if-match') !== null || request.header('if-none-match') !== null
}

function preconditionHolds(request: Request, found: bool, version: u64): bool {
  const match = request.header('if-match')
  if (match !== null && (!found || !tagsInclude(match, version, false))) return false
  const none = request.header('if-none-match')
  return none === null || !found || !tagsInclude(none, version, true)
}

function preconditionFailed(id: u32, version: u64): i32 {
  return answerError(id, 412, 'ERR_PRECONDITION', 'the key is at another version', version > 0 ? versionTag(version) : '')
}

function busy(id: u32): i32 {
  return answerError(id, 503, 'ERR_ENCLAVE_BUSY', 'the enclave holds as many bytes as it may')
}

function versionTag(version: u64): string {
  return 'etag: "' + version.toString() + '"\n'
}

function decoded(span: Span | null): Span | null {
  return span === null ? new Span(0, 0) : percentDecode(span)
}

function parseLimit(span: Span | null): i32 {
  if (span === null) return DEFAULT_LIMIT
  if (span.length == 0 || span.length > 4) return -1
  let value = 0
  for (let i: usize = 0; i < span.length; i++) {
    const digit = <i32>load<u8>(span.at + i) - 0x30 // SAFETY: i < length
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value < 1 || value > MAX_LIMIT ? -1 : value
}
