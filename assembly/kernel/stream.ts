// A request and its response on a session. The request is gathered in the layout the workload reads; the response goes out as far
// as the client's window allows, and what it does not allow waits here, up to a limit.
import { KIND_DATA, KIND_END, KIND_HEAD } from '../abi/channel'
import { MAX_BUFFERED_BYTES, MAX_DATA_BYTES, MAX_STREAM_BUFFER, STREAM_WINDOW } from '../abi/limits'
import { Writer } from '../codec/writer'
import { copy } from '../mem/bytes'
import { dropRequest, tellDrained, tellGone } from './dispatch'
import { sendFrame } from './frames'
import { BODY_LENGTH_AT, REQUEST_HEADER_BYTES } from './heads'
import { Session } from './session'

/** Bytes held in all streams: requests under way and responses that wait. */
export let buffered: usize = 0

export class Stream {
  /** The workload's handle; 0 until the request is whole. */
  request: u32 = 0
  /** Whole, and not yet the workload's: linked in dispatch's list. */
  waits: bool = false
  next: Stream | null = null
  previous: Stream | null = null
  /** The request in the workload's layout. */
  buffer: Writer | null = null
  bodyLength: usize = 0
  receivedAll: bool = false
  /** The kernel answers it itself: no workload has its handle. */
  forKernel: bool = false
  /** The workload has given its response's head, or its end; either may still be held. */
  headClaimed: bool = false
  endClaimed: bool = false
  headSent: bool = false
  ended: bool = false
  /** Answers that are held until a commit, and their bytes. */
  holds: i32 = 0
  /** The workload was told that there is no room, and is to hear when there is. */
  wantsRoom: bool = false
  private reserved: usize = 0
  receiveCredit: i32 = STREAM_WINDOW
  private sendCredit: i32 = STREAM_WINDOW
  /** Response bytes that wait for the client's window, from `heldFrom` on. */
  private held: Writer | null = null
  private heldFrom: usize = 0
  private endHeld: bool = false
  /** What this stream counts in `buffered`. */
  private counted: usize = 0

  constructor(public session: Session, public number: u32) {}

  /** Room for a head of this CBOR length and the body that came with it. @returns null when the enclave holds as much as it may */
  startRequest(headLength: usize, bodyLength: usize): Writer | null {
    const size = REQUEST_HEADER_BYTES + headLength + bodyLength
    if (buffered + size > <usize>MAX_BUFFERED_BYTES) return null
    const buffer = new Writer(size)
    this.buffer = buffer
    this.count()
    return buffer
  }

  /** @returns false when the enclave holds as much as it may */
  append(from: usize, length: usize): bool {
    const buffer = this.buffer
    if (!buffer || buffered + length > <usize>MAX_BUFFERED_BYTES) return false
    buffer.raw(from, length)
    this.bodyLength += length
    store<u32>(buffer.at, <u32>this.bodyLength, BODY_LENGTH_AT) // SAFETY: the head was written first
    this.count()
    return true
  }

  /** The workload has seen the request: its bytes go. */
  releaseRequest(): void {
    const buffer = this.buffer
    if (!buffer) return
    buffer.free()
    this.buffer = null
    this.count()
  }

  /** Whether `length` more body bytes would be sent or held. */
  hasRoom(length: usize): bool {
    const waiting = this.waiting() + this.reserved
    const credit = waiting == 0 ? <usize>max(this.sendCredit, 0) : 0
    if (length <= credit) return true
    const more = length - credit
    return waiting + more <= <usize>MAX_STREAM_BUFFER && buffered + more <= <usize>MAX_BUFFERED_BYTES
  }

  /** An answer of this stream is held until a commit. */
  hold(length: usize): void {
    this.holds++
    this.reserved += length
    this.count()
  }

  /** It goes out now, or never. */
  unhold(length: usize): void {
    this.holds--
    this.reserved -= length
    this.count()
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
    if (length > 0) this.keep(from, length)
    if (end) this.endHeld = true
  }

  /** The client allows more. */
  grant(credit: u32): void {
    this.sendCredit = <i32>min<i64>(<i64>this.sendCredit + credit, i32.MAX_VALUE)
    const held = this.held
    if (!held) return this.tellRoom()
    this.heldFrom += this.sendNow(held.at + this.heldFrom, this.waiting(), this.endHeld)
    if (this.waiting() == 0) this.releaseHeld()
    else if (this.heldFrom > held.length / 2) {
      // A reader that is always a little late must not make this grow for ever
      const rest = this.waiting()
      copy(held.at, held.at + this.heldFrom, rest)
      held.shorten(rest)
      this.heldFrom = 0
    }
    this.count()
    this.tellRoom()
  }

  // Once for each refusal, when half of what may wait has gone.
  private tellRoom(): void {
    if (!this.wantsRoom || this.waiting() > <usize>MAX_STREAM_BUFFER / 2) return
    this.wantsRoom = false
    tellDrained(this)
  }

  /** Gives back what it holds; the stream is over. */
  release(): void {
    this.releaseRequest()
    this.releaseHeld()
    this.reserved = 0
    this.count()
  }

  private waiting(): usize {
    const held = this.held
    return held ? held.length - this.heldFrom : 0
  }

  private keep(from: usize, length: usize): void {
    let held = this.held
    if (!held) {
      held = new Writer(length)
      this.held = held
      this.heldFrom = 0
    }
    held.raw(from, length)
    this.count()
  }

  private releaseHeld(): void {
    const held = this.held
    if (!held) return
    held.free()
    this.held = null
    this.heldFrom = 0
  }

  private count(): void {
    const buffer = this.buffer
    const held = this.held
    const bytes: usize = (buffer ? max(buffer.length, REQUEST_HEADER_BYTES) : 0) + (held ? held.length : 0) + this.reserved
    buffered += bytes - this.counted
    this.counted = bytes
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

/** The response has ended: so has the stream. */
export function endStream(stream: Stream): void {
  stream.session.streams.delete(stream.number)
  dropRequest(stream)
  stream.release()
}

/** The client has gone or cancelled: the workload is told if it has the request. */
export function cancelStream(stream: Stream): void {
  tellGone(stream)
  endStream(stream)
}

export function dropStreams(session: Session): void {
  const all = session.streams.values()
  for (let i = 0; i < all.length; i++) cancelStream(all[i])
}
