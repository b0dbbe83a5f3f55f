// The audit of the API (audit.k8s.io/v1): each request for a resource, and each refusal for want of a right, is one event. What a request
// writes and its event are one transaction; that of a refusal, or of a token that is issued, is durable before it is answered; events of reads
// are gathered (reads.ts). Dry runs, writes that fail and writes that change nothing count as reads. Discovery and health say nothing of
// content, and are not audited; nor is the reading of the audit. What ticks do follows from requests: emptying a namespace has no event of its own.
import { STATUS_OK, STATUS_QUOTA } from '../../../abi/status'
import { Request } from '../../../sdk/request'
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { Call } from '../http/call'
import { fail, failTooMany, failure } from '../http/failure'
import { writeUuid } from '../http/response'
import { refresh, settledVersion } from '../storage/store'
import { batchIfBehind, batchIfDue } from './batches'
import { beginWrites, findEntries, putEntry, takeNumber } from './entries'
import { composeEvent, STAGE_COMPLETE, STAGE_STARTED, Unfinished, writeEvent } from './event'
import { head, makeHead, readHead } from './head'
import { gather, storeReads, ungather } from './reads'
import { isFull, noteFreed, noteFull, openReserve, tendReserve } from './reserve'

const FULL = 'Internal error occurred: the store is full'
/** A call that writes more than this makes no batch besides. */
const LITTLE_WRITES = 8
const LITTLE_BYTES: usize = 262144

/** Only `bench/audit.ts` builds a workload without it, to say what it costs. */
const IS_ON: bool = isDefined(WITHOUT_AUDIT) ? false : true

/** The request under way, as far as it is known. */
let request: Request | null = null
let call: Call | null = null
let verb = ''
let allowed = true
let known = true
/** Why it is allowed. */
let reason = ''
let isComposed = false
/** Of the entry that this call has put for it, and the code that stands in it. */
let number: u64 = 0
let code = 0
let isGathered = false

const id = new TextWriter()
const event = new TextWriter()
/** Events since the start, for the metrics. */
export let auditedEvents: u64 = 0
let isOpen = false

/** Finds the audit in the store, or begins it. @returns 0, or a status with which the call cannot go on */
export function openAudit(): i32 {
  refresh()
  if (!readHead()) {
    const made = makeHead()
    if (made < 0) return <i32>made
  }
  findEntries(settledVersion, head.highest)
  isOpen = true
  return openReserve()
}

/** A call begins. */
export function beginAudit(): void {
  request = null
  beginWrites()
}

/** A request is to be audited. @param about null for what is no resource's */
export function auditRequest(asked: Request, what: string, about: Call | null): void {
  if (!IS_ON) return
  request = asked
  verb = what
  call = about
  allowed = true
  known = true
  reason = ''
  isComposed = false
  number = 0
  isGathered = false
  writeUuid(id.clear())
}

/** @param isKnown whether anybody knows who asks */
export function auditRefusal(isKnown: bool): void {
  allowed = false
  known = isKnown
}

/** Which role and binding allow it. */
export function auditReason(why: string): void {
  reason = why
}

/** The Audit-Id of the answer. */
export function writeAuditId(out: TextWriter): void {
  if (request) out.raw(id.at, id.length)
  else writeUuid(out)
}

/** Before a request writes: its event, once, as it will be unless something goes wrong. @returns 0, or a status: where it is QUOTA a failure is set */
export function auditWrite(): i32 {
  if (!request || number != 0) return STATUS_OK
  const deletes = verb == 'delete' || verb == 'deletecollection'
  if (isFull() && !deletes) {
    fail(500, 'InternalError', FULL)
    return STATUS_QUOTA
  }
  const status = putEvent(verb == 'create' ? 201 : 200, STAGE_COMPLETE)
  if (status != STATUS_QUOTA) {
    if (isFull()) noteFreed()
    return status
  }
  noteFull()
  if (deletes) failTooMany('the store is full, room is being made to say what is deleted, please try again')
  else fail(500, 'InternalError', FULL)
  return status
}

/** Before an answer's head goes out. @returns 0, or a status; where it is QUOTA and nothing is written, there is no room to say what was asked */
export function auditAnswer(answered: i32): i32 {
  if (!request) return STATUS_OK
  if (number != 0 || !allowed || answered == 403 || issuesToken(answered)) {
    if (number == 0 && isFull()) return STATUS_QUOTA
    const status = number != 0 && answered == code ? STATUS_OK : putEvent(answered, STAGE_COMPLETE)
    if (status < 0) {
      if (status == STATUS_QUOTA) noteFull()
      return status
    }
    return STATUS_OK
  }
  if (isGathered) ungather()
  compose(answered, verb == 'watch' && answered == 200 ? STAGE_STARTED : STAGE_COMPLETE)
  isGathered = false
  const status = gather(event)
  if (status < 0) return status
  isGathered = true
  auditedEvents++
  return STATUS_OK
}

/** Makes a batch where one is due, in a call that has written little. @returns 0, or a status with which this call cannot go on */
export function auditBatch(writes: i32, bytes: usize): i32 {
  return writes > LITTLE_WRITES || bytes > LITTLE_BYTES ? STATUS_OK : batchIfDue()
}

/** The request goes on in ticks: its event says that it has begun. @returns null where the call cannot go on */
export function auditBegun(): Unfinished | null {
  const status = putEvent(200, STAGE_STARTED)
  return status < 0 ? null : new Unfinished()
}

/** And has ended. @returns 0, or a status with which this call cannot go on */
export function auditEnded(unfinished: Unfinished): i32 {
  unfinished.write(event.clear(), 200)
  auditedEvents++
  return putEntry(takeNumber(), event)
}

/** A tick's share. @returns 0, or a status with which it cannot go on */
export function auditTick(): i32 {
  if (!isOpen) return STATUS_OK
  let status = tendReserve()
  if (status < 0) return status
  status = storeReads()
  if (status < 0 && status != STATUS_QUOTA) return status
  return batchIfDue()
}

// Nothing is written then, and yet something is let out that acts for others later.
function issuesToken(answered: i32): bool {
  const about = call
  return about != null && answered == 201 && verb == 'create' && about.hasSubresource
}

// Puts the event, or replaces it.
function putEvent(answered: i32, stage: string): i32 {
  if (number == 0) {
    const behind = batchIfBehind()
    if (behind < 0) return behind
  }
  compose(answered, stage)
  const at = number != 0 ? number : takeNumber()
  const status = putEntry(at, event)
  if (status < 0) return status
  if (number == 0) auditedEvents++
  number = at
  code = answered
  return STATUS_OK
}

function compose(answered: i32, stage: string): void {
  if (!isComposed) composeEvent(new Span(id.at, id.length), <Request>request, verb, call, allowed, reason, known)
  isComposed = true
  const told = failure
  writeEvent(event.clear(), answered, told && answered >= 400 && told.code == answered ? told.reason : '', stage)
}
