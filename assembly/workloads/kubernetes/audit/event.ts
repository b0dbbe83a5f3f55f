// An event of audit.k8s.io/v1 at level Metadata, whatever was asked: who, what, when, and the code of the answer. No body stands in it, and no
// message of an answer, which may quote one. The clock of an enclave stands still during a call, so a request has one time. There is no
// sourceIPs: an enclave sees no address that it could believe.
import { time } from '../../../sdk/calls'
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { isImpersonated, subject, user } from '../auth/asker'
import { Subject } from '../auth/subject'
import { Call } from '../http/call'
import { MAX_AUDIT_AGENT_BYTES, MAX_AUDIT_TEXT_BYTES, MAX_AUDIT_URI_BYTES } from '../limits'
import { writeTime } from '../object/time'
import { Request } from '../../../sdk/request'
import { beginText, cut, isCut, writeBounded } from './text'

export const STAGE_STARTED = 'ResponseStarted'
export const STAGE_COMPLETE = 'ResponseComplete'

/** Groups, and values of what a user is beside: an impersonator may send as many as a head of 16 KiB holds. */
const MAX_LISTED = 32

/** An event but for its answer, in two pieces: members stand in alphabetical order, and what an answer says lies between them. */
const front = new TextWriter()
const back = new TextWriter()
const middle = new TextWriter()
const impersonated = new TextWriter()

/** As most requests have them: the time of the last event, and who asked for it. */
const moment = new TextWriter()
let momentMs: i64 = 0
const userText = new TextWriter()
let userIsCut = false
let lastUser: Subject | null = null

/** @param reason of what is allowed by a role @param known false where nobody has said who they are: then no user stands in it */
export function composeEvent(id: Span, request: Request, verb: string, call: Call | null, allowed: bool, reason: string, known: bool): void {
  beginText()
  // What may be cut comes first: that it was is said at the front
  impersonated.clear()
  if (known && isImpersonated()) {
    impersonated.ascii('"impersonatedUser":')
    writeUser(impersonated, subject())
    impersonated.byte(0x2c)
  }
  middle.clear()
  if (call) writeReference(middle, call)
  middle.ascii('"requestReceivedTimestamp":"')
  writeMoment(middle)
  middle.ascii('","requestURI":')
  writeBounded(middle, wholeUri(request), MAX_AUDIT_URI_BYTES)
  back.clear().ascii('"user":')
  if (known) writeUserAgain(back, user())
  else back.ascii('{}')
  const agent = request.header('user-agent')
  if (agent) {
    back.ascii(',"userAgent":')
    writeBounded(back, agent, MAX_AUDIT_AGENT_BYTES)
  }
  back.ascii(',"verb":"').ascii(verb).ascii('"}\n')
  front.clear().ascii('{"annotations":{')
  if (isCut) front.ascii('"audit.k8s.io/truncated":"true",')
  front.ascii('"authorization.k8s.io/decision":"').ascii(allowed ? 'allow' : 'forbid').ascii('","authorization.k8s.io/reason":')
  if (reason.length > 0) writeBounded(front, spanOf(reason), MAX_AUDIT_TEXT_BYTES)
  else front.ascii('""')
  front.ascii('},"apiVersion":"audit.k8s.io/v1","auditID":"').span(id).ascii('",')
  front.raw(impersonated.at, impersonated.length).ascii('"kind":"Event","level":"Metadata",').raw(middle.at, middle.length)
}

/** The event as a line, with the answer. @param reason of a failure, a word of the server's own */
export function writeEvent(out: TextWriter, code: i32, reason: string, stage: string): void {
  writeEventOf(out, new Span(front.at, front.length), new Span(back.at, back.length), code, reason, stage)
}

function writeEventOf(out: TextWriter, front: Span, back: Span, code: i32, reason: string, stage: string): void {
  out.span(front).ascii(',"responseStatus":{"code":').number(code).ascii(',"metadata":{}')
  if (reason.length > 0) out.ascii(',"reason":"').ascii(reason).byte(0x22)
  if (code >= 400) out.ascii(',"status":"Failure"')
  out.ascii('},"stage":"').ascii(stage).ascii('","stageTimestamp":"')
  writeMoment(out)
  out.ascii('",').span(back)
}

/** An event that goes on beyond its call: what takes many transactions has one when it begins and one when it ends. */
export class Unfinished {
  private front: Uint8Array = copyOf(front)
  private back: Uint8Array = copyOf(back)

  write(out: TextWriter, code: i32): void {
    writeEventOf(out, Span.of(this.front), Span.of(this.back), code, '', STAGE_COMPLETE)
  }
}

function writeMoment(out: TextWriter): void {
  const now = time()
  if (now != momentMs || moment.length == 0) {
    momentMs = now
    writeTime(moment.clear(), now * 1000, true)
  }
  out.raw(moment.at, moment.length)
}

// Most requests come from who asked before.
function writeUserAgain(out: TextWriter, who: Subject): void {
  if (who != lastUser) {
    const before = isCut
    beginText()
    writeUser(userText.clear(), who)
    lastUser = who
    userIsCut = isCut
    if (before) cut()
  } else if (userIsCut) cut()
  out.raw(userText.at, userText.length)
}

function writeReference(out: TextWriter, call: Call): void {
  const resource = call.resource
  out.ascii('"objectRef":{')
  if (resource.group.length > 0) {
    out.ascii('"apiGroup":')
    writeBounded(out, spanOf(resource.group), MAX_AUDIT_TEXT_BYTES)
    out.byte(0x2c)
  }
  out.ascii('"apiVersion":').byte(0x22).ascii(resource.version).byte(0x22)
  writeMember(out, ',"name":', call.name)
  writeMember(out, ',"namespace":', call.namespace)
  out.ascii(',"resource":').byte(0x22).ascii(resource.resource).byte(0x22)
  writeMember(out, ',"subresource":', call.subresource)
  out.ascii('},')
}

function writeMember(out: TextWriter, name: string, value: Span): void {
  if (value.length == 0) return
  out.ascii(name)
  writeBounded(out, value, MAX_AUDIT_TEXT_BYTES)
}

function writeUser(out: TextWriter, who: Subject): void {
  out.byte(0x7b)
  const extra = min(who.extra.length, MAX_LISTED)
  for (let i = 0; i < extra; i++) {
    out.ascii(i == 0 ? '"extra":{' : ',')
    writeBounded(out, spanOf(who.extra[i].key), MAX_AUDIT_TEXT_BYTES)
    out.byte(0x3a)
    writeList(out, who.extra[i].values)
  }
  if (extra > 0) out.ascii('},')
  if (who.groups.length > 0) {
    out.ascii('"groups":')
    writeList(out, who.groups)
    out.byte(0x2c)
  }
  if (who.uid.length > 0) {
    out.ascii('"uid":')
    writeBounded(out, spanOf(who.uid), MAX_AUDIT_TEXT_BYTES)
    out.byte(0x2c)
  }
  out.ascii('"username":')
  writeBounded(out, spanOf(who.name), MAX_AUDIT_TEXT_BYTES)
  out.byte(0x7d)
}

function writeList(out: TextWriter, values: string[]): void {
  const count = min(values.length, MAX_LISTED)
  for (let i = 0; i < count; i++) {
    out.byte(i == 0 ? 0x5b : 0x2c)
    writeBounded(out, spanOf(values[i]), MAX_AUDIT_TEXT_BYTES)
  }
  out.ascii(count == 0 ? '[]' : ']')
}

// Path and query lie side by side in the request, with the question mark between them.
function wholeUri(request: Request): Span {
  const length = request.query.length > 0 ? request.query.at + request.query.length - request.path.at : request.path.length
  return new Span(request.path.at, length)
}

function spanOf(text: string): Span {
  return Span.of(Uint8Array.wrap(String.UTF8.encode(text)))
}

function copyOf(text: TextWriter): Uint8Array {
  const copy = new Uint8Array(<i32>text.length)
  memory.copy(copy.dataStart, text.at, text.length) // SAFETY: of that length
  return copy
}
