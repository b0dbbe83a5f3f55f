// Long answers. What the kernel has no room for waits here, and goes out as the reader takes what is before it.
import { MAX_STREAM_BUFFER } from '../../../abi/limits'
import { STATUS_AGAIN, STATUS_OK } from '../../../abi/status'
import { stream } from '../../../sdk/calls'
import { TextWriter } from '../../../sdk/text-writer'
import { begin, sendFailure } from '../http/response'
import { failTooMany } from '../http/failure'

/** Given to the kernel at a time. */
const PIECE: usize = 262144
/** Kept for all readers. */
const MAX_SPOOLED: usize = 67108864

@unmanaged
class Spool {
  request: u32
  at: usize
  length: usize
  sent: usize
  end: bool
}

let spools: Spool[] = []
let spooled: usize = 0

/** Answers with what is in `text`, and ends there or stays open. */
export function sendLong(request: u32, status: i32, type: string, text: TextWriter, end: bool, extra: string = '', cacheControl: string = 'no-cache, private'): i32 {
  if (text.length <= PIECE) return begin(request, status, type, extra, text.at, text.length, end, cacheControl)
  if (text.length > <usize>MAX_STREAM_BUFFER && spooled + text.length > MAX_SPOOLED) {
    failTooMany('other lists are under way')
    return sendFailure(request)
  }
  let state = begin(request, status, type, extra, text.at, PIECE, false, cacheControl)
  if (state != STATUS_OK) return state
  let sent = PIECE
  while (sent < text.length) {
    const length = min(PIECE, text.length - sent)
    state = stream(request, text.at + sent, length, end && sent + length == text.length ? 1 : 0)
    if (state == STATUS_AGAIN) return keepRest(request, text, sent, end)
    if (state != STATUS_OK) return state
    sent += length
  }
  return STATUS_OK
}

function keepRest(request: u32, text: TextWriter, sent: usize, end: bool): i32 {
  const spool = changetype<Spool>(heap.alloc(offsetof<Spool>()))
  spool.request = request
  spool.length = text.length - sent
  spool.at = heap.alloc(spool.length)
  spool.sent = 0
  spool.end = end
  memory.copy(spool.at, text.at + sent, spool.length) // SAFETY: of that length
  spooled += spool.length
  spools.push(spool)
  return STATUS_OK
}

/** Sends what readers have room for by now. */
export function flushSpools(): void {
  let kept = 0
  for (let i = 0; i < spools.length; i++) if (flush(spools[i])) spools[kept++] = spools[i]
  spools.length = kept
}

// @returns false when it is over
function flush(spool: Spool): bool {
  while (spool.request != 0) {
    const length = min(PIECE, spool.length - spool.sent)
    const last = spool.sent + length == spool.length
    const state = stream(spool.request, spool.at + spool.sent, length, last && spool.end ? 1 : 0)
    if (state == STATUS_AGAIN) return true
    spool.sent += length
    if (last || state != STATUS_OK) break
  }
  drop(spool)
  return false
}

/** Whether some of an answer still waits. */
export function isSpooling(request: u32): bool {
  for (let i = 0; i < spools.length; i++) if (spools[i].request == request) return true
  return false
}

export function dropSpool(request: u32): void {
  for (let i = 0; i < spools.length; i++) if (spools[i].request == request) spools[i].request = 0
  flushSpools()
}

function drop(spool: Spool): void {
  spooled -= spool.length
  heap.free(spool.at)
  heap.free(changetype<usize>(spool))
}
