// Whether somebody may do something: system:masters everything, everybody else what a rule of a role that they are bound to allows.
import { MAX_RULE_BYTES } from '../limits'
import { Attributes } from './attributes'
import { beginGrants, GrantedRules, grantsOverflow } from './grants'
import { allows } from './rules'
import { Subject } from './subject'

let decided: GrantedRules | null = null

/** A request begins: nothing is decided, and what an earlier one found may be gone. */
export function beginDecisions(): void {
  decided = null
  beginGrants()
}

export function isAuthorized(who: Subject, wanted: Attributes): bool {
  decided = null
  if (who.isMaster) return true
  const granted = new GrantedRules(who, wanted.namespace)
  let rule = granted.next()
  while (rule) {
    if (allows(rule, wanted)) {
      decided = granted
      return true
    }
    rule = granted.next()
  }
  return false
}

/** Why the last `isAuthorized` allowed, or could not; "" where there is nothing to say. For reviews and the audit, of the same request. */
export function decisionReason(): string {
  const by = decided
  if (by && by.grant) return 'RBAC: allowed by ' + by.grant!.describe() + ' to ' + by.receiver
  return grantsOverflow ? 'roles and bindings take more than the ' + MAX_RULE_BYTES.toString() + ' bytes that can be held' : ''
}
