// ConfigMaps and Secrets: keys, sizes, types, and what `immutable` forbids. k8s.io/kubernetes/pkg/apis/core/validation and the strategies of
// both kinds.
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { forbidden, invalid, issuesAreFull, required, tooLong } from '../http/issues'
import { keepBytes } from '../json/arena'
import { FLAG_ESCAPE, JsonNode, newNode, newString, newText, TYPE_OBJECT, TYPE_TRUE } from '../json/node'
import { parse } from '../json/parser'
import { compareKeys, sameTree, sortMembers } from '../json/tree'
import { MAX_DATA_BYTES } from '../limits'
import { decodeBase64 } from './base64'
import { memberText, metadataOf } from './metadata'
import { configKeyProblem, keySpan } from './names'

const WHEN_IMMUTABLE = 'field is immutable when `immutable` is set'
const text = new TextWriter()

/** stringData goes into data, where it wins; the type of a new Secret is Opaque. */
export function prepareSecret(root: JsonNode, old: JsonNode | null): void {
  const plain = root.get('stringData')
  if (plain) {
    const added = newNode(TYPE_OBJECT)
    let data = root.get('data')
    if (!data) {
      data = newNode(TYPE_OBJECT)
      putBefore(root, plain, 'data', data)
    }
    // Both are sorted: one walk finds what is in both
    let next = data.first
    let each = plain.first
    while (each) {
      text.clear().base64(new Span(each.at, each.length))
      const value = newString(keepBytes(text.at, text.length), text.length)
      while (next && compareKeys(next, each) < 0) next = next.next
      if (next && next.keyEquals(each.key, each.keyLength)) {
        next.at = value.at
        next.length = value.length
        next.flags &= ~FLAG_ESCAPE
      } else {
        value.key = each.key
        value.keyLength = each.keyLength
        added.append(value)
      }
      each = each.next
    }
    let more = added.first
    while (more) {
      const following = more.next
      data.append(more)
      more = following
    }
    sortMembers(data)
    root.detach(plain)
  }
  if (memberText(root, 'type').length == 0) root.set('type', newText(old ? memberText(old, 'type') : 'Opaque'))
}

function putBefore(root: JsonNode, next: JsonNode, name: string, value: JsonNode): void {
  const key = newText(name)
  value.key = key.at
  value.keyLength = key.length
  let before: JsonNode | null = null
  let each = root.first
  while (each && each != next) {
    before = each
    each = each.next
  }
  root.insertAfter(before, value)
}

export function checkSecret(root: JsonNode): void {
  const data = root.get('data')
  const bytes = checkKeys(data, 'data') + decodedBytes(data)
  if (bytes > MAX_DATA_BYTES) tooLong('data', MAX_DATA_BYTES)
  const type = memberText(root, 'type')
  if (type == 'kubernetes.io/service-account-token') {
    const annotations = metadataOf(root).get('annotations')
    if (!annotations || memberText(annotations, 'kubernetes.io/service-account.name').length == 0) required('metadata.annotations[kubernetes.io/service-account.name]', '')
  } else if (type == 'kubernetes.io/dockercfg') checkJsonKey(data, '.dockercfg')
  else if (type == 'kubernetes.io/dockerconfigjson') checkJsonKey(data, '.dockerconfigjson')
  else if (type == 'kubernetes.io/basic-auth') {
    if (!has(data, 'username') && !has(data, 'password')) {
      required('data[username]', '')
      required('data[password]', '')
    }
  } else if (type == 'kubernetes.io/ssh-auth') {
    const key = data ? data.get('ssh-privatekey') : null
    if (!key || key.length == 0) required('data[ssh-privatekey]', '')
  } else if (type == 'kubernetes.io/tls') {
    if (!has(data, 'tls.crt')) required('data[tls.crt]', '')
    if (!has(data, 'tls.key')) required('data[tls.key]', '')
  }
}

export function checkSecretUpdate(root: JsonNode, old: JsonNode): void {
  const type = memberText(root, 'type')
  if (type != memberText(old, 'type')) invalid('type', type, 'field is immutable')
  if (!isTrue(old)) return
  if (!isTrue(root)) forbidden('immutable', WHEN_IMMUTABLE)
  if (!sameMember(root, old, 'data')) forbidden('data', WHEN_IMMUTABLE)
}

export function checkConfigMap(root: JsonNode): void {
  const data = root.get('data')
  const binary = root.get('binaryData')
  let bytes = checkKeys(data, 'data')
  // Both are sorted: one walk finds what is in both
  let other = binary ? binary.first : null
  let each = data ? data.first : null
  while (each) {
    while (other && compareKeys(other, each) < 0) other = other.next
    if (other && other.keyEquals(each.key, each.keyLength) && !issuesAreFull())
      invalid('data[' + each.keyText() + ']', each.keyText(), 'duplicate of key present in binaryData')
    bytes += <i32>each.length
    each = each.next
  }
  bytes += checkKeys(binary, 'binaryData') + decodedBytes(binary)
  if (bytes > MAX_DATA_BYTES) tooLong('data', MAX_DATA_BYTES)
}

export function checkConfigMapUpdate(root: JsonNode, old: JsonNode): void {
  if (!isTrue(old)) return
  if (!isTrue(root)) forbidden('immutable', WHEN_IMMUTABLE)
  if (!sameMember(root, old, 'data')) forbidden('data', WHEN_IMMUTABLE)
  if (!sameMember(root, old, 'binaryData')) forbidden('binaryData', WHEN_IMMUTABLE)
}

// @returns 0, so that it can stand in a sum
function checkKeys(data: JsonNode | null, field: string): i32 {
  let each = data ? data.first : null
  while (each && !issuesAreFull()) {
    const problem = configKeyProblem(keySpan(each))
    if (problem.length > 0) invalid(field + '[' + each.keyText() + ']', each.keyText(), problem)
    each = each.next
  }
  return 0
}

// Values are canonical base64: their length says how much they hold.
function decodedBytes(data: JsonNode | null): i32 {
  let bytes = 0
  let each = data ? data.first : null
  while (each) {
    const length = <i32>each.length
    bytes += (length / 4) * 3
    if (length > 0 && load<u8>(each.at + length - 1) == 0x3d) bytes -= load<u8>(each.at + length - 2) == 0x3d ? 2 : 1 // SAFETY: four at least
    each = each.next
  }
  return bytes
}

function checkJsonKey(data: JsonNode | null, key: string): void {
  const value = data ? data.get(key) : null
  const field = 'data[' + key + ']'
  if (!value) return required(field, '')
  const decoded = decodeBase64(new Span(value.at, value.length))
  if (!decoded || !parse(decoded.at, decoded.length)) invalid(field, '<secret contents redacted>', 'invalid character in JSON')
}

function has(data: JsonNode | null, key: string): bool {
  return data != null && data.get(key) != null
}

function isTrue(root: JsonNode): bool {
  const immutable = root.get('immutable')
  return immutable != null && immutable.type == TYPE_TRUE
}

function sameMember(a: JsonNode, b: JsonNode, name: string): bool {
  const one = a.get(name)
  const other = b.get(name)
  if (!one || !other) return !one && !other
  return sameTree(one, other)
}
