/** Appraisal: the rules, in order. Structure came before, cryptography comes next, meaning last. Pure: root and time are arguments. */
import 'reflect-metadata'
import { PemConverter } from '@peculiar/x509'
import { UsageError } from '../errors.ts'
import { toHex } from './bytes.ts'
import type { AttestationDocument } from './document.ts'
import { checkPublicKey, checkPurpose, checkUserData, type Purpose } from './rules/binding.ts'
import { verifyChain } from './rules/chain.ts'
import { isDebug, refuseDebug } from './rules/debug.ts'
import { checkAge, checkNonce } from './rules/freshness.ts'
import { checkPcrs, parseReferenceValues } from './rules/pcrs.ts'
import { verifyDocumentSignature } from './rules/signature.ts'

export type AppraisalPolicy = {
  /** PEM or DER: the only trust anchor. */
  root: string | Uint8Array
  /** Reference values by index, hex. Without any, the result says `appraised: false`. */
  pcrs?: Record<number, string>
  nonce?: Uint8Array
  maxAgeSeconds?: number
  allowDebug?: boolean
  purpose?: Purpose
  /** What must follow the purpose's label in user_data. */
  userData?: Uint8Array
  publicKey?: Uint8Array
}

/** Authentic: signed under the root, in time. Appraised: and compared with reference values for its code. */
export type AppraisalResult = {
  authentic: true
  appraised: boolean
  debug: boolean
  moduleId: string
  timestamp: string
  pcrs: Record<number, string>
  certificateNotAfter: string
  warnings: string[]
}

/** @throws RefusedError ERR_EVIDENCE_*, UsageError ERR_POLICY_* */
export async function appraise(
  document: AttestationDocument,
  policy: AppraisalPolicy,
  now: Date,
): Promise<AppraisalResult> {
  const reference = parseReferenceValues(policy.pcrs ?? {})
  const leaf = await verifyChain(document, rootDer(policy.root), now)
  await verifyDocumentSignature(document, leaf.key)
  if (policy.nonce !== undefined) checkNonce(document, policy.nonce)
  if (policy.maxAgeSeconds !== undefined) checkAge(document, policy.maxAgeSeconds, now)
  refuseDebug(document, policy.allowDebug ?? false)
  if (policy.purpose !== undefined) {
    const userData = checkPurpose(document, policy.purpose)
    if (policy.userData !== undefined) checkUserData(userData, policy.userData)
  }
  if (policy.publicKey !== undefined) checkPublicKey(document, policy.publicKey)
  checkPcrs(document, reference)
  return {
    authentic: true,
    appraised: Object.keys(reference).length > 0,
    debug: isDebug(document),
    moduleId: document.moduleId,
    timestamp: new Date(document.timestampMs).toISOString(),
    pcrs: Object.fromEntries([...document.pcrs].map(([index, value]) => [index, toHex(value)])),
    certificateNotAfter: leaf.notAfter.toISOString(),
    warnings: document.warnings,
  }
}

function rootDer(root: string | Uint8Array): Uint8Array {
  if (typeof root !== 'string') return root
  try {
    return new Uint8Array(PemConverter.decodeFirst(root))
  } catch (error) {
    throw new UsageError('ERR_POLICY_ROOT', 'the root is no certificate in PEM', { cause: error })
  }
}
