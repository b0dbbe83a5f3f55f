// Garbage collection in ticks: what depends on owners that have all gone goes too; who is deleted in the foreground goes when what blocks it has;
// who leaves orphans, when no reference is left. https://kubernetes.io/docs/concepts/architecture/garbage-collection
//
// CRASH: nothing of it is kept but in the objects. At opening, and whenever writes have come to nothing, the store is gone through once.
import { MAX_WRITES } from '../../../abi/limits'
import { STATUS_OK } from '../../../abi/status'
import { Span } from '../../../sdk/span'
import { Scan } from '../../../sdk/store'
import { markArena, resetToMark } from '../json/arena'
import { resourcesEdition, storedResources } from '../resources/table'
import { collectionPrefix } from '../storage/key'
import { RecordView } from '../storage/record'
import { hasWritten, settledVersion, writesSoFar } from '../storage/store'
import { resets } from '../watch/history'
import { dependentCount, dependentIn, Dependent, dueCount, clearDependents, dropDependent, setDue, slotCount } from './dependents'
import { examine, EXAMINED_FAILED, EXAMINED_GONE, EXAMINED_WRITTEN, examinedBytes, examinedSteps } from './examine'
import { forgetNews, news, newsVersions, noteRecord, waiting, Waiting } from './note'
import { serve, SERVED_FAILED, SERVED_WAITS, servedSteps } from './waiting'

/** Records and bytes of the store that a tick goes through. */
const MAX_SCANNED = 4096
const MAX_SCANNED_BYTES: usize = 8388608
/** Writes left for what a transaction does besides. */
const SPARE = 8

let started = false
let knownResets = 0
/** How far the store was gone through: a resource, and the last key in it. */
let isSwept = false
let sweptResource = 0
let sweptAfter: Uint8Array = new Uint8Array(0)
/** Of which edition of the resources it was. */
let sweptEdition = 0

/** A tick's share. @returns a negative status where the tick's transaction cannot go on */
export function collectGarbage(): i32 {
  if (!started || knownResets != resets) {
    started = true
    knownResets = resets
    clearDependents()
    forgetNews()
    beginSweep()
  }
  if (!isSwept) sweep()
  if (news.length > 0) spread()
  if (dueCount > 0 && !examineDue()) return -1
  return waiting.length > 0 && !hasWritten() ? serveWaiting() : STATUS_OK
}

function beginSweep(): void {
  isSwept = false
  sweptResource = 0
  sweptAfter = new Uint8Array(0)
  sweptEdition = resourcesEdition
}


function sweep(): void {
  // One that came meanwhile has moved the others
  if (resourcesEdition != sweptEdition) beginSweep()
  let left = MAX_SCANNED
  let bytes: usize = 0
  const record = new RecordView()
  while (sweptResource < storedResources.length) {
    const resource = storedResources[sweptResource]
    const scan = new Scan(collectionPrefix(resource, new Span(0, 0)), Span.of(sweptAfter), 128)
    while (scan.next()) {
      bytes += scan.value.length
      markArena()
      noteRecord(scan.key, record.read(scan.value.at, scan.value.length, scan.version))
      resetToMark()
      if (--left > 0 && bytes < MAX_SCANNED_BYTES) continue
      sweptAfter = new Uint8Array(<i32>scan.key.length)
      memory.copy(sweptAfter.dataStart, scan.key.at, scan.key.length) // SAFETY: of that length
      return
    }
    sweptResource++
    sweptAfter = new Uint8Array(0)
  }
  isSwept = true
}

// Who depends on an owner that has gone, or waits, is to be looked at. What is not durable yet waits for that.
function spread(): void {
  const told = new Set<u64>()
  let kept = 0
  for (let i = 0; i < news.length; i++) {
    if (newsVersions[i] <= settledVersion) told.add(news[i])
    else {
      news[kept] = news[i]
      newsVersions[kept++] = newsVersions[i]
    }
  }
  news.length = kept
  newsVersions.length = kept
  if (told.size == 0 || dependentCount == 0) return
  for (let i: u32 = 0; i < slotCount(); i++) {
    const entry = dependentIn(i)
    if (entry && told.has(entry.owner)) setDue(entry, true)
  }
}

/** @returns false where the transaction cannot go on: then all is due as before */
function examineDue(): bool {
  const done: Dependent[] = []
  const lost: Dependent[] = []
  let written: usize = 0
  let bytes: usize = 0
  let steps: u32 = 0
  for (let i: u32 = 0; i < slotCount() && steps < MAX_STEPS && bytes < MAX_SCANNED_BYTES && written < MAX_WRITTEN_BYTES && writesSoFar() < MAX_WRITES - SPARE; i++) {
    const entry = dependentIn(i)
    if (!entry || !entry.due || entry.version > settledVersion) continue
    markArena()
    const outcome = examine(entry)
    if (outcome == EXAMINED_FAILED) return false
    // What is written is an event, and stays until it is told
    if (outcome == EXAMINED_WRITTEN) written += examinedBytes
    else resetToMark()
    bytes += examinedBytes
    steps += examinedSteps + STEPS_OF_ONE
    if (outcome == EXAMINED_GONE) lost.push(entry)
    else done.push(entry)
  }
  for (let i = 0; i < done.length; i++) setDue(done[i], false)
  for (let i = 0; i < lost.length; i++) dropDependent(lost[i].owner, lost[i].key)
  return true
}

/** Entries and owners that a tick goes through, an object counting for some, and bytes of what it writes. */
const MAX_STEPS: u32 = 4194304
const STEPS_OF_ONE: u32 = 2048
const MAX_WRITTEN_BYTES: usize = 786432

function serveWaiting(): i32 {
  const unserved: Waiting[] = []
  const kept: Waiting[] = []
  const from = servedSteps
  for (let i = 0; i < waiting.length; i++) {
    const each = waiting[i]
    if (i >= MAX_SERVED || writesSoFar() >= MAX_WRITES - SPARE || servedSteps - from >= MAX_STEPS) {
      unserved.push(each)
      continue
    }
    const before = writesSoFar()
    markArena()
    const outcome = each.version <= settledVersion ? serve(each, isSwept) : SERVED_WAITS
    if (writesSoFar() == before) resetToMark()
    if (outcome == SERVED_FAILED) return -1
    if (outcome == SERVED_WAITS) kept.push(each)
  }
  // Those whose turn has not come are first the next time. What still waits after a write is noted anew.
  waiting.length = 0
  for (let i = 0; i < unserved.length; i++) waiting.push(unserved[i])
  for (let i = 0; i < kept.length; i++) waiting.push(kept[i])
  return STATUS_OK
}

/** Objects that wait, of which a tick asks. */
const MAX_SERVED = 512
