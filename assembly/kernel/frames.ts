// Sealed frames of open sessions: each is opened in place, in order, and the first that does not open or fit ends its session.
import {
  CHANNEL_HEADER_BYTES, KIND_CLOSE, KIND_DATA, KIND_END, KIND_HEAD, KIND_RESET, KIND_WINDOW, MESSAGE_FRAMES, ROLE_OWNER, TAG_BYTES
} from '../abi/channel'
import { MAX_DATA_BYTES, MAX_HEAD_BYTES, MAX_REQUEST_BODY, MAX_STREAMS, STREAM_WINDOW } from '../abi/limits'
import { CLOSE_LIMIT, CLOSE_NORMAL, CLOSE_PROTOCOL } from '../abi/wire'
import { CborReader } from '../codec/cbor-reader'
import { copy, load16, load32, store16, store32 } from '../mem/bytes'
import { answerError, handleKernelPath } from './kernel-paths'
import { beginMessage, endMessage, outbox } from './outbox'
import { closeSession, Session, sessions } from './session'
import { cancelStream, ready, REQUEST_HEADER_BYTES, requests, Stream } from './stream'

const MAX_HEADERS = 128
const KIND_MASK: u32 = 0x7f
/** Received bytes after which a client is granted as many again. */
const GRANT_STEP: i32 = STREAM_WINDOW / 2

const small = memory.data(4)
let nextRequest: u32 = 1

/** A channel message of an open session: one or more frames back to back. */
export function receiveFrames(session: Session, at: usize, length: usize): void {
  const end = at + length
  while (at < end) {
    if (end - at < <usize>CHANNEL_HEADER_BYTES) return closeSession(session, CLOSE_PROTOCOL)
    const body = at + CHANNEL_HEADER_BYTES
    const sealed = <usize>load32(at + 10)
    if (load<u8>(at) != MESSAGE_FRAMES || sealed < <usize>TAG_BYTES || sealed > end - body) return closeSession(session, CLOSE_PROTOCOL)
    const incoming = session.incoming
    if (!incoming || !incoming.open(at, body, sealed)) return closeSession(session, CLOSE_PROTOCOL)
    const reason = receiveFrame(session, load32(at + 1), load32(at + 5), <u32>load<u8>(at, 9), body, sealed - TAG_BYTES)
    if (reason != 0) return closeSession(session, reason)
    at = body + sealed
  }
}

/** Seals a frame of two parts into a message to the session. */
export function sendFrame(session: Session, stream: u32, kind: u32, first: usize, firstLength: usize, second: usize, secondLength: usize): void {
  const outgoing = session.outgoing
  if (!outgoing) return
  const start = beginMessage(session.id)
  const header = outbox.length
  outbox.grow(CHANNEL_HEADER_BYTES)
  outbox.raw(first, firstLength)
  outbox.raw(second, secondLength)
  outbox.grow(TAG_BYTES)
  outgoing.seal(outbox, header, stream, kind, firstLength + secondLength)
  endMessage(start)
}

export function resetStream(stream: Stream, code: u32): void {
  store16(small, code)
  sendFrame(stream.session, stream.number, KIND_RESET, small, 2, 0, 0)
  cancelStream(stream)
}

// @returns 0, or the reason to close the session
function receiveFrame(session: Session, number: u32, request: u32, kind: u32, at: usize, length: usize): u32 {
  const end = (kind & KIND_END) != 0
  const base = kind & KIND_MASK
  if (request != number) return CLOSE_PROTOCOL
  if (number == 0) return base == KIND_CLOSE && !end ? CLOSE_NORMAL : CLOSE_PROTOCOL
  if (base == KIND_HEAD) return receiveHead(session, number, at, length, end)
  if (number > session.lastStream) return CLOSE_PROTOCOL
  // What was cancelled or answered early may still have frames on their way
  const stream = session.streams.has(number) ? session.streams.get(number) : null
  if (base == KIND_DATA) return stream ? receiveData(stream, at, length, end) : 0
  if (end) return CLOSE_PROTOCOL
  if (base == KIND_RESET && length == 2) {
    if (stream) cancelStream(stream)
    return 0
  }
  if (base == KIND_WINDOW && length == 4) {
    if (stream) stream.grant(load32(at))
    if (stream && stream.ended) cancelEnded(stream)
    return 0
  }
  return CLOSE_PROTOCOL
}

function receiveHead(session: Session, number: u32, at: usize, length: usize, end: bool): u32 {
  if (number <= session.lastStream) return CLOSE_PROTOCOL
  session.lastStream = number
  if (session.streams.size >= MAX_STREAMS) return CLOSE_LIMIT
  if (length < 4) return CLOSE_PROTOCOL
  const headLength = <usize>load32(at)
  if (headLength > <usize>MAX_HEAD_BYTES || headLength > length - 4) return CLOSE_PROTOCOL
  const stream = new Stream(session, number)
  const head = at + 4
  const body = head + headLength
  const bodyLength = length - 4 - headLength
  if (bodyLength > <usize>stream.receiveCredit) return CLOSE_PROTOCOL
  session.streams.set(number, stream)
  stream.receiveCredit -= <i32>bodyLength
  const verdict = readHead(stream, head, headLength, bodyLength)
  if (verdict != 0) return verdict
  if (stream.buffer === null) {
    answerError(stream, 503, 'ERR_ENCLAVE_BUSY', 'the enclave holds as many requests as it may')
    return 0
  }
  return take(stream, body, bodyLength, end)
}

function receiveData(stream: Stream, at: usize, length: usize, end: bool): u32 {
  if (stream.receivedAll || length > <usize>MAX_DATA_BYTES || <i32>length > stream.receiveCredit) return CLOSE_PROTOCOL
  stream.receiveCredit -= <i32>length
  const reason = take(stream, at, length, end)
  if (reason == 0 && !end && stream.receiveCredit <= STREAM_WINDOW - GRANT_STEP && !stream.ended) {
    const credit = STREAM_WINDOW - stream.receiveCredit
    stream.receiveCredit = STREAM_WINDOW
    store32(small, <u32>credit)
    sendFrame(stream.session, stream.number, KIND_WINDOW, small, 4, 0, 0)
  }
  return reason
}

function take(stream: Stream, at: usize, length: usize, end: bool): u32 {
  if (stream.bodyLength + length > <usize>MAX_REQUEST_BODY) {
    answerError(stream, 413, 'ERR_REQUEST_BODY', 'the body is larger than an enclave takes')
    return 0
  }
  if (length > 0 && !stream.append(at, length)) {
    answerError(stream, 503, 'ERR_ENCLAVE_BUSY', 'the enclave holds as many bytes as it may')
    return 0
  }
  if (!end) return 0
  stream.receivedAll = true
  if (handleKernelPath(stream)) return 0
  stream.request = nextRequest++
  requests.set(stream.request, stream)
  ready.push(stream)
  return 0
}

// [method, path, [[name, value]…]] into the layout that the workload reads
function readHead(stream: Stream, at: usize, length: usize, bodyLength: usize): u32 {
  const reader = new CborReader(at, at + length)
  const session = stream.session
  const buffer = stream.startRequest(REQUEST_HEADER_BYTES + length + bodyLength)
  if (!buffer) return 0
  const header = buffer.grow(REQUEST_HEADER_BYTES)
  memory.fill(header, 0, REQUEST_HEADER_BYTES)
  store<u32>(header, session.role, 16)
  copy(header + 20, session.user, 32)
  reader.array(3)
  reader.text()
  if (reader.failed || !isToken(reader.at, reader.length)) return CLOSE_PROTOCOL
  buffer.raw(reader.at, reader.length)
  store<u32>(buffer.at, <u32>reader.length)
  reader.text()
  if (reader.failed || !isPath(reader.at, reader.length)) return CLOSE_PROTOCOL
  buffer.raw(reader.at, reader.length)
  store<u32>(buffer.at, <u32>reader.length, 4)
  const count = reader.arrayUpTo(MAX_HEADERS)
  const headers = buffer.length
  for (let i = 0; i < count; i++) {
    reader.array(2)
    reader.text()
    if (reader.failed || !isToken(reader.at, reader.length) || hasUpperCase(reader.at, reader.length)) return CLOSE_PROTOCOL
    buffer.raw(reader.at, reader.length)
    buffer.ascii(': ')
    reader.text()
    if (reader.failed || !isHeaderValue(reader.at, reader.length)) return CLOSE_PROTOCOL
    buffer.raw(reader.at, reader.length)
    buffer.ascii('\n')
  }
  if (!reader.done()) return CLOSE_PROTOCOL
  store<u32>(buffer.at, <u32>(buffer.length - headers), 8)
  return 0
}

// RFC 9110 section 5.6.2, near enough to keep separators and control characters out
function isToken(at: usize, length: usize): bool {
  if (length == 0 || length > 256) return false
  for (let i: usize = 0; i < length; i++) {
    const c = load<u8>(at + i)
    const ok = (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || (c >= 0x30 && c <= 0x39) || c == 0x2d || c == 0x5f || c == 0x2e
    if (!ok) return false
  }
  return true
}

function isPath(at: usize, length: usize): bool {
  if (length == 0 || load<u8>(at) != 0x2f) return false
  for (let i: usize = 0; i < length; i++) {
    const c = load<u8>(at + i)
    if (c <= 0x20 || c == 0x7f) return false
  }
  return true
}

function hasUpperCase(at: usize, length: usize): bool {
  for (let i: usize = 0; i < length; i++) {
    const c = load<u8>(at + i)
    if (c >= 0x41 && c <= 0x5a) return true
  }
  return false
}

function isHeaderValue(at: usize, length: usize): bool {
  for (let i: usize = 0; i < length; i++) {
    const c = load<u8>(at + i)
    if ((c < 0x20 && c != 9) || c == 0x7f) return false
  }
  return true
}

function cancelEnded(stream: Stream): void {
  stream.session.streams.delete(stream.number)
  if (stream.request != 0) requests.delete(stream.request)
  stream.drop()
}
