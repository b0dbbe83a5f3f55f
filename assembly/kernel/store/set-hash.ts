// The sum over all records that the sealed head holds (PROTOCOLS 6): 256-bit big-endian numbers, modulo 2^256. Which records are there and
// at which version decides it; in which order they came does not.
import { load64, store64 } from '../../mem/bytes'

export const SET_HASH: usize = 32

/** sum += element. SAFETY: both hold SET_HASH bytes. */
export function setAdd(sum: usize, element: usize): void {
  let carry: u64 = 0
  for (let i: i32 = 24; i >= 0; i -= 8) {
    const a = load64(sum + i)
    const b = load64(element + i)
    const low = a + b
    const whole = low + carry
    carry = <u64>(low < a) | <u64>(whole < low)
    store64(sum + i, whole)
  }
}

/** sum -= element. SAFETY: both hold SET_HASH bytes. */
export function setSubtract(sum: usize, element: usize): void {
  let borrow: u64 = 0
  for (let i: i32 = 24; i >= 0; i -= 8) {
    const a = load64(sum + i)
    const b = load64(element + i)
    const low = a - b
    store64(sum + i, low - borrow)
    borrow = <u64>(a < b) | <u64>(low < borrow)
  }
}
