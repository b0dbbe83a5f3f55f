// GET of a collection. What a list holds is one state: all of it is read at once, and what a slow reader has no room for waits (spool.ts).
import { Span } from '../../../sdk/span'
import { Scan } from '../../../sdk/store'
import { TextWriter } from '../../../sdk/text-writer'
import { FORM_JSON, FORM_TABLE } from '../http/accept'
import { Call } from '../http/call'
import { failBadRequest, failTooMany } from '../http/failure'
import { forbidden, failOptions, hasIssues, invalid, notSupported } from '../http/issues'
import { decimal, query, queryText } from '../http/query'
import { treeOf, writeMetadata, writeObject } from '../http/render'
import { failTooNew, readResourceVersion } from '../http/resource-version'
import { body, JSON_TYPE, sendFailure } from '../http/response'
import { MAX_LIST_BYTES } from '../limits'
import { markArena, resetToMark } from '../json/arena'
import { readSelectors, Selectors } from '../select/selectors'
import { collectionPrefix } from '../storage/key'
import { RecordView } from '../storage/record'
import { currentResourceVersion } from '../storage/store'
import { writeColumns, writeRow } from '../table/rows'
import { sendLong } from './spool'
import { ContinueToken, readContinue, writeContinue } from './continue'
import { failExpired, unchangedSince } from '../watch/history'

const SCAN_BATCH = 128
/** Of {"kind":"","apiVersion":"", */
const HEAD_CHARACTERS = 27

class ListOptions {
  limit: i64 = 0
  after: ContinueToken | null = null
  selectors: Selectors = new Selectors()
}

export function listObjects(call: Call): i32 {
  const options = readOptions(call)
  if (!options) return sendFailure(call.id)
  if (!writeList(call, options)) return sendFailure(call.id)
  return sendLong(call.id, 200, JSON_TYPE, body, true)
}

// The rules of reference for resourceVersion, resourceVersionMatch and continue (validateListOptions of apimachinery).
function readOptions(call: Call): ListOptions | null {
  const request = call.request
  const options = new ListOptions()
  const version = queryText(request, 'resourceVersion')
  const match = queryText(request, 'resourceVersionMatch')
  const token = query(request, 'continue')
  const continues = token != null && token.length > 0
  if (match.length > 0) {
    if (version.length == 0 && !continues) forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided')
    if (continues) forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided')
    if (match != 'Exact' && match != 'NotOlderThan') notSupported('resourceVersionMatch', '"' + match + '"', '"Exact", "NotOlderThan", ""')
    if (match == 'Exact' && version == '0') forbidden('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
  }
  if (request.parameter('sendInitialEvents')) forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list')
  if (hasIssues()) {
    failOptions('ListOptions')
    return null
  }
  if (!readSelectors(call, options.selectors)) return null
  const limit = query(request, 'limit')
  if (limit && limit.length > 0) {
    const value = decimal(limit)
    if (value < 0) {
      invalid('limit', limit.text(), 'must be a number that is not negative')
      failOptions('ListOptions')
      return null
    }
    options.limit = value
  }
  if (continues) {
    if (version.length > 0 && version != '0') {
      failBadRequest('specifying resource version is not allowed when using continue')
      return null
    }
    options.after = readContinue(call, <Span>token)
    return options.after ? options : null
  }
  if (version.length > 0 && !versionIsServed(call, match)) return null
  return options
}

// Only the present state is kept: Exact is served where nothing has changed since, and else has expired.
function versionIsServed(call: Call, match: string): bool {
  const value = readResourceVersion(<Span>query(call.request, 'resourceVersion'))
  if (value < 0) return false
  const current = currentResourceVersion()
  if (<u64>value > current) return failTooNew(value, current)
  if (match != 'Exact' || unchangedSince(<u64>value, call.resource, collectionPrefix(call.resource, call.namespace), new Span(0, 0))) return true
  return failExpired(value, current)
}

// How many are behind a key.
function remaining(call: Call, after: Span): i64 {
  const prefix = collectionPrefix(call.resource, call.namespace)
  const scan = new Scan(prefix, after, SCAN_BATCH)
  let count: i64 = 0
  while (scan.next()) count++
  return count
}

function writeList(call: Call, options: ListOptions): bool {
  const resource = call.resource
  const filtered = !options.selectors.isEmpty
  const token = options.after
  const version = token && token.resourceVersion != 0 ? token.resourceVersion : currentResourceVersion()
  const prefix = collectionPrefix(resource, call.namespace)
  const after = token ? token.key : new Span(0, 0)
  const scan = new Scan(prefix, after, options.limit > 0 ? <i32>min<i64>(options.limit + 1, SCAN_BATCH) : SCAN_BATCH)
  const isTable = call.form == FORM_TABLE
  const record = new RecordView()
  // {"kind":K,"apiVersion":V, of each object, which the items of a list are without
  const head = <usize>(HEAD_CHARACTERS + resource.kind.length + resource.groupVersion.length)
  body.clear()
  let items: i64 = 0
  let more = false
  last.clear()
  items_.shrink()
  markArena()
  while (scan.next()) {
    record.read(scan.value.at, scan.value.length, scan.version)
    if (filtered && !options.selectors.match(scan.key, record, resource)) {
      resetToMark()
      continue
    }
    if (options.limit > 0 && items == options.limit) {
      more = true
      break
    }
    if (isTable) writeRow(items_, resource, record, call.includeObject, items == 0)
    else {
      if (items > 0) items_.byte(0x2c)
      if (call.form == FORM_JSON && resource.custom) writeObject(items_, record, resource)
      else if (call.form == FORM_JSON) {
        items_.byte(0x7b)
        record.writeFrom(items_, head)
      } else writeMetadata(items_, treeOf(record))
    }
    items++
    if (items == options.limit) last.clear().span(scan.key)
    resetToMark()
    if (items_.length > <usize>MAX_LIST_BYTES) {
      failTooMany('the list is larger than ' + MAX_LIST_BYTES.toString() + ' bytes: ask for pages of it with limit')
      return false
    }
  }
  writeHead(call, version, more ? writeContinue(call, version, new Span(last.at, last.length)) : '', more && !filtered ? remaining(call, new Span(last.at, last.length)) : -1)
  body.raw(items_.at, items_.length).ascii(']}\n')
  return true
}

const last = new TextWriter()
const items_ = new TextWriter()

function writeHead(call: Call, version: u64, token: string, remaining: i64): void {
  const resource = call.resource
  if (call.form == FORM_TABLE) body.ascii('{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"')
  else if (call.form == FORM_JSON) body.ascii('{"kind":"' + resource.listKind + '","apiVersion":"' + resource.groupVersion + '","metadata":{"resourceVersion":"')
  else body.ascii('{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"')
  body.number(version).byte(0x22)
  if (token.length > 0) body.ascii(',"continue":"' + token + '"')
  if (remaining >= 0) body.ascii(',"remainingItemCount":').number(remaining)
  if (call.form == FORM_TABLE) {
    body.ascii('},')
    writeColumns(body, resource, true)
    body.ascii(',"rows":[')
  } else body.ascii('},"items":[')
}
