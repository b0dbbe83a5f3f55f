// A request and its response on a session. The request is gathered in the layout the workload reads; the response goes out as far
// as the client's window allows, and what it does not allow waits here, up to a limit.
import { KIND_DATA, KIND_END, KIND_HEAD } from '../abi/channel'
import { MAX_BUFFERED_BYTES, MAX_DATA_BYTES, MAX_STREAM_BUFFER, STREAM_WINDOW } from '../abi/limits'
import { copy } from '../mem/bytes'
import { Writer } from '../codec/writer'
import { sendFrame } from './frames'
import { Session } from './session'

/** u32 method, path, headers and body length, u32 role, key: little-endian, as the workload reads it (abi/README.md). */
export const REQUEST_HEADER_BYTES: usize = 52
const BODY_LENGTH_AT: usize = 12

/** Bytes held in all streams: requests under way and responses that wait. */
export let buffered: usize = 0

export class Stream {
  /** The workload's handle; 0 until dispatched. */
  request: u32 = 0
  /** The request in the workload's layout. */
  buffer: Writer | null = null
  bodyLength: usize = 0
  receivedAll: bool = false
  headSent: bool = false
  ended: bool = false
  receiveCredit: i32 = STREAM_WINDOW
  private sendCredit: i32 = STREAM_WINDOW
  private held: Writer | null = null
  private heldFrom: usize = 0
  private endHeld: bool = false

  constructor(public session: Session, public number: u32) {}

  /** @returns false when the enclave holds as much as it may */
  append(from: usize, length: usize): bool {
    const buffer = this.buffer
    if (!buffer || buffered + length > <usize>MAX_BUFFERED_BYTES) return false
    buffer.raw(from, length)
    buffered += length
    this.bodyLength += length
    store<u32>(buffer.at, <u32>this.bodyLength, BODY_LENGTH_AT) // SAFETY: the header was written first
    return true
  }

  startRequest(size: usize): Writer | null {
    if (buffered + size > <usize>MAX_BUFFERED_BYTES) return null
    const buffer = new Writer(size)
    buffered += size
    this.buffer = buffer
    return buffer
  }

  /** The workload has seen the request: its bytes go. */
  dropRequest(): void {
    const buffer = this.buffer
    if (!buffer) return
    buffered -= min(buffered, buffer.length)
    buffer.free()
    this.buffer = null
  }

  /** Whether `length` more body bytes would be sent or held. */
  hasRoom(length: usize): bool {
    const waiting = this.waiting()
    return waiting == 0 ? <usize>max(this.sendCredit, 0) + MAX_STREAM_BUFFER >= length : waiting + length <= <usize>MAX_STREAM_BUFFER
  }

  /** Sends a head, with as much of the body as goes along. */
  sendHead(head: usize, headLength: usize, body: usize, length: usize, end: bool): void {
    const first = min(length, min(<usize>MAX_DATA_BYTES, <usize>max(this.sendCredit, 0)))
    this.headSent = true
    this.sendCredit -= <i32>first
    const whole = first == length
    sendFrame(this.session, this.number, KIND_HEAD | (end && whole ? KIND_END : 0), head, headLength, body, first)
    if (end && whole) this.ended = true
    else if (!whole || end) this.sendBody(body + first, length - first, end)
  }

  sendBody(from: usize, length: usize, end: bool): void {
    if (this.waiting() == 0) {
      const sent = this.sendNow(from, length, end)
      from += sent
      length -= sent
      if (this.ended) return
    }
    if (length > 0) this.hold(from, length)
    if (end) this.endHeld = true
  }

  /** The client allows more. */
  grant(credit: u32): void {
    this.sendCredit = <i32>min<i64>(<i64>this.sendCredit + credit, i32.MAX_VALUE)
    const held = this.held
    if (!held) return
    const sent = this.sendNow(held.at + this.heldFrom, this.waiting(), this.endHeld)
    this.heldFrom += sent
    buffered -= min(buffered, sent)
    if (this.waiting() > 0) return
    held.free()
    this.held = null
    this.heldFrom = 0
  }

  drop(): void {
    this.dropRequest()
    const held = this.held
    if (held) {
      buffered -= min(buffered, this.waiting())
      held.free()
      this.held = null
    }
  }

  private waiting(): usize {
    const held = this.held
    return held ? held.length - this.heldFrom : 0
  }

  private hold(from: usize, length: usize): void {
    let held = this.held
    if (!held) {
      held = new Writer(length)
      this.held = held
      this.heldFrom = 0
    }
    copy(held.grow(length), from, length)
    buffered += length
  }

  // Frames as credit allows. @returns bytes that went out; an end goes with the last of them.
  private sendNow(from: usize, length: usize, end: bool): usize {
    let sent: usize = 0
    while (sent < length && this.sendCredit > 0) {
      const size = min(length - sent, min(<usize>MAX_DATA_BYTES, <usize>this.sendCredit))
      this.sendCredit -= <i32>size
      const last = end && sent + size == length
      sendFrame(this.session, this.number, KIND_DATA | (last ? KIND_END : 0), 0, 0, from + sent, size)
      sent += size
      if (last) this.ended = true
    }
    if (end && length == 0) {
      sendFrame(this.session, this.number, KIND_DATA | KIND_END, 0, 0, 0, 0)
      this.ended = true
    }
    return sent
  }
}

/** Streams by the workload's handle. */
export const requests: Map<u32, Stream> = new Map()
/** Whole requests that wait for the workload, oldest first. */
export const ready: Array<Stream> = []
/** Handles of requests whose client has gone: the workload is told. */
export const gone: Array<u32> = []

/** A stream is over: its handle is void. */
export function endStream(stream: Stream): void {
  stream.session.streams.delete(stream.number)
  stream.drop()
  if (stream.request != 0) requests.delete(stream.request)
}

/** The client has gone or cancelled: the workload is told if it knows of the request. */
export function cancelStream(stream: Stream): void {
  if (stream.request != 0 && requests.has(stream.request)) gone.push(stream.request)
  const waiting = ready.indexOf(stream)
  if (waiting >= 0) ready.splice(waiting, 1)
  endStream(stream)
}

export function dropStreams(session: Session): void {
  const all = session.streams.values()
  for (let i = 0; i < all.length; i++) cancelStream(all[i])
}
