// Answers as a kube-apiserver heads them: Audit-Id, Cache-Control and Content-Type on every one. Heads are written without making strings.
import { STATUS_QUOTA } from '../../../abi/status'
import { respond } from '../../../sdk/calls'
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { auditAnswer, auditBatch, beginAudit, writeAuditId } from '../audit/index'
import { auditHasWritten } from '../audit/entries'
import { randomBytes } from '../object/random'
import { bytesWritten, hasWritten, writesSoFar } from '../storage/store'
import { fail, failure, Failure, writeFailure } from './failure'

export const JSON_TYPE = 'application/json'

/** The body of an answer; what is written to it is gone with the next request. */
export const body = new TextWriter()
const head = new TextWriter()
/** Warning headers, RFC 9111 section 5.5 as KEP-1693 uses them. */
const warnings = new TextWriter()
/** Code of the last answer, for the metrics. */
export let answered = 0

/** RFC 6750 section 3. A proxy knows by it that tokens are judged here, and not passed over (host/client/proxy/sessions.ts). */
const CHALLENGE = 'www-authenticate: Bearer realm="wasmclave enclave"\n'
const MAX_WARNING_BYTES: usize = 4096 // what the real server sends of them

export function clearWarnings(): void {
  warnings.clear()
  answered = 0
}

/** Told to the user by kubectl. The text is ASCII without control characters, quotation marks escaped here. */
export function warn(text: string): void {
  if (warnings.length + text.length > MAX_WARNING_BYTES) return
  warnings.ascii('warning: 299 - "')
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c == 0x22 || c == 0x5c) warnings.byte(0x5c)
    warnings.byte(c < 0x20 || c > 0x7e ? 0x3f : <u8>c)
  }
  warnings.ascii('"\n')
}

export function send(request: u32, status: i32, type: string, at: usize, length: usize): i32 {
  return begin(request, status, type, '', at, length, true)
}

/** `extra`: more head lines, "name: value\n". */
export function begin(request: u32, status: i32, type: string, extra: string, at: usize, length: usize, end: bool, cacheControl: string = 'no-cache, private'): i32 {
  const audited = auditAnswer(status)
  if (audited < 0) return audited == STATUS_QUOTA && !hasWritten() && !auditHasWritten() ? refuseUnaudited(request) : audited
  if (auditHasWritten()) {
    const made = auditBatch(writesSoFar(), bytesWritten)
    if (made < 0) return made
  }
  answered = status
  head.clear().ascii('audit-id: ')
  writeAuditId(head)
  head.ascii('\ncache-control: ').ascii(cacheControl).ascii('\ncontent-type: ').ascii(type).byte(0x0a)
  head.ascii(extra).raw(warnings.at, warnings.length)
  return respond(request, status, head.at, head.length, at, length, end ? 1 : 0)
}

// What cannot be told of is not answered.
function refuseUnaudited(request: u32): i32 {
  beginAudit()
  fail(500, 'InternalError', 'Internal error occurred: the store is full')
  return sendFailure(request)
}

export function sendBody(request: u32, status: i32): i32 {
  return send(request, status, JSON_TYPE, body.at, body.length)
}

/** Answers the failure that was set. */
export function sendFailure(request: u32): i32 {
  const known = failure
  if (!known) return sendFailureOf(request, new Failure(500, 'InternalError', 'Internal error occurred'))
  return sendFailureOf(request, known)
}

function sendFailureOf(request: u32, failure: Failure): i32 {
  writeFailure(body.clear(), failure)
  const extra = failure.code == 401 ? CHALLENGE : failure.retryAfterSeconds > 0 && failure.code == 429 ? 'retry-after: 1\n' : ''
  return begin(request, failure.code, JSON_TYPE, extra, body.at, body.length, true)
}

export function sendText(request: u32, status: i32, text: string): i32 {
  const bytes = String.UTF8.encode(text)
  return send(request, status, 'text/plain; charset=utf-8', changetype<usize>(bytes), bytes.byteLength)
}

/** A random UUID, RFC 9562 section 5.4. */
export function writeUuid(out: TextWriter): void {
  const bytes = randomBytes(16)
  store<u8>(bytes, (load<u8>(bytes, 6) & 0x0f) | 0x40, 6)
  store<u8>(bytes, (load<u8>(bytes, 8) & 0x3f) | 0x80, 8)
  for (let i: usize = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out.byte(0x2d)
    const b = load<u8>(bytes + i) // SAFETY: 16 bytes
    out.byte(hex(b >> 4)).byte(hex(b & 15))
  }
}

function hex(digit: u8): u8 {
  return digit < 10 ? 0x30 + digit : 0x61 + digit - 10
}

export function spanOf(text: string): Span {
  const bytes = Uint8Array.wrap(String.UTF8.encode(text))
  return Span.of(bytes)
}
