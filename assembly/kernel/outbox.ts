// Frames for the parent, back to back, written to fd 3 as they are: u32 length ‖ u8 type ‖ u32 session ‖ payload.
import { FRAME_HEADER_BYTES, RELAY_ACK, RELAY_CLOSE, RELAY_MESSAGE } from '../abi/wire'
import { Writer } from '../codec/writer'
import { store32 } from '../mem/bytes'

export const outbox = new Writer(65536)

/** A message of sealed frames that the next frame of its session may join: a message costs the parent and the client more than a frame. */
const JOINED_BYTES: usize = 131072
let joinable: u32 = 0
let joinedFrom: usize = 0

/** Begins a message to a session; what is written to `outbox` until `endMessage` is its payload. @returns its start */
export function beginMessage(session: u32): usize {
  const start = outbox.length
  header(0, RELAY_MESSAGE, session)
  return start
}

/** Begins a frame of another type; `endMessage` ends it. @returns its start */
export function beginOf(type: u32, id: u32): usize {
  const start = outbox.length
  header(0, type, id)
  return start
}

/** Begins a sealed frame to a session, in the message of the frame before where that was the same session's. @returns its message's start */
export function beginFrame(session: u32): usize {
  if (joinable == session && outbox.length - joinedFrom < JOINED_BYTES) return joinedFrom
  const start = beginMessage(session)
  joinable = session
  joinedFrom = start
  return start
}

/** What was written has been taken by the parent. */
export function emptyOutbox(): void {
  outbox.clear()
  joinable = 0
}

export function endMessage(start: usize): void {
  store32(outbox.at + start, <u32>(outbox.length - start - FRAME_HEADER_BYTES)) // SAFETY: beginMessage made the header
}

export function sendClose(session: u32, reason: u32): void {
  header(1, RELAY_CLOSE, session)
  outbox.byte(reason)
}

/** Frames of the parent that were handled: by this it knows that the enclave is alive. */
export function sendAck(frames: u32): void {
  header(4, RELAY_ACK, 0)
  outbox.u32(frames)
}

function header(length: u32, type: u32, session: u32): void {
  joinable = 0
  outbox.u32(length)
  outbox.byte(type)
  outbox.u32(session)
}
