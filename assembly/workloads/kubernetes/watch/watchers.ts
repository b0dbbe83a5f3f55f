// All watches. What a call has written is streamed in that same call, and the kernel holds it until it is durable; who has no room for it,
// or comes late, reads it from the history once it is settled. Who has fallen out of the history is told 410 and ends.
import { STATUS_AGAIN, STATUS_OK } from '../../../abi/status'
import { now, stream } from '../../../sdk/calls'
import { TextWriter } from '../../../sdk/text-writer'
import { definitionsChanged } from '../custom/registry'
import { noteClusterRole } from '../auth/aggregation'
import { noteRoleChange } from '../auth/grants'
import { noteOwners } from '../garbage/note'
import { Failure, writeFailure } from '../http/failure'
import { FORM_JSON } from '../http/accept'
import { definitions, eventResource, namespaces, Resource } from '../resources/table'
import { objectKey } from '../storage/key'
import { LAST_WRITE, RecordView, resourceVersion } from '../storage/record'
import { hasWritten, settledVersion } from '../storage/store'
import { isSpooling } from '../verbs/spool'
import { Change, MODIFIED, takeChanges } from './changes'
import { Event, eventAt, isSettled, nextSequence, oldest, remember, resets, settleHistory } from './history'
import { Watcher } from './watcher'

/** As often as the real server's. */
const BOOKMARK_MS: i64 = 60000

let watchers: Watcher[] = []
/** Some have not had all there is. */
let behind = false
let knownResets = 0
const line = new TextWriter()

export function watcherCount(): i32 {
  return watchers.length
}

export function addWatcher(watcher: Watcher): void {
  watcher.bookmarkAt = now() + BOOKMARK_MS
  watchers.push(watcher)
  behind = true
}

export function dropWatcher(request: u32): void {
  for (let i = 0; i < watchers.length; i++) {
    if (watchers[i].request != request) continue
    watchers.splice(i, 1)
    return
  }
}

/** The call has answered: what it wrote becomes events. */
export function publish(): void {
  const changes = takeChanges()
  if (changes.length == 0) return
  const from = nextSequence
  for (let i = 0; i < changes.length; i++) {
    const change = changes[i]
    if (change.resource == definitions) definitionsChanged(change.record.resourceVersion)
    noteRoleChange(change)
    noteClusterRole(change)
    noteOwners(change)
    remember(change, objectKey(change.resource, change.namespace, change.name), selectionMayChange(change))
  }
  let ended = false
  for (let i = 0; i < watchers.length; i++) {
    const watcher = watchers[i]
    if (watcher.next != from || isSpooling(watcher.request)) {
      behind = true
      continue
    }
    if (!advance(watcher, false)) ended = true
  }
  if (ended) sweep()
}

// An update that leaves labels and selectable fields as they are neither begins nor ends a match.
function selectionMayChange(change: Change): bool {
  const previous = change.previous
  if (!previous || change.type != MODIFIED) return false
  if (change.resource == namespaces || change.resource == eventResource || selectsFields(change.resource)) return true
  const record = change.record
  return record.labelsLength != previous.labelsLength || memory.compare(record.labels, previous.labels, record.labelsLength) != 0
}

function selectsFields(resource: Resource): bool {
  const custom = resource.custom
  return custom != null && custom.selectable.length > 0
}

/** Gives those who are behind what they have room for. Not in a call that writes. */
export function pump(): void {
  if (hasWritten()) return
  endReset()
  if (!behind) return
  settleHistory()
  endReset()
  behind = false
  let ended = false
  for (let i = 0; i < watchers.length; i++) {
    const watcher = watchers[i]
    if (watcher.next == nextSequence) continue
    if (isSpooling(watcher.request)) behind = true
    else if (!advance(watcher, true)) ended = true
  }
  if (ended) sweep()
}

/** Where the history was thrown away: those who still needed it cannot go on, and nobody knows whether the others have had all. */
export function endReset(): void {
  if (resets == knownResets) return
  knownResets = resets
  for (let i = 0; i < watchers.length; i++) endExpired(watchers[i])
  sweep()
}

/** @param settledOnly leaves what is not durable for later @returns false when the watch is over */
function advance(watcher: Watcher, settledOnly: bool): bool {
  if (watcher.next < oldest) return endExpired(watcher)
  while (watcher.next < nextSequence) {
    const event = eventAt(watcher.next)
    if (settledOnly && !isSettled(event)) {
      behind = true
      return true
    }
    if (watcher.wants(event)) {
      const status = give(watcher, event, watcher.next)
      if (status == STATUS_AGAIN) {
        behind = true
        return true
      }
      if (status != STATUS_OK) {
        watcher.request = 0
        return false
      }
    }
    watcher.next++
  }
  return true
}

/** Most watchers want the same line: the last one made is kept. */
let lineOf: u64 = u64.MAX_VALUE
/** Versions of one resource write it otherwise. */
let lineFor: Resource | null = null

function give(watcher: Watcher, event: Event, sequence: u64): i32 {
  const plain = watcher.form == FORM_JSON && watcher.selectors.isEmpty
  if (!plain || lineOf != sequence || lineFor != watcher.resource) {
    const hadColumns = watcher.hasColumns
    line.clear()
    lineOf = plain ? sequence : u64.MAX_VALUE
    lineFor = watcher.resource
    if (!watcher.write(line, event)) return STATUS_OK
    const status = stream(watcher.request, line.at, line.length, 0)
    if (status == STATUS_AGAIN) watcher.hasColumns = hadColumns
    return status
  }
  return stream(watcher.request, line.at, line.length, 0)
}

/** `{"type":"ERROR","object":Status}` and the end. Always false. */
function endExpired(watcher: Watcher): bool {
  const failure = new Failure(410, 'Expired', 'too old resource version: the watch has fallen behind what is kept')
  lineOf = u64.MAX_VALUE
  writeError(line.clear(), failure)
  stream(watcher.request, line.at, line.length, 1)
  watcher.request = 0
  return false
}

export function writeError(out: TextWriter, failure: Failure): void {
  out.ascii('{"type":"ERROR","object":')
  writeFailure(out, failure)
  out.shorten(out.length - 1) // its line end
  out.ascii('}\n')
}

/** Bookmarks and ends that are due. */
export function tickWatchers(): void {
  const time = now()
  let ended = false
  for (let i = 0; i < watchers.length; i++) {
    const watcher = watchers[i]
    const isOver = time >= watcher.endsAt
    if (!isOver && (!watcher.bookmarks || time < watcher.bookmarkAt)) continue
    lineOf = u64.MAX_VALUE
    line.clear()
    const hasAll = watcher.next == nextSequence || (watcher.next >= oldest && !isSettled(eventAt(watcher.next)))
    if (watcher.bookmarks && hasAll && !isSpooling(watcher.request)) watcher.writeBookmark(line, resourceVersion(settledVersion, LAST_WRITE), false)
    watcher.bookmarkAt = time + BOOKMARK_MS
    if (line.length == 0 && !isOver) continue
    const status = stream(watcher.request, line.at, line.length, isOver ? 1 : 0)
    if (isOver || (status != STATUS_OK && status != STATUS_AGAIN)) {
      watcher.request = 0
      ended = true
    }
  }
  if (ended) sweep()
}

// Watches that are over leave.
function sweep(): void {
  let kept = 0
  for (let i = 0; i < watchers.length; i++) if (watchers[i].request != 0) watchers[kept++] = watchers[i]
  watchers.length = kept
}
