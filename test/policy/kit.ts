// Policies of one statement, and requests that differ in one thing.
import { type Decision, evaluatePolicy, type PolicyRequest, parsePolicy } from '../../host/kms/policy/index.ts'

export const ACCOUNT = '111122223333'
export const KEY = `arn:aws:kms:local-1:${ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab`
export const USER = `arn:aws:iam::${ACCOUNT}:user/alice`
export const ROOT = `arn:aws:iam::${ACCOUNT}:root`
export const PCR0 = 'ab'.repeat(48)

export type StatementText = Record<string, unknown>
export const allow = (changes: StatementText = {}): StatementText => ({
  Effect: 'Allow',
  Principal: '*',
  Action: 'kms:Decrypt',
  Resource: '*',
  ...changes,
})
export const deny = (changes: StatementText = {}): StatementText => allow({ Effect: 'Deny', ...changes })
export const policyText = (...statements: StatementText[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements })
export const policyOf = (...statements: StatementText[]) => parsePolicy(policyText(...statements), ACCOUNT)

export const requestOf = (changes: Partial<PolicyRequest> = {}): PolicyRequest => ({
  principal: USER,
  action: 'kms:Decrypt',
  resource: KEY,
  context: {},
  nowMs: Date.parse('2026-03-04T05:06:07Z'),
  ...changes,
})
export const decide = (statements: StatementText[], changes: Partial<PolicyRequest> = {}): Decision =>
  evaluatePolicy(policyOf(...statements), requestOf(changes))
export const allowed = (statement: StatementText, changes: Partial<PolicyRequest> = {}): boolean =>
  decide([statement], changes).allowed

/** Whether a condition lets a request through that has these values. */
export function conditionHolds(condition: Record<string, unknown>, context: Record<string, string[]> = {}): boolean {
  return allowed(allow({ Condition: condition }), { context })
}
