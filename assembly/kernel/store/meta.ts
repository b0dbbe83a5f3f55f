// What lies at the parent beside the head, in clear: wrapped DEK ‖ commitment (PROTOCOLS 6). The wrapping is opaque to us and to the parent;
// the commitment tells, before anything is opened, that the key is the one that the records were sealed with.
import { WRAPPED_DEK_MAX } from '../../abi/store'
import { Writer } from '../../codec/writer'
import { equal } from '../../mem/bytes'
import { commitment } from './keys'

const COMMITMENT_BYTES: usize = 32

/** As it goes to the parent with the next commit. */
export const meta = new Writer(512)

export function setWrapping(wrapped: usize, length: usize): void {
  meta.clear()
  meta.raw(wrapped, length)
  meta.raw(commitment, COMMITMENT_BYTES)
}

/** Length of the wrapping in what the parent holds, or 0 where that is not of this shape. */
export function wrappingLength(length: usize): usize {
  return length <= COMMITMENT_BYTES || length > <usize>WRAPPED_DEK_MAX + COMMITMENT_BYTES ? 0 : length - COMMITMENT_BYTES
}

/** Whether what the parent holds was written under our key. */
export function commits(at: usize, length: usize): bool {
  return wrappingLength(length) > 0 && equal(at + length - COMMITMENT_BYTES, commitment, COMMITMENT_BYTES)
}
