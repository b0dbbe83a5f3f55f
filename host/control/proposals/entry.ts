/**
 * What the log holds of proposals. A proposal stands there whole: a policy and a release are what customers may read. The order of these
 * entries is the order of the truth: of two executions the first is the one.
 */
import type { Json } from '../../wire/canonical-json.ts'
import type { GuardedAction } from '../policy/guards.ts'

export type ProposalEntry = {
  kind: 'proposal'
  /** SHA-256 of the request that made it, hex: replay is refused, so there is no second. */
  id: string
  action: GuardedAction
  payload: Json
  /** Digest of the policy in force. */
  policy: string
  expiresMs: number
  /** Ed25519 public key, hex. */
  proposer: string
}
export type ApprovalEntry = { kind: 'approval'; proposal: string; key: string; signature: string }
export type WithdrawalEntry = { kind: 'withdrawal'; proposal: string; key: string }
/** From here on the proposal is spent, whatever a crash does to the rest. For policies and releases it is the effect itself. */
export type ExecutionEntry = { kind: 'execution'; proposal: string; key: string }

export type GuardEntry = ProposalEntry | ApprovalEntry | WithdrawalEntry | ExecutionEntry

const KINDS = ['proposal', 'approval', 'withdrawal', 'execution']

/** Whether an entry of the log is one of these. */
export function isGuardEntry<E extends { kind: string }>(entry: E): entry is E & GuardEntry {
  return KINDS.includes(entry.kind)
}
