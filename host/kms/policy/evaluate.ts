/**
 * Whether a key policy lets a request through: one Deny that matches decides, else one Allow, else nobody is let in. Grants and IAM policies
 * do not exist here; see principal.ts for what an account stands for.
 */

import { type Doubt, holds } from './condition.ts'
import { type Context, requestContext } from './condition-keys.ts'
import { matchesPattern } from './pattern.ts'
import type { Names, Policy, Statement } from './policy.ts'
import { isAmong, isSpared } from './principal.ts'

/** What is asked: names of condition keys compare without case, times are the caller's. */
export type PolicyRequest = {
  /** ARN of a user, role, session or account root. */
  principal: string
  /** Such as kms:Decrypt. */
  action: string
  /** ARN of the key. */
  resource: string
  context: Record<string, string[]>
  nowMs: number
}

export type Decision = {
  allowed: boolean
  explicitDeny: boolean
  /** Index of the statement that decided; none when nothing matched. */
  statement: number | undefined
  /** For the policy's author: what counted as absent, or could not be compared. */
  warnings: string[]
}

export function evaluatePolicy(policy: Policy, request: PolicyRequest): Decision {
  const context = requestContext(request.context, request.principal, request.nowMs)
  const warnings = new Set<string>()
  let allow: number | undefined
  let deny: number | undefined
  for (const [index, statement] of policy.statements.entries()) {
    const warn = (reason: string) => void warnings.add(`${nameOf(statement, index)}: ${reason}`)
    if (!matches(statement, request, context, { unclear: statement.effect === 'Deny', warn })) continue
    if (statement.effect === 'Deny') deny ??= index
    else allow ??= index
  }
  return {
    allowed: deny === undefined && allow !== undefined,
    explicitDeny: deny !== undefined,
    statement: deny ?? allow,
    warnings: [...warnings],
  }
}

/** How messages call a statement: its place, and its Sid where it has one. */
export function nameOf(statement: Statement, index: number): string {
  return statement.sid === undefined ? `Statement[${index}]` : `Statement[${index}] "${statement.sid}"`
}

/** Actions compare without case, as IAM has it. */
export function namesAction(actions: Names, action: string): boolean {
  const lower = action.toLowerCase()
  return actions.patterns.some((pattern) => matchesPattern(pattern.toLowerCase(), lower)) !== actions.not
}

function matches(statement: Statement, request: PolicyRequest, context: Context, doubt: Doubt): boolean {
  const { principals, actions, resources, conditions } = statement
  if (!namesAction(actions, request.action)) return false
  if (resources.patterns.some((pattern) => matchesPattern(pattern, request.resource)) === resources.not) return false
  if (principals.not) {
    const { spared, accountMissing } = isSpared(principals.list, request.principal)
    if (accountMissing) doubt.warn('NotPrincipal spares nobody whose account it does not list too')
    if (spared) return false
  } else if (!isAmong(principals.list, request.principal)) return false
  // All of them, so that every warning is given at once.
  return conditions.map((condition) => holds(condition, context, doubt)).every(Boolean)
}
