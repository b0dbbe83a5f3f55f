// What every workload exports beside `handle`: its ABI, and the buffer that requests are written to. Re-export both.
import { WORKLOAD_ABI } from '../abi/limits'

let buffer: usize = 0
let capacity: usize = 0

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
