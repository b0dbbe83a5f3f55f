/**
 * From a signed image and a grant to what an enclave is launched with. Everything is judged before a process gets a byte: structure,
 * signature, manifests, the pipeline and its release, the owner's grant, the code, the memory. What is measured is the buffer that is launched.
 */
import { createHash } from 'node:crypto'
import type { DatedPolicy } from '../control/policy/document.ts'
import type { RolledOut } from '../control/releases/rules.ts'
import { RefusedError } from '../errors.ts'
import {
  type AdmissionRecord,
  type BootRecord,
  encodeAdmissionRecord,
  encodeBootRecord,
  type LaunchGrant,
  recordPcrs,
  verifyGrantChain,
} from '../verifier/index.ts'
import { admitWorkload } from './admission/admit.ts'
import { admitRelease } from './admission/release.ts'
import { type EifMetadata, parseMetadata } from './eif/describe.ts'
import { parseEif } from './eif/format.ts'
import { verifyManifests } from './eif/manifests.ts'
import type { Measurements } from './eif/measure.ts'
import { certificateDigest, verifySignature } from './eif/signature.ts'
import { encodeLaunchRecord } from './launch-record.ts'
import { PCR_BYTES } from './nsm/pcr-bank.ts'

const PAGE_BYTES = 65_536
const MIB = 1_048_576
/** nitro-cli: an enclave has 64 MiB at least. */
const MIN_MEMORY_MIB = 64

/** Everything that was judged of an image, and what its enclave starts with. */
export type PreparedLaunch = {
  grant: LaunchGrant
  firstOwner: string
  measurements: Measurements
  metadata: EifMetadata
  /** PCR0..8 as they are at boot, PCR16..18 as they must become: hex by index. */
  bootPcrs: Record<number, string>
  recordPcrs: Record<number, string>
  /** What the child is sent: u32 length ‖ bytes for kernel, workload and the kernel's boot input. */
  record: Uint8Array
}

export type LaunchInput = {
  eif: Uint8Array
  grantChain: Uint8Array
  /** DSSE envelope of the image's release. */
  release: Uint8Array | null
  /** The policy in force, and what its approvers rolled out. */
  policy: DatedPolicy
  rolledOut: RolledOut
  memoryMiB: number
  moduleId: string
  instanceId: string
  genesisDigest: string
  boot: BootRecord
  /** The launch's intent in the log, and a checkpoint that covers it. */
  logged: { index: number; checkpoint: string }
  now: Date
}

/** @throws RefusedError ERR_IMAGE_*, ERR_RELEASE_*, ERR_GRANT_*, ERR_LAUNCH_* */
export async function prepareLaunch(input: LaunchInput): Promise<PreparedLaunch> {
  const eif = parseEif(input.eif)
  const { signature, measurements } = verifySignature(eif, input.now)
  const digest = certificateDigest(signature.certificate)
  if (!input.policy.policy.pipelineCertificates.includes(digest))
    throw new RefusedError(
      'ERR_LAUNCH_PIPELINE',
      `the image is signed by certificate ${digest}, which is no pipeline of this host`,
    )
  const image = verifyManifests(eif)
  admitWorkload(image.workload, image.manifest)
  const { policy, digest: policyDigest } = input.policy
  const release = admitRelease({
    eif,
    manifest: image.manifest,
    certificate: signature.certificate,
    envelope: input.release,
    policy,
    rolledOut: input.rolledOut,
  })
  checkMemory(image.manifest.memory.maxPages, input.eif.length, input.memoryMiB)
  const { newest: grant, firstOwner } = await verifyGrantChain(input.grantChain)
  checkGrant(grant, input, image.manifest.workload.name, image.manifest.securityVersion, measurements)
  const admission: AdmissionRecord = {
    version: 1,
    releaseDigest: release.digest,
    securityVersion: image.manifest.securityVersion,
    policyDigest,
    development: policy.development,
    logIndex: input.logged.index,
    checkpoint: input.logged.checkpoint,
  }
  const records = {
    grantChain: input.grantChain,
    admissionRecord: encodeAdmissionRecord(admission),
    bootRecord: encodeBootRecord(input.boot),
  }
  return {
    grant,
    firstOwner,
    measurements,
    metadata: parseMetadata(eif.metadata),
    bootPcrs: {
      0: measurements.PCR0,
      1: measurements.PCR1,
      2: measurements.PCR2,
      4: extendText(input.instanceId),
      8: measurements.PCR8 as string,
    },
    recordPcrs: await recordPcrs(records),
    record: encodeLaunchRecord(image.kernel, image.workload, {
      moduleId: input.moduleId,
      imageManifest: image.manifestBytes,
      ...records,
    }),
  }
}

function checkMemory(maxPages: number, eifBytes: number, memoryMiB: number): void {
  const needed = Math.max(MIN_MEMORY_MIB, Math.ceil((maxPages * PAGE_BYTES) / MIB), Math.ceil((4 * eifBytes) / MIB))
  if (memoryMiB < needed)
    throw new RefusedError('ERR_LAUNCH_MEMORY', `${memoryMiB} MiB were asked for, this image needs ${needed} MiB`)
}

function checkGrant(
  grant: LaunchGrant,
  input: LaunchInput,
  workload: string,
  securityVersion: number,
  measurements: Measurements,
): void {
  if (grant.genesisDigest !== input.genesisDigest)
    throw new RefusedError(
      'ERR_LAUNCH_GRANT',
      `the grant is for genesis ${grant.genesisDigest}, this host has ${input.genesisDigest}`,
    )
  if (grant.workloadName !== workload)
    throw new RefusedError(
      'ERR_LAUNCH_GRANT',
      `the grant is for workload ${grant.workloadName}, the image holds ${workload}`,
    )
  if (securityVersion < grant.minSecurityVersion)
    throw new RefusedError(
      'ERR_LAUNCH_GRANT',
      `security version ${securityVersion}, the grant demands ${grant.minSecurityVersion}`,
    )
  const rule = grant.releaseRule
  const fits =
    'pcr8' in rule
      ? rule.pcr8 === measurements.PCR8
      : rule.pins.some(
          (pin) => pin.pcr0 === measurements.PCR0 && pin.pcr1 === measurements.PCR1 && pin.pcr2 === measurements.PCR2,
        )
  if (!fits)
    throw new RefusedError(
      'ERR_LAUNCH_GRANT',
      `the image has PCR0 ${measurements.PCR0} and PCR8 ${measurements.PCR8}, the grant allows ${JSON.stringify(rule)}`,
    )
}

/** PCR3 and PCR4 extend text as it is, without hashing it first. */
export function extendText(text: string): string {
  return createHash('sha384').update(new Uint8Array(PCR_BYTES)).update(text, 'latin1').digest('hex')
}
