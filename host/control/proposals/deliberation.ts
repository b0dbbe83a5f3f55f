/**
 * Requests on proposals, as effects of the control plane: each becomes one entry, judged before it is written and again, by the log's order,
 * when it stands there. What an execution does outside of the log is done after its entry is durable, and so at most once.
 */
import { RefusedError } from '../../errors.ts'
import type { Log } from '../../log/log.ts'
import { HOST } from '../../log/proofs/entry.ts'
import { decodeCanonicalJson } from '../../wire/canonical-json.ts'
import type { Parameters, Request } from '../actions.ts'
import type { GuardedAction } from '../policy/guards.ts'
import type { GuardEntry } from './entry.ts'
import type { Payload } from './payload.ts'
import type { GuardState, Open } from './state.ts'

/** What a guarded action does outside of the log; policies and releases do nothing there. */
export type OutsideEffects = Partial<Record<GuardedAction, (payload: Payload) => Promise<unknown>>>

/** Done by their entry alone. */
const INSIDE: GuardedAction[] = ['change-policy', 'roll-out', 'retire-release']

export type DeliberationRequest = Extract<
  Request,
  {
    action:
      | 'propose'
      | 'approve'
      | 'withdraw'
      | 'execute'
      | 'describe-proposals'
      | 'show-proposal'
      | 'describe-policy'
      | 'show-policy-change'
  }
>

export class Deliberation {
  readonly #log: Log
  readonly #state: GuardState
  readonly #outside: OutsideEffects
  readonly #now: () => number

  constructor(log: Log, state: GuardState, now: () => number, outside: OutsideEffects = {}) {
    this.#log = log
    this.#state = state
    this.#now = now
    this.#outside = outside
  }

  /**
   * @param key of whoever signed the request, hex
   * @param digest SHA-256 of the request, hex: the id of a proposal that it makes
   * @throws RefusedError ERR_PROPOSAL_*, ERR_APPROVAL_*, ERR_POLICY_*, ERR_RELEASE_*, ERR_JSON_*, FatalError ERR_LOG_WRITE
   */
  async take(request: DeliberationRequest, key: string, digest: string): Promise<unknown> {
    switch (request.action) {
      case 'propose':
        return this.#propose(request.parameters, key, digest)
      case 'approve': {
        const { proposal, signature } = request.parameters
        await this.#write({ kind: 'approval', proposal, key, signature })
        return { Proposal: proposal, Approvals: this.#state.approvedBy(proposal).length }
      }
      case 'withdraw':
        await this.#write({ kind: 'withdrawal', proposal: request.parameters.proposal, key })
        return { Proposal: request.parameters.proposal, Withdrawn: true }
      case 'execute':
        return this.#execute(request.parameters.proposal, key)
      case 'describe-proposals':
        return this.#state.open(this.#now()).map((proposal) => this.#summary(proposal))
      case 'show-proposal':
        return this.#show(request.parameters.proposal)
      case 'describe-policy': {
        const { policy, digest: current } = this.#state.policy
        const releases = [...this.#state.rolledOut].map(([release, facts]) => ({ release, ...facts }))
        return { policy, digest: current, releases }
      }
      case 'show-policy-change': {
        const change = this.#state.changes[request.parameters.version - 1]
        if (change === undefined)
          throw new RefusedError(
            'ERR_POLICY_VERSION',
            `no change made version ${request.parameters.version}; in force is ${this.#state.policy.policy.version}`,
          )
        return change
      }
    }
  }

  async #propose({ action, payload, policy, expiresMs }: Parameters['propose'], proposer: string, id: string) {
    if (!INSIDE.includes(action) && this.#outside[action] === undefined)
      throw new RefusedError('ERR_PROPOSAL_UNSUPPORTED', `this host cannot ${action} yet: nothing would follow`)
    const parsed = decodeCanonicalJson(new TextEncoder().encode(payload))
    await this.#write({ kind: 'proposal', id, action, payload: parsed, policy, expiresMs, proposer })
    return { Proposal: id, Action: action, Expires: new Date(expiresMs).toISOString() }
  }

  async #execute(proposal: string, key: string): Promise<unknown> {
    const effect = await this.#write({ kind: 'execution', proposal, key })
    // CRASH: spent, and what follows outside may not have: it is not tried again, and the outcome says ERR_HOST_RESTARTED.
    const outside = effect === undefined ? undefined : await this.#outside[effect.action]?.(effect)
    const { policy, digest } = this.#state.policy
    return {
      Proposal: proposal,
      Executed: true,
      PolicyVersion: policy.version,
      PolicyDigest: digest,
      ...(outside ?? {}),
    }
  }

  // Judged first, so that what cannot hold makes no entry; and what lost a race since is refused by its place in the log.
  async #write(entry: GuardEntry): Promise<Payload | undefined> {
    this.#state.judge(entry, this.#now())
    const { index } = await this.#log.append({ ...entry, subject: HOST })
    const verdict = this.#state.verdict(index)
    if (verdict === undefined) throw new RangeError(`entry ${index} was not folded`)
    if (!verdict.holds) throw verdict.refusal
    return verdict.effect
  }

  #show(id: string): unknown {
    const proposal = this.#state.open(this.#now()).find((open) => open.id === id)
    if (proposal === undefined)
      throw new RefusedError(
        'ERR_PROPOSAL_ENDED',
        `proposal ${id} does not wait: ${this.#state.end(id) ?? 'it is unknown, or expired'}`,
      )
    return { ...this.#summary(proposal), payload: proposal.payload }
  }

  #summary({ id, action, policy, expiresMs, proposer, payloadDigest, approvals }: Open): Record<string, unknown> {
    const threshold = this.#state.policy.policy.guards[action]
    return { id, action, policy, expiresMs, proposer, payloadDigest, approvedBy: [...approvals.keys()], threshold }
  }
}
