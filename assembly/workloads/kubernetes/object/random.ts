// Randomness in larger pieces than are used: a call of the kernel for every UUID would cost more than the rest of a small answer.
import { random } from '../../../sdk/calls'

const POOL: usize = 4096
const pool = memory.data(4096, 16)
let left: usize = 0

/** At most 256 bytes, valid until the next call, given once. */
export function randomBytes(length: usize): usize {
  if (left < length) {
    random(pool, POOL)
    left = POOL
  }
  left -= length
  return pool + left // SAFETY: left + length <= POOL
}
