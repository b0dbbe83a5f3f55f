// What roles and bindings ask of their objects besides the schema: defaults, checks, and that a binding keeps its role.
// k8s.io/kubernetes/pkg/apis/rbac/validation, with its texts.
import { invalid, issuesAreFull, notSupported, quoted, required, shortened } from '../http/issues'
import { Span } from '../../../sdk/span'
import { JsonNode, newText } from '../json/node'
import { sameTree } from '../json/tree'
import { memberSpan, memberText } from '../object/metadata'
import { DNS1123_SUBDOMAIN, isSubdomain, labelValueProblem, MAX_SUBDOMAIN, pathSegmentProblem, qualifiedNameProblem } from '../object/names'
import { clusterRoleBindings, clusterRoles, RBAC, Resource, roles } from '../resources/table'

/** Groups that go without saying: of users, groups and roles. */
export function prepareBinding(root: JsonNode): void {
  const role = root.get('roleRef')
  if (role && memberText(role, 'apiGroup').length == 0) role.set('apiGroup', newText(RBAC))
  const subjects = root.get('subjects')
  let each = subjects ? subjects.first : null
  while (each) {
    const kind = each.get('kind')
    const isNamed = kind != null && (kind.is('User') || kind.is('Group'))
    if (isNamed && memberText(each, 'apiGroup').length == 0) placeGroup(each)
    each = each.next
  }
}

// Between kind and name, where normal form has it.
function placeGroup(subject: JsonNode): void {
  subject.remove('apiGroup')
  const group = newText(RBAC)
  const key = newText('apiGroup')
  group.key = key.at
  group.keyLength = key.length
  subject.insertAfter(subject.get('kind'), group)
}

export function checkRole(root: JsonNode, resource: Resource): void {
  const rules = root.get('rules')
  let index = 0
  let each = rules ? rules.first : null
  while (each && !issuesAreFull()) {
    checkRule(each, 'rules[' + (index++).toString() + ']', resource == roles)
    each = each.next
  }
  const aggregation = resource == clusterRoles ? root.get('aggregationRule') : null
  if (aggregation) checkAggregation(aggregation)
}

function checkRule(rule: JsonNode, path: string, isNamespaced: bool): void {
  if (count(rule, 'verbs') == 0) required(path + '.verbs', 'verbs must contain at least one value')
  const urls = rule.get('nonResourceURLs')
  if (urls && urls.count > 0) {
    if (isNamespaced) invalid(path + '.nonResourceURLs', listed(urls), 'namespaced rules cannot apply to non-resource URLs')
    if (count(rule, 'apiGroups') + count(rule, 'resources') + count(rule, 'resourceNames') > 0)
      invalid(path + '.nonResourceURLs', listed(urls), 'rules cannot apply to both regular resources and non-resource URLs')
    return
  }
  if (count(rule, 'apiGroups') == 0) required(path + '.apiGroups', 'resource rules must supply at least one api group')
  if (count(rule, 'resources') == 0) required(path + '.resources', 'resource rules must supply at least one resource')
}

const OPERATORS: StaticArray<string> = ['In', 'NotIn', 'Exists', 'DoesNotExist']

function checkAggregation(aggregation: JsonNode): void {
  const selectors = aggregation.get('clusterRoleSelectors')
  if (!selectors || selectors.count == 0) return required('aggregationRule.clusterRoleSelectors', 'at least one clusterRoleSelector required if aggregationRule is non-nil')
  let index = 0
  let each = selectors.first
  while (each && !issuesAreFull()) {
    checkSelector(each, 'aggregationRule.clusterRoleSelectors[' + (index++).toString() + ']')
    each = each.next
  }
}

function checkSelector(selector: JsonNode, path: string): void {
  const labels = selector.get('matchLabels')
  let label = labels ? labels.first : null
  while (label && !issuesAreFull()) {
    checkKey(new Span(label.key, label.keyLength), path + '.matchLabels')
    checkValue(label, path + '.matchLabels[' + label.keyText() + ']')
    label = label.next
  }
  const expressions = selector.get('matchExpressions')
  let index = 0
  let each = expressions ? expressions.first : null
  while (each && !issuesAreFull()) {
    const at = path + '.matchExpressions[' + (index++).toString() + ']'
    const operator = memberText(each, 'operator')
    const values = each.get('values')
    checkKey(memberSpan(each, 'key'), at + '.key')
    if (!OPERATORS.includes(operator)) invalid(at + '.operator', operator, 'not a valid selector operator')
    else if (operator.endsWith('In')) {
      if (!values || values.count == 0) required(at + '.values', 'must be specified when `operator` is \'In\' or \'NotIn\'')
    } else if (values && values.count > 0) invalid(at + '.values', listed(values), 'may not be specified when `operator` is \'Exists\' or \'DoesNotExist\'')
    let value = values ? values.first : null
    while (value && !issuesAreFull()) {
      checkValue(value, at + '.values')
      value = value.next
    }
    each = each.next
  }
}

function checkKey(key: Span, path: string): void {
  const problem = qualifiedNameProblem(key)
  if (problem.length > 0) invalid(path, key.text(), problem)
}

function checkValue(node: JsonNode, path: string): void {
  const problem = labelValueProblem(new Span(node.at, node.length))
  if (problem.length > 0) invalid(path, node.text(), problem)
}

export function checkBinding(root: JsonNode, resource: Resource): void {
  const isWide = resource == clusterRoleBindings
  const role = root.get('roleRef')
  const group = role ? memberText(role, 'apiGroup') : ''
  const kind = role ? memberText(role, 'kind') : ''
  if (group != RBAC) notSupported('roleRef.apiGroup', quoted(group), quoted(RBAC))
  if (kind != 'ClusterRole' && (isWide || kind != 'Role')) notSupported('roleRef.kind', quoted(kind), isWide ? '"ClusterRole"' : '"ClusterRole", "Role"')
  const name = role ? memberSpan(role, 'name') : new Span(0, 0)
  if (name.length == 0) required('roleRef.name', '')
  else {
    const problem = pathSegmentProblem(name)
    if (problem.length > 0) invalid('roleRef.name', name.text(), problem)
  }
  const subjects = root.get('subjects')
  let index = 0
  let each = subjects ? subjects.first : null
  while (each && !issuesAreFull()) {
    checkSubject(each, 'subjects[' + (index++).toString() + ']', isWide)
    each = each.next
  }
}

function checkSubject(subject: JsonNode, path: string, isWide: bool): void {
  const name = memberSpan(subject, 'name')
  if (name.length == 0) required(path + '.name', '')
  const kind = memberText(subject, 'kind')
  const group = memberText(subject, 'apiGroup')
  if (kind == 'ServiceAccount') {
    if (name.length > MAX_SUBDOMAIN || (name.length > 0 && !isSubdomain(name))) invalid(path + '.name', name.text(), DNS1123_SUBDOMAIN)
    if (group.length > 0) notSupported(path + '.apiGroup', quoted(group), '""')
    if (isWide && memberSpan(subject, 'namespace').length == 0) required(path + '.namespace', '')
  } else if (kind == 'User' || kind == 'Group') {
    if (group != RBAC) notSupported(path + '.apiGroup', quoted(group), quoted(RBAC))
  } else notSupported(path + '.kind', quoted(kind), '"Group", "ServiceAccount", "User"')
}

/** A binding to another role is another binding: who may change subjects could grant more than they hold. */
export function checkBindingUpdate(root: JsonNode, old: JsonNode): void {
  const role = root.get('roleRef')
  const before = old.get('roleRef')
  if (role && before && !sameTree(role, before)) invalid('roleRef', memberText(role, 'kind') + '/' + memberText(role, 'name'), 'cannot change roleRef')
}

function count(node: JsonNode, name: string): i32 {
  const member = node.get(name)
  return member ? member.count : 0
}

// As Go's %q writes a list, its first eight.
function listed(list: JsonNode): string {
  let text = ''
  let left = 8
  let each = list.first
  while (each && left-- > 0) {
    text += (text.length > 0 ? ' ' : '') + shortened(each.text())
    each = each.next
  }
  return text
}
