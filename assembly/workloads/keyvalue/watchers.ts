// Watches: NDJSON of what is put and deleted under a prefix. A reader that is slow has its events kept, up to a limit; then it is told
// and ended, so that no client believes it has seen all when it has not.
import { STATUS_AGAIN, STATUS_OK } from '../../abi/status'
import { more } from '../../sdk/response'
import { TextWriter } from '../../sdk/text-writer'

export const TYPE_PUT = 'PUT'
export const TYPE_DELETE = 'DELETE'

const MAX_QUEUED = 1000

class Watcher {
  queue: Array<string> = []
  constructor(public request: u32, public prefix: Uint8Array) {}
}

const text = new TextWriter()
const watchers: Map<u32, Watcher> = new Map()

export function addWatcher(request: u32, prefix: Uint8Array): void {
  watchers.set(request, new Watcher(request, prefix))
}

export function dropWatcher(request: u32): void {
  watchers.delete(request)
}

export function notify(type: string, key: Uint8Array, version: u64, value: Uint8Array): void {
  if (watchers.size == 0) return
  const line = text
    .clear()
    .ascii('{"type":"' + type + '","key":"')
    .percentEncoded(key)
    .ascii('","version":' + version.toString() + ',"value":"')
    .base64(value)
    .ascii('"}\n')
    .text()
  const all = watchers.values()
  for (let i = 0; i < all.length; i++) {
    const watcher = all[i]
    if (!begins(key, watcher.prefix)) continue
    watcher.queue.push(line)
    flush(watcher)
  }
}

export function flushWatchers(): void {
  const all = watchers.values()
  for (let i = 0; i < all.length; i++) flush(all[i])
}

function flush(watcher: Watcher): void {
  while (watcher.queue.length > 0) {
    const status = more(watcher.request, watcher.queue[0], false)
    if (status == STATUS_AGAIN) break
    if (status != STATUS_OK) return dropWatcher(watcher.request)
    watcher.queue.shift()
  }
  if (watcher.queue.length <= MAX_QUEUED) return
  more(watcher.request, '{"type":"ERROR","error":"ERR_WATCH_BEHIND"}\n', true)
  dropWatcher(watcher.request)
}

function begins(key: Uint8Array, prefix: Uint8Array): bool {
  return key.length >= prefix.length && memory.compare(key.dataStart, prefix.dataStart, prefix.length) == 0
}
