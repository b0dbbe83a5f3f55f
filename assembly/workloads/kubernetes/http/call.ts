// A request for a resource as the verbs see it: what it names, who asks, and the options of its query.
import { Request } from '../../../sdk/request'
import { Span } from '../../../sdk/span'
import { isImpersonated, subject, user } from '../auth/asker'
import { Subject } from '../auth/subject'
import { Resource } from '../resources/table'
import { notSupported, failOptions } from './issues'
import { FORM_JSON } from './accept'
import { Target } from './path'
import { query, queryText } from './query'

export const VALIDATION_IGNORE = 0
export const VALIDATION_WARN = 1
export const VALIDATION_STRICT = 2

export class Call {
  resource: Resource
  namespace: Span
  name: Span
  subresource: Span
  /** FORM_… of the answer. */
  form: i32 = FORM_JSON
  /** INCLUDE_… of table/rows.ts. */
  includeObject: i32 = 0
  dryRun: bool = false
  validation: i32 = VALIDATION_WARN

  constructor(public request: Request, target: Target) {
    this.resource = target.resource
    this.namespace = target.namespace
    this.name = target.name
    this.subresource = target.subresource
  }

  get hasSubresource(): bool {
    return this.subresource.length > 0
  }

  get id(): u32 {
    return this.request.id
  }

  /** Who asks, by the channel or by a token. */
  get user(): Subject {
    return user()
  }

  /** As whom: `user`, or whom they impersonate. */
  get subject(): Subject {
    return subject()
  }

  get isImpersonated(): bool {
    return isImpersonated()
  }

  /** Reads dryRun and fieldValidation. @param kind of the options, for messages @returns false with a failure */
  readWriteOptions(kind: string): bool {
    const dryRun = query(this.request, 'dryRun')
    if (dryRun) {
      if (!dryRun.is('All')) {
        notSupported('dryRun', '[]string{"' + dryRun.text() + '"}', '"All"')
        return failOptions(kind)
      }
      this.dryRun = true
    }
    const validation = queryText(this.request, 'fieldValidation')
    if (validation == 'Strict') this.validation = VALIDATION_STRICT
    else if (validation == 'Ignore') this.validation = VALIDATION_IGNORE
    else if (validation.length > 0 && validation != 'Warn') {
      notSupported('fieldValidation', '"' + validation + '"', '"Ignore", "Strict", "Warn"')
      return failOptions(kind)
    }
    return true
  }
}
