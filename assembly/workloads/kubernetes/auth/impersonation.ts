// Speaking for others: Impersonate-User, -Group, -Uid and -Extra-KEY. Each of them has to be allowed by a rule with the verb `impersonate`,
// and then the request is judged as if the other had sent it (staging/src/k8s.io/apiserver/pkg/endpoints/filters/impersonation.go).
import { Request } from '../../../sdk/request'
import { failBadRequest } from '../http/failure'
import { isLabel, isSubdomain } from '../object/names'
import { failForbidden } from './access'
import { arenaSpan, Attributes } from './attributes'
import { isAuthorized } from './authorize'
import { extraKey, HeaderLines, IMPERSONATE } from './headers'
import { ACCOUNT_PREFIX, AUTHENTICATED, Extra, Subject, UNAUTHENTICATED } from './subject'
import { accountGroups } from './token'

const AUTHENTICATION = 'authentication.k8s.io'
const EXTRA = 'impersonate-extra-'
const ANONYMOUS = 'system:anonymous'

/** As whom `user` asks. @returns null with a failure */
export function impersonate(user: Subject, request: Request): Subject | null {
  const asked = readHeaders(request)
  if (asked.name.length == 0) {
    // The real server says 500 to this, by accident
    failBadRequest('requested to impersonate groups, uid or extra without impersonating a user')
    return null
  }
  const account = accountOf(asked.name)
  if (account) {
    if (!may(user, '', 'serviceaccounts', '', account.namespace, account.name)) return null
  } else if (!may(user, '', 'users', '', '', asked.name)) return null
  for (let i = 0; i < asked.groups.length; i++) if (!may(user, '', 'groups', '', '', asked.groups[i])) return null
  for (let i = 0; i < asked.extra.length; i++)
    for (let j = 0; j < asked.extra[i].values.length; j++)
      if (!may(user, AUTHENTICATION, 'userextras', asked.extra[i].key, '', asked.extra[i].values[j])) return null
  if (asked.uid.length > 0 && !may(user, AUTHENTICATION, 'uids', '', '', asked.uid)) return null
  if (account && asked.groups.length == 0) asked.groups = accountGroups(account.namespace)
  // Nobody is anonymous here, so this says only what a cluster would say of them
  const all = asked.name == ANONYMOUS ? UNAUTHENTICATED : AUTHENTICATED
  if (!asked.groups.includes(AUTHENTICATED) && !asked.groups.includes(UNAUTHENTICATED)) asked.groups.push(all)
  return asked
}

function readHeaders(request: Request): Subject {
  const asked = new Subject('', [])
  const lines = new HeaderLines(request)
  while (lines.next()) {
    if (!lines.name.begins(IMPERSONATE)) continue
    const value = lines.value.text()
    if (lines.name.is('impersonate-user')) asked.name = value
    else if (lines.name.is('impersonate-uid')) asked.uid = value
    else if (lines.name.is('impersonate-group')) asked.groups.push(value)
    else if (lines.name.begins(EXTRA)) addExtra(asked, extraKey(lines.name.cut(EXTRA.length, lines.name.length)), value)
  }
  return asked
}

function addExtra(asked: Subject, key: string, value: string): void {
  for (let i = 0; i < asked.extra.length; i++) {
    if (asked.extra[i].key != key) continue
    asked.extra[i].values.push(value)
    return
  }
  asked.extra.push(new Extra(key, [value]))
}

class Account {
  constructor(public namespace: string, public name: string) {}
}

/** Of `system:serviceaccount:NAMESPACE:NAME`; null for other names. */
function accountOf(user: string): Account | null {
  if (!user.startsWith(ACCOUNT_PREFIX)) return null
  const parts = user.substring(ACCOUNT_PREFIX.length).split(':')
  if (parts.length != 2 || !isLabel(arenaSpan(parts[0])) || !isSubdomain(arenaSpan(parts[1]))) return null
  return new Account(parts[0], parts[1])
}

function may(user: Subject, group: string, resource: string, subresource: string, namespace: string, name: string): bool {
  const wanted = new Attributes('impersonate').on(group, resource, subresource, arenaSpan(namespace), arenaSpan(name))
  if (isAuthorized(user, wanted)) return true
  failForbidden(user, wanted, 'impersonate', group, resource, name)
  return false
}
