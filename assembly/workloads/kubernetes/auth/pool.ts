// Memory of the index: taken piece by piece, given back all at once, outside of the collected heap, whose every object a collection visits.

const CHUNK_BYTES: usize = 65536
const HEADER: usize = 8 // u32 next chunk

let first: usize = 0
let used: usize = 0
let end: usize = 0
/** What is taken. */
export let pooled: usize = 0

/** Zeroed, aligned to 8. */
export function take(bytes: usize): usize {
  const size = (bytes + 7) & ~7
  if (end - used < size) {
    const room = max(size, CHUNK_BYTES)
    const chunk = heap.alloc(HEADER + room)
    store<u32>(chunk, <u32>first)
    first = chunk
    used = chunk + HEADER
    end = used + room
  }
  const at = used
  used += size
  pooled += size
  memory.fill(at, 0, size) // SAFETY: the chunk has that room
  return at
}

export function takeCopy(from: usize, length: usize): usize {
  const at = take(length)
  memory.copy(at, from, length) // SAFETY: of that length
  return at
}

export function giveBack(): void {
  while (first != 0) {
    const next = <usize>load<u32>(first)
    heap.free(first)
    first = next
  }
  used = 0
  end = 0
  pooled = 0
}
