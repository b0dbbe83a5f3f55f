// Field selectors: `metadata.name=a,type!=b`, k8s.io/apimachinery/pkg/fields, over the fields that each kind names.
import { Span } from '../../../sdk/span'
import { failBadRequest } from '../http/failure'
import { quoted } from '../http/issues'
import { treeOf } from '../http/render'
import { JsonNode, sameAscii, TYPE_FALSE, TYPE_NUMBER, TYPE_TRUE } from '../json/node'
import { eventResource, namespaces, Resource, secrets } from '../resources/table'
import { keyName, keyNamespace } from '../storage/key'
import { RecordView } from '../storage/record'

const MAX_TERMS = 64

export class FieldTerm {
  constructor(public field: string, public value: string, public negated: bool) {}
}

/** Whether an object meets all. */
export function fieldsMatch(terms: FieldTerm[], key: Span, record: RecordView, resource: Resource): bool {
  let root: JsonNode | null = null
  for (let i = 0; i < terms.length; i++) {
    const term = terms[i]
    let equal: bool
    if (term.field == 'metadata.name') equal = sameText(keyName(key, resource), term.value)
    else if (term.field == 'metadata.namespace') equal = sameText(keyNamespace(key, resource), term.value)
    else {
      if (!root) root = treeOf(record)
      equal = (resource.custom ? scalarAt(<JsonNode>root, term.field) : valueOf(<JsonNode>root, term.field)) == term.value
    }
    if (equal == term.negated) return false
  }
  return true
}

function sameText(span: Span, text: string): bool {
  return sameAscii(span.at, span.length, text)
}

function valueOf(root: JsonNode, field: string): string {
  if (field == 'source') {
    const source = textAt(root, 'source.component')
    return source.length > 0 ? source : textAt(root, 'reportingComponent')
  }
  return textAt(root, field)
}

function textAt(root: JsonNode, path: string): string {
  const names = path.split('.')
  let node: JsonNode | null = root
  for (let i = 0; i < names.length && node; i++) node = node.get(names[i])
  return node && node.isString ? node.text() : ''
}

// Of a custom object: texts, numbers, true and false.
function scalarAt(root: JsonNode, path: string): string {
  const names = path.split('.')
  let node: JsonNode | null = root
  for (let i = 0; i < names.length && node; i++) node = node.get(names[i])
  if (!node) return ''
  if (node.type == TYPE_TRUE || node.type == TYPE_FALSE) return node.type == TYPE_TRUE ? 'true' : 'false'
  return node.isString || node.type == TYPE_NUMBER ? node.text() : ''
}

const OF_EVENTS = 'involvedObject.kind involvedObject.namespace involvedObject.name involvedObject.uid involvedObject.apiVersion involvedObject.resourceVersion involvedObject.fieldPath reason reportingComponent source type'

function isKnown(field: string, resource: Resource): bool {
  if (field == 'metadata.name' || (field == 'metadata.namespace' && resource.namespaced)) return true
  if (resource == secrets) return field == 'type'
  if (resource == namespaces) return field == 'status.phase' || field == 'name'
  const custom = resource.custom
  if (custom) return custom.selectable.includes(field)
  return resource == eventResource && OF_EVENTS.split(' ').includes(field)
}

/** @returns null with a failure */
export function parseFieldSelector(text: Span, resource: Resource): FieldTerm[] | null {
  const terms: FieldTerm[] = []
  let rest = text
  while (rest.length > 0) {
    let end: usize = 0
    while (end < rest.length && load<u8>(rest.at + end) != 0x2c) end += load<u8>(rest.at + end) == 0x5c ? 2 : 1 // SAFETY: end < length
    end = min(end, rest.length)
    if (end > 0 && !addTerm(terms, rest.cut(0, end), resource)) return null
    rest = end < rest.length ? rest.cut(end + 1, rest.length) : rest.cut(end, end)
    if (terms.length > MAX_TERMS) {
      failBadRequest('too many terms in field selector')
      return null
    }
  }
  return terms
}

function addTerm(terms: FieldTerm[], text: Span, resource: Resource): bool {
  const equals = text.find(0x3d)
  if (equals <= 0) {
    failBadRequest('invalid selector: ' + quoted(text.text()) + '; can\'t understand ' + quoted(text.text()))
    return false
  }
  const negated = load<u8>(text.at + equals - 1) == 0x21 // SAFETY: equals > 0
  const doubled = <usize>equals + 1 < text.length && load<u8>(text.at + equals + 1) == 0x3d
  const field = text.cut(0, negated ? equals - 1 : equals).text()
  if (!isKnown(field, resource)) {
    if (resource == secrets || resource == namespaces || resource == eventResource) failBadRequest('field label not supported: ' + field)
    else failBadRequest(quoted(field) + ' is not a known field selector: only "metadata.name", "metadata.namespace"')
    return false
  }
  terms.push(new FieldTerm(resource == namespaces && field == 'name' ? 'metadata.name' : field, unescape(text.cut(doubled ? equals + 2 : equals + 1, text.length).text()), negated))
  return true
}

function unescape(value: string): string {
  return value.replaceAll('\\,', ',').replaceAll('\\=', '=').replaceAll('\\\\', '\\')
}
