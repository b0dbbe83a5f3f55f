/** Rules: the document names this key and this purpose. What an attacker puts elsewhere in it counts for nothing. */
import { RefusedError } from '../../errors.ts'
import { equal, toHex } from '../bytes.ts'
import type { AttestationDocument } from '../document.ts'

/** PROTOCOLS 1: what user_data begins with, NUL included. */
export const PURPOSES = {
  channel: 'wasmclave/channel\0',
  keyRelease: 'wasmclave/key-release\0',
  workload: 'wasmclave/workload\0',
  evidence: 'wasmclave/evidence\0',
} as const
export type Purpose = keyof typeof PURPOSES

/** What follows the label. @throws RefusedError ERR_EVIDENCE_PURPOSE */
export function checkPurpose(document: AttestationDocument, purpose: Purpose): Uint8Array {
  const label = new TextEncoder().encode(PURPOSES[purpose])
  const userData = document.userData
  if (userData === null || !equal(userData.subarray(0, label.length), label))
    throw new RefusedError(
      'ERR_EVIDENCE_PURPOSE',
      `user_data does not begin with ${PURPOSES[purpose].slice(0, -1)}: the document was made for something else`,
    )
  return userData.subarray(label.length)
}

/** @throws RefusedError ERR_EVIDENCE_KEY_BINDING */
export function checkPublicKey(document: AttestationDocument, publicKey: Uint8Array): void {
  if (document.publicKey === null || !equal(document.publicKey, publicKey))
    throw new RefusedError(
      'ERR_EVIDENCE_KEY_BINDING',
      `the document names key ${document.publicKey === null ? 'none' : toHex(document.publicKey)}, offered was ${toHex(publicKey)}`,
    )
}

/** @throws RefusedError ERR_EVIDENCE_KEY_BINDING */
export function checkUserData(found: Uint8Array, expected: Uint8Array): void {
  if (!equal(found, expected))
    throw new RefusedError('ERR_EVIDENCE_KEY_BINDING', `user_data is ${toHex(found)}, expected ${toHex(expected)}`)
}
