// The guest kernel as the shell (host/enclave) sees it: events in, effects out. It never calls out, has no clock, no randomness and no
// I/O of its own; whatever it wants done stands in `out` (frames for the parent) and `nsm` (requests for nitro) when a call returns.
// Every call returns 0 or more, or FAULT_BASE - fault; after a fault the shell ends the process.
import { MESSAGE_ATTEST, MESSAGE_FRAMES, MESSAGE_HELLO, MESSAGE_KEYS, RESET_FAILED } from '../abi/channel'
import { BLAME_KERNEL, BLAME_NITRO, BLAME_PARENT, BLAME_WORKLOAD, FAULT_BAD_CALL, FAULT_KERNEL, FAULT_NONE, FAULT_NSM, FAULT_PROTOCOL } from '../abi/fault'
import { KERNEL_ABI, MAX_LAUNCH_PAYLOAD, MAX_RELAY_PAYLOAD, WORKLOAD_TICK_MS } from '../abi/limits'
import { PHASE_DEAD, PHASE_OPENING, PHASE_SERVING, PHASE_STALE } from '../abi/phase'
import { STATUS_AGAIN } from '../abi/status'
import {
  CLOSE_HANDSHAKE, CLOSE_LIMIT, CLOSE_PROTOCOL, FRAME_HEADER_BYTES, RELAY_CLOSED, RELAY_MESSAGE, RELAY_NUDGE, RELAY_OPENED, RELAY_CLOSE
} from '../abi/wire'
import { CborReader } from '../codec/cbor-reader'
import { Writer } from '../codec/writer'
import { selfTest as knownAnswers } from '../crypto/self-test'
import { load32 } from '../mem/bytes'
import { beginBoot, bootAnswer } from './boot'
import * as calls from './calls'
import { advance, learnTime, now, timeOfDay } from './clock'
import { collectWhenDue, countObjects } from './collection'
import { nextDrained, nextGone, park, requests, takeRequest } from './dispatch'
import { receiveEvidenceRequest, sendEvidence } from './evidence'
import { expireSessions } from './expiry'
import { blamed, fault, kind, outcome } from './faults'
import { receiveFrames, resetStream } from './frames'
import { documentRefused, receiveDocument, receiveHello, receiveKeys } from './handshake'
import { answerError } from './kernel-paths'
import { outgoing, readBytes, ticket, waiter, WAITS_BOOT, WAITS_EVIDENCE, WAITS_SESSION, WAITS_STORE } from './nsm'
import { emptyOutbox, outbox, sendAck, sendClose } from './outbox'
import { allowed, current, enter, ROUTE_ANSWER, ROUTE_BOOT, ROUTE_READY, ROUTE_STEP } from './phases'
import { closeSession, findSession, forgetSession, isNextSession, openSession, sessions, STATE_OPEN } from './session'
import { takeBack } from './settle'
import { signatureCame } from './signing'
import { Transaction } from './space/transaction'
import { commitWhenIdle, mayServe, submit, submitInitial } from './store/commit'
import { isStoreFrame, receiveStoreFrame, storeTick } from './store/events'
import { openingDocument } from './store/opening'
import { buffered, Stream } from './stream'

const NOTICE_NONE: u32 = 0
const NOTICE_CLOSED: u32 = 1
const NOTICE_ATTESTED: u32 = 2
const NOTICE_TICK: u32 = 3
const NOTICE_DRAINED: u32 = 4

const inputs = new Writer(65536)
const scratchpad = new Writer(65536)
let steps: u32 = 0
let serving: Stream | null = null
let lastWorkloadTick: i64 = 0

class Attested {
  constructor(public ticket: u32, public document: Writer) {}
}
const attested: Array<Attested> = []
let noticeHandle: u32 = 0
let notice: Attested | null = null

export function kernelAbi(): i32 {
  return KERNEL_ABI
}

/** Known answers of the encryption core; 0, or a fault. Belongs to no phase. */
export function selfTest(): i32 {
  return knownAnswers() ? 0 : ended(fault(FAULT_KERNEL, BLAME_KERNEL))
}

/** Room for an input; 0 refuses one that is too large. */
export function inbox(length: u32): usize {
  if (length > <u32>MAX_LAUNCH_PAYLOAD) return 0
  inputs.clear()
  return inputs.grow(length)
}

export function boot(length: u32, nowMs: f64): i32 {
  if (!allowed(ROUTE_BOOT, BLAME_NITRO)) return outcome()
  advance(nowMs)
  return ended(beginBoot(inputs.at, length))
}

/** The workload was made and its `init` has run. */
export function workloadReady(): i32 {
  if (!allowed(ROUTE_READY, BLAME_KERNEL)) return outcome()
  enter(PHASE_SERVING)
  const written = calls.space.take()
  if (written) submitInitial(written)
  calls.beginCall()
  return outcome()
}

/** One or more whole frames of the parent. */
export function step(length: u32, nowMs: f64): i32 {
  if (!allowed(ROUTE_STEP, BLAME_PARENT)) return outcome()
  advance(nowMs)
  let at = inputs.at
  const end = at + length
  let frames: u32 = 0
  while (at < end) {
    if (end - at < <usize>FRAME_HEADER_BYTES) return ended(fault(FAULT_PROTOCOL, BLAME_PARENT))
    const payload = at + FRAME_HEADER_BYTES
    const payloadLength = <usize>load32(at)
    if (payloadLength > <usize>MAX_RELAY_PAYLOAD || payloadLength > end - payload) return ended(fault(FAULT_PROTOCOL, BLAME_PARENT))
    countObjects()
    if (!receive(<u32>load<u8>(at, 4), load32(at + 5), payload, payloadLength)) return ended(fault(FAULT_PROTOCOL, BLAME_PARENT))
    frames++
    at = payload + payloadLength
  }
  sendAck(frames)
  return outcome()
}

/** An NSM response: to the oldest unanswered request for ticket 0, else to the ticket's. */
export function answer(number: u32, length: u32, nowMs: f64): i32 {
  if (!allowed(ROUTE_ANSWER, BLAME_NITRO)) return outcome()
  advance(nowMs)
  const waits = waiter(number)
  if (!waits) return ended(fault(FAULT_NSM, BLAME_NITRO))
  if (waits.kind == WAITS_BOOT) return ended(bootAnswer(waits.id, inputs.at, length))
  const reader = new CborReader(inputs.at, inputs.at + length)
  const signed = readBytes(reader, 'Attestation', 'document')
  if (signed) learnTime(reader.at, reader.length)
  if (waits.kind == WAITS_STORE) {
    // Nitro signs for this enclave, or the store stays closed
    if (!signed) return ended(fault(FAULT_NSM, BLAME_NITRO))
    openingDocument(waits.id, reader.at, reader.length)
  } else if (waits.kind == WAITS_SESSION || waits.kind == WAITS_EVIDENCE) {
    if (!signed) documentRefused(waits.id)
    else if (waits.kind == WAITS_SESSION) receiveDocument(waits.id, reader.at, reader.length)
    else sendEvidence(waits.id, reader.at, reader.length)
    signatureCame()
  } else {
    calls.documentCame()
    // For the workload an empty document says that there is none.
    const document = new Writer(max<usize>(reader.length, 1))
    if (signed) document.raw(reader.at, reader.length)
    attested.push(new Attested(waits.id, document))
  }
  return outcome()
}

/** The oldest unanswered request will be answered under this ticket. */
export function pending(number: u32): i32 {
  if (!allowed(ROUTE_ANSWER, BLAME_NITRO)) return outcome()
  return ticket(number) ? 0 : ended(fault(FAULT_NSM, BLAME_NITRO))
}

export function tick(nowMs: f64): i32 {
  if (!allowed(ROUTE_STEP, BLAME_PARENT)) return outcome()
  advance(nowMs)
  expireSessions()
  return ended(storeTick())
}

export function out(): usize {
  return outbox.at
}

export function outLength(): u32 {
  return <u32>outbox.length
}

/** The shell has written what was in `out`. No frame of this instance is on the stack: the time to collect. */
export function outTaken(): void {
  emptyOutbox()
  steps++
  collectWhenDue()
}

export function nsm(): usize {
  return outgoing.at
}

export function nsmLength(): u32 {
  return <u32>outgoing.length
}

export function nsmTaken(): void {
  outgoing.clear()
}

/** The next whole request, now the workload's; 0 when there is none. Its writes are a transaction until `requestDone`. */
export function nextRequest(): u32 {
  if (current == PHASE_STALE) refuseWaiting()
  const stream = current == PHASE_SERVING && kind == FAULT_NONE && mayServe() ? takeRequest() : null
  serving = stream
  calls.beginCall()
  return stream ? stream.request : 0
}

export function requestPointer(): usize {
  const stream = serving
  const buffer = stream ? stream.buffer : null
  return buffer ? buffer.at : 0
}

export function requestLength(): u32 {
  const stream = serving
  const buffer = stream ? stream.buffer : null
  return buffer ? <u32>buffer.length : 0
}

/** `handle` has returned: what it wrote is to be committed, or, for a negative status, is dropped, and the client gets a 500. */
export function requestDone(status: i32): i32 {
  const stream = serving
  if (!stream) return ended(fault(FAULT_BAD_CALL, BLAME_KERNEL))
  serving = null
  const again = calls.space.conflict && status == STATUS_AGAIN
  const written = endCall(status)
  if (written) submit(written, stream.request)
  if (again && requests.has(stream.request) && !stream.headSent) {
    park(stream)
    return outcome()
  }
  stream.releaseRequest()
  if (status < 0 && requests.has(stream.request)) {
    if (stream.headSent) resetStream(stream, RESET_FAILED)
    else answerError(stream, 500, 'ERR_WORKLOAD', 'the workload could not handle the request')
  }
  return outcome()
}

/** Something else for the workload: a request's client has gone, a document is there, or time has passed. */
export function nextNotice(): u32 {
  calls.beginCall()
  const next = findNotice()
  // What this turn's calls have written goes out together
  if (next == NOTICE_NONE && kind == FAULT_NONE) commitWhenIdle()
  return next
}

function findNotice(): u32 {
  if (current != PHASE_SERVING || kind != FAULT_NONE || !mayServe()) return NOTICE_NONE
  const done = notice
  if (done) done.document.free()
  notice = null
  noticeHandle = nextGone()
  if (noticeHandle != 0) return NOTICE_CLOSED
  noticeHandle = nextDrained()
  if (noticeHandle != 0) return NOTICE_DRAINED
  if (attested.length > 0) {
    const next = attested.shift()
    notice = next
    noticeHandle = next.ticket
    return NOTICE_ATTESTED
  }
  if (now - lastWorkloadTick < WORKLOAD_TICK_MS) return NOTICE_NONE
  lastWorkloadTick = now
  return NOTICE_TICK
}

export function noticeId(): u32 {
  return noticeHandle
}

export function noticePointer(): usize {
  const current = notice
  return current ? current.document.at : 0
}

export function noticeLength(): u32 {
  const current = notice
  return current ? <u32>current.document.length : 0
}

/** The workload's part of a notice has returned. */
export function noticeDone(status: i32): i32 {
  const written = endCall(status)
  if (written) submit(written, 0)
  return outcome()
}

/** Room for arguments that the shell copies in. */
export function scratch(length: u32): usize {
  if (length > <u32>MAX_LAUNCH_PAYLOAD) return 0
  scratchpad.clear()
  return scratchpad.grow(length)
}

export function result(): usize {
  return calls.result.at
}

export function resultLength(): u32 {
  return <u32>calls.result.length
}

export function callGet(key: usize, keyLength: u32): i32 {
  return calls.get(key, keyLength)
}

export function callScan(prefix: usize, prefixLength: u32, after: usize, afterLength: u32, limit: i32, room: u32): i32 {
  return calls.scan(prefix, prefixLength, after, afterLength, limit, room)
}

export function callPut(key: usize, keyLength: u32, value: usize, valueLength: u32): i64 {
  return calls.put(key, keyLength, value, valueLength)
}

export function callDelete(key: usize, keyLength: u32): i64 {
  return calls.remove(key, keyLength)
}

export function callRespond(request: u32, status: i32, headers: usize, headersLength: u32, body: usize, length: u32, end: i32): i32 {
  return calls.respond(request, status, headers, headersLength, body, length, end != 0)
}

export function callStream(request: u32, data: usize, length: u32, end: i32): i32 {
  return calls.stream(request, data, length, end != 0)
}

export function callNow(): i64 {
  return now
}

export function callTime(): i64 {
  return timeOfDay()
}

/** Leaves u64 settled ‖ u64 lost. */
export function callSettled(): i32 {
  return calls.settled()
}

export function callRandom(length: u32): i32 {
  return calls.randomBytes(length)
}

export function callSha256(from: usize, length: u32): i32 {
  return calls.digest(from, length)
}

export function callHmac(key: usize, keyLength: u32, from: usize, length: u32): i32 {
  return calls.authenticate(key, keyLength, from, length)
}

export function callAttest(nonce: usize, nonceLength: u32, data: usize, dataLength: u32, key: usize, keyLength: u32): i32 {
  return calls.attest(nonce, nonceLength, data, dataLength, key, keyLength)
}

export function phase(): u32 {
  return current
}

export function faultKind(): i32 {
  return kind
}

export function blame(): i32 {
  return blamed
}

/** Counters for the epitaph and for tests; of no content. */
export function counter(index: u32): f64 {
  switch (index) {
    case 0: return sessions.size
    case 1: return requests.size
    case 2: return <f64>calls.space.records
    case 3: return <f64>calls.space.bytes
    case 4: return <f64>calls.space.version
    case 5: return steps
    case 6: return <f64>buffered
    default: return -1
  }
}

// A call of the workload has returned. @returns what it wrote, if it stands
function endCall(status: i32): Transaction | null {
  if (status >= 0) return calls.space.take()
  takeBack(calls.space.transaction)
  calls.space.rollback()
  return null
}

// What waits for the workload while nobody is served.
function refuseWaiting(): void {
  for (let stream = takeRequest(); stream; stream = takeRequest())
    answerError(stream, 503, 'ERR_STORE_STALE', 'the store may not be the newest; an owner must accept it')
}

function ended(status: i32): i32 {
  if (status < 0) enter(PHASE_DEAD)
  return status
}

// One frame of the parent. @returns false where the parent breaks the protocol between us
function receive(type: u32, id: u32, at: usize, length: usize): bool {
  if (type == RELAY_NUDGE) return length == 0
  if (type == RELAY_OPENED) {
    if (!isNextSession(id)) return false
    // While the store is being opened there is nothing to come to yet
    if (current == PHASE_OPENING || !openSession(id)) sendClose(id, CLOSE_LIMIT)
    return length == 0
  }
  if (isStoreFrame(type)) return receiveStoreFrame(type, id, at, length) == 0
  const session = findSession(id)
  if (type == RELAY_CLOSED) {
    if (session) forgetSession(session)
    return length == 0
  }
  if (type != RELAY_MESSAGE) return false
  // The enclave may have closed it while this was on its way
  if (!session) return true
  const message = length == 0 ? 0 : <u32>load<u8>(at)
  if (session.state == STATE_OPEN) {
    if (message == MESSAGE_FRAMES) receiveFrames(session, at, length)
    else closeSession(session, CLOSE_PROTOCOL)
  } else if (message == MESSAGE_HELLO) receiveHello(session, at, length)
  else if (message == MESSAGE_KEYS) receiveKeys(session, at, length)
  else if (message == MESSAGE_ATTEST) receiveEvidenceRequest(session, at, length)
  else closeSession(session, CLOSE_HANDSHAKE)
  return true
}
