// What a CustomResourceDefinition has to be, and what the server adds to it: ValidateCustomResourceDefinition of k8s.io/apiextensions-apiserver,
// with its texts. Conversion is None: webhooks are refused.
import { collectSoon } from '../../../sdk/entry'
import { TextWriter } from '../../../sdk/text-writer'
import { forbidden, invalid, invalidNumber, issuesAreFull, notSupported, quoted, required } from '../http/issues'
import { JsonNode, newNode, newNumber, newText, TYPE_ARRAY, TYPE_OBJECT } from '../json/node'
import { cloneTree, sameTree } from '../json/tree'
import { writeJson } from '../json/writer'
import { MAX_ALL_COMPILED_BYTES, MAX_ALL_DEFINITION_BYTES, MAX_COMPILED_BYTES, MAX_DEFINITION_BYTES, MAX_DEFINITIONS, MAX_SHORT_NAMES, MAX_VERSIONS } from '../limits'
import { memberText, metadataOf, place } from '../object/metadata'
import { DNS1123_SUBDOMAIN, isSubdomain, MAX_LABEL, MAX_SUBDOMAIN } from '../object/names'
import { isBuiltInGroup } from '../resources/table'
import { clearPath, enterField, enterIndex } from '../schema/field-path'
import { Span } from '../../../sdk/span'
import { beginDefinition, compileSchema } from './compile'
import { conditionIs, isTrue } from './definition'
import { compilePath, pathProblem } from './json-path'
import { holdsText, settleStatus } from './naming'
import { keepAllBut, nextGeneration } from './object'
import { Region } from './region'
import { bytesBesides, definitions } from './registry'

/** What holds a definition until its objects are gone (cleanup.ts). */
export const CLEANUP = 'customresourcecleanup.apiextensions.k8s.io'
const APPROVAL = 'api-approved.kubernetes.io'
const DNS1035_LABEL = 'a DNS-1035 label must consist of lower case alphanumeric characters or \'-\', start with an alphabetic character, and end with an alphanumeric character (e.g. \'my-name\',  or \'abc-123\', regex used for validation is \'[a-z]([-a-z0-9]*[a-z0-9])?\')'

function specOf(root: JsonNode): JsonNode {
  const spec = root.get('spec')
  return spec ? spec : root.set('spec', newNode(TYPE_OBJECT))
}

export function prepareDefinitionCreate(root: JsonNode): void {
  root.remove('status')
  fillSpec(root)
  place(metadataOf(root), 'generation', newNumber('1'))
  holdForCleanup(root)
  settleStatus(root, definitions)
}

export function prepareDefinitionUpdate(root: JsonNode, old: JsonNode, subresource: string): void {
  const status = old.get('status')
  if (subresource == 'status') {
    // Of it a user decides which versions are stored no more; the rest the server knows
    const given = root.get('status')
    const stored = given ? given.get('storedVersions') : null
    keepAllBut(root, old, 'status')
    const made = status ? cloneTree(status) : newNode(TYPE_OBJECT)
    if (stored) made.set('storedVersions', stored)
    root.set('status', made)
  } else {
    fillSpec(root)
    if (status) root.set('status', cloneTree(status))
    const held = metadataOf(old).get('finalizers')
    if (held && holdsText(held, CLEANUP)) holdForCleanup(root)
  }
  const before = old.get('spec')
  place(metadataOf(root), 'generation', nextGeneration(old, before != null && sameTree(specOf(root), before)))
  settleStatus(root, definitions)
}

// What is not given, and follows from what is.
function fillSpec(root: JsonNode): void {
  const spec = specOf(root)
  const names = spec.get('names')
  const kind = names ? memberText(names, 'kind') : ''
  if (names && kind.length > 0) {
    if (memberText(names, 'singular').length == 0) insertName(names, 'singular', kind.toLowerCase())
    if (memberText(names, 'listKind').length == 0) insertName(names, 'listKind', kind + 'List')
  }
  if (spec.get('conversion')) return
  const conversion = newNode(TYPE_OBJECT)
  conversion.set('strategy', newText('None'))
  insertBehind(spec, 'versions', 'conversion', conversion)
}

// In the order of the type.
function insertName(names: JsonNode, name: string, value: string): void {
  insertBehind(names, name == 'singular' ? 'plural' : 'kind', name, newText(value))
}

function insertBehind(node: JsonNode, before: string, name: string, value: JsonNode): void {
  const placed = node.set(name, value)
  node.detach(placed)
  node.insertAfter(node.get(before), placed)
}

function holdForCleanup(root: JsonNode): void {
  const metadata = metadataOf(root)
  const known = metadata.get('finalizers')
  const finalizers = known ? known : metadata.set('finalizers', newNode(TYPE_ARRAY))
  if (!holdsText(finalizers, CLEANUP)) finalizers.append(newText(CLEANUP))
}

export function checkDefinition(root: JsonNode): void {
  collectSoon()
  const spec = specOf(root)
  const metadata = metadataOf(root)
  const name = memberText(metadata, 'name')
  const group = memberText(spec, 'group')
  const names = <JsonNode>spec.get('names')
  if (name != memberText(names, 'plural') + '.' + group) invalid('metadata.name', name, 'must be spec.names.plural+"."+spec.group')
  checkGroup(group, metadata)
  const scope = memberText(spec, 'scope')
  if (scope.length == 0) required('spec.scope', '')
  else if (scope != 'Cluster' && scope != 'Namespaced') notSupported('spec.scope', quoted(scope), '"Cluster", "Namespaced"')
  checkNames(names)
  if (isTrue(spec, 'preserveUnknownFields')) invalidNumber('spec.preserveUnknownFields', 'true', 'must be false')
  const conversion = spec.get('conversion')
  const strategy = conversion ? memberText(conversion, 'strategy') : 'None'
  if (strategy.length == 0) required('spec.conversion.strategy', '')
  else if (strategy != 'None') notSupported('spec.conversion.strategy', quoted(strategy), '"None"')
  else if (conversion && conversion.get('webhook')) forbidden('spec.conversion.webhook', 'should not be set when strategy is not set to Webhook')
  checkVersions(root, spec, name)
}

function checkGroup(group: string, metadata: JsonNode): void {
  const span = Span.of(Uint8Array.wrap(String.UTF8.encode(group)))
  if (group.length == 0) required('spec.group', '')
  else if (group.length > <i32>MAX_SUBDOMAIN || !isSubdomain(span)) invalid('spec.group', group, DNS1123_SUBDOMAIN)
  else if (group.indexOf('.') < 0) invalid('spec.group', group, 'should be a domain with at least one dot')
  else if (isBuiltInGroup(group)) forbidden('spec.group', 'this group is the server\'s own')
  else if (group == 'k8s.io' || group == 'kubernetes.io' || group.endsWith('.k8s.io') || group.endsWith('.kubernetes.io')) {
    const annotations = metadata.get('annotations')
    if (!annotations || memberText(annotations, APPROVAL).length == 0)
      required('metadata.annotations[' + APPROVAL + ']', 'protected groups must have approval annotation "' + APPROVAL + '", see https://github.com/kubernetes/enhancements/pull/1111')
  }
}

function checkNames(names: JsonNode): void {
  checkLabel('spec.names.plural', memberText(names, 'plural'), true)
  checkLabel('spec.names.singular', memberText(names, 'singular'), false)
  checkKind('spec.names.kind', memberText(names, 'kind'))
  checkKind('spec.names.listKind', memberText(names, 'listKind'))
  const kind = memberText(names, 'kind')
  if (kind.length > 0 && kind == memberText(names, 'listKind')) invalid('spec.names.listKind', kind, 'kind and listKind may not be the same')
  checkLabels('spec.names.shortNames', names.get('shortNames'))
  checkLabels('spec.names.categories', names.get('categories'))
}

function checkLabels(field: string, list: JsonNode | null): void {
  if (list && list.count > MAX_SHORT_NAMES) return invalidNumber(field, list.count.toString(), 'must have at most ' + MAX_SHORT_NAMES.toString() + ' items')
  let index = 0
  let each = list ? list.first : null
  while (each && !issuesAreFull()) {
    checkLabel(field + '[' + (index++).toString() + ']', each.text(), true)
    each = each.next
  }
}

function checkLabel(field: string, text: string, isNeeded: bool): void {
  if (text.length == 0) {
    if (isNeeded) required(field, '')
  } else if (!isLabel1035(text)) invalid(field, text, text.length > <i32>MAX_LABEL ? 'must be no more than 63 characters' : DNS1035_LABEL)
}

function checkKind(field: string, text: string): void {
  if (text.length == 0) required(field, '')
  else if (!isLabel1035(text.toLowerCase())) invalid(field, text, 'may have mixed case, but should otherwise match: ' + (text.length > <i32>MAX_LABEL ? 'must be no more than 63 characters' : DNS1035_LABEL))
}

function isLabel1035(text: string): bool {
  if (text.length == 0 || text.length > <i32>MAX_LABEL) return false
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    const isLetter = c >= 0x61 && c <= 0x7a
    if (isLetter) continue
    if (i == 0 || !(c >= 0x30 && c <= 0x39) && (c != 0x2d || i == text.length - 1)) return false
  }
  return true
}

const text = new TextWriter()

function checkVersions(root: JsonNode, spec: JsonNode, name: string): void {
  const versions = spec.get('versions')
  const count = versions ? versions.count : 0
  if (!versions || count == 0) return required('spec.versions', '')
  if (count > MAX_VERSIONS) return invalidNumber('spec.versions', count.toString(), 'must have at most ' + MAX_VERSIONS.toString() + ' versions')
  const seen: string[] = []
  let storage = 0
  let each = versions.first
  let index = 0
  let isUnique = true
  const region = new Region()
  beginDefinition(true)
  while (each && !issuesAreFull()) {
    const version = memberText(each, 'name')
    const path = 'spec.versions[' + index.toString() + ']'
    checkLabel(path + '.name', version, true)
    if (seen.includes(version)) isUnique = false
    seen.push(version)
    if (isTrue(each, 'storage')) storage++
    if (memberText(each, 'deprecationWarning').length > 0 && !isTrue(each, 'deprecated')) invalid(path + '.deprecationWarning', memberText(each, 'deprecationWarning'), 'can only be set for deprecated versions')
    checkSchema(each, index, count, region)
    checkSubresources(each.get('subresources'), count == 1 ? 'spec.subresources' : path + '.subresources')
    checkColumns(each.get('additionalPrinterColumns'), count == 1 ? 'spec.additionalPrinterColumns' : path + '.additionalPrinterColumns')
    checkSelectable(each, count == 1 ? 'spec.selectableFields' : path + '.selectableFields')
    index++
    each = each.next
  }
  const compiled = region.bytes
  region.free()
  const shown = '["' + seen.join('","') + '"]'
  if (!isUnique) invalidNumber('spec.versions', shown, 'must contain unique version names')
  if (storage != 1) invalidNumber('spec.versions', shown, 'must have exactly one version marked as storage version')
  checkStored(root, seen)
  checkRoom(root, name, compiled)
}

// One version's schema is hoisted, as the real server's internal type has it; so are its messages.
function checkSchema(version: JsonNode, index: i32, count: i32, region: Region): void {
  const validation = version.get('schema')
  const schema = validation ? validation.get('openAPIV3Schema') : null
  if (!schema) return required('spec.versions[' + index.toString() + '].schema.openAPIV3Schema', 'schemas are required')
  clearPath()
  enterField('spec')
  if (count == 1) enterField('validation')
  else {
    enterField('versions')
    enterIndex(index)
    enterField('schema')
  }
  enterField('openAPIV3Schema')
  if (region.bytes <= <usize>MAX_COMPILED_BYTES) compileSchema(schema, region)
}

function checkSubresources(subresources: JsonNode | null, path: string): void {
  if (!subresources) return
  const status = subresources.get('status')
  if (status && !status.isObject) invalid(path + '.status', '', 'must be an object')
  if (subresources.get('scale')) forbidden(path + '.scale', 'the scale subresource is not served here')
}

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string']
const COLUMN_FORMATS = ['int32', 'int64', 'float', 'double', 'byte', 'date', 'date-time', 'password']
/** Columns of one version. */
const MAX_COLUMNS = 64

function checkColumns(columns: JsonNode | null, path: string): void {
  let index = 0
  let each = columns ? columns.first : null
  if (columns && columns.count > MAX_COLUMNS) return invalidNumber(path, columns.count.toString(), 'must have at most ' + MAX_COLUMNS.toString() + ' items')
  while (each && !issuesAreFull()) {
    const at = path + '[' + (index++).toString() + ']'
    const type = memberText(each, 'type')
    if (memberText(each, 'name').length == 0) required(at + '.name', '')
    if (type.length == 0) required(at + '.type', 'must be one of ' + COLUMN_TYPES.join(','))
    else if (!COLUMN_TYPES.includes(type)) invalid(at + '.type', type, 'must be one of ' + COLUMN_TYPES.join(','))
    const format = memberText(each, 'format')
    if (format.length > 0 && !COLUMN_FORMATS.includes(format)) invalid(at + '.format', format, 'must be one of ' + COLUMN_FORMATS.join(','))
    checkPath(memberText(each, 'jsonPath'), at + '.jsonPath')
    each = each.next
  }
}

function checkPath(path: string, field: string): void {
  if (path.length == 0) required(field, '')
  else if (!compilePath(path)) invalid(field, path, 'is an invalid JSON path: ' + pathProblem)
}

// Members of the schema that are strings, integers or booleans; at most eight, as the real server has it.
const MAX_SELECTABLE = 8

function checkSelectable(version: JsonNode, path: string): void {
  const fields = version.get('selectableFields')
  if (!fields) return
  if (fields.count > MAX_SELECTABLE) invalidNumber(path, fields.count.toString(), 'must have at most ' + MAX_SELECTABLE.toString() + ' items')
  const validation = version.get('schema')
  let index = 0
  let each = fields.first
  while (each && !issuesAreFull()) {
    const at = path + '[' + (index++).toString() + '].jsonPath'
    const text = memberText(each, 'jsonPath')
    const compiled = compilePath(text)
    const dotted = compiled ? compiled.dotted : ''
    if (text.length == 0) required(at, '')
    else if (dotted.length == 0) invalid(at, text, 'is an invalid path: only names of members may be in it')
    else {
      let node: JsonNode | null = validation ? validation.get('openAPIV3Schema') : null
      const names = dotted.split('.')
      for (let i = 0; i < names.length && node; i++) {
        const properties: JsonNode | null = node.get('properties')
        node = properties ? properties.get(names[i]) : null
      }
      const type = node ? memberText(node, 'type') : ''
      if (!node || names[0] == 'metadata') invalid(at, text, 'is an invalid path: does not refer to a valid field')
      else if (type != 'string' && type != 'integer' && type != 'boolean') invalid(at, text, 'must point to a field of type string, integer or boolean')
    }
    each = each.next
  }
}

function checkStored(root: JsonNode, versions: string[]): void {
  const status = root.get('status')
  const stored = status ? status.get('storedVersions') : null
  let index = 0
  let each = stored ? stored.first : null
  while (each && !issuesAreFull()) {
    if (!versions.includes(each.text())) invalid('status.storedVersions[' + index.toString() + ']', each.text(), 'must appear in spec.versions')
    index++
    each = each.next
  }
}

function checkRoom(root: JsonNode, name: string, compiled: usize): void {
  writeJson(text.clear(), root)
  const bytes = text.length
  text.shrink()
  if (bytes > <usize>MAX_DEFINITION_BYTES) forbidden('spec', 'a definition may take at most ' + MAX_DEFINITION_BYTES.toString() + ' bytes, this one takes ' + bytes.toString())
  else if (compiled > <usize>MAX_COMPILED_BYTES) forbidden('spec', 'the schemas of a definition may take at most ' + MAX_COMPILED_BYTES.toString() + ' bytes compiled, these take ' + compiled.toString())
  else if (bytesBesides(name, false) + bytes > <usize>MAX_ALL_DEFINITION_BYTES || bytesBesides(name, true) + compiled > <usize>MAX_ALL_COMPILED_BYTES)
    forbidden('spec', 'all definitions together may take at most ' + MAX_ALL_DEFINITION_BYTES.toString() + ' bytes, and ' + MAX_ALL_COMPILED_BYTES.toString() + ' compiled')
  let others = 0
  for (let i = 0; i < definitions.length; i++) if (definitions[i].name != name) others++
  if (others >= MAX_DEFINITIONS) forbidden('spec', 'there may be at most ' + MAX_DEFINITIONS.toString() + ' definitions')
}

/** What stays as long as objects may lie in the store by it. */
export function checkDefinitionUpdate(root: JsonNode, old: JsonNode): void {
  if (!conditionIs(old.get('status'), 'Established')) return
  const spec = specOf(root)
  const before = specOf(old)
  immutable(spec, before, 'spec.scope', 'scope')
  const names = spec.get('names')
  const oldNames = before.get('names')
  if (names && oldNames) immutable(names, oldNames, 'spec.names.kind', 'kind')
}

function immutable(node: JsonNode, old: JsonNode, field: string, name: string): void {
  const value = memberText(node, name)
  if (value != memberText(old, name)) invalid(field, value, 'field is immutable')
}
