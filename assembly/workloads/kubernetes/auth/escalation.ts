// Nobody grants what they do not hold: who writes a role must have its rules, or may `escalate`; who binds one must have them too, or may
// `bind` it. pkg/registry/rbac/validation and the policybased storages of k8s.io/kubernetes.
import { Span } from '../../../sdk/span'
import { Call } from '../http/call'
import { fail, failNotFound } from '../http/failure'
import { quoted } from '../http/issues'
import { JsonNode } from '../json/node'
import { cloneTree, sameTree } from '../json/tree'
import { MAX_ESCALATION_STEPS } from '../limits'
import { memberSpan, memberText, metadataOf } from '../object/metadata'
import { clusterRoleBindings, clusterRoles, RBAC, Resource, roleBindings, roles } from '../resources/table'
import { isMaster, subject } from './asker'
import { Attributes } from './attributes'
import { isAuthorized } from './authorize'
import { GrantedRules, roleIsMissing, rulesOfRole } from './grants'
import { compileRules, holds, namesHold, resourcesHold, Rule, urlsHold, Words } from './rules'

/** Lines of an answer that say what is not held, and characters of the verbs in one. */
const MAX_MISSING = 32
const MAX_VERBS = 1024

let held: Rule[] = []
let steps = 0

/** Asks before a role or binding is written. @param before null where it is new @returns false with a failure */
export function mayGrant(call: Call, root: JsonNode, before: JsonNode | null): bool {
  const resource = call.resource
  const isRole = resource == roles || resource == clusterRoles
  if ((!isRole && resource != roleBindings && resource != clusterRoleBindings) || isMaster()) return true
  if (before && isCollectors(root, before)) return true
  return isRole ? mayWriteRole(call, root, before) : mayBind(call, root)
}

function mayWriteRole(call: Call, root: JsonNode, before: JsonNode | null): bool {
  const resource = call.resource
  const aggregation = resource == clusterRoles ? root.get('aggregationRule') : null
  const was = before ? before.get('aggregationRule') : null
  if (aggregation && (!was || !sameTree(aggregation, was)) && !holdsAll()) return refuse(call, 'must have cluster-admin privileges to use the aggregationRule')
  const escalate = new Attributes('escalate').on(RBAC, resource.resource, '', call.namespace, before ? call.name : new Span(0, 0))
  return isAuthorized(subject(), escalate) || areHeld(call, compileRules(root.get('rules'), false))
}

function mayBind(call: Call, root: JsonNode): bool {
  const role = root.get('roleRef')
  if (!role) return refuse(call, 'there is no roleRef')
  const kind = memberText(role, 'kind')
  const name = memberSpan(role, 'name')
  const named = kind == 'Role' ? roles : clusterRoles
  if (isAuthorized(subject(), new Attributes('bind').on(RBAC, named.resource, '', call.namespace, name))) return true
  const rules = rulesOfRole(kind, call.namespace, name)
  if (!roleIsMissing) return areHeld(call, rules)
  failNotFound(named, name.text())
  return false
}

// Only what a collector of garbage changes.
function isCollectors(root: JsonNode, before: JsonNode): bool {
  return sameTree(withoutOwners(root), withoutOwners(before))
}

function withoutOwners(root: JsonNode): JsonNode {
  const copy = cloneTree(root)
  const metadata = metadataOf(copy)
  metadata.remove('finalizers')
  metadata.remove('ownerReferences')
  metadata.remove('managedFields')
  metadata.remove('resourceVersion')
  return copy
}

function gatherHeld(namespace: Span): void {
  held = []
  steps = MAX_ESCALATION_STEPS
  const granted = new GrantedRules(subject(), namespace)
  let rule = granted.next()
  while (rule) {
    held.push(rule)
    rule = granted.next()
  }
}

// Everything on every resource and every path.
function holdsAll(): bool {
  gatherHeld(new Span(0, 0))
  const star = new Attributes('*')
  let resources = false
  let paths = false
  for (let i = 0; i < held.length; i++) {
    const rule = held[i]
    if (!hasStar(rule.verbs, star)) continue
    if (hasStar(rule.groups, star) && hasStar(rule.resources, star) && rule.names.count == 0) resources = true
    if (hasStar(rule.urls, star)) paths = true
  }
  return resources && paths
}

function hasStar(list: Words, star: Attributes): bool {
  return holds(list, star.verb)
}

function areHeld(call: Call, rules: Rule | null): bool {
  gatherHeld(call.namespace)
  const missing: string[] = []
  let rule = rules
  while (rule && steps > 0 && missing.length < MAX_MISSING) {
    if (!isHeldWhole(rule)) {
      breakDown(rule, missing)
      breakDownPaths(rule, missing)
    }
    rule = rule.next
  }
  if (steps <= 0) return refuse(call, 'its rules are too many to be compared with those that you hold')
  if (missing.length == 0) return true
  const groups = subject().groups
  let text = ''
  for (let i = 0; i < groups.length; i++) text += (i > 0 ? ' ' : '') + quoted(groups[i])
  return refuse(call, 'user ' + quoted(subject().name) + ' (groups=[' + text + ']) is attempting to grant RBAC permissions not currently held:\n' + missing.join('\n'))
}

// Mostly one rule covers all of another.
function isHeldWhole(rule: Rule): bool {
  for (let i = 0; i < held.length && steps > 0; i++) {
    const own = held[i]
    if (!allHeld(own.verbs, rule.verbs) || !allHeld(own.groups, rule.groups) || !namesCover(own, rule)) continue
    let covers = true
    for (let j = 0; j < rule.resources.count && covers && steps > 0; j++) covers = coversResource(own, rule.resources.span(j))
    for (let j = 0; j < rule.urls.count && covers && steps > 0; j++) {
      steps -= own.urls.count
      covers = urlsHold(own.urls, rule.urls.span(j))
    }
    if (covers) return steps > 0
  }
  return false
}

function allHeld(own: Words, wanted: Words): bool {
  steps -= 1
  for (let i = 0; i < wanted.count; i++) {
    steps -= own.count
    if (steps <= 0 || !holds(own, wanted.span(i))) return false
  }
  return true
}

function namesCover(own: Rule, rule: Rule): bool {
  if (rule.names.count == 0) return own.names.count == 0
  for (let i = 0; i < rule.names.count; i++) {
    steps -= own.names.count + 1
    if (steps <= 0 || !namesHold(own.names, rule.names.span(i))) return false
  }
  return true
}

function coversResource(own: Rule, resource: Span): bool {
  steps -= own.resources.count
  const slash = resource.find(0x2f)
  return resourcesHold(own.resources, resource, slash < 0 ? new Span(0, 0) : resource.cut(slash + 1, resource.length))
}

// One by one: each verb on each resource of each group, by each name. What is missing is told by resource and name.
function breakDown(rule: Rule, missing: string[]): void {
  for (let g = 0; g < rule.groups.count; g++)
    for (let r = 0; r < rule.resources.count; r++)
      for (let n = 0; n < max(1, rule.names.count); n++) {
        let verbs = ''
        for (let v = 0; v < rule.verbs.count; v++)
          if (!isHeld(rule.verbs.span(v), rule.groups.span(g), rule.resources.span(r), rule.names, n)) verbs = listed(verbs, rule.verbs.span(v))
        if (steps <= 0 || missing.length >= MAX_MISSING) return
        if (verbs.length == 0) continue
        const name = rule.names.count > 0 ? ', ResourceNames:[' + quoted(rule.names.span(n).text()) + ']' : ''
        missing.push('{APIGroups:[' + quoted(rule.groups.span(g).text()) + '], Resources:[' + quoted(rule.resources.span(r).text()) + ']' + name + ', Verbs:[' + verbs + ']}')
      }
}

function listed(verbs: string, verb: Span): string {
  return verbs.length > MAX_VERBS ? verbs : verbs + (verbs.length > 0 ? ' ' : '') + quoted(verb.text())
}

function isHeld(verb: Span, group: Span, resource: Span, names: Words, name: i32): bool {
  for (let i = 0; i < held.length && steps > 0; i++) {
    const own = held[i]
    steps -= 1 + own.verbs.count + own.groups.count + own.names.count
    if (!holds(own.verbs, verb) || !holds(own.groups, group) || !coversResource(own, resource)) continue
    if (names.count == 0 ? own.names.count == 0 : namesHold(own.names, names.span(name))) return true
  }
  return false
}

function breakDownPaths(rule: Rule, missing: string[]): void {
  for (let u = 0; u < rule.urls.count; u++) {
    const path = rule.urls.span(u)
    let verbs = ''
    for (let v = 0; v < rule.verbs.count; v++) {
      const verb = rule.verbs.span(v)
      let found = false
      for (let i = 0; i < held.length && !found && steps > 0; i++) {
        steps -= 1 + held[i].verbs.count + held[i].urls.count
        found = holds(held[i].verbs, verb) && urlsHold(held[i].urls, path)
      }
      if (!found) verbs = listed(verbs, verb)
    }
    if (steps <= 0 || missing.length >= MAX_MISSING) return
    if (verbs.length > 0) missing.push('{NonResourceURLs:[' + quoted(path.text()) + '], Verbs:[' + verbs + ']}')
  }
}

function refuse(call: Call, message: string): bool {
  const resource: Resource = call.resource
  const name = call.name.text()
  fail(403, 'Forbidden', resource.qualified + (name.length > 0 ? ' "' + name + '"' : '') + ' is forbidden: ' + message).about(resource, name)
  return false
}
