/**
 * From the genesis to the policy in force, by whoever trusts neither host nor operator: each change carries the approvals of the set before
 * it. Pure and offline; the last digest is to be the one behind PCR17.
 */
import { RefusedError } from '../../errors.ts'
import type { SignedGenesis } from '../genesis.ts'
import { payloadDigest, verifiesApproval } from '../proposals/approval.ts'
import { parsePayload } from '../proposals/payload.ts'
import type { PolicyChange } from '../proposals/state.ts'
import { type DatedPolicy, foundingPolicy, policyDigest } from './document.ts'
import { checkSuccession } from './succession.ts'

/** Every policy there was, in order; the first is the genesis'. @throws RefusedError ERR_POLICY_CHAIN, ERR_POLICY_SUCCESSION, ERR_POLICY_SYNTAX */
export function walkPolicyChain(genesis: SignedGenesis, changes: readonly PolicyChange[]): DatedPolicy[] {
  const audience = { genesis: genesis.digest, host: genesis.genesis.hostId }
  const policies = [foundingPolicy(genesis)]
  for (const { proposal, approvals } of changes) {
    const before = policies.at(-1) as DatedPolicy
    const due = before.policy.version + 1
    if (proposal.action !== 'change-policy' || proposal.policy !== before.digest)
      throw broken(`the change to version ${due} was proposed under ${proposal.policy}, before it is ${before.digest}`)
    const payload = parsePayload('change-policy', proposal.payload)
    if (payload.action !== 'change-policy') throw broken('a change brings a policy')
    const digest = payloadDigest(proposal.payload)
    const signers = new Set<string>()
    for (const { key, signature } of approvals) {
      if (key === proposal.proposer || !before.policy.approvers.includes(key)) continue
      const bytes = new Uint8Array(Buffer.from(signature, 'hex'))
      if (verifiesApproval({ ...proposal, audience }, digest, key, bytes)) signers.add(key)
    }
    const threshold = before.policy.guards['change-policy']
    if (signers.size < threshold)
      throw broken(`version ${due} has ${signers.size} of ${threshold} approvals by approvers of the version before`)
    checkSuccession(before, payload.policy)
    policies.push({ policy: payload.policy, digest: policyDigest(payload.policy) })
  }
  return policies
}

function broken(message: string): RefusedError {
  return new RefusedError('ERR_POLICY_CHAIN', message)
}
