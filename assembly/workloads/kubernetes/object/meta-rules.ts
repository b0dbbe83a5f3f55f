// Rules of metadata that hold for every kind: ValidateObjectMeta and ValidateObjectMetaUpdate of k8s.io/apimachinery/pkg/api/validation.
import { forbidden, invalid, invalidNumber, issuesAreFull, quoted, required, tooLong } from '../http/issues'
import { JsonNode } from '../json/node'
import { MAX_ANNOTATION_BYTES, MAX_ITEMS, MAX_MANAGER_BYTES, MAX_MANAGERS, MAX_SUBRESOURCE_BYTES } from '../limits'
import { definitions, namespaces, Resource } from '../resources/table'
import { Span } from '../../../sdk/span'
import { memberSpan, memberText } from './metadata'
import { DNS1123_LABEL, DNS1123_SUBDOMAIN, isLabel, isSubdomain, keySpan, labelValueProblem, MAX_LABEL, MAX_SUBDOMAIN, pathSegmentProblem, qualifiedNameProblem, textSpan } from './names'

export function checkMetadata(metadata: JsonNode, resource: Resource): void {
  const generate = memberSpan(metadata, 'generateName')
  if (generate.length > 0) {
    const prefix = generate.length > 0 && load<u8>(generate.at + generate.length - 1) == 0x2d ? generate.cut(0, generate.length - 1) : generate
    checkName('metadata.generateName', prefix, generate, resource)
  }
  const name = memberSpan(metadata, 'name')
  if (name.length == 0) required('metadata.name', 'name or generateName is required')
  else checkName('metadata.name', name, name, resource)
  checkLabels(metadata.get('labels'))
  checkAnnotations(metadata.get('annotations'))
  checkFinalizers(metadata.get('finalizers'), resource.custom != null || resource == definitions)
  checkOwners(metadata.get('ownerReferences'))
}

function checkName(field: string, name: Span, shown: Span, resource: Resource): void {
  if (resource.hasPathNames) {
    const problem = pathSegmentProblem(name)
    if (problem.length > 0) invalid(field, shown.text(), problem)
    return
  }
  const isNamespace = resource == namespaces
  const most = isNamespace ? MAX_LABEL : MAX_SUBDOMAIN
  if (name.length > most) invalid(field, shown.text(), 'must be no more than ' + most.toString() + ' characters')
  else if (isNamespace ? !isLabel(name) : !isSubdomain(name)) invalid(field, shown.text(), isNamespace ? DNS1123_LABEL : DNS1123_SUBDOMAIN)
}

function checkLabels(labels: JsonNode | null): void {
  let each = labels ? labels.first : null
  while (each && !issuesAreFull()) {
    const key = qualifiedNameProblem(keySpan(each))
    if (key.length > 0) invalid('metadata.labels', each.keyText(), key)
    const value = labelValueProblem(textSpan(each))
    if (value.length > 0) invalid('metadata.labels', each.text(), value)
    each = each.next
  }
}

function checkAnnotations(annotations: JsonNode | null): void {
  let bytes: usize = 0
  let each = annotations ? annotations.first : null
  while (each) {
    const problem = issuesAreFull() ? '' : qualifiedNameProblem(lowerPrefix(keySpan(each)))
    if (problem.length > 0) invalid('metadata.annotations', each.keyText(), problem)
    bytes += each.keyLength + each.length
    each = each.next
  }
  if (bytes > <usize>MAX_ANNOTATION_BYTES) tooLong('metadata.annotations', MAX_ANNOTATION_BYTES)
}

// Annotations' keys may be of any case where labels' prefixes may not.
function lowerPrefix(key: Span): Span {
  if (key.find(0x2f) < 0) return key
  const copy = new Uint8Array(<i32>key.length)
  for (let i: usize = 0; i < key.length; i++) {
    const c = load<u8>(key.at + i) // SAFETY: i < length
    copy[<i32>i] = c >= 0x41 && c <= 0x5a ? c | 0x20 : c
  }
  return Span.of(copy)
}

// Of custom resources and their definitions any qualified name may be one.
function checkFinalizers(finalizers: JsonNode | null, anyName: bool): void {
  if (finalizers && finalizers.count > MAX_ITEMS) return invalidNumber('metadata.finalizers', finalizers.count.toString(), 'must have at most ' + MAX_ITEMS.toString() + ' items')
  let index = 0
  let each = finalizers ? finalizers.first : null
  while (each) {
    const name = textSpan(each)
    const problem = qualifiedNameProblem(name)
    if (problem.length > 0) invalid('metadata.finalizers', each.text(), problem)
    else if (!anyName && name.find(0x2f) < 0 && !name.is('kubernetes') && !name.is('orphan') && !name.is('foregroundDeletion'))
      invalid('metadata.finalizers[' + index.toString() + ']', each.text(), 'name is neither a standard finalizer name nor is it fully qualified')
    index++
    each = each.next
  }
}

const OWNER_FIELDS: StaticArray<string> = ['apiVersion', 'kind', 'name', 'uid']

function checkOwners(owners: JsonNode | null): void {
  if (owners && owners.count > MAX_ITEMS) return invalidNumber('metadata.ownerReferences', owners.count.toString(), 'must have at most ' + MAX_ITEMS.toString() + ' items')
  let index = 0
  let each = owners ? owners.first : null
  while (each) {
    const path = 'metadata.ownerReferences[' + index.toString() + '].'
    for (let i = 0; i < OWNER_FIELDS.length; i++)
      if (memberText(each, OWNER_FIELDS[i]).length == 0) invalid(path + OWNER_FIELDS[i], '', 'must not be empty')
    index++
    each = each.next
  }
}

/** Who owns what, as a user says it: ValidateManagedFields of k8s.io/apimachinery. What is no entry is not heeded (apply/track.ts). */
export function checkManagedFields(list: JsonNode | null): void {
  if (list && list.count > MAX_MANAGERS) return invalidNumber('metadata.managedFields', list.count.toString(), 'must have at most ' + MAX_MANAGERS.toString() + ' items')
  let index = 0
  let each = list ? list.first : null
  while (each && !issuesAreFull()) {
    const path = 'metadata.managedFields[' + index.toString() + '].'
    if (memberSpan(each, 'manager').length > <usize>MAX_MANAGER_BYTES) tooLong(path + 'manager', MAX_MANAGER_BYTES)
    if (memberSpan(each, 'subresource').length > <usize>MAX_SUBRESOURCE_BYTES) tooLong(path + 'subresource', MAX_SUBRESOURCE_BYTES)
    index++
    each = each.next
  }
}

/** Characters of new finalizers that an answer lists. */
const MAX_ADDED = 4096

/** What may not change: `creationTimestamp`, and while it is being deleted no finalizer may be new. */
export function checkMetadataUpdate(metadata: JsonNode, old: JsonNode): void {
  immutable(metadata, old, 'creationTimestamp')
  if (!old.get('deletionTimestamp')) return
  const finalizers = metadata.get('finalizers')
  const before = old.get('finalizers')
  let added = ''
  let each = finalizers ? finalizers.first : null
  while (each) {
    if (added.length <= MAX_ADDED && (!before || !holds(before, each))) added += (added.length > 0 ? ', ' : '') + quoted(each.text())
    each = each.next
  }
  if (added.length > 0) forbidden('metadata.finalizers', 'no new finalizers can be added if the object is being deleted, found new finalizers []string{' + added + '}')
}

function immutable(metadata: JsonNode, old: JsonNode, name: string): void {
  const value = memberText(metadata, name)
  if (value.length > 0 && value != memberText(old, name)) invalid('metadata.' + name, value, 'field is immutable')
}

function holds(list: JsonNode, item: JsonNode): bool {
  let each = list.first
  while (each) {
    if (each.length == item.length && memory.compare(each.at, item.at, item.length) == 0) return true
    each = each.next
  }
  return false
}
