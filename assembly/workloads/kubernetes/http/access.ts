// Who may do what: the enclave's owners, as the channel says, are system:masters and may do all; everybody else is themselves and may do
// nothing. Impersonation is not served, and so refused: it must not pass for the owner's own word.
import { ROLE_OWNER } from '../../../abi/channel'
import { Request } from '../../../sdk/request'
import { Span } from '../../../sdk/span'
import { Call } from './call'
import { fail } from './failure'

/** @returns false with a failure */
export function mayDo(call: Call, verb: string): bool {
  if (impersonates(call.request)) return false
  if (call.request.role == ROLE_OWNER) return true
  const resource = call.resource
  const subresource = call.hasSubresource ? '/' + call.subresource.text() : ''
  const name = call.name.text()
  const scope = call.namespace.length > 0 ? ' in the namespace "' + call.namespace.text() + '"' : ' at the cluster scope'
  fail(403, 'Forbidden', resource.qualified + (name.length > 0 ? ' "' + name + '"' : '') + ' is forbidden: User "' + userName(call.request) + '" cannot ' + verb + ' resource "' + resource.resource + subresource + '" in API group "' + resource.group + '"' + scope).about(resource, name)
  return false
}

/** Paths that are no resource's. Discovery is everybody's. @returns false with a failure */
export function mayGetPath(request: Request): bool {
  if (impersonates(request)) return false
  if (request.role == ROLE_OWNER) return true
  fail(403, 'Forbidden', 'forbidden: User "' + userName(request) + '" cannot get path "' + request.path.text() + '"').emptyDetails()
  return false
}

function impersonates(request: Request): bool {
  if (!request.header('impersonate-user') && !request.header('impersonate-group') && !request.header('impersonate-uid')) return false
  fail(403, 'Forbidden', 'forbidden: impersonation is not served').emptyDetails()
  return true
}

/** A user is the key that the channel was opened with. */
export function userName(request: Request): string {
  const key: Span = request.key
  let text = 'ed25519:'
  for (let i: usize = 0; i < key.length; i++) {
    const byte = load<u8>(key.at + i) // SAFETY: i < length
    text += (byte < 16 ? '0' : '') + byte.toString(16)
  }
  return text
}
