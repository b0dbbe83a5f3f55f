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
  if (stream.request != 0 && !stream.waits && requests.has(stream.request)) gone.push(stream.request)
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
