/**
 * Who a statement is about. An account stands for everybody in it: AWS would ask IAM policies next, which do not exist here and are taken to
 * allow, so a statement for the account is one for all its users and roles.
 */
import { RefusedError } from '../../errors.ts'
import { arnParts } from './pattern.ts'

export type Principal =
  | { kind: 'everyone' }
  | { kind: 'account'; account: string }
  | { kind: 'identity'; arn: string }
  /** A service, a federation or a canonical user: nobody here comes as one. */
  | { kind: 'never'; type: string; name: string }

const ACCOUNT = /^\d{12}$/
const ROOT = /^arn:aws[a-z-]*:iam::(\d{12}):root$/
const IDENTITY =
  /^arn:aws[a-z-]*:(?:iam::\d{12}:(?:user|role)\/[\w+=,.@/-]+|sts::\d{12}:(?:assumed-role|federated-user)\/[\w+=,.@/-]+)$/
const OTHER_TYPES = ['Service', 'Federated', 'CanonicalUser']

/** @param place for the message @throws RefusedError ERR_KMS_POLICY */
export function parsePrincipal(type: string, name: string, place: string): Principal {
  if (type !== 'AWS') {
    if (!OTHER_TYPES.includes(type))
      throw refused(place, `${type} is no type of principal: AWS, ${OTHER_TYPES.join(', ')}`)
    return { kind: 'never', type, name }
  }
  if (name === '*') return { kind: 'everyone' }
  if (ACCOUNT.test(name)) return { kind: 'account', account: name }
  const root = ROOT.exec(name)
  if (root !== null) return { kind: 'account', account: root[1] as string }
  if (/[*?]/.test(name)) throw refused(place, `${name}: a principal has no wildcards, but for "*" alone`)
  if (!IDENTITY.test(name))
    throw refused(place, `${name} is no account, root, user, role or session: twelve digits or an ARN of iam or sts`)
  return { kind: 'identity', arn: name }
}

/** Whether the caller is one of them. @param arn of a user, a role, a session or an account's root */
export function isAmong(principals: Principal[], arn: string): boolean {
  return principals.some((principal) => {
    if (principal.kind === 'everyone') return true
    if (principal.kind === 'account') return principal.account === accountOf(arn)
    return principal.kind === 'identity' && isIdentity(principal.arn, arn)
  })
}

/**
 * Whether NotPrincipal spares the caller. As IAM says, an account listed there spares its root alone, and a user or role only together
 * with its account.
 */
export function isSpared(principals: Principal[], arn: string): { spared: boolean; accountMissing: boolean } {
  const account = accountOf(arn)
  const listed = principals.some((each) => each.kind === 'account' && each.account === account)
  if (principals.some((each) => each.kind === 'everyone')) return { spared: true, accountMissing: false }
  if (ROOT.test(arn)) return { spared: listed, accountMissing: false }
  const named = principals.some((each) => each.kind === 'identity' && isIdentity(each.arn, arn))
  return { spared: named && listed, accountMissing: named && !listed }
}

export function accountOf(arn: string): string | undefined {
  return arnParts(arn)?.[4]
}

export function principalName(principal: Principal): string {
  switch (principal.kind) {
    case 'everyone':
      return '*'
    case 'account':
      return `account ${principal.account}`
    case 'identity':
      return principal.arn
    case 'never':
      return `${principal.type} ${principal.name}`
  }
}

// A role's sessions are the role: arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION, which leaves the role's path out.
function isIdentity(listed: string, caller: string): boolean {
  if (listed === caller) return true
  const role = arnParts(listed)
  const session = arnParts(caller)
  if (role?.[2] !== 'iam' || session?.[2] !== 'sts' || role[1] !== session[1] || role[4] !== session[4]) return false
  const [kind, ...path] = (role[5] as string).split('/')
  const [sessionKind, name] = (session[5] as string).split('/')
  return kind === 'role' && sessionKind === 'assumed-role' && path.at(-1) === name
}

function refused(place: string, reason: string): RefusedError {
  return new RefusedError('ERR_KMS_POLICY', `${place}: ${reason}`)
}
