// Both selectors of a request, kept by a watch as long as it lasts.
import { Span } from '../../../sdk/span'
import { Call } from '../http/call'
import { query } from '../http/query'
import { Resource } from '../resources/table'
import { RecordView } from '../storage/record'
import { fieldsMatch, FieldTerm, parseFieldSelector } from './fields'
import { labelsMatch, parseLabelSelector, Requirement } from './labels'

export class Selectors {
  labels: Requirement[] = []
  fields: FieldTerm[] = []

  match(key: Span, record: RecordView, resource: Resource): bool {
    if (this.labels.length > 0 && !labelsMatch(this.labels, record.labels, record.labelsLength)) return false
    return this.fields.length == 0 || fieldsMatch(this.fields, key, record, resource)
  }

  get isEmpty(): bool {
    return this.labels.length == 0 && this.fields.length == 0
  }
}

/** @returns false with a failure */
export function readSelectors(call: Call, selectors: Selectors): bool {
  const labels = query(call.request, 'labelSelector')
  if (labels && labels.length > 0) {
    const parsed = parseLabelSelector(labels)
    if (!parsed) return false
    selectors.labels = parsed
  }
  const fields = query(call.request, 'fieldSelector')
  if (fields && fields.length > 0) {
    const parsed = parseFieldSelector(fields, call.resource)
    if (!parsed) return false
    selectors.fields = parsed
  }
  return true
}
