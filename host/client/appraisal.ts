/** What the client makes of an enclave's offer: document, records and grant against its policy, before it says a word. */
import type { Core } from '../core/index.ts'
import { RefusedError } from '../errors.ts'
import {
  type AdmissionRecord,
  type AppraisalResult,
  appraise,
  type BootRecord,
  checkIsolation,
  checkRecords,
  type LaunchGrant,
  parseAdmissionRecord,
  parseAttestationDocument,
  parseBootRecord,
  verifyGrantChain,
} from '../verifier/index.ts'
import type { Offer } from './handshake.ts'
import { checkAdmissionLog } from './log/admission.ts'
import { ownerHex, type Policy } from './policy.ts'

/** Evidence that satisfied the policy: what runs, for whom, under which admission, on what. */
export type Evidence = {
  appraisal: AppraisalResult
  grant: LaunchGrant
  admission: AdmissionRecord
  boot: BootRecord
  document: Uint8Array
}

/** @throws RefusedError ERR_EVIDENCE_*, ERR_GRANT_*, ERR_RECORD_SYNTAX, ERR_HEAD_BEHIND */
export async function appraiseOffer(core: Core, offer: Offer, policy: Policy, nowMs: number): Promise<Evidence> {
  const document = parseAttestationDocument(offer.document)
  const appraisal = await appraise(
    document,
    {
      root: policy.root,
      pcrs: { ...policy.pcrs, ...(policy.pcr8 !== undefined && { 8: policy.pcr8 }) },
      nonce: offer.nonce,
      publicKey: offer.publicKey,
      purpose: 'channel',
      userData: offer.transcript,
    },
    new Date(nowMs),
  )
  await checkRecords(document, offer)
  const { newest, firstOwner } = await verifyGrantChain(offer.grantChain)
  const admission = parseAdmissionRecord(offer.admissionRecord)
  const boot = parseBootRecord(offer.bootRecord)
  checkGrant(core, offer, newest, firstOwner, policy)
  if ((admission.development || boot.development || newest.development) && policy.allowDevelopment !== true)
    throw new RefusedError(
      'ERR_EVIDENCE_DEVELOPMENT',
      'a development host: its keys are in its own folder (allowDevelopment accepts it)',
    )
  if (admission.securityVersion < newest.minSecurityVersion)
    throw new RefusedError(
      'ERR_EVIDENCE_SECURITY_VERSION',
      `security version ${admission.securityVersion}, the grant demands ${newest.minSecurityVersion}`,
    )
  checkAdmissionLog(admission, newest, { sha256: core.sha256.bind(core), verify: core.ed25519.verify })
  checkIsolation(boot, policy.minIsolation ?? [])
  checkHead(offer, policy)
  return { appraisal, grant: newest, admission, boot, document: offer.document }
}

function checkGrant(core: Core, offer: Offer, grant: LaunchGrant, firstOwner: string, policy: Policy): void {
  if (policy.owner !== undefined && ownerHex(policy.owner) !== firstOwner)
    throw new RefusedError(
      'ERR_GRANT_OWNER',
      `the enclave belongs to ${firstOwner}, the policy names ${ownerHex(policy.owner)}`,
    )
  if (policy.grant !== undefined) {
    const [shown, pinned] = [core.sha256(offer.grantChain), core.sha256(policy.grant)]
    if (!shown.every((byte, index) => byte === pinned[index]))
      throw new RefusedError('ERR_GRANT_OWNER', 'the enclave runs under another grant than the pinned one')
  }
  if (policy.enclaveName !== undefined && grant.enclaveName !== policy.enclaveName)
    throw new RefusedError(
      'ERR_GRANT_NAME',
      `the enclave is ${grant.enclaveName} by its grant, the policy names ${policy.enclaveName}`,
    )
  if (policy.minGrantVersion !== undefined && grant.version < policy.minGrantVersion)
    throw new RefusedError(
      'ERR_GRANT_VERSION',
      `grant version ${grant.version}, the policy demands ${policy.minGrantVersion}`,
    )
}

// The store's head may not be behind what this client has seen: generation is bytes 32..39 of its token.
function checkHead(offer: Offer, policy: Policy): void {
  const token = policy.headToken
  if (token === undefined || policy.allowHeadBehind === true) return
  const seen = new DataView(token.buffer, token.byteOffset).getBigUint64(32)
  if (offer.head === null || BigInt(offer.head.generation) < seen)
    throw new RefusedError(
      'ERR_HEAD_BEHIND',
      `the store is at generation ${offer.head?.generation ?? 'none'}, this client has seen ${seen}`,
    )
}
