/**
 * What proposals have made of a host: policy in force, releases that may run, proposals that wait. A pure fold over the log: `judge` says
 * whether an entry would hold at its time, and `apply` takes exactly what `judge` lets pass. Restarted, a host folds the same log to the same
 * state; raced, it is the log's order that decides. Roles are not judged here: requests come through `authoriseRequest` first.
 */
import { RefusedError } from '../../errors.ts'
import type { SignedGenesis } from '../genesis.ts'
import { type DatedPolicy, foundingPolicy, policyDigest } from '../policy/document.ts'
import { checkSuccession } from '../policy/succession.ts'
import { checkDowngrade, checkRule, type RolledOut } from '../releases/rules.ts'
import { type Matter, payloadDigest, verifiesApproval } from './approval.ts'
import type { ApprovalEntry, ExecutionEntry, GuardEntry, ProposalEntry, WithdrawalEntry } from './entry.ts'
import { type Payload, parseGuardedAction, parsePayload } from './payload.ts'

/** Proposals that wait, in all and of one proposer; what is more is refused until some end. */
export const MAX_OPEN = 64
export const MAX_OPEN_EACH = 16
/** No proposal waits longer: two weeks. */
export const MAX_WAIT_MS = 14 * 86_400_000
export const MAX_ROLLED_OUT = 256
/** Ends that are remembered by their proposal, the oldest forgotten first; a forgotten proposal is unknown, and so as dead. */
const MAX_ENDED = 1024
/** What entries came to, for whoever just wrote one. */
const MAX_VERDICTS = 1024

export type Open = ProposalEntry & { payloadDigest: string; approvals: Map<string, string> }
export type End = 'executed' | 'withdrawn' | 'voided' | 'expired'
/** A policy with the proposal and the approvals that brought it: a link of the chain from the genesis. */
export type PolicyChange = { proposal: Omit<ProposalEntry, 'kind'>; approvals: { key: string; signature: string }[] }

/** Whether an entry held, and what its execution is to do. */
export type Verdict = { holds: true; effect: Payload | undefined } | { holds: false; refusal: RefusedError }

const PROPOSAL_ID = /^[0-9a-f]{64}$/

export class GuardState {
  readonly audience: Matter['audience']
  #policy: DatedPolicy
  readonly #open = new Map<string, Open>()
  readonly #ended = new Map<string, End>()
  readonly #rolledOut = new Map<string, { workload: string; version: string; securityVersion: number; image: string }>()
  readonly #changes: PolicyChange[] = []
  readonly #verdicts = new Map<number, Verdict>()

  constructor(genesis: SignedGenesis) {
    this.#policy = foundingPolicy(genesis)
    this.audience = { genesis: genesis.digest, host: genesis.genesis.hostId }
  }

  /** The policy in force. */
  get policy(): DatedPolicy {
    return this.#policy
  }

  get rolledOut(): RolledOut {
    return this.#rolledOut
  }

  /** How the policy in force came from the genesis. */
  get changes(): readonly PolicyChange[] {
    return this.#changes
  }

  /** Proposals that wait at this time. */
  open(nowMs: number): Open[] {
    return [...this.#open.values()].filter(({ expiresMs }) => nowMs < expiresMs)
  }

  /** Approvers so far of a proposal that waits; keys, hex. */
  approvedBy(id: string): string[] {
    return [...(this.#open.get(id)?.approvals.keys() ?? [])]
  }

  end(id: string): End | undefined {
    return this.#ended.get(id)
  }

  /** @throws RefusedError ERR_PROPOSAL_*, ERR_APPROVAL_*, ERR_POLICY_*, ERR_RELEASE_*: the entry would not hold */
  judge(entry: GuardEntry, timeMs: number): void {
    switch (entry.kind) {
      case 'proposal':
        return this.#judgeProposal(entry, timeMs)
      case 'approval':
        return this.#judgeApproval(entry, timeMs)
      case 'withdrawal':
        return this.#judgeWithdrawal(entry, timeMs)
      case 'execution':
        this.#judgeExecution(entry, timeMs)
    }
  }

  /** Takes the entry at this index of the log, or lets it be void where it does not hold: at each restart again. */
  apply(index: number, entry: GuardEntry & { timeMs: number }): Verdict {
    this.#expire(entry.timeMs)
    const verdict = this.#verdict(entry)
    this.#verdicts.set(index, verdict)
    const [oldest] = this.#verdicts.keys()
    if (this.#verdicts.size > MAX_VERDICTS) this.#verdicts.delete(oldest as number)
    return verdict
  }

  /** What became of an entry that is in the log; of the latest ones. */
  verdict(index: number): Verdict | undefined {
    return this.#verdicts.get(index)
  }

  #verdict(entry: GuardEntry & { timeMs: number }): Verdict {
    try {
      this.judge(entry, entry.timeMs)
    } catch (error) {
      if (error instanceof RefusedError) return { holds: false, refusal: error }
      throw error
    }
    return { holds: true, effect: this.#take(entry) }
  }

  #take(entry: GuardEntry): Payload | undefined {
    switch (entry.kind) {
      case 'proposal': {
        const { kind, id, action, payload, policy, expiresMs, proposer } = entry
        const digest = payloadDigest(payload)
        const open = { kind, id, action, payload, policy, expiresMs, proposer, payloadDigest: digest }
        this.#open.set(id, { ...open, approvals: new Map() })
        return undefined
      }
      case 'approval':
        this.#open.get(entry.proposal)?.approvals.set(entry.key, entry.signature)
        return undefined
      case 'withdrawal':
        this.#close(entry.proposal, 'withdrawn')
        return undefined
      case 'execution': {
        const proposal = this.#open.get(entry.proposal) as Open
        this.#close(entry.proposal, 'executed')
        const payload = parsePayload(proposal.action, proposal.payload)
        this.#execute(proposal, payload)
        return payload
      }
    }
  }

  #execute(proposal: Open, payload: Payload): void {
    if (payload.action === 'roll-out') {
      const { digest, workload, version, securityVersion, image } = payload.release
      this.#rolledOut.set(digest, { workload, version, securityVersion, image })
    }
    if (payload.action === 'retire-release') this.#rolledOut.delete(payload.release)
    if (payload.action !== 'change-policy') return
    const { kind: _, payloadDigest: __, approvals, ...matter } = proposal
    this.#changes.push({
      proposal: matter,
      approvals: [...approvals].map(([key, signature]) => ({ key, signature })),
    })
    this.#policy = { policy: payload.policy, digest: policyDigest(payload.policy) }
    // Whoever approved these did so under other rules
    for (const id of [...this.#open.keys()]) this.#close(id, 'voided')
  }

  #judgeProposal(entry: ProposalEntry, timeMs: number): void {
    const action = parseGuardedAction(entry.action)
    if (!PROPOSAL_ID.test(entry.id)) throw refused('PROPOSAL_UNKNOWN', 'an id is 32 bytes in hex')
    if (this.#open.has(entry.id) || this.#ended.has(entry.id))
      throw refused('PROPOSAL_DUPLICATE', `proposal ${entry.id} was made before`)
    const { policy, digest } = this.#policy
    if (entry.policy !== digest)
      throw refused('PROPOSAL_POLICY', `made under policy ${entry.policy}, in force is ${digest}`)
    if (!policy.operators.includes(entry.proposer) && !policy.approvers.includes(entry.proposer))
      throw refused('PROPOSAL_PROPOSER', `key ${entry.proposer} is neither operator nor approver`)
    if (!Number.isSafeInteger(entry.expiresMs) || entry.expiresMs <= timeMs || entry.expiresMs > timeMs + MAX_WAIT_MS)
      throw refused(
        'PROPOSAL_EXPIRY',
        `expires at ${entry.expiresMs}, now is ${timeMs}, and ${MAX_WAIT_MS} ms are the longest wait`,
      )
    const open = this.open(timeMs)
    const own = open.filter(({ proposer }) => proposer === entry.proposer).length
    if (open.length >= MAX_OPEN || own >= MAX_OPEN_EACH)
      throw refused(
        'PROPOSAL_LIMIT',
        `${open.length} proposals wait (at most ${MAX_OPEN}), ${own} of this proposer (at most ${MAX_OPEN_EACH})`,
      )
    this.#checkEffect(parsePayload(action, entry.payload))
  }

  #judgeApproval(entry: ApprovalEntry, timeMs: number): void {
    const proposal = this.#waiting(entry.proposal, timeMs)
    if (entry.key === proposal.proposer) throw refused('APPROVAL_SELF', 'the proposer cannot approve')
    if (!this.#policy.policy.approvers.includes(entry.key))
      throw refused('APPROVAL_KEY', `key ${entry.key} is no approver`)
    if (proposal.approvals.has(entry.key))
      throw refused('APPROVAL_TWICE', `key ${entry.key} approved before, and counts once`)
    if (!this.#holds(proposal, entry.key, entry.signature))
      throw refused(
        'APPROVAL_SIGNATURE',
        `the approval is not one of proposal ${proposal.id} with payload ${proposal.payloadDigest}`,
      )
  }

  #judgeWithdrawal(entry: WithdrawalEntry, timeMs: number): void {
    const proposal = this.#waiting(entry.proposal, timeMs)
    if (entry.key !== proposal.proposer)
      throw refused('PROPOSAL_PROPOSER', `it was proposed by ${proposal.proposer}, not by ${entry.key}`)
  }

  // Approver set, revocations and threshold are those in force now; the signatures are over the bytes that would run now.
  #judgeExecution(entry: ExecutionEntry, timeMs: number): void {
    const proposal = this.#waiting(entry.proposal, timeMs)
    const { policy } = this.#policy
    const counted = [...proposal.approvals].filter(
      ([key, signature]) =>
        key !== proposal.proposer && policy.approvers.includes(key) && this.#holds(proposal, key, signature),
    ).length
    const threshold = policy.guards[proposal.action]
    if (counted < threshold)
      throw refused(
        'APPROVAL_THRESHOLD',
        `${counted} of ${threshold} approvals by approvers in force, none the proposer's`,
      )
    this.#checkEffect(parsePayload(proposal.action, proposal.payload))
  }

  // What must hold for an effect, at the proposal and again at the execution.
  #checkEffect(payload: Payload): void {
    if (payload.action === 'change-policy') return checkSuccession(this.#policy, payload.policy)
    if (payload.action === 'roll-out') {
      checkRule(this.#policy.policy, payload.release)
      checkDowngrade(this.#rolledOut, payload.release)
      if (this.#rolledOut.has(payload.release.digest))
        throw refused('PROPOSAL_DONE', `release ${payload.release.digest} is rolled out already`)
      if (this.#rolledOut.size >= MAX_ROLLED_OUT)
        throw refused('PROPOSAL_LIMIT', `${MAX_ROLLED_OUT} releases are rolled out, the most there may be: retire some`)
    }
    if (payload.action === 'retire-release' && !this.#rolledOut.has(payload.release))
      throw refused('PROPOSAL_DONE', `release ${payload.release} is not rolled out`)
  }

  #waiting(id: string, timeMs: number): Open {
    const end = this.#ended.get(id)
    if (end !== undefined) throw refused('PROPOSAL_ENDED', `proposal ${id} was ${end}`)
    const proposal = this.#open.get(id)
    if (proposal === undefined) throw refused('PROPOSAL_UNKNOWN', `no proposal ${id.slice(0, 64)}`)
    if (timeMs >= proposal.expiresMs)
      throw refused('PROPOSAL_ENDED', `proposal ${id} expired at ${new Date(proposal.expiresMs).toISOString()}`)
    return proposal
  }

  #holds(proposal: Open, key: string, signature: string): boolean {
    const matter = { ...proposal, audience: this.audience }
    return verifiesApproval(matter, payloadDigest(proposal.payload), key, new Uint8Array(Buffer.from(signature, 'hex')))
  }

  #expire(nowMs: number): void {
    for (const [id, { expiresMs }] of this.#open) if (nowMs >= expiresMs) this.#close(id, 'expired')
  }

  #close(id: string, end: End): void {
    this.#open.delete(id)
    this.#ended.set(id, end)
    const [oldest] = this.#ended.keys()
    if (this.#ended.size > MAX_ENDED) this.#ended.delete(oldest as string)
  }
}

function refused(what: string, message: string): RefusedError {
  return new RefusedError(`ERR_${what}`, message)
}
