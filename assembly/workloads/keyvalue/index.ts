// A key-value service: PUT, GET and DELETE /v1/<percent-encoded key>, versions as ETags, lists and watches.
import { STATUS_NOT_FOUND, STATUS_OK, STATUS_QUOTA, STATUS_TOO_LARGE } from '../../abi/status'
import { put, remove } from '../../sdk/calls'
import { Request } from '../../sdk/request'
import { answer, answerError, begin } from '../../sdk/response'
import { percentDecode, Span } from '../../sdk/span'
import { list, read, Stored } from '../../sdk/store'
import { TextWriter } from '../../sdk/text-writer'
import { addWatcher, dropWatcher, flushWatchers, notify, TYPE_DELETE, TYPE_PUT } from './watchers'

export { allocate, wasmclave_abi } from '../../sdk/entry'

const PREFIX = '/v1/'
const DEFAULT_LIMIT = 100
const MAX_LIMIT = 1000
/** A page ends with the value that reaches this; the rest is behind its `after`. */
const MAX_PAGE_BYTES = 262144
/** Requests between collections: a collection is cheap here, as only watchers live on. */
const COLLECT_EVERY: u32 = 256

const text = new TextWriter()
let handled: u32 = 0

export function handle(request: u32, pointer: usize, length: usize): i32 {
  // No object of an earlier request is needed any more, and none of this one is made.
  if (++handled % COLLECT_EVERY == 0) __collect()
  route(new Request(request, pointer))
  return STATUS_OK
}

export function closed(request: u32): void {
  dropWatcher(request)
}

export function tick(): i32 {
  flushWatchers()
  return STATUS_OK
}

function route(request: Request): void {
  const id = request.id
  if (!request.path.begins(PREFIX)) return failed(answerError(id, 404, 'ERR_NOT_FOUND', 'keys are under /v1/'))
  const name = request.path.cut(PREFIX.length, request.path.length)
  if (name.length == 0) return readMany(request)
  const key = percentDecode(name)
  if (key === null || key.length == 0) return failed(answerError(id, 400, 'ERR_KEY_ENCODING', 'the key is not percent-encoded'))
  if (key.length > 1024) return failed(answerError(id, 414, 'ERR_KEY_LENGTH', 'a key has at most 1024 bytes'))
  const stored = read(key)
  if (request.method.is('GET') || request.method.is('HEAD')) return getOne(id, stored)
  if (!request.method.is('PUT') && !request.method.is('DELETE'))
    return failed(answerError(id, 405, 'ERR_METHOD', 'GET, PUT and DELETE', 'allow: GET, HEAD, PUT, DELETE\n'))
  if (!preconditionHolds(request, stored)) return failed(answerError(id, 412, 'ERR_PRECONDITION', 'the key is at another version', etag(stored)))
  if (request.method.is('PUT')) putOne(id, key, request.body, stored === null)
  else deleteOne(id, key)
}

function getOne(id: u32, stored: Stored | null): void {
  if (stored === null) return failed(answerError(id, 404, 'ERR_NOT_FOUND', 'no such key'))
  failed(answer(id, 200, etag(stored) + 'content-type: application/octet-stream\n', stored.value.dataStart, stored.value.length))
}

function putOne(id: u32, key: Uint8Array, value: Span, created: bool): void {
  const version = put(key.dataStart, key.length, value.at, value.length)
  if (version == STATUS_TOO_LARGE) return failed(answerError(id, 413, 'ERR_VALUE_LENGTH', 'key and value are larger than a transaction'))
  if (version == STATUS_QUOTA) return failed(answerError(id, 507, 'ERR_QUOTA', 'the key space is full'))
  const copied = new Uint8Array(<i32>value.length)
  memory.copy(copied.dataStart, value.at, value.length)
  failed(answer(id, created ? 201 : 204, versionTag(<u64>version), 0, 0))
  notify(TYPE_PUT, key, <u64>version, copied)
}

function deleteOne(id: u32, key: Uint8Array): void {
  const version = remove(key.dataStart, key.length)
  if (version == STATUS_NOT_FOUND) return failed(answerError(id, 404, 'ERR_NOT_FOUND', 'no such key'))
  failed(answer(id, 204, '', 0, 0))
  notify(TYPE_DELETE, key, <u64>version, new Uint8Array(0))
}

/** GET /v1/?prefix=&limit=&after=, and &watch. */
function readMany(request: Request): void {
  const id = request.id
  if (!request.method.is('GET')) return failed(answerError(id, 405, 'ERR_METHOD', 'GET lists keys', 'allow: GET\n'))
  const prefix = decoded(request.parameter('prefix'))
  const after = decoded(request.parameter('after'))
  if (prefix === null || after === null) return failed(answerError(id, 400, 'ERR_KEY_ENCODING', 'prefix or after is not percent-encoded'))
  if (request.parameter('watch') !== null) {
    if (begin(id, 200, 'content-type: application/x-ndjson\n', 0, 0, false) == STATUS_OK) addWatcher(id, prefix)
    return
  }
  const limit = parseLimit(request.parameter('limit'))
  if (limit < 0) return failed(answerError(id, 400, 'ERR_LIMIT', 'limit is a number from 1 to 1000'))
  const page = list(prefix, after, limit, MAX_PAGE_BYTES)
  const entries = page.entries
  text.clear().ascii('{"items":[')
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]
    text.ascii(i > 0 ? ',{"key":"' : '{"key":"').percentEncoded(entry.key)
    text.ascii('","version":' + entry.version.toString() + ',"value":"').base64(entry.value).ascii('"}')
  }
  text.ascii('],"after":')
  if (page.more) text.ascii('"').percentEncoded(entries[entries.length - 1].key).ascii('"}\n')
  else text.ascii('null}\n')
  const status = answer(id, 200, 'content-type: application/json\n', text.at, text.length)
  if (status == STATUS_TOO_LARGE) failed(answerError(id, 413, 'ERR_LIST_SIZE', 'the page is too large: ask for fewer with limit'))
}

/** If-Match and If-None-Match, RFC 9110 section 13.1. */
function preconditionHolds(request: Request, stored: Stored | null): bool {
  const match = request.header('if-match')
  if (match !== null) {
    if (stored === null) return false
    if (!match.is('*') && !match.is('"' + stored.version.toString() + '"')) return false
  }
  const none = request.header('if-none-match')
  if (none === null || stored === null) return true
  return !none.is('*') && !none.is('"' + stored.version.toString() + '"')
}

function etag(stored: Stored | null): string {
  return stored === null ? '' : versionTag(stored.version)
}

function versionTag(version: u64): string {
  return 'etag: "' + version.toString() + '"\n'
}

function decoded(span: Span | null): Uint8Array | null {
  return span === null ? new Uint8Array(0) : percentDecode(span)
}

function parseLimit(span: Span | null): i32 {
  if (span === null) return DEFAULT_LIMIT
  if (span.length == 0 || span.length > 4) return -1
  let value = 0
  for (let i: usize = 0; i < span.length; i++) {
    const digit = <i32>load<u8>(span.at + i) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value < 1 || value > MAX_LIMIT ? -1 : value
}

// A client that has gone needs no answer.
function failed(_status: i32): void {}
