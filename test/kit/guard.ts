// A host's guard with keys of everybody at hand: entries made as the host would make them, judged and applied.
import { createHash, type KeyObject, randomBytes } from 'node:crypto'
import { genesisDigest, type SignedGenesis } from '../../host/control/genesis.ts'
import type { Policy } from '../../host/control/policy/document.ts'
import type { GuardedAction } from '../../host/control/policy/guards.ts'
import { signApproval } from '../../host/control/proposals/approval.ts'
import type { GuardEntry, ProposalEntry } from '../../host/control/proposals/entry.ts'
import { rollOutPayload } from '../../host/control/proposals/payload.ts'
import { GuardState } from '../../host/control/proposals/state.ts'
import { errorCode } from '../../host/errors.ts'
import type { Json } from '../../host/wire/canonical-json.ts'
import { keyHex, newGenesis, newKey } from './genesis.ts'
import { Pipeline } from './pipeline.ts'

export const HOUR = 3_600_000

export class GuardUnderTest {
  readonly pipeline = new Pipeline()
  readonly operator: KeyObject
  readonly auditor: KeyObject
  readonly approvers: KeyObject[]
  readonly signed: SignedGenesis
  readonly state: GuardState
  readonly entries: (GuardEntry & { timeMs: number })[] = []
  nowMs = Date.parse('2026-01-01T00:00:00Z')

  constructor(approverCount = 4) {
    const { genesis, operator, auditor, approvers } = newGenesis()
    while (approvers.length < approverCount) approvers.push(newKey())
    genesis.approvers = approvers.map(keyHex)
    genesis.pipelineCertificates = [this.pipeline.digest]
    this.operator = operator
    this.auditor = auditor
    this.approvers = approvers
    this.signed = { genesis, digest: genesisDigest(genesis) }
    this.state = new GuardState(this.signed)
  }

  approver(index: number): KeyObject {
    return this.approvers[index] as KeyObject
  }

  proposal(action: GuardedAction, payload: Json, changes: Partial<ProposalEntry> = {}): ProposalEntry {
    return {
      kind: 'proposal',
      id: createHash('sha256').update(randomBytes(16)).digest('hex'),
      action,
      payload,
      policy: this.state.policy.digest,
      expiresMs: this.nowMs + HOUR,
      proposer: keyHex(this.operator),
      ...changes,
    }
  }

  rollOut(facts: Parameters<Pipeline['release']>[0] = {}, changes: Partial<ProposalEntry> = {}): ProposalEntry {
    return this.proposal('roll-out', rollOutPayload(this.pipeline.release(facts), this.pipeline.certificate), changes)
  }

  /** The policy in force with changes, as the next version. */
  nextPolicy(changes: Partial<Policy> = {}): Policy {
    const { policy, digest } = this.state.policy
    return { ...structuredClone(policy), version: policy.version + 1, previous: digest, ...changes }
  }

  changePolicy(changes: Partial<Policy> = {}, entry: Partial<ProposalEntry> = {}): ProposalEntry {
    return this.proposal('change-policy', { policy: this.nextPolicy(changes) as unknown as Json }, entry)
  }

  approval(proposal: ProposalEntry, key: KeyObject): GuardEntry {
    const signature = signApproval({ ...proposal, audience: this.state.audience }, proposal.payload, key)
    return {
      kind: 'approval',
      proposal: proposal.id,
      key: keyHex(key),
      signature: Buffer.from(signature).toString('hex'),
    }
  }

  execution(proposal: ProposalEntry, key = this.operator): GuardEntry {
    return { kind: 'execution', proposal: proposal.id, key: keyHex(key) }
  }

  withdrawal(proposal: ProposalEntry, key = this.operator): GuardEntry {
    return { kind: 'withdrawal', proposal: proposal.id, key: keyHex(key) }
  }

  /** Puts an entry into the log. @returns 'holds', or the code that says why it does not */
  log(entry: GuardEntry): string {
    let verdict = 'holds'
    try {
      this.state.judge(entry, this.nowMs)
    } catch (error) {
      verdict = errorCode(error) ?? String((error as Error).stack)
    }
    const logged = { ...entry, timeMs: this.nowMs }
    const { holds } = this.state.apply(this.entries.push(logged) - 1, logged)
    if (holds !== (verdict === 'holds')) throw new Error(`judged ${verdict}, and applied as ${holds}`)
    return verdict
  }

  /** Proposal, approvals and execution, one after the other. @returns their verdicts */
  run(proposal: ProposalEntry, approvers = [this.approver(0), this.approver(1)]): string[] {
    return [
      this.log(proposal),
      ...approvers.map((key) => this.log(this.approval(proposal, key))),
      this.log(this.execution(proposal)),
    ]
  }

  /** The same log, folded by a host that was started again. */
  restarted(): GuardState {
    const state = new GuardState(this.signed)
    for (const [index, entry] of this.entries.entries()) state.apply(index, entry)
    return state
  }
}
