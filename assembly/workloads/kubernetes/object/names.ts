// What names, labels, annotations and keys of data may be: k8s.io/apimachinery/pkg/util/validation and pkg/api/validation, with its texts.
import { JsonNode } from '../json/node'
import { Span } from '../../../sdk/span'

export const DNS1123_SUBDOMAIN = 'a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \'-\' or \'.\', and must start and end with an alphanumeric character (e.g. \'example.com\', regex used for validation is \'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\')'
export const DNS1123_LABEL = 'a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \'-\', and must start and end with an alphanumeric character (e.g. \'my-name\',  or \'123-abc\', regex used for validation is \'[a-z0-9]([-a-z0-9]*[a-z0-9])?\')'
export const LABEL_VALUE = 'a valid label must be an empty string or consist of alphanumeric characters, \'-\', \'_\' or \'.\', and must start and end with an alphanumeric character (e.g. \'MyValue\',  or \'my_value\',  or \'12345\', regex used for validation is \'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?\')'
export const QUALIFIED_NAME = 'must consist of alphanumeric characters, \'-\', \'_\' or \'.\', and must start and end with an alphanumeric character (e.g. \'MyName\',  or \'my.name\',  or \'123-abc\', regex used for validation is \'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\')'
export const CONFIG_KEY = 'a valid config key must consist of alphanumeric characters, \'-\', \'_\' or \'.\' (e.g. \'key.name\',  or \'KEY_NAME\',  or \'key-name\', regex used for validation is \'[-._a-zA-Z0-9]+\')'

export const MAX_SUBDOMAIN: usize = 253
export const MAX_LABEL: usize = 63

/** RFC 1123 label: at most 63 of a-z 0-9 -, alphanumeric at both ends. Length aside. */
export function isLabel(text: Span): bool {
  if (text.length == 0) return false
  for (let i: usize = 0; i < text.length; i++) {
    const c = load<u8>(text.at + i) // SAFETY: i < length
    if (isLower(c) || isDigit(c)) continue
    if (c != 0x2d || i == 0 || i == text.length - 1) return false
  }
  return true
}

/** Labels with dots between them. Length aside. */
export function isSubdomain(text: Span): bool {
  let rest = text
  while (true) {
    const dot = rest.find(0x2e)
    if (!isLabel(dot < 0 ? rest : rest.cut(0, dot))) return false
    if (dot < 0) return true
    rest = rest.cut(dot + 1, rest.length)
  }
}

/** Letters, digits, - _ . with a letter or digit at both ends. Length aside. */
export function isNamePart(text: Span): bool {
  if (text.length == 0) return false
  for (let i: usize = 0; i < text.length; i++) {
    const c = load<u8>(text.at + i) // SAFETY: i < length
    if (isLower(c | 0x20) || isDigit(c)) continue
    if ((c != 0x2d && c != 0x5f && c != 0x2e) || i == 0 || i == text.length - 1) return false
  }
  return true
}

/** A name that is a segment of a path, with the length that other names have: the real server bounds it by its store's keys alone. */
export function pathSegmentProblem(name: Span): string {
  if (name.length > MAX_SUBDOMAIN) return 'must be no more than 253 characters'
  if (name.is('.')) return 'may not be \'.\''
  if (name.is('..')) return 'may not be \'..\''
  if (name.find(0x2f) >= 0) return 'may not contain \'/\''
  return name.find(0x25) >= 0 ? 'may not contain \'%\'' : ''
}

/** A key of labels or annotations: [prefix/]name. @returns what is wrong with it, or "" */
export function qualifiedNameProblem(key: Span): string {
  const slash = key.find(0x2f)
  let name = key
  if (slash >= 0) {
    const prefix = key.cut(0, slash)
    name = key.cut(slash + 1, key.length)
    if (name.find(0x2f) >= 0) return 'a qualified name ' + QUALIFIED_NAME + ' with an optional DNS subdomain prefix and \'/\' (e.g. \'example.com/MyName\')'
    if (prefix.length == 0) return 'prefix part must be non-empty'
    if (prefix.length > MAX_SUBDOMAIN) return 'prefix part must be no more than 253 characters'
    if (!isSubdomain(prefix)) return 'prefix part ' + DNS1123_SUBDOMAIN
  }
  if (name.length == 0) return 'name part must be non-empty'
  if (name.length > MAX_LABEL) return 'name part must be no more than 63 characters'
  return isNamePart(name) ? '' : 'name part ' + QUALIFIED_NAME
}

/** @returns what is wrong with the value of a label, or "" */
export function labelValueProblem(value: Span): string {
  if (value.length == 0) return ''
  if (value.length > MAX_LABEL) return 'must be no more than 63 characters'
  return isNamePart(value) ? '' : LABEL_VALUE
}

/** A key of data of ConfigMaps and Secrets. @returns what is wrong with it, or "" */
export function configKeyProblem(key: Span): string {
  if (key.length > MAX_SUBDOMAIN) return 'must be no more than 253 characters'
  let plain = key.length > 0
  for (let i: usize = 0; i < key.length && plain; i++) {
    const c = load<u8>(key.at + i) // SAFETY: i < length
    plain = isLower(c | 0x20) || isDigit(c) || c == 0x2d || c == 0x5f || c == 0x2e
  }
  if (!plain) return CONFIG_KEY
  if (key.is('.')) return 'must not be \'.\''
  if (key.is('..')) return 'must not be \'..\''
  return key.begins('..') ? 'must not start with \'..\'' : ''
}

export function keySpan(node: JsonNode): Span {
  return new Span(node.key, node.keyLength)
}

export function textSpan(node: JsonNode): Span {
  return new Span(node.at, node.length)
}

function isLower(c: u8): bool {
  return c >= 0x61 && c <= 0x7a
}

function isDigit(c: u8): bool {
  return c >= 0x30 && c <= 0x39
}
