// From JSONSchemaProps of a definition, in normal form, to a structural schema: what is not structural, and what is not served here, is told
// as apiextensions' validation tells it. https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions
// Rules in CEL (x-kubernetes-validations) are refused: a rule that is not evaluated must not pass for one that is.
import { Span } from '../../../sdk/span'
import { forbidden, hasIssues, invalid, invalidNumber, issuesAreFull, notSupported, quoted, required } from '../http/issues'
import { JsonNode, FLAG_KEY_ESCAPE, TYPE_FALSE, TYPE_NULL, TYPE_TRUE } from '../json/node'
import { cloneTree } from '../json/tree'
import { MAX_SCHEMA_DEPTH, MAX_SCHEMAS, MAX_SHORT_NAMES } from '../limits'
import { memberText } from '../object/metadata'
import { beginSteps, isSpent } from '../patch/budget'
import { enterBracket, enterField, enterIndex, leave, pathText } from '../schema/field-path'
import { isDivisor } from './decimal'
import { formatOf } from './formats'
import { beginPatterns, compilePattern, patternProblem } from './pattern'
import { prune, sortAll } from './prune'
import { Region } from './region'
import {
  EMBEDDED, EXCLUSIVE_MAXIMUM, EXCLUSIVE_MINIMUM, INT_OR_STRING, LIST_MAP, LIST_SET, MAP_ATOMIC, NULLABLE, PRESERVES, Schema, SCHEMA_ANY,
  SCHEMA_ARRAY, SCHEMA_BOOLEAN, SCHEMA_INTEGER, SCHEMA_NUMBER, SCHEMA_OBJECT, SCHEMA_STRING, TAKES_ANY, UNSET
} from './structural'
import { validate } from './validate'

/** What schemas of whole objects may have that is not served: with it they are refused. */
const UNSUPPORTED: StaticArray<string> = ['$ref', 'additionalItems', 'definitions', 'dependencies', 'id', 'patternProperties']

/** Bytes of a pattern that an answer shows. */
const MAX_SHOWN: usize = 256

let region: Region = new Region()
/** Of all defaults of a definition, which are tried by their schemas. */
const MAX_SCHEMA_STEPS: i64 = 5000000

let schemas = 0
let depth = 0
/** Whether defaults are to be tried: what is stored has been. */
let tries = false

/** A definition begins. @param isNew what is stored was tried before it was */
export function beginDefinition(isNew: bool): void {
  schemas = 0
  tries = isNew
  beginPatterns()
  beginSteps(MAX_SCHEMA_STEPS)
}

/** Compiles what an object of a version is; the path stands at it. @returns null where there are issues */
export function compileSchema(node: JsonNode, into: Region): Schema | null {
  region = into
  depth = 0
  const schema = structural(node)
  if (!schema) return null
  const type = memberText(node, 'type')
  if (type.length == 0) requireAt('type', 'must not be empty at the root')
  else if (type != 'object') invalidAt('type', type, 'must be object at the root')
  return hasIssues() ? null : schema
}

function requireAt(field: string, detail: string): void {
  enterField(field)
  required(pathText(), detail)
  leave()
}

function invalidAt(field: string, value: string, detail: string): void {
  enterField(field)
  invalid(pathText(), value, detail)
  leave()
}

function invalidText(field: string, value: string, detail: string): void {
  enterField(field)
  invalidNumber(pathText(), value, detail)
  leave()
}

function forbidAt(field: string, detail: string): void {
  enterField(field)
  forbidden(pathText(), detail)
  leave()
}

function make(): Schema | null {
  if (++schemas > MAX_SCHEMAS || depth > MAX_SCHEMA_DEPTH) {
    forbidden(pathText(), depth > MAX_SCHEMA_DEPTH ? 'schemas may lie at most ' + MAX_SCHEMA_DEPTH.toString() + ' deep in one another' : 'a definition may have at most ' + MAX_SCHEMAS.toString() + ' schemas')
    return null
  }
  const schema = changetype<Schema>(region.allocate(offsetof<Schema>()))
  schema.minLength = UNSET
  schema.maxLength = UNSET
  schema.minItems = UNSET
  schema.maxItems = UNSET
  schema.minProperties = UNSET
  schema.maxProperties = UNSET
  return schema
}

function isTrue(node: JsonNode, name: string): bool {
  const member = node.get(name)
  return member != null && member.type == TYPE_TRUE
}

// A schema that says what there is: types, members, items. @returns null where it cannot go on
function structural(node: JsonNode): Schema | null {
  if (issuesAreFull()) return null
  depth++
  const schema = make()
  if (!schema) return null
  for (let i = 0; i < UNSUPPORTED.length; i++) if (node.get(UNSUPPORTED[i])) forbidAt(UNSUPPORTED[i], UNSUPPORTED[i] + ' is not supported')
  const rules = node.get('x-kubernetes-validations')
  if (rules && rules.type != TYPE_NULL && rules.count > 0) forbidAt('x-kubernetes-validations', 'rules in CEL are not evaluated here')
  readExtensions(node, schema)
  // The root has messages of its own
  if (depth > 1) requireType(node, schema)
  if (!readMembers(node, schema) || !readValues(node, schema)) return null
  if (!readAlternatives(node, schema)) return null
  readDefault(node, schema)
  depth--
  return schema
}

function requireType(node: JsonNode, schema: Schema): void {
  if (schema.type == SCHEMA_ANY && !schema.has(PRESERVES | INT_OR_STRING) && !node.get('type'))
    requireAt('type', isItem ? 'must not be empty for specified array items' : 'must not be empty for specified object fields')
}

let isItem = false

function readExtensions(node: JsonNode, schema: Schema): void {
  const type = memberText(node, 'type')
  schema.type = typeOf(type)
  if (type.length > 0 && schema.type == SCHEMA_ANY) {
    enterField('type')
    notSupported(pathText(), quoted(type), '"array", "boolean", "integer", "number", "object", "string"')
    leave()
  }
  if (isTrue(node, 'nullable')) schema.flags |= NULLABLE
  const preserves = node.get('x-kubernetes-preserve-unknown-fields')
  if (preserves) {
    if (preserves.type == TYPE_FALSE) invalidText('x-kubernetes-preserve-unknown-fields', 'false', 'must be true or undefined')
    schema.flags |= PRESERVES
  }
  if (isTrue(node, 'x-kubernetes-int-or-string')) {
    schema.flags |= INT_OR_STRING
    if (type.length > 0) invalidAt('type', type, 'must be empty if x-kubernetes-int-or-string is true')
  }
  if (isTrue(node, 'x-kubernetes-embedded-resource')) {
    schema.flags |= EMBEDDED
    if (type != 'object') invalidAt('type', type, 'must be object if x-kubernetes-embedded-resource is true')
    if (!node.get('properties') && !schema.has(PRESERVES)) requireAt('properties', 'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields')
  }
  readListType(node, schema, type)
  const mapType = node.get('x-kubernetes-map-type')
  if (!mapType) return
  const kind = mapType.text()
  if (type != 'object') invalidAt('type', type, 'must be object if x-kubernetes-map-type is specified')
  if (kind == 'atomic') schema.flags |= MAP_ATOMIC
  else if (kind != 'granular') unsupported('x-kubernetes-map-type', kind, '"atomic", "granular"')
}

function unsupported(field: string, value: string, known: string): void {
  enterField(field)
  notSupported(pathText(), quoted(value), known)
  leave()
}

function readListType(node: JsonNode, schema: Schema, type: string): void {
  const list = node.get('x-kubernetes-list-type')
  const keys = node.get('x-kubernetes-list-map-keys')
  const kind = list ? list.text() : ''
  if (list && type != 'array') {
    if (type.length == 0) requireAt('type', 'must be array if x-kubernetes-list-type is specified')
    else invalidAt('type', type, 'must be array if x-kubernetes-list-type is specified')
  }
  if (list && kind != 'atomic' && kind != 'set' && kind != 'map') unsupported('x-kubernetes-list-type', kind, '"atomic", "map", "set"')
  if (kind == 'set') schema.flags |= LIST_SET
  if (keys && kind != 'map') {
    if (!list) requireAt('x-kubernetes-list-type', 'must be map if x-kubernetes-list-map-keys is non-empty')
    else invalidAt('x-kubernetes-list-type', kind, 'must be map if x-kubernetes-list-map-keys is non-empty')
  }
  if (kind != 'map') return
  schema.flags |= LIST_MAP
  if (!keys) requireAt('x-kubernetes-list-map-keys', 'must not be empty if x-kubernetes-list-type is map')
  else if (keys.count > MAX_SHORT_NAMES) invalidText('x-kubernetes-list-map-keys', keys.count.toString(), 'must have at most ' + MAX_SHORT_NAMES.toString() + ' items')
  else {
    schema.mapKeys = region.keepTree(keys)
    checkMapKeys(node, keys)
  }
}

// Each key is a declared scalar that is always there.
function checkMapKeys(node: JsonNode, keys: JsonNode): void {
  const items = node.get('items')
  const properties = items ? items.get('properties') : null
  const needed = items ? items.get('required') : null
  let key = keys.first
  let index = 0
  while (key) {
    const property = properties ? properties.find(key.at, key.length) : null
    if (!property) {
      enterField('x-kubernetes-list-map-keys')
      enterIndex(index)
      invalid(pathText(), key.text(), 'entries must all be names of item properties')
      leave()
      leave()
    } else if (!property.get('default') && !holds(needed, key)) {
      enterField('items')
      enterField('properties')
      enterBracket(key.at, key.length)
      requireAt('default', 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property')
      leave()
      leave()
      leave()
    }
    index++
    key = key.next
  }
}

function holds(list: JsonNode | null, item: JsonNode): bool {
  let each = list ? list.first : null
  while (each) {
    if (each.length == item.length && memory.compare(each.at, item.at, item.length) == 0) return true
    each = each.next
  }
  return false
}

function typeOf(name: string): u8 {
  if (name == 'object') return SCHEMA_OBJECT
  if (name == 'array') return SCHEMA_ARRAY
  if (name == 'string') return SCHEMA_STRING
  if (name == 'integer') return SCHEMA_INTEGER
  if (name == 'number') return SCHEMA_NUMBER
  return name == 'boolean' ? SCHEMA_BOOLEAN : SCHEMA_ANY
}

// Properties, additionalProperties and items.
function readMembers(node: JsonNode, schema: Schema): bool {
  const properties = node.get('properties')
  const additional = node.get('additionalProperties')
  if (properties && !readProperties(properties, schema)) return false
  if (additional) {
    if (properties) forbidAt('additionalProperties', 'additionalProperties and properties are mutual exclusive')
    else if (additional.type == TYPE_FALSE) forbidAt('additionalProperties', 'additionalProperties cannot be set to false')
    else if (depth == 1) forbidAt('additionalProperties', 'must not be used at the root')
    else if (additional.type == TYPE_TRUE) schema.flags |= TAKES_ANY
    else {
      enterField('additionalProperties')
      isItem = false
      const below = structural(additional)
      leave()
      if (!below) return false
      schema.additional = below
    }
  }
  const items = node.get('items')
  if (!items) {
    if (schema.type == SCHEMA_ARRAY) requireAt('items', 'must be specified')
    return true
  }
  enterField('items')
  isItem = true
  const below = structural(items)
  isItem = false
  leave()
  if (!below) return false
  schema.items = below
  return true
}

function readProperties(properties: JsonNode, schema: Schema): bool {
  const isRoot = depth == 1 || schema.has(EMBEDDED)
  enterField('properties')
  let last: Schema | null = null
  let each = properties.first
  while (each) {
    enterBracket(each.key, each.keyLength)
    if (isRoot && each.keyIs('metadata')) checkMetadataSchema(each)
    isItem = false
    const property = structural(each)
    leave()
    if (!property) return false
    property.key = region.keepBytes(each.key, each.keyLength)
    property.keyLength = each.keyLength
    property.keyFlags = each.flags & FLAG_KEY_ESCAPE
    if (last) last.next = property
    else schema.properties = property
    last = property
    each = each.next
  }
  leave()
  return true
}

// metadata is the server's: only its name can be asked for in another form.
function checkMetadataSchema(node: JsonNode): void {
  let member = node.first
  while (member) {
    const isPlain = member.keyIs('type') || member.keyIs('description') || member.keyIs('properties')
    if (!isPlain) break
    member = member.next
  }
  const properties = node.get('properties')
  let property = properties ? properties.first : null
  while (property && (property.keyIs('name') || property.keyIs('generateName'))) property = property.next
  if (member || property) forbidden(pathText(), 'must not specify anything other than name and generateName, but metadata is implicitly specified')
}

// What values may be, in schemas and in their alternatives.
function readValues(node: JsonNode, schema: Schema): bool {
  const format = node.get('format')
  if (format) schema.format = formatOf(format.text())
  if (isTrue(node, 'exclusiveMinimum')) schema.flags |= EXCLUSIVE_MINIMUM
  if (isTrue(node, 'exclusiveMaximum')) schema.flags |= EXCLUSIVE_MAXIMUM
  if (isTrue(node, 'uniqueItems')) forbidAt('uniqueItems', 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic')
  schema.minimum = keep(node, 'minimum')
  schema.maximum = keep(node, 'maximum')
  const divisor = node.get('multipleOf')
  if (divisor && !isDivisor(new Span(divisor.at, divisor.length))) invalidText('multipleOf', divisor.text(), 'must be above 0, of at most nine digits')
  else schema.multipleOf = keep(node, 'multipleOf')
  schema.required = keep(node, 'required')
  schema.minLength = limit(node, 'minLength')
  schema.maxLength = limit(node, 'maxLength')
  schema.minItems = limit(node, 'minItems')
  schema.maxItems = limit(node, 'maxItems')
  schema.minProperties = limit(node, 'minProperties')
  schema.maxProperties = limit(node, 'maxProperties')
  const values = node.get('enum')
  if (values) {
    const sorted = cloneTree(values)
    sortAll(sorted)
    schema.enumeration = region.keepTree(sorted)
  }
  const pattern = node.get('pattern')
  if (!pattern) return true
  schema.pattern = compilePattern(new Span(pattern.at, pattern.length), region)
  if (schema.pattern == 0) invalidAt('pattern', pattern.length > MAX_SHOWN ? String.UTF8.decodeUnsafe(pattern.at, MAX_SHOWN) : pattern.text(), 'must be a valid regular expression, but isn\'t: ' + patternProblem)
  schema.patternText = region.keepBytes(pattern.at, pattern.length)
  schema.patternLength = pattern.length
  return true
}

function keep(node: JsonNode, name: string): JsonNode | null {
  const member = node.get(name)
  return member ? region.keepTree(member) : null
}

function limit(node: JsonNode, name: string): i64 {
  const member = node.get(name)
  if (!member) return UNSET
  const value = I64.parseInt(member.text())
  if (value < 0) invalidText(name, member.text(), 'must be greater than or equal to 0')
  return max<i64>(value, 0)
}

function readAlternatives(node: JsonNode, schema: Schema): bool {
  schema.allOf = alternatives(node, 'allOf')
  schema.anyOf = alternatives(node, 'anyOf')
  schema.oneOf = alternatives(node, 'oneOf')
  const not = node.get('not')
  if (not) {
    enterField('not')
    schema.not = alternative(not, node)
    leave()
  }
  return !hasIssues() || !issuesAreFull()
}

function alternatives(node: JsonNode, name: string): Schema | null {
  const list = node.get(name)
  if (!list) return null
  let first: Schema | null = null
  let last: Schema | null = null
  enterField(name)
  let index = 0
  let each = list.first
  while (each) {
    enterIndex(index++)
    const made = alternative(each, node)
    leave()
    if (!made) break
    if (last) last.next = made
    else first = made
    last = made
    each = each.next
  }
  leave()
  return first
}

/** What only a schema that says what there is may have. */
const NOT_IN_ALTERNATIVES: StaticArray<string> = ['default', 'nullable', 'title', 'description', 'type', 'additionalProperties', 'x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource', 'x-kubernetes-int-or-string', 'x-kubernetes-list-type', 'x-kubernetes-list-map-keys', 'x-kubernetes-map-type', 'x-kubernetes-validations', '$ref', 'additionalItems', 'definitions', 'dependencies', 'id', 'patternProperties']

// Of allOf, anyOf, oneOf and not: it asks for values, of members that `outer` declares.
function alternative(node: JsonNode, outer: JsonNode): Schema | null {
  if (issuesAreFull()) return null
  depth++
  const schema = make()
  if (!schema) return null
  const ofIntOrString = isTrue(outer, 'x-kubernetes-int-or-string')
  if (ofIntOrString) schema.type = typeOf(memberText(node, 'type'))
  for (let i = 0; i < NOT_IN_ALTERNATIVES.length; i++) {
    const name = NOT_IN_ALTERNATIVES[i]
    if (!node.get(name) || (ofIntOrString && name == 'type')) continue
    forbidAt(name, name == 'default' || name == 'additionalProperties' || name.startsWith('x-') ? 'must be undefined to be structural' : 'must be empty to be structural')
  }
  if (!readValues(node, schema) || !readAlternatives(node, schema)) return null
  const properties = node.get('properties')
  const declared = outer.get('properties')
  if (properties && !readAsked(properties, declared, schema)) return null
  const items = node.get('items')
  if (items) {
    const declaredItems = outer.get('items')
    enterField('items')
    if (!declaredItems) required(pathText(), 'because it is defined in an alternative')
    const below = alternative(items, declaredItems ? declaredItems : outer)
    leave()
    if (!below) return null
    schema.items = below
  }
  depth--
  return schema
}

function readAsked(properties: JsonNode, declared: JsonNode | null, schema: Schema): bool {
  enterField('properties')
  let last: Schema | null = null
  let each = properties.first
  while (each) {
    enterBracket(each.key, each.keyLength)
    const known = declared ? declared.find(each.key, each.keyLength) : null
    if (!known) required(pathText(), 'because it is defined in an alternative')
    const property = alternative(each, known ? known : each)
    leave()
    if (!property) return false
    property.key = region.keepBytes(each.key, each.keyLength)
    property.keyLength = each.keyLength
    if (last) last.next = property
    else schema.properties = property
    last = property
    each = each.next
  }
  leave()
  return true
}

// A default is what its schema takes: pruned it stays as it is, and it is valid.
function readDefault(node: JsonNode, schema: Schema): void {
  const given = node.get('default')
  if (!given || hasIssues()) return
  const value = cloneTree(given)
  sortAll(value)
  const kept = region.keepTree(value)
  schema.default = kept
  if (!tries) return
  enterField('default')
  prune(value, schema, false, false)
  if (sizeOf(value) != sizeOf(kept)) invalid(pathText(), '', 'must not have unknown fields')
  else validate(value, schema, false)
  if (isSpent()) forbidden(pathText(), 'it takes too many steps to validate')
  leave()
}

function sizeOf(node: JsonNode): i32 {
  let sum = 1
  let each = node.first
  while (each) {
    sum += sizeOf(each)
    each = each.next
  }
  return sum
}
