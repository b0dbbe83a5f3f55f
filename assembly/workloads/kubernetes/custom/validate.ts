// Whether a custom object is what its schema asks for. What is wrong is told as kube-openapi's validation tells it, through apiextensions'
// pkg/apiserver/validation. A request's budget bounds the work: a schema's alternatives times an object's members could be anything.
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { issue, issuesAreFull, quoted } from '../http/issues'
import { JsonNode, TYPE_FALSE, TYPE_NULL, TYPE_NUMBER, TYPE_STRING, TYPE_TRUE } from '../json/node'
import { sameTree } from '../json/tree'
import { writeJson } from '../json/writer'
import { isSpent, spend } from '../patch/budget'
import { enterField, enterIndex, enterKey, leave, pathText } from '../schema/field-path'
import { compareDecimals, isMultiple, isWhole } from './decimal'
import { duplicateIn } from './duplicates'
import { formatName, numberIsOf, textIsOf } from './formats'
import { matches } from './match'
import {
  EMBEDDED, EXCLUSIVE_MAXIMUM, EXCLUSIVE_MINIMUM, INT_OR_STRING, LIST_MAP, LIST_SET, NULLABLE, Schema, SCHEMA_ANY, SCHEMA_ARRAY,
  SCHEMA_BOOLEAN, SCHEMA_INTEGER, SCHEMA_NUMBER, SCHEMA_OBJECT, SCHEMA_STRING, typeName
} from './structural'

/** What the check of a format may make. */
const FORMAT_STEPS: i64 = 100
/** Bytes of a value that an answer shows. */
const MAX_SHOWN: usize = 256

let quiet = 0
let errors = 0

/** Gathers what is wrong into http/issues.ts; the path stands at the node. @param isRoot whose apiVersion, kind and metadata are not the schema's */
export function validate(node: JsonNode, schema: Schema, isRoot: bool): void {
  quiet = 0
  errors = 0
  check(node, schema, isRoot)
}

// Counts what is wrong. @returns whether it is to be told: nothing is made of what is not
function isTold(): bool {
  errors++
  return quiet == 0 && !issuesAreFull()
}

function report(reason: string, message: string): void {
  const path = pathText()
  issue(reason, message, path.length > 0 ? path : '<nil>')
}

// `SHOWN: PATH in body DETAIL`
function invalid(value: string, detail: string): void {
  report('FieldValueInvalid', 'Invalid value: ' + value + ': ' + pathText() + ' in body ' + detail)
}

function tooMany(count: i64, most: i64): void {
  if (isTold()) report('FieldValueTooMany', 'Too many: ' + count.toString() + ': must have at most ' + most.toString() + ' items')
}

const text = new TextWriter()

/** A value as an answer shows it. */
export function shown(node: JsonNode): string {
  if (node.type == TYPE_STRING) return quoted(node.length > MAX_SHOWN ? String.UTF8.decodeUnsafe(node.at, MAX_SHOWN) : node.text())
  writeJson(text.clear(), node)
  return String.UTF8.decodeUnsafe(text.at, min(text.length, MAX_SHOWN))
}

function check(node: JsonNode, schema: Schema, isRoot: bool): void {
  if (!spend(1) || (quiet == 0 && issuesAreFull())) return
  if (node.type == TYPE_NULL && schema.has(NULLABLE)) return
  if (!typeFits(node, schema)) return
  const enumeration = schema.enumeration
  if (enumeration && !isAmong(node, enumeration)) notSupported(node, enumeration)
  if (node.type == TYPE_STRING) checkString(node, schema)
  else if (node.type == TYPE_NUMBER) checkNumber(node, schema)
  else if (node.isArray) checkArray(node, schema)
  else if (node.isObject) checkObject(node, schema, isRoot)
  checkAlternatives(node, schema, isRoot)
}

function kindOf(node: JsonNode): u8 {
  if (node.isObject) return SCHEMA_OBJECT
  if (node.isArray) return SCHEMA_ARRAY
  if (node.type == TYPE_STRING) return SCHEMA_STRING
  if (node.type == TYPE_TRUE || node.type == TYPE_FALSE) return SCHEMA_BOOLEAN
  return node.type == TYPE_NUMBER ? isWhole(spanOf(node)) ? SCHEMA_INTEGER : SCHEMA_NUMBER : SCHEMA_ANY
}

function typeFits(node: JsonNode, schema: Schema): bool {
  const kind = kindOf(node)
  if (schema.has(INT_OR_STRING)) {
    if (kind == SCHEMA_INTEGER || kind == SCHEMA_STRING) return true
  } else if (schema.type == SCHEMA_ANY || schema.type == kind || (schema.type == SCHEMA_NUMBER && kind == SCHEMA_INTEGER)) return true
  if (!isTold()) return false
  const found = quoted(node.type == TYPE_NULL ? 'null' : typeName(kind))
  report('FieldValueTypeInvalid', 'Invalid value: ' + found + ': ' + pathText() + ' in body must be of type ' + (schema.has(INT_OR_STRING) ? 'integer,string' : typeName(schema.type)) + ': ' + found)
  return false
}

function isAmong(node: JsonNode, values: JsonNode): bool {
  let each = values.first
  while (each) {
    if (!spend(<i64>node.count + 1)) return false
    if (each.type == TYPE_NUMBER && node.type == TYPE_NUMBER ? compareDecimals(otherSpanOf(each), spanOf(node)) == 0 : sameTree(each, node)) return true
    each = each.next
  }
  return false
}

function notSupported(node: JsonNode, values: JsonNode): void {
  if (!isTold()) return
  let list = ''
  let each = values.first
  while (each && list.length < <i32>MAX_SHOWN) {
    list += (list.length > 0 ? ', ' : '') + quoted(each.type == TYPE_STRING ? each.text() : shown(each))
    each = each.next
  }
  report('FieldValueNotSupported', 'Unsupported value: ' + shown(node) + ': supported values: ' + list)
}

function checkString(node: JsonNode, schema: Schema): void {
  const span = spanOf(node)
  if (schema.minLength >= 0 || schema.maxLength >= 0) {
    const characters = countCharacters(span)
    if (schema.maxLength >= 0 && characters > schema.maxLength && isTold()) report('FieldValueTooLong', 'Too long: may not be more than ' + schema.maxLength.toString() + ' bytes')
    if (schema.minLength >= 0 && characters < schema.minLength && isTold()) invalid(shown(node), 'should be at least ' + schema.minLength.toString() + ' chars long')
  }
  if (schema.pattern != 0 && !matches(schema.pattern, span) && !isSpent() && isTold())
    invalid(shown(node), 'should match \'' + String.UTF8.decodeUnsafe(schema.patternText, min(schema.patternLength, MAX_SHOWN)) + '\'')
  if (schema.format == 0 || schema.has(INT_OR_STRING) || !spend(FORMAT_STEPS) || textIsOf(span, schema.format) || !isTold()) return
  const value = shown(node)
  report('FieldValueTypeInvalid', 'Invalid value: ' + value + ': ' + pathText() + ' in body must be of type ' + formatName(schema.format) + ': ' + value)
}

function countCharacters(span: Span): i64 {
  let count: i64 = 0
  for (let i: usize = 0; i < span.length; i++) if ((load<u8>(span.at + i) & 0xc0) != 0x80) count++ // SAFETY: i < length
  return count
}

function checkNumber(node: JsonNode, schema: Schema): void {
  const least = schema.minimum
  const most = schema.maximum
  if (most) {
    const order = compareDecimals(spanOf(node), otherSpanOf(most))
    const isExclusive = schema.has(EXCLUSIVE_MAXIMUM)
    if ((isExclusive ? order >= 0 : order > 0) && isTold()) invalid(shown(node), 'should be less than ' + (isExclusive ? '' : 'or equal to ') + shown(most))
  }
  if (least) {
    const order = compareDecimals(spanOf(node), otherSpanOf(least))
    const isExclusive = schema.has(EXCLUSIVE_MINIMUM)
    if ((isExclusive ? order <= 0 : order < 0) && isTold()) invalid(shown(node), 'should be greater than ' + (isExclusive ? '' : 'or equal to ') + shown(least))
  }
  const divisor = schema.multipleOf
  if (divisor && !isMultiple(spanOf(node), otherSpanOf(divisor)) && isTold()) invalid(shown(node), 'should be a multiple of ' + shown(divisor))
  if (schema.type == SCHEMA_INTEGER && schema.format != 0 && !numberIsOf(spanOf(node), schema.format) && isTold())
    report('FieldValueInvalid', 'Invalid value: ' + shown(node) + ': Checked value must be of type integer with format ' + formatName(schema.format) + ' in ' + pathText())
}

function checkArray(node: JsonNode, schema: Schema): void {
  const count = <i64>node.count
  if (schema.maxItems >= 0 && count > schema.maxItems) tooMany(count, schema.maxItems)
  if (schema.minItems >= 0 && count < schema.minItems && isTold()) invalid(shown(node), 'should have at least ' + schema.minItems.toString() + ' items')
  const items = schema.items
  let index = 0
  let each = node.first
  while (each && items && !isSpent()) {
    enterIndex(index++)
    check(each, items, false)
    leave()
    each = each.next
  }
  if (!schema.has(LIST_SET | LIST_MAP)) return
  const twice = duplicateIn(node, schema)
  if (twice < 0 || !isTold()) return
  enterIndex(twice)
  const item = <JsonNode>node.item(twice)
  report('FieldValueDuplicate', 'Duplicate value: ' + (schema.has(LIST_SET) ? shown(item) : keysOf(item, schema)))
  leave()
}

// The members that tell an item apart, as an object.
function keysOf(item: JsonNode, schema: Schema): string {
  let made = '{'
  const keys = schema.mapKeys
  let key = keys ? keys.first : null
  while (key) {
    const value = item.find(key.at, key.length)
    if (value) made += (made.length > 1 ? ',' : '') + quoted(key.text()) + ':' + shown(value)
    key = key.next
  }
  return made + '}'
}

function checkObject(node: JsonNode, schema: Schema, isRoot: bool): void {
  const count = <i64>node.count
  if (schema.maxProperties >= 0 && count > schema.maxProperties) tooMany(count, schema.maxProperties)
  if (schema.minProperties >= 0 && count < schema.minProperties && isTold()) invalid(shown(node), 'should have at least ' + schema.minProperties.toString() + ' properties')
  const required = schema.required
  let name = required ? required.first : null
  while (name && spend(count + 1)) {
    if (!node.find(name.at, name.length)) missing(name)
    name = name.next
  }
  if (schema.has(EMBEDDED)) checkEmbedded(node)
  // Both are in order of their names
  let property = schema.properties
  let each = node.first
  while (each && spend(1)) {
    const member = each
    each = each.next
    if (isRoot && (member.keyIs('apiVersion') || member.keyIs('kind') || member.keyIs('metadata'))) continue
    while (property && order(property, member) < 0) property = property.next
    const declared = property && order(property, member) == 0 ? property : null
    const below = declared ? declared : schema.additional
    if (!below) continue
    enterKey(member.key, member.keyLength)
    check(member, below, false)
    leave()
  }
}

function order(property: Schema, member: JsonNode): i32 {
  const order = memory.compare(property.key, member.key, min(property.keyLength, member.keyLength))
  return order != 0 ? order : <i32>property.keyLength - <i32>member.keyLength
}

function missing(name: JsonNode): void {
  if (!isTold()) return
  enterKey(name.at, name.length)
  report('FieldValueRequired', 'Required value')
  leave()
}

// x-kubernetes-embedded-resource: a whole object.
function checkEmbedded(node: JsonNode): void {
  checkText(node, 'apiVersion')
  checkText(node, 'kind')
}

function checkText(node: JsonNode, name: string): void {
  const value = node.get(name)
  if (value && value.type == TYPE_STRING && value.length > 0) return
  if (!isTold()) return
  enterField(name)
  report('FieldValueRequired', 'Required value: must not be empty')
  leave()
}

function isValid(node: JsonNode, schema: Schema, isRoot: bool): bool {
  const before = errors
  quiet++
  check(node, schema, isRoot)
  quiet--
  const valid = errors == before
  errors = before
  return valid
}

function checkAlternatives(node: JsonNode, schema: Schema, isRoot: bool): void {
  let each = schema.allOf
  while (each) {
    check(node, each, isRoot)
    each = each.next
  }
  if (schema.anyOf && countValid(node, schema.anyOf, isRoot) == 0 && isTold()) composite('must validate at least one schema (anyOf)')
  if (schema.oneOf) {
    const valid = countValid(node, schema.oneOf, isRoot)
    if (valid != 1 && isTold()) composite('must validate one and only one schema (oneOf). ' + (valid == 0 ? 'Found none valid' : 'Found ' + valid.toString() + ' valid alternatives'))
  }
  const not = schema.not
  if (not && isValid(node, not, isRoot) && isTold()) composite('must not validate the schema (not)')
}

function countValid(node: JsonNode, first: Schema | null, isRoot: bool): i32 {
  let valid = 0
  let each = first
  while (each && !isSpent()) {
    if (isValid(node, each, isRoot)) valid++
    each = each.next
  }
  return valid
}

// Such an error is of no field, in the real server's answers too.
function composite(problem: string): void {
  issue('FieldValueInvalid', 'Invalid value: "": ' + quoted(pathText()) + ' ' + problem, '<nil>')
}

const span = new Span(0, 0)
const otherSpan = new Span(0, 0)

// One for all, until it is asked for again: a value has hundreds of thousands of parts, and what each made would wait for the collector.
function spanOf(node: JsonNode): Span {
  span.at = node.at
  span.length = node.length
  return span
}

function otherSpanOf(node: JsonNode): Span {
  otherSpan.at = node.at
  otherSpan.length = node.length
  return otherSpan
}
