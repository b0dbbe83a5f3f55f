// What is wrong with the fields of an object, gathered so that one answer names all of it: 422 Invalid with a cause for each, as
// k8s.io/apimachinery's field errors.
import { Resource } from '../resources/table'
import { Cause, fail } from './failure'

/** Causes that one answer lists; a hostile object could have a hundred thousand. */
const MAX_ISSUES = 32

let issues: Cause[] = []

export function clearIssues(): void {
  if (issues.length > 0) issues = []
}

export function hasIssues(): bool {
  return issues.length > 0
}

/** No more are told: who goes through a list may stop. */
export function issuesAreFull(): bool {
  return issues.length >= MAX_ISSUES
}

/** Any other, by its reason. */
export function issue(reason: string, message: string, field: string): void {
  add(reason, message, field)
}

function add(reason: string, message: string, field: string): void {
  if (issues.length < MAX_ISSUES) issues.push(new Cause(reason, message, shortened(field)))
}

export function required(field: string, detail: string): void {
  add('FieldValueRequired', 'Required value' + (detail.length > 0 ? ': ' + detail : ''), field)
}

export function invalid(field: string, value: string, detail: string): void {
  add('FieldValueInvalid', 'Invalid value: ' + quoted(value) + ': ' + detail, field)
}

export function invalidNumber(field: string, value: string, detail: string): void {
  add('FieldValueInvalid', 'Invalid value: ' + value + ': ' + detail, field)
}

export function forbidden(field: string, detail: string): void {
  add('FieldValueForbidden', 'Forbidden: ' + detail, field)
}

/** `value` as it is to be shown. */
export function notSupported(field: string, value: string, supported: string): void {
  add('FieldValueNotSupported', 'Unsupported value: ' + value + ': supported values: ' + supported, field)
}

export function tooLong(field: string, most: i32): void {
  add('FieldValueTooLong', 'Too long: must have at most ' + most.toString() + ' bytes', field)
}

/** As Go's %q writes it, for what may stand in an answer; what is long is cut short. */
export function quoted(whole: string): string {
  const text = shortened(whole)
  let out = '"'
  let from = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c >= 0x20 && c != 0x22 && c != 0x5c && c != 0x7f) continue
    out += text.substring(from, i)
    from = i + 1
    if (c == 0x22 || c == 0x5c) out += '\\' + String.fromCharCode(c)
    else if (c == 0x0a) out += '\\n'
    else if (c == 0x0d) out += '\\r'
    else if (c == 0x09) out += '\\t'
    else out += '\\x' + (c < 16 ? '0' : '') + c.toString(16)
  }
  return out + text.substring(from) + '"'
}

/** What an answer shows of one text of a body: nothing is collected during a call, so what is put together of megabytes could end it. */
const MAX_SHOWN = 1024

export function shortened(text: string): string {
  if (text.length <= MAX_SHOWN) return text
  // Not between the halves of a character
  const half = (text.charCodeAt(MAX_SHOWN - 1) & 0xfc00) == 0xd800
  return text.substring(0, half ? MAX_SHOWN - 1 : MAX_SHOWN) + '...'
}

/** Answers what was gathered. Always false. */
export function failInvalid(resource: Resource, name: string): bool {
  return failInvalidNamed(resource.group, resource.kind, name)
}

/** The same for options, whose group is meta.k8s.io. */
export function failInvalidNamed(group: string, kind: string, whole: string): bool {
  const name = shortened(whole)
  let text = ''
  for (let i = 0; i < issues.length; i++) text += (i > 0 ? ', ' : '') + issues[i].field + ': ' + issues[i].message
  if (issues.length > 1) text = '[' + text + ']'
  const made = fail(422, 'Invalid', kind + (group.length > 0 ? '.' + group : '') + ' "' + name + '" is invalid: ' + text).aboutNamed(group, kind, name)
  made.causes = issues
  issues = []
  return false
}

export function failOptions(kind: string): bool {
  return failInvalidNamed('meta.k8s.io', kind, '')
}
