/** What one policy may follow another with: the next number, the same host, nothing revoked that comes back. Pure; approvals come on top. */
import { RefusedError } from '../../errors.ts'
import type { DatedPolicy, Policy } from './document.ts'

/** What a policy keeps for ever: the identity of the host, and that it is one of development. */
const FIXED = ['genesis', 'hostId', 'development', 'logKey'] as const

/** @throws RefusedError ERR_POLICY_SUCCESSION: the two values that differ are named */
export function checkSuccession(before: DatedPolicy, after: Policy): void {
  if (after.previous !== before.digest)
    throw refused(`it follows policy ${after.previous}, in force is ${before.digest}: make it anew from the latter`)
  if (after.version !== before.policy.version + 1)
    throw refused(`version ${after.version} follows ${before.policy.version}, due is ${before.policy.version + 1}`)
  for (const field of FIXED)
    if (after[field] !== before.policy[field])
      throw refused(`${field} is ${String(before.policy[field])} for ever, not ${String(after[field])}`)
  const returned = before.policy.revoked.find((key) => !after.revoked.includes(key))
  if (returned !== undefined) throw refused(`key ${returned} was revoked and would be no more`)
}

function refused(message: string): RefusedError {
  return new RefusedError('ERR_POLICY_SUCCESSION', message)
}
