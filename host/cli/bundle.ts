/**
 * An evidence bundle: document, the records behind PCR16-18, the way from genesis to the policy in force, and the pipeline's reference
 * values, in one file. Judged offline, from two pins: the attestation root and the pipeline's certificate (and, better, the owner's key).
 */
import type { X509Certificate } from 'node:crypto'
import { verifyGenesis } from '../control/genesis.ts'
import { walkPolicyChain } from '../control/policy/chain.ts'
import type { PolicyChange } from '../control/proposals/state.ts'
import { openReferenceValues, type ReferenceValues } from '../control/releases/reference-values.ts'
import { RefusedError } from '../errors.ts'
import {
  type AppraisalResult,
  appraise,
  type BootRecord,
  checkRecords,
  parseAdmissionRecord,
  parseAttestationDocument,
  parseBootRecord,
  type RecordPreimages,
  verifyGrantChain,
} from '../verifier/index.ts'
import { decodeCanonicalJson, encodeCanonicalJson, type Json } from '../wire/canonical-json.ts'
import { decodeCbor, encodeCbor } from '../wire/cbor.ts'

const MAX_CHANGES = 4096

export type Bundle = RecordPreimages & {
  document: Uint8Array
  /** genesis.json, as it was signed. */
  genesis: Uint8Array
  changes: PolicyChange[]
  /** DSSE. */
  referenceValues: Uint8Array
}

export type BundlePins = { root: string; certificate: X509Certificate; owner?: string; at: 'document' | Date }

export type BundleResult = AppraisalResult & {
  release: string
  workload: string
  version: string
  policyVersion: number
  firstOwner: string
}

export function encodeBundle(bundle: Bundle): Uint8Array {
  const { document, grantChain, admissionRecord, bootRecord, genesis, referenceValues } = bundle
  const changes = encodeCanonicalJson(bundle.changes as unknown as Json)
  return encodeCbor([document, grantChain, admissionRecord, bootRecord, genesis, changes, referenceValues])
}

/** @throws RefusedError ERR_BUNDLE_SYNTAX, ERR_CBOR_*, ERR_JSON_* */
export function decodeBundle(bytes: Uint8Array): Bundle {
  const parts = decodeCbor(bytes)
  if (!Array.isArray(parts) || parts.length !== 7 || !parts.every((part) => part instanceof Uint8Array))
    throw refused('SYNTAX', 'a bundle is seven byte strings')
  const [document, grantChain, admissionRecord, bootRecord, genesis, listed, referenceValues] = parts as Uint8Array[]
  const changes = decodeCanonicalJson(listed as Uint8Array)
  if (!Array.isArray(changes) || changes.length > MAX_CHANGES || !changes.every(isChange))
    throw refused('SYNTAX', `its policy changes are no list of at most ${MAX_CHANGES}`)
  return { document, grantChain, admissionRecord, bootRecord, genesis, changes, referenceValues } as unknown as Bundle
}

/** @throws RefusedError ERR_BUNDLE_*, ERR_EVIDENCE_*, ERR_GRANT_*, ERR_GENESIS_*, ERR_POLICY_*, ERR_RELEASE_*, ERR_REFERENCE_SYNTAX */
export async function judgeBundle(bundle: Bundle, pins: BundlePins): Promise<BundleResult> {
  const reference = openReferenceValues(bundle.referenceValues, pins.certificate)
  const document = parseAttestationDocument(bundle.document)
  const now = pins.at === 'document' ? new Date(document.timestampMs) : pins.at
  const appraisal = await appraise(document, { root: pins.root, pcrs: reference.pcrs }, now)
  await checkRecords(document, bundle)
  const { newest, firstOwner } = await verifyGrantChain(bundle.grantChain)
  if (pins.owner !== undefined && pins.owner !== firstOwner)
    throw new RefusedError('ERR_GRANT_OWNER', `the enclave belongs to ${firstOwner}, pinned is ${pins.owner}`)
  const genesis = verifyGenesis(bundle.genesis)
  if (genesis.digest !== newest.genesisDigest)
    throw refused('GENESIS', `the genesis is ${genesis.digest}, the owner granted for ${newest.genesisDigest}`)
  const admission = parseAdmissionRecord(bundle.admissionRecord)
  const policies = walkPolicyChain(genesis, bundle.changes)
  const inForce = policies.find(({ digest }) => digest === admission.policyDigest)
  if (inForce === undefined)
    throw refused('POLICY', `PCR17 says policy ${admission.policyDigest}, which is not on the way from the genesis`)
  if (admission.releaseDigest !== reference.release || admission.securityVersion !== reference.securityVersion)
    throw refused(
      'RELEASE',
      `PCR17 says release ${admission.releaseDigest} of security version ${admission.securityVersion}, ` +
        `the reference values ${reference.release} of ${reference.securityVersion}`,
    )
  checkBoot(parseBootRecord(bundle.bootRecord), reference.boot)
  const { release, workload, version } = reference
  return { ...appraisal, release, workload, version, policyVersion: inForce.policy.version, firstOwner }
}

function checkBoot(boot: BootRecord, reference: ReferenceValues['boot']): void {
  for (const [field, found, due] of [
    ['node', boot.node, reference.node.find((digest) => digest === boot.node) ?? reference.node.join(' or ')],
    ['nitro', boot.nitro, reference.nitro],
    ['enclave', boot.enclave, reference.enclave],
    ['flags', boot.flags.join(' '), reference.flags.join(' ')],
  ])
    if (found !== due) throw refused('BOOT', `PCR18 says ${field} ${found}, the reference values ${due}`)
}

// As far as the chain reads it before its own checks.
function isChange(value: Json): boolean {
  const change = value as { proposal?: Json; approvals?: Json } | null
  return (
    change !== null &&
    typeof change === 'object' &&
    change.proposal !== null &&
    typeof change.proposal === 'object' &&
    Array.isArray(change.approvals) &&
    change.approvals.length <= 64 &&
    change.approvals.every((item) => {
      const approval = item as { key?: Json; signature?: Json } | null
      return typeof approval?.key === 'string' && typeof approval.signature === 'string'
    })
  )
}

function refused(what: string, message: string): RefusedError {
  return new RefusedError(`ERR_BUNDLE_${what}`, message)
}
