/** A request's headers in one pass: what is for the proxy, and what goes on (RFC 9110 section 7.6.1: not what belongs to one connection). */
import type { HeaderList } from '../head.ts'

export type ProxiedHeaders = {
  host: string | undefined
  origin: boolean
  upgrade: boolean
  /** All values of `Authorization`: the proxy's own credential, and perhaps another's. */
  authorizations: string[]
  /** Whether a body may follow. */
  body: boolean
  forwarded: HeaderList
}

/** Headers that belong to one connection, and what the channel replaces. */
const DROPPED = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'content-length',
  'expect',
  'authorization',
])

/** @param raw names and values in turns, as node:http has them */
export function readHeaders(raw: readonly string[]): ProxiedHeaders {
  const headers: ProxiedHeaders = {
    host: undefined,
    origin: false,
    upgrade: false,
    authorizations: [],
    body: false,
    forwarded: [],
  }
  let named: Set<string> | undefined
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase()
    const value = raw[i + 1] as string
    if (!DROPPED.has(name)) headers.forwarded.push([name, value])
    else if (name === 'host') headers.host = value
    else if (name === 'authorization') headers.authorizations.push(value)
    else if (name === 'upgrade') headers.upgrade = true
    else if (name === 'connection') named = namedBy(value, named)
    else if (name === 'transfer-encoding') headers.body = true
    else if (name === 'content-length' && value !== '0') headers.body = true
    if (name === 'origin') headers.origin = true
  }
  if (named !== undefined) headers.forwarded = headers.forwarded.filter(([name]) => !named.has(name))
  return headers
}

/** Of an answer, as writeHead takes them: names and values in turns. */
export function writeHeaders(headers: HeaderList): string[] {
  const raw: string[] = []
  for (const [name, value] of headers) if (!DROPPED.has(name)) raw.push(name, value)
  return raw
}

// Most connections say keep-alive and name nothing.
function namedBy(value: string, named: Set<string> | undefined): Set<string> | undefined {
  const names = value
    .toLowerCase()
    .split(',')
    .map((each) => each.trim())
  const others = names.filter((name) => name !== 'keep-alive' && name !== 'close' && name !== '')
  return others.length === 0 ? named : new Set([...(named ?? []), ...others])
}
