/** An event of a Kubernetes audit as a line of 100 columns at most; --json has all of it. */
import { RefusedError } from '../errors.ts'
import { printable } from '../wire/printable.ts'

const COLUMNS = [
  ['event', 8],
  ['time (UTC)', 19],
  ['who', 20],
  ['verb', 16],
  ['what', 28],
  ['code', 4],
] as const

export function eventTableHead(): string {
  return row(COLUMNS.map(([name]) => name))
}

type Event = {
  verb?: unknown
  user?: { username?: unknown }
  impersonatedUser?: { username?: unknown }
  objectRef?: { resource?: unknown; subresource?: unknown; namespace?: unknown; name?: unknown }
  requestURI?: unknown
  responseStatus?: { code?: unknown }
  stageTimestamp?: unknown
}

/** @throws RefusedError ERR_AUDIT_ANSWER */
export function eventLine(number: number, line: string): string {
  let event: Event | null
  try {
    event = JSON.parse(line) as Event | null
  } catch {
    event = null
  }
  if (typeof event !== 'object' || event === null)
    throw new RefusedError('ERR_AUDIT_ANSWER', `event ${number} is no JSON object`)
  const { verb, user, impersonatedUser, objectRef, requestURI, responseStatus, stageTimestamp } = event
  const time = String(stageTimestamp ?? '')
    .slice(0, 19)
    .replace('T', ' ')
  const name = text((impersonatedUser ?? user)?.username)
  const who = `${impersonatedUser === undefined ? '' : 'as '}${name === '' ? '(nobody known)' : name}`
  return row([
    String(number),
    time,
    who,
    text(verb),
    objectRef === undefined ? text(requestURI) : what(objectRef),
    text(responseStatus?.code),
  ])
}

function what({ resource, subresource, namespace, name }: NonNullable<Event['objectRef']>): string {
  const kind = `${text(resource)}${subresource === undefined ? '' : `/${text(subresource)}`}`
  const place = [namespace, name].filter((part) => part !== undefined).map(text)
  return [kind, place.join('/')].filter((part) => part !== '').join(' ')
}

function text(value: unknown): string {
  return value === undefined || value === null ? '' : String(value)
}

function row(cells: readonly string[]): string {
  return cells
    .map((cell, i) => {
      const [, width] = COLUMNS[i] as (typeof COLUMNS)[number]
      return printable(cell, width).slice(0, width).padEnd(width)
    })
    .join(' ')
    .trimEnd()
}
