// GET of a collection with watch=true: a stream of events, one JSON object a line, from a resourceVersion on or behind the present state.
import { STATUS_OK } from '../../../abi/status'
import { now } from '../../../sdk/calls'
import { Span } from '../../../sdk/span'
import { Scan } from '../../../sdk/store'
import { Call } from '../http/call'
import { failBadRequest, Failure, failTooMany } from '../http/failure'
import { failOptions, forbidden, hasIssues, notSupported } from '../http/issues'
import { decimal, query, queryBool, queryText } from '../http/query'
import { failTooNew, readResourceVersion } from '../http/resource-version'
import { begin, body, JSON_TYPE, sendFailure } from '../http/response'
import { markArena, resetToMark } from '../json/arena'
import { randomBytes } from '../object/random'
import { readSelectors, Selectors } from '../select/selectors'
import { collectionPrefix } from '../storage/key'
import { RecordView } from '../storage/record'
import { currentResourceVersion } from '../storage/store'
import { ADDED } from '../watch/changes'
import { isCovered, sequenceAfter, settleHistory } from '../watch/history'
import { Watcher } from '../watch/watcher'
import { MAX_LIST_BYTES, MAX_WATCHERS } from '../limits'
import { addWatcher, endReset, watcherCount, writeError } from '../watch/watchers'
import { sendLong } from './spool'

/** Without timeoutSeconds: between them, at random, so that not all come back at once. The real server's. */
const LEAST_SECONDS: i64 = 1800
const MOST_SECONDS: i64 = 3600

export function watchObjects(call: Call): i32 {
  const request = call.request
  const version = queryText(request, 'resourceVersion')
  const initial = request.parameter('sendInitialEvents') != null
  const sendsInitial = initial && queryBool(request, 'sendInitialEvents')
  if (!checkOptions(call, initial)) return sendFailure(call.id)
  const selectors = new Selectors()
  if (!readSelectors(call, selectors)) return sendFailure(call.id)
  settleHistory()
  endReset()
  const current = currentResourceVersion()
  let from: i64 = 0
  if (version.length > 0) {
    from = readResourceVersion(<Span>query(request, 'resourceVersion'))
    if (from < 0) return sendFailure(call.id)
    if (<u64>from > current) {
      failTooNew(from, current)
      return sendFailure(call.id)
    }
  }
  if (watcherCount() >= MAX_WATCHERS) {
    failTooMany('too many watches, please try again later')
    return sendFailure(call.id)
  }
  const watcher = new Watcher(call.id, call.resource, copyOf(collectionPrefix(call.resource, call.namespace)), selectors)
  watcher.form = call.form
  watcher.includeObject = call.includeObject
  watcher.bookmarks = queryBool(request, 'allowWatchBookmarks')
  watcher.endsAt = now() + seconds(call) * 1000
  const fromState = sendsInitial || (from == 0 && !initial)
  if (!fromState && from > 0 && !isCovered(<u64>from)) return sendExpired(call, <u64>from, current)
  watcher.next = sequenceAfter(fromState || from == 0 ? current : <u64>from)
  body.clear()
  if (fromState && !writeState(watcher)) return sendFailure(call.id)
  if (sendsInitial) watcher.writeBookmark(body, current, true)
  const status = sendLong(call.id, 200, JSON_TYPE, body, false)
  if (status == STATUS_OK) addWatcher(watcher)
  return status
}

function checkOptions(call: Call, initial: bool): bool {
  const match = queryText(call.request, 'resourceVersionMatch')
  if (initial && match != 'NotOlderThan') forbidden('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
  else if (!initial && match.length > 0) forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')
  const token = query(call.request, 'continue')
  if (token && token.length > 0) forbidden('continue', 'continue is forbidden for watch')
  return hasIssues() ? failOptions('ListOptions') : true
}

// ADDED for all there is.
function writeState(watcher: Watcher): bool {
  const scan = new Scan(Span.of(watcher.prefix), new Span(0, 0), 128)
  const record = new RecordView()
  markArena()
  while (scan.next()) {
    record.read(scan.value.at, scan.value.length, scan.version)
    if (watcher.selectors.match(scan.key, record, watcher.resource)) watcher.writeLine(body, ADDED, record)
    resetToMark()
    if (body.length <= <usize>MAX_LIST_BYTES) continue
    failTooMany('the present state is larger than ' + MAX_LIST_BYTES.toString() + ' bytes: list pages of it, and watch from there')
    return false
  }
  return true
}

// 200, and then the error as an event: so the real server, and so clients expect it.
function sendExpired(call: Call, from: u64, current: u64): i32 {
  writeError(body.clear(), new Failure(410, 'Expired', 'too old resource version: ' + from.toString() + ' (' + current.toString() + ')'))
  return begin(call.id, 200, JSON_TYPE, '', body.at, body.length, true)
}

function seconds(call: Call): i64 {
  const asked = query(call.request, 'timeoutSeconds')
  const value = asked ? decimal(asked) : 0
  if (value > 0) return min<i64>(value, 86400)
  return LEAST_SECONDS + <i64>(load<u16>(randomBytes(2))) % (MOST_SECONDS - LEAST_SECONDS)
}

function copyOf(span: Span): Uint8Array {
  const copy = new Uint8Array(<i32>span.length)
  memory.copy(copy.dataStart, span.at, span.length) // SAFETY: of that length
  return copy
}
