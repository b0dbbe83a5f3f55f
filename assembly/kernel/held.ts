// Answers that wait until what was written before them is durable: responses and pieces of streams, in the order in which the workload gave
// them. Nobody is told of a write that may yet be lost.
import { Writer } from '../codec/writer'

const HEADER_BYTES: usize = 20

/** A head and the first bytes of its body; otherwise more of a body. */
export const HELD_HEAD: u32 = 1
/** The response ends with it. */
export const HELD_END: u32 = 2
/** It says nothing of the write that it waits for: it goes out even if that is not written. */
export const HELD_ANYWAY: u32 = 4

/** Entries of u32 request, u32 flags, u32 head length, u32 body length, u32 where the head has room for a token, head, body. */
export class Held {
  private writer: Writer = new Writer(512)
  private next: usize = 0

  add(request: u32, flags: u32, tokenAt: u32, head: usize, headLength: usize, body: usize, length: usize): void {
    const at = this.writer.grow(HEADER_BYTES)
    store<u32>(at, request)
    store<u32>(at, flags, 4)
    store<u32>(at, <u32>headLength, 8)
    store<u32>(at, <u32>length, 12)
    store<u32>(at, tokenAt, 16)
    this.writer.raw(head, headLength)
    this.writer.raw(body, length)
  }

  /** Begins with the first entry again. */
  rewind(): void {
    this.next = 0
  }

  /** The place of the next entry, for the functions below; 0 behind the last. */
  take(): usize {
    if (this.next == this.writer.length) return 0
    const at = this.writer.at + this.next // SAFETY: `add` wrote whole entries
    this.next += HEADER_BYTES + heldHeadLength(at) + heldBodyLength(at)
    return at
  }

  free(): void {
    this.writer.free()
  }
}

export function heldRequest(at: usize): u32 {
  return load<u32>(at)
}

export function heldFlags(at: usize): u32 {
  return load<u32>(at, 4)
}

export function heldHeadLength(at: usize): usize {
  return <usize>load<u32>(at, 8)
}

export function heldBodyLength(at: usize): usize {
  return <usize>load<u32>(at, 12)
}

/** Place of the token in the head, or 0: it has none. */
export function heldToken(at: usize): usize {
  const offset = <usize>load<u32>(at, 16)
  return offset == 0 ? 0 : at + HEADER_BYTES + offset
}

export function heldHead(at: usize): usize {
  return at + HEADER_BYTES
}

export function heldBody(at: usize): usize {
  return at + HEADER_BYTES + heldHeadLength(at)
}
