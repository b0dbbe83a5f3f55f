/**
 * Whether a store key may be released (PROTOCOLS 5): what can be said of a request by itself, before the store's own record is looked at.
 * The owner's grant decides; no policy of the AWS API has a word in it.
 */
import { createHash } from 'node:crypto'
import {
  REFUSED_DEVELOPMENT,
  REFUSED_EVIDENCE,
  REFUSED_GRANT,
  REFUSED_IMAGE,
  REFUSED_ISOLATION,
  REFUSED_SECURITY_VERSION,
  RELEASE_NONCE_BYTES,
} from '../../../assembly/abi/store.ts'
import { RefusedError } from '../../errors.ts'
import {
  type AdmissionRecord,
  type AttestationDocument,
  appraise,
  type BootRecord,
  checkRecords,
  type LaunchGrant,
  parseAdmissionRecord,
  parseAttestationDocument,
  parseBootRecord,
  type ReleaseRule,
  verifyGrantChain,
} from '../../verifier/index.ts'
import type { ReleaseRequest } from './messages.ts'
import { refusingAs, StoreRefusal } from './refusal.ts'

/** What this KMS believes: from genesis, and its own key. */
export type ReleasePolicy = {
  /** SHA-256 of the DER of each attestation root, hex. */
  attestationRoots: string[]
  /** SHA-384 of the genesis that a grant must name, hex. */
  genesisDigest: string
  /** Ed25519 public key that a grant must name, hex. */
  kmsKey: string
  maxDocumentAgeSeconds: number
}

/** A request whose evidence and grant hold. Having one says nothing of the store yet: an owner may have signed a newer grant. */
export type VerifiedRelease = {
  grant: LaunchGrant
  securityVersion: number
  /** Undefined where documents are of a clock whose order says nothing. */
  documentMs: number | undefined
}

/** @throws StoreRefusal, in the order of STORE.md */
export async function verifyRelease(
  request: ReleaseRequest,
  policy: ReleasePolicy,
  nowMs: number,
): Promise<VerifiedRelease> {
  const { document, admission, boot } = await refusingAs(REFUSED_EVIDENCE, () => verifyEvidence(request, policy, nowMs))
  const grant = await refusingAs(REFUSED_GRANT, () => verifyGrant(request.grantChain, policy))
  checkImage(grant.releaseRule, document)
  if (admission.securityVersion < grant.minSecurityVersion)
    throw new StoreRefusal(
      REFUSED_SECURITY_VERSION,
      'ERR_RELEASE_SECURITY_VERSION',
      `security version ${admission.securityVersion}, the grant demands ${grant.minSecurityVersion}`,
    )
  checkIsolation(grant.minIsolation ?? [], boot)
  if ((admission.development || boot.development) && !grant.development)
    throw new StoreRefusal(
      REFUSED_DEVELOPMENT,
      'ERR_RELEASE_DEVELOPMENT',
      'a development host, whose keys are in its own folder; the grant is not for development',
    )
  return { grant, securityVersion: admission.securityVersion, documentMs: document.timestampMs }
}

async function verifyEvidence(
  request: ReleaseRequest,
  policy: ReleasePolicy,
  nowMs: number,
): Promise<{ document: AttestationDocument; admission: AdmissionRecord; boot: BootRecord }> {
  const document = parseAttestationDocument(request.document)
  const root = document.cabundle[0] as Uint8Array
  const fingerprint = createHash('sha256').update(root).digest('hex')
  if (!policy.attestationRoots.includes(fingerprint))
    throw new RefusedError(
      'ERR_EVIDENCE_CHAIN',
      `root ${fingerprint}, trusted are ${policy.attestationRoots.join(', ') || 'none'}`,
    )
  await appraise(
    document,
    {
      root,
      maxAgeSeconds: policy.maxDocumentAgeSeconds,
      purpose: 'keyRelease',
      userData: request.bodyHash,
      publicKey: request.publicKey,
    },
    new Date(nowMs),
  )
  if (document.nonce?.length !== RELEASE_NONCE_BYTES)
    throw new RefusedError(
      'ERR_EVIDENCE_STALE',
      `a nonce of ${document.nonce?.length ?? 0} bytes, expected ${RELEASE_NONCE_BYTES}`,
    )
  await checkRecords(document, request)
  return {
    document,
    admission: parseAdmissionRecord(request.admissionRecord),
    boot: parseBootRecord(request.bootRecord),
  }
}

async function verifyGrant(chain: Uint8Array, policy: ReleasePolicy): Promise<LaunchGrant> {
  const { newest } = await verifyGrantChain(chain)
  if (newest.kmsKey !== policy.kmsKey)
    throw new RefusedError(
      'ERR_RELEASE_KMS',
      `the grant names ${newest.kmsKey === null ? 'no KMS' : `the KMS ${newest.kmsKey}`}, this one is ${policy.kmsKey}`,
    )
  if (newest.genesisDigest !== policy.genesisDigest)
    throw new RefusedError(
      'ERR_RELEASE_GENESIS',
      `the grant names genesis ${newest.genesisDigest}, this KMS serves ${policy.genesisDigest}`,
    )
  return newest
}

function checkImage(rule: ReleaseRule, document: AttestationDocument): void {
  const pcr = (index: number) => Buffer.from(document.pcrs.get(index) ?? []).toString('hex')
  if ('pcr8' in rule) {
    if (pcr(8) !== rule.pcr8) throw image(`PCR8 is ${pcr(8) || 'absent'}, the grant demands ${rule.pcr8}`)
    return
  }
  if (!rule.pins.some((pin) => pcr(0) === pin.pcr0 && pcr(1) === pin.pcr1 && pcr(2) === pin.pcr2))
    throw image(
      `PCR0 is ${pcr(0) || 'absent'} with PCR1 ${pcr(1) || 'absent'} and PCR2 ${pcr(2) || 'absent'}, none of the grant's ${rule.pins.length} pins: the first is ${rule.pins[0]?.pcr0}`,
    )
}

function checkIsolation(demanded: string[], boot: BootRecord): void {
  for (const layer of demanded) {
    const state = boot.isolation.find((item) => item.layer === layer)?.state
    if (state === undefined || state === 'absent')
      throw new StoreRefusal(
        REFUSED_ISOLATION,
        'ERR_RELEASE_ISOLATION',
        `isolation layer ${layer} is ${state ?? 'unknown'}, the grant demands it`,
      )
  }
}

function image(message: string): StoreRefusal {
  return new StoreRefusal(REFUSED_IMAGE, 'ERR_RELEASE_IMAGE', message)
}
