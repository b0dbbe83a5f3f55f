/** Rule: no evidence from a debug enclave, whose measurements are zero (PCR3 and PCR4 are not). */
import { RefusedError } from '../../errors.ts'
import type { AttestationDocument } from '../document.ts'

export function isDebug(document: AttestationDocument): boolean {
  return [0, 1, 2].every((index) => document.pcrs.get(index)?.every((byte) => byte === 0) ?? true)
}

/** @throws RefusedError ERR_EVIDENCE_DEBUG */
export function refuseDebug(document: AttestationDocument, allowDebug: boolean): void {
  if (isDebug(document) && !allowDebug)
    throw new RefusedError(
      'ERR_EVIDENCE_DEBUG',
      'PCR0, PCR1 and PCR2 are zero: this is a debug enclave, whose console its host can read',
    )
}
