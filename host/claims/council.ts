/** Proposals and approvals as those who hold the keys would make them: what is approved by many, and what somebody tries alone. */
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { type Matter, signApproval } from '../control/proposals/approval.ts'
import { rollOutPayload } from '../control/proposals/payload.ts'
import { type ReleaseFacts, signRelease } from '../control/releases/release.ts'
import { imageDigest } from '../nitro/admission/release.ts'
import { parseEif } from '../nitro/eif/format.ts'
import { verifyManifests } from '../nitro/eif/manifests.ts'
import { encodeCanonicalJson, type Json } from '../wire/canonical-json.ts'
import { type AdminAnswer, ask } from './doors.ts'
import type { Pipeline } from './pipeline.ts'
import type { Signer, Target } from './target.ts'

const WAIT_MS = 600_000

/** A proposal as it was sent, with what it takes to approve it. */
export type Proposal = { answer: AdminAnswer; id: string; matter: Matter; payload: Json }

/** The release of an image, of a builder's name that no other has: so that each try is about a release of its own. */
export function releaseOf(image: Uint8Array, pipeline: Pipeline, changed: Partial<ReleaseFacts> = {}): Uint8Array {
  const eif = parseEif(image)
  const { workload, securityVersion } = verifyManifests(eif).manifest
  const digest = imageDigest(eif)
  const imageName = `${workload.name}.eif`
  const facts: ReleaseFacts = {
    workload: workload.name,
    version: workload.version,
    securityVersion,
    image: digest,
    imageName,
    builder: `urn:wasmclave:claims:${randomBytes(8).toString('hex')}`,
    dependencies: [],
    tests: {
      image: digest,
      imageName,
      passed: true,
      command: ['claims'],
      passedTests: ['it was built'],
      failedTests: [],
    },
    ...changed,
  }
  return signRelease(facts, createPrivateKey(pipeline.key), new X509Certificate(pipeline.certificate))
}

export function rollOut(envelope: Uint8Array, pipeline: Pipeline): Json {
  return rollOutPayload(envelope, new X509Certificate(pipeline.certificate))
}

/** The digest of the policy in force. */
export async function policyInForce(target: Target): Promise<string> {
  const { result } = await ask(target, 'operator', { action: 'describe-policy', parameters: {} })
  return (result as { digest: string }).digest
}

export async function propose(
  target: Target,
  signer: Signer,
  action: Matter['action'],
  payload: Json,
  changed: { policy?: string; expiresMs?: number } = {},
): Promise<Proposal> {
  const policy = changed.policy ?? (await policyInForce(target))
  const expiresMs = changed.expiresMs ?? Date.now() + WAIT_MS
  const text = new TextDecoder().decode(encodeCanonicalJson(payload))
  const answer = await ask(target, signer, {
    action: 'propose',
    parameters: { action, payload: text, policy, expiresMs },
  })
  const id = (answer.result as { Proposal?: string } | undefined)?.Proposal ?? '0'.repeat(64)
  const audience = { genesis: target.genesis.digest, host: target.genesis.genesis.hostId }
  return { answer, id, matter: { id, audience, action, policy, expiresMs }, payload }
}

/** @param of whose proposal and payload are signed, where that is not the same one */
export function approve(
  target: Target,
  sender: Signer,
  proposal: Proposal,
  { signer = sender, of = proposal, payload = of.payload }: { signer?: Signer; of?: Proposal; payload?: Json } = {},
): Promise<AdminAnswer> {
  const signature = Buffer.from(signApproval(of.matter, payload, target.key(signer))).toString('hex')
  return ask(target, sender, { action: 'approve', parameters: { proposal: proposal.id, signature } })
}

export function withdraw(target: Target, signer: Signer, { id }: Proposal): Promise<AdminAnswer> {
  return ask(target, signer, { action: 'withdraw', parameters: { proposal: id } })
}

export function execute(target: Target, signer: Signer, { id }: Proposal): Promise<AdminAnswer> {
  return ask(target, signer, { action: 'execute', parameters: { proposal: id } })
}
