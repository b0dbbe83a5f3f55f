// Who may do what: system:masters all, everybody else nothing.
import { Request } from '../../../sdk/request'
import { fail } from '../http/failure'
import { Call } from '../http/call'
import { isMaster, subject } from './asker'

/** @returns false with a failure */
export function mayDo(call: Call, verb: string): bool {
  if (isMaster()) return true
  const resource = call.resource
  const subresource = call.hasSubresource ? '/' + call.subresource.text() : ''
  const name = call.name.text()
  const scope = call.namespace.length > 0 ? ' in the namespace "' + call.namespace.text() + '"' : ' at the cluster scope'
  fail(403, 'Forbidden', resource.qualified + (name.length > 0 ? ' "' + name + '"' : '') + ' is forbidden: User "' + subject().name + '" cannot ' + verb + ' resource "' + resource.resource + subresource + '" in API group "' + resource.group + '"' + scope).about(resource, name)
  return false
}

/** Paths that are no resource's. Discovery is everybody's. @returns false with a failure */
export function mayGetPath(request: Request): bool {
  if (isMaster()) return true
  fail(403, 'Forbidden', 'forbidden: User "' + subject().name + '" cannot get path "' + request.path.text() + '"').emptyDetails()
  return false
}
