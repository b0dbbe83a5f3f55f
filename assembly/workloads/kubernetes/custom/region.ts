// Memory of one definition: its compiled schemas, given back all at once when the definition is another or gone. Nothing in it is a managed
// object, so that the collector has nothing to go through.
import { JsonNode } from '../json/node'

/** Of the first chunk; each next one is twice as large, up to MAX_CHUNK. */
const FIRST_CHUNK: usize = 4096
const MAX_CHUNK: usize = 262144
const HEADER: usize = 16 // u32 the chunk before

export class Region {
  /** All that was asked for. */
  bytes: usize = 0
  private chunk: usize = 0
  private at: usize = 0
  private end: usize = 0
  private size: usize = FIRST_CHUNK

  /** Zeroed, aligned to 8. */
  allocate(length: usize): usize {
    const wanted = (length + 7) & ~7
    if (this.end - this.at < wanted) {
      const made = heap.alloc(HEADER + max(wanted, this.size))
      store<u32>(made, <u32>this.chunk)
      this.chunk = made
      this.at = made + HEADER
      this.end = this.at + max(wanted, this.size)
      this.size = min<usize>(2 * this.size, MAX_CHUNK)
    }
    const at = this.at
    this.at += wanted
    this.bytes += wanted
    memory.fill(at, 0, wanted) // SAFETY: the chunk has that room
    return at
  }

  keepBytes(from: usize, length: usize): usize {
    const at = this.allocate(length)
    memory.copy(at, from, length) // SAFETY: of that length
    return at
  }

  /** A copy of a tree with all that it says. */
  keepTree(node: JsonNode): JsonNode {
    const copy = changetype<JsonNode>(this.allocate(offsetof<JsonNode>()))
    copy.type = node.type
    copy.flags = node.flags
    if (node.keyLength > 0) {
      copy.key = this.keepBytes(node.key, node.keyLength)
      copy.keyLength = node.keyLength
    }
    if (node.length > 0) {
      copy.at = this.keepBytes(node.at, node.length)
      copy.length = node.length
    }
    let child = node.first
    while (child) {
      copy.append(this.keepTree(child))
      child = child.next
    }
    return copy
  }

  /** Nothing that was made here may be looked at any more. */
  free(): void {
    let chunk = this.chunk
    while (chunk != 0) {
      const before = <usize>load<u32>(chunk)
      heap.free(chunk)
      chunk = before
    }
    this.chunk = 0
    this.at = 0
    this.end = 0
  }
}
