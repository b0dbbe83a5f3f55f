// Watches: NDJSON {"type","key","version","value"} of what is put and deleted under a prefix, in order. A reader that is slow has its
// events kept, up to a limit; then it is told and ended, so that no client believes it has seen all when it has not.
import { STATUS_AGAIN, STATUS_OK } from '../../abi/status'
import { settled, stream } from '../../sdk/calls'
import { Span } from '../../sdk/span'
import { TextWriter } from '../../sdk/text-writer'

export const TYPE_PUT = 'PUT'
export const TYPE_DELETE = 'DELETE'

const MAX_WATCHERS = 4096
/** Events kept for one reader, in bytes, beyond what the kernel holds for it; one event is kept whatever its size. */
const MAX_BEHIND_BYTES: usize = 1048576
/** Events kept for all readers; one that several wait for counts once. */
const MAX_KEPT_BYTES: usize = 4194304

const BEHIND = '{"type":"ERROR","error":"ERR_WATCH_BEHIND"}\n'

/** An event that somebody waits for, outside of the collected heap: freed with its last reader. */
class Line {
  readers: i32 = 0
  constructor(public at: usize, public length: usize, public version: u64) {}
}

class Watcher {
  queue: Array<Line> = []
  queuedBytes: usize = 0
  /** It lost events: the last thing it hears is that. */
  behind: bool = false

  constructor(public request: u32, public prefix: Uint8Array) {}

  wants(key: Span): bool {
    const prefix = this.prefix
    return key.length >= <usize>prefix.length && memory.compare(key.at, prefix.dataStart, prefix.length) == 0
  }
}

const event = new TextWriter()
let watchers: Array<Watcher> = []
let keptBytes: usize = 0
/** Newest transaction whose fate was known, and newest that came to nothing, as of the last flush. */
let settledVersion: u64 = 0
let lostVersion: u64 = 0
const settledWords = memory.data(16, 8)

export function watchersAreFull(): bool {
  return watchers.length >= MAX_WATCHERS
}

export function addWatcher(request: u32, prefix: Span): void {
  const copied = new Uint8Array(<i32>prefix.length)
  memory.copy(copied.dataStart, prefix.at, prefix.length) // SAFETY: of that length
  watchers.push(new Watcher(request, copied))
}

export function dropWatcher(request: u32): void {
  for (let i = 0; i < watchers.length; i++) {
    if (watchers[i].request != request) continue
    forget(watchers[i])
    watchers.splice(i, 1)
    return
  }
}

export function notify(type: string, key: Span, version: u64, value: Span): void {
  let line: Line | null = null
  let written = false
  let gone = false
  for (let i = 0; i < watchers.length; i++) {
    const watcher = watchers[i]
    if (watcher.behind || !watcher.wants(key)) continue
    if (!written) writeEvent(type, key, version, value)
    written = true
    let status: i32 = STATUS_AGAIN
    if (watcher.queue.length == 0) status = stream(watcher.request, event.at, event.length, 0)
    if (status == STATUS_AGAIN) {
      if (!line) line = keep(version)
      enqueue(watcher, line)
    } else if (status != STATUS_OK) {
      watcher.request = 0
      gone = true
    }
  }
  if (line && line.readers == 0) drop(line)
  if (gone) sweep()
}

/**
 * Sends what readers have room for by now. What a write streams the kernel holds until that write is durable; what is kept here and sent
 * later it does not, so that it waits here.
 */
export function flushWatchers(): void {
  refresh()
  for (let i = 0; i < watchers.length; i++) if (!flush(watchers[i])) watchers[i].request = 0
  sweep()
}

// Where a write has come to nothing, who waits for an event that may be its is told that it lost events.
function refresh(): void {
  settled(settledWords)
  const lost = load<u64>(settledWords, 8)
  if (lost != lostVersion) for (let i = 0; i < watchers.length; i++) cut(watchers[i], settledVersion)
  settledVersion = load<u64>(settledWords)
  lostVersion = lost
}

function cut(watcher: Watcher, known: u64): void {
  const queue = watcher.queue
  let kept = queue.length
  while (kept > 0 && queue[kept - 1].version > known) release(watcher, queue[--kept])
  if (kept == queue.length) return
  queue.length = kept
  watcher.behind = true
}

// @returns false when the watch is over
function flush(watcher: Watcher): bool {
  const queue = watcher.queue
  let sent = 0
  let status: i32 = STATUS_OK
  while (sent < queue.length && status == STATUS_OK && queue[sent].version <= settledVersion) {
    status = stream(watcher.request, queue[sent].at, queue[sent].length, 0)
    if (status == STATUS_OK) release(watcher, queue[sent++])
  }
  if (sent > 0) queue.splice(0, sent)
  if (status == STATUS_OK && watcher.behind && queue.length == 0) {
    const text = String.UTF8.encode(BEHIND)
    status = stream(watcher.request, changetype<usize>(text), text.byteLength, 1)
    return status == STATUS_AGAIN
  }
  return status == STATUS_OK || status == STATUS_AGAIN
}

// What does not fit is lost, and so all that would follow it.
function enqueue(watcher: Watcher, line: Line): void {
  const fits = watcher.queue.length == 0 || watcher.queuedBytes + line.length <= MAX_BEHIND_BYTES
  if (!fits || (line.readers == 0 && keptBytes > MAX_KEPT_BYTES)) {
    watcher.behind = true
    return
  }
  watcher.queue.push(line)
  watcher.queuedBytes += line.length
  line.readers++
}

function release(watcher: Watcher, line: Line): void {
  watcher.queuedBytes -= line.length
  if (--line.readers == 0) drop(line)
}

function forget(watcher: Watcher): void {
  const queue = watcher.queue
  for (let i = 0; i < queue.length; i++) release(watcher, queue[i])
  queue.length = 0
}

// Watchers whose request is over leave.
function sweep(): void {
  let kept = 0
  for (let i = 0; i < watchers.length; i++) {
    if (watchers[i].request == 0) forget(watchers[i])
    else watchers[kept++] = watchers[i]
  }
  watchers.length = kept
}

function writeEvent(type: string, key: Span, version: u64, value: Span): void {
  event.clear().ascii('{"type":"' + type + '","key":"').percentEncoded(key)
  event.ascii('","version":' + version.toString() + ',"value":"').base64(value).ascii('"}\n')
}

function keep(version: u64): Line {
  const line = new Line(heap.alloc(event.length), event.length, version)
  memory.copy(line.at, event.at, event.length) // SAFETY: of that length
  keptBytes += line.length
  return line
}

function drop(line: Line): void {
  keptBytes -= line.length
  heap.free(line.at)
}
