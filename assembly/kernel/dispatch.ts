// Which request is the workload's next, which it has, and which it must be told are gone.
import { Stream } from './stream'

/** Requests that the workload has or will have, by its handle. */
export const requests: Map<u32, Stream> = new Map()

// Whole requests that wait, oldest first: a list through the streams themselves, so that a cancelled one leaves without a search.
let first: Stream | null = null
let last: Stream | null = null
let nextHandle: u32 = 1
/** Handles up to this one were given to the workload at some time. */
let lastGiven: u32 = 0

// Handles whose client has gone; read from `goneFrom` on.
let gone: Array<u32> = []
let goneFrom = 0

/** Handles of streams that have room again. */
let drained: Array<u32> = []

/** Requests that would write what another is writing, oldest first: they run again when that is over. */
let parked: Array<Stream> = []

export function queueRequest(stream: Stream): void {
  stream.request = nextHandle++
  requests.set(stream.request, stream)
  const end = last
  stream.waits = true
  stream.previous = end
  if (end) end.next = stream
  else first = stream
  last = stream
}

/** A handle for a request that the kernel answers itself, later. */
export function trackRequest(stream: Stream): u32 {
  stream.request = nextHandle++
  stream.forKernel = true
  requests.set(stream.request, stream)
  return stream.request
}

/** The workload's call was taken back: it is to run again. */
export function park(stream: Stream): void {
  parked.push(stream)
}

/** A commit has ended: what was parked is next, in its order, unless its client has gone. */
export function unpark(): void {
  const back = parked
  if (back.length == 0) return
  parked = []
  for (let i = back.length - 1; i >= 0; i--) {
    const stream = back[i]
    if (!requests.has(stream.request)) continue
    const begin = first
    stream.waits = true
    stream.next = begin
    if (begin) begin.previous = stream
    else last = stream
    first = stream
  }
}

/** The oldest that waits, now the workload's; null when there is none. */
export function takeRequest(): Stream | null {
  const stream = first
  if (!stream) return null
  unlink(stream)
  lastGiven = stream.request
  return stream
}

/** The stream is over: its handle is void. */
export function dropRequest(stream: Stream): void {
  if (stream.waits) unlink(stream)
  if (stream.request != 0) requests.delete(stream.request)
}

/** Its client has gone: the workload is told, if it has the request. */
export function tellGone(stream: Stream): void {
  if (stream.request != 0 && !stream.waits && !stream.forKernel && requests.has(stream.request)) gone.push(stream.request)
}

/** @returns 0 when there is none */
export function nextGone(): u32 {
  if (goneFrom < gone.length) return gone[goneFrom++]
  if (goneFrom > 0) {
    gone = []
    goneFrom = 0
  }
  return 0
}

/** Its reader has taken what was in the way of more. */
export function tellDrained(stream: Stream): void {
  if (stream.request != 0 && !stream.forKernel && requests.has(stream.request)) drained.push(stream.request)
}

/** @returns 0 when there is none */
export function nextDrained(): u32 {
  return drained.length == 0 ? 0 : drained.shift()
}

export function wasGiven(handle: u32): bool {
  return handle != 0 && handle <= lastGiven
}

function unlink(stream: Stream): void {
  const before = stream.previous
  const after = stream.next
  if (before) before.next = after
  else first = after
  if (after) after.previous = before
  else last = before
  stream.previous = null
  stream.next = null
  stream.waits = false
}
