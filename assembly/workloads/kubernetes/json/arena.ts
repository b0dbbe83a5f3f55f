// Memory of one request: nodes and strings, given back all at once when the next begins. Nothing in it is a managed object. It grows by
// chunks that are kept, up to what the largest body needs; MAX_ARENA_BYTES bounds what a hostile body can make of three megabytes.

/** A body of 3 MiB of `[],` makes a million nodes of 40 bytes. */
const MAX_ARENA_BYTES: usize = 50331648
const CHUNK_BYTES: usize = 262144
/** Chunks beyond it are given back. */
const KEPT_BYTES: usize = 4194304

const HEADER: usize = 16 // u32 next chunk, u32 size

let firstChunk: usize = 0
let chunk: usize = 0
let used: usize = 0
let end: usize = 0
let total: usize = 0
let taken: usize = 0

/** Forgets all that was made. */
export function resetArena(): void {
  if (firstChunk == 0) return
  if (total > KEPT_BYTES) {
    let next = load<u32>(firstChunk)
    while (next != 0) {
      const following = load<u32>(next)
      heap.free(next)
      next = following
    }
    store<u32>(firstChunk, 0)
    total = <usize>load<u32>(firstChunk, 4)
  }
  enter(firstChunk)
  taken = 0
}

/** Whether so much was asked for that the request cannot go on. */
export function arenaIsFull(): bool {
  return taken > MAX_ARENA_BYTES
}

let markedChunk: usize = 0
let markedUsed: usize = 0
let markedTaken: usize = 0

/** Remembers what is made by now; one mark at a time. */
export function markArena(): void {
  allocateNode(8) // there is a chunk
  markedChunk = chunk
  markedUsed = used
  markedTaken = taken
}

/** Forgets what was made since the mark. */
export function resetToMark(): void {
  enter(markedChunk)
  used = markedUsed
  taken = markedTaken
}

/** Zeroed, aligned to 8. The caller asks `arenaIsFull` at the end of what can grow without bound. */
export function allocateNode(bytes: usize): usize {
  const size = (bytes + 7) & ~7
  if (end - used < size) nextChunk(size)
  const at = used
  used += size
  taken += size
  memory.fill(at, 0, size) // SAFETY: the chunk has that room
  return at
}

/** An ASCII string as bytes. */
export function keep(text: string): usize {
  const at = allocateNode(text.length)
  for (let i = 0; i < text.length; i++) store<u8>(at + i, <u8>text.charCodeAt(i)) // SAFETY: i < length
  return at
}

export function keepBytes(from: usize, length: usize): usize {
  const at = allocateNode(length)
  memory.copy(at, from, length) // SAFETY: of that length
  return at
}

function enter(at: usize): void {
  chunk = at
  used = at + HEADER
  end = at + HEADER + <usize>load<u32>(at, 4)
}

function nextChunk(size: usize): void {
  while (chunk != 0 && load<u32>(chunk) != 0) {
    enter(load<u32>(chunk))
    if (end - used >= size) return
  }
  const bytes = max(size, CHUNK_BYTES)
  const made = heap.alloc(HEADER + bytes)
  store<u32>(made, 0)
  store<u32>(made, <u32>bytes, 4)
  total += bytes
  if (chunk == 0) firstChunk = made
  else store<u32>(chunk, <u32>made)
  enter(made)
}
