// Sealed frames of open sessions: each is opened in place, in order, and the first that does not open or fit ends its session.
import {
  CHANNEL_HEADER_BYTES, KIND_CLOSE, KIND_DATA, KIND_END, KIND_HEAD, KIND_RESET, KIND_WINDOW, MESSAGE_FRAMES, RESET_ANSWERED, TAG_BYTES
} from '../abi/channel'
import { MAX_DATA_BYTES, MAX_HEAD_BYTES, MAX_REQUEST_BODY, MAX_STREAMS, STREAM_WINDOW } from '../abi/limits'
import { CLOSE_LIMIT, CLOSE_NORMAL, CLOSE_PROTOCOL } from '../abi/wire'
import { load32, store16, store32 } from '../mem/bytes'
import { countObjects } from './collection'
import { queueRequest } from './dispatch'
import { readRequestHead } from './heads'
import { answerError, handleKernelPath } from './kernel-paths'
import { beginFrame, endMessage, outbox } from './outbox'
import { closeSession, Session } from './session'
import { cancelStream, endStream, Stream } from './stream'

const KIND_MASK: u32 = 0x7f
/** Received bytes after which a client is granted as many again. */
const GRANT_STEP: i32 = STREAM_WINDOW / 2

const small = memory.data(4)

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
    countObjects()
    const reason = receiveFrame(session, load32(at + 1), load32(at + 5), <u32>load<u8>(at, 9), body, sealed - TAG_BYTES)
    if (reason != 0) return closeSession(session, reason)
    at = body + sealed
  }
}

/** Seals a frame of two parts into a message to the session. */
export function sendFrame(session: Session, stream: u32, kind: u32, first: usize, firstLength: usize, second: usize, secondLength: usize): void {
  const outgoing = session.outgoing
  if (!outgoing) return
  const start = beginFrame(session.id)
  const header = outbox.length
  outbox.grow(CHANNEL_HEADER_BYTES)
  outbox.raw(first, firstLength)
  outbox.raw(second, secondLength)
  outbox.grow(TAG_BYTES)
  outgoing.seal(outbox, header, stream, kind, firstLength + secondLength)
  endMessage(start)
}

/** Ends a stream whose response cannot be ended as it began. */
export function resetStream(stream: Stream, code: u32): void {
  sendReset(stream, code)
  cancelStream(stream)
}

function sendReset(stream: Stream, code: u32): void {
  store16(small, code)
  sendFrame(stream.session, stream.number, KIND_RESET, small, 2, 0, 0)
}

// @returns 0, or the reason to close the session
function receiveFrame(session: Session, number: u32, request: u32, kind: u32, at: usize, length: usize): u32 {
  const end = (kind & KIND_END) != 0
  const base = kind & KIND_MASK
  if (request != number) return CLOSE_PROTOCOL
  if (number == 0) return kind == KIND_CLOSE && length == 2 ? CLOSE_NORMAL : CLOSE_PROTOCOL
  if (base == KIND_HEAD) return receiveHead(session, number, at, length, end)
  if (number > session.lastStream) return CLOSE_PROTOCOL
  // What was cancelled or answered early may still have frames on their way
  const stream = session.streams.has(number) ? session.streams.get(number) : null
  if (base == KIND_DATA) return length > <usize>MAX_DATA_BYTES ? CLOSE_PROTOCOL : stream ? receiveData(stream, at, length, end) : 0
  if (end) return CLOSE_PROTOCOL
  if (base == KIND_RESET && length == 2) {
    if (stream) cancelStream(stream)
    return 0
  }
  if (base == KIND_WINDOW && length == 4) {
    if (stream) stream.grant(load32(at))
    if (stream && stream.ended) endStream(stream)
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
  const bodyLength = length - 4 - headLength
  if (bodyLength > <usize>stream.receiveCredit) return CLOSE_PROTOCOL
  session.streams.set(number, stream)
  stream.receiveCredit -= <i32>bodyLength
  const buffer = stream.startRequest(headLength, bodyLength)
  if (!buffer) {
    answerEarly(stream, 503, 'ERR_ENCLAVE_BUSY', 'the enclave holds as many requests as it may', end)
    return 0
  }
  if (!readRequestHead(buffer, session.role, session.user, head, headLength)) return CLOSE_PROTOCOL
  take(stream, head + headLength, bodyLength, end)
  return 0
}

function receiveData(stream: Stream, at: usize, length: usize, end: bool): u32 {
  if (stream.receivedAll || <i32>length > stream.receiveCredit) return CLOSE_PROTOCOL
  stream.receiveCredit -= <i32>length
  take(stream, at, length, end)
  return 0
}

// Body bytes, within their credit.
function take(stream: Stream, at: usize, length: usize, end: bool): void {
  if (stream.bodyLength + length > <usize>MAX_REQUEST_BODY)
    return answerEarly(stream, 413, 'ERR_REQUEST_BODY', 'the body is larger than an enclave takes', end)
  if (!stream.append(at, length))
    return answerEarly(stream, 503, 'ERR_ENCLAVE_BUSY', 'the enclave holds as many bytes as it may', end)
  if (end) {
    stream.receivedAll = true
    if (!handleKernelPath(stream)) queueRequest(stream)
  } else if (stream.receiveCredit <= STREAM_WINDOW - GRANT_STEP) {
    store32(small, <u32>(STREAM_WINDOW - stream.receiveCredit))
    stream.receiveCredit = STREAM_WINDOW
    sendFrame(stream.session, stream.number, KIND_WINDOW, small, 4, 0, 0)
  }
}

// Answers before the request is whole; a reset tells the client that the rest is not wanted.
function answerEarly(stream: Stream, status: u32, code: string, message: string, end: bool): void {
  answerError(stream, status, code, message)
  if (!end) sendReset(stream, RESET_ANSWERED)
}
