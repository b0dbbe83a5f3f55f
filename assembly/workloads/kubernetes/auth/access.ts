// Whether the request under way may do what it asks for.
import { Request } from '../../../sdk/request'
import { Span } from '../../../sdk/span'
import { Call } from '../http/call'
import { clearFailure, fail, Failure } from '../http/failure'
import { query } from '../http/query'
import { namespaces } from '../resources/table'
import { parseFieldSelector } from '../select/fields'
import { isMaster, subject } from './asker'
import { arenaSpan, Attributes } from './attributes'
import { decisionReason, isAuthorized } from './authorize'
import { Subject } from './subject'

/** @returns false with a failure */
export function mayDo(call: Call, verb: string): bool {
  if (isMaster()) return true
  const resource = call.resource
  const subresource = call.hasSubresource ? call.subresource.text() : ''
  const isMany = verb == 'list' || verb == 'watch' || verb == 'deletecollection'
  // A namespace is in itself: so a role in it can let somebody look at it
  const namespace = resource == namespaces ? call.name : call.namespace
  const wanted = new Attributes(verb).on(resource.group, resource.resource, subresource, namespace, isMany ? selectedName(call) : call.name)
  if (isAuthorized(subject(), wanted)) return true
  failForbidden(subject(), wanted, verb, resource.group, resource.resource, call.name.text())
  return false
}

/** Paths that are no resource's. @returns false with a failure */
export function mayGetPath(request: Request): bool {
  if (isMaster()) return true
  const verb = request.method.is('HEAD') ? 'get' : request.method.text().toLowerCase()
  if (isAuthorized(subject(), new Attributes(verb).onPath(request.path))) return true
  fail(403, 'Forbidden', 'forbidden: User "' + subject().name + '" cannot ' + verb + ' path "' + request.path.text() + '"').emptyDetails()
  return false
}

/** `secrets "s" is forbidden: User "u" cannot get resource "secrets" in API group "" in the namespace "n"` */
export function failForbidden(who: Subject, wanted: Attributes, verb: string, group: string, resource: string, name: string): Failure {
  const scope = wanted.namespace.length > 0 ? ' in the namespace "' + wanted.namespace.text() + '"' : ' at the cluster scope'
  const reason = decisionReason()
  const qualified = group.length > 0 ? resource + '.' + group : resource
  const text = qualified + (name.length > 0 ? ' "' + name + '"' : '') + ' is forbidden: User "' + who.name + '" cannot ' + verb + ' resource "' + wanted.resource.text() + '" in API group "' + group + '"' + scope + (reason.length > 0 ? ': ' + reason : '')
  return fail(403, 'Forbidden', text).aboutNamed(group, resource, name)
}

// Of a collection whose fieldSelector lets one name through, that name: who may list `a` alone may ask so.
function selectedName(call: Call): Span {
  const text = query(call.request, 'fieldSelector')
  const terms = text ? parseFieldSelector(text, call.resource) : null
  clearFailure()
  if (terms) for (let i = 0; i < terms.length; i++) if (terms[i].field == 'metadata.name' && !terms[i].negated) return arenaSpan(terms[i].value)
  return new Span(0, 0)
}
