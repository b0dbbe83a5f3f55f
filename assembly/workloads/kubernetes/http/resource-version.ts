// resourceVersion in queries and preconditions: what is asked for must be a number, and not of the future.
import { Span } from '../../../sdk/span'
import { currentResourceVersion } from '../storage/store'
import { Call } from './call'
import { fail, failBadRequest } from './failure'
import { decimal, query } from './query'

/** A number of text. @returns -1, with a failure, for what is none */
export function readResourceVersion(text: Span): i64 {
  const value = decimal(text)
  // The real server says 500 to this, by accident
  if (value < 0) failBadRequest('resourceVersion: Invalid value: "' + shown(text) + '": strconv.ParseUint: parsing "' + shown(text) + '": invalid syntax')
  return value
}

function shown(text: Span): string {
  return (text.length > 64 ? text.cut(0, 64) : text).text()
}

export function failTooNew(asked: i64, current: u64): bool {
  const made = fail(504, 'Timeout', 'Timeout: Too large resource version: ' + asked.toString() + ', current: ' + current.toString()).emptyDetails()
  made.because('ResourceVersionTooLarge', 'Too large resource version', '')
  made.retryAfterSeconds = 1
  return false
}

/** Of a GET: not older than what is asked for, which what is durable always is unless it is of the future. */
export function checkNotNewer(call: Call): bool {
  const asked = query(call.request, 'resourceVersion')
  if (!asked || asked.length == 0) return true
  const value = readResourceVersion(asked)
  if (value < 0) return false
  if (value == 0) return true
  const current = currentResourceVersion()
  return <u64>value <= current ? true : failTooNew(value, current)
}
