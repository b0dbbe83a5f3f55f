/** Rule: the document answers this challenge, and is not older than the policy allows. */
import { RefusedError } from '../../errors.ts'
import { equal, toHex } from '../bytes.ts'
import type { AttestationDocument } from '../document.ts'

/** A hypervisor's clock may be ahead of ours by this much. */
const MAX_AHEAD_MS = 60_000

/** @throws RefusedError ERR_EVIDENCE_STALE */
export function checkNonce(document: AttestationDocument, nonce: Uint8Array): void {
  if (document.nonce === null || !equal(document.nonce, nonce))
    throw new RefusedError(
      'ERR_EVIDENCE_STALE',
      `nonce ${document.nonce === null ? 'absent' : toHex(document.nonce)}, asked for was ${toHex(nonce)}`,
    )
}

/** @throws RefusedError ERR_EVIDENCE_STALE */
export function checkAge(document: AttestationDocument, maxAgeSeconds: number, now: Date): void {
  const ageMs = now.getTime() - document.timestampMs
  if (ageMs > maxAgeSeconds * 1000 || ageMs < -MAX_AHEAD_MS)
    throw new RefusedError(
      'ERR_EVIDENCE_STALE',
      `the document is ${Math.round(ageMs / 1000)} s old, allowed are ${maxAgeSeconds} s`,
    )
}
