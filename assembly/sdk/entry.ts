// What every workload exports beside `handle`: its ABI, and the buffer that requests are written to. Re-export both.
import { WORKLOAD_ABI } from '../abi/limits'

/** Calls between collections. What a call leaves is small: bodies and values are never managed objects. */
const COLLECT_EVERY: u32 = 64

let buffer: usize = 0
let capacity: usize = 0
let calls: u32 = 0

export function wasmclave_abi(): i32 {
  return WORKLOAD_ABI
}

/** One buffer for requests: the one before is done with when the next comes. It grows to the largest so far. */
export function allocate(length: i32): usize {
  if (<usize>length > capacity) {
    if (buffer != 0) heap.free(buffer)
    buffer = heap.alloc(length)
    capacity = <usize>length
  }
  return buffer
}

/**
 * To be called first in `handle` and `tick` by a workload that makes objects: there is no collector but this one, and it knows no stack.
 * Here nothing of an earlier call is needed any more but what global variables hold, and none of this one is made.
 */
export function collect(): void {
  if (++calls % COLLECT_EVERY == 0) __collect()
}

/** This call leaves more than others do: what it made is collected before the next. */
export function collectSoon(): void {
  calls = COLLECT_EVERY - 1
}
