/** Which engine keeps the stores, and how it is reached. Read strictly: what is not understood is refused, and never ignored. */
import { isIP } from 'node:net'
import { UsageError } from '../../errors.ts'

export type EtcdSettings = {
  engine: 'etcd'
  /** `http://HOST:PORT` or `https://HOST:PORT`, of members of one cluster. */
  endpoints: string[]
  /** Before all keys. Hosts that share it share stores. */
  prefix?: string
  /** PEM. Without `ca`, the roots that Node comes with. */
  tls?: { ca?: string; cert?: string; key?: string }
  auth?: { user: string; password: string }
}
export type StoreSettings = { engine: 'lmdb'; maxBytes?: number } | EtcdSettings

export const DEFAULT_PREFIX = 'wasmclave/'
const MAX_ENDPOINTS = 16
const MAX_PREFIX_CHARACTERS = 128
const MAX_TEXT_CHARACTERS = 65536

/** @throws UsageError ERR_STORE_SETTINGS */
export function parseStoreSettings(value: unknown): StoreSettings {
  const { engine } = record(value, 'settings', ['engine', 'maxBytes', 'endpoints', 'prefix', 'tls', 'auth'])
  if (engine === 'lmdb') return parseLmdb(record(value, 'settings of lmdb', ['engine', 'maxBytes']))
  if (engine === 'etcd')
    return parseEtcd(record(value, 'settings of etcd', ['engine', 'endpoints', 'prefix', 'tls', 'auth']))
  throw refused(`engine is ${JSON.stringify(engine)}, not "lmdb" or "etcd"`)
}

function parseLmdb({ maxBytes }: Record<string, unknown>): StoreSettings {
  if (maxBytes === undefined) return { engine: 'lmdb' }
  if (!Number.isSafeInteger(maxBytes) || (maxBytes as number) < 1048576)
    throw refused(`maxBytes is ${maxBytes}, not a whole number of at least 1048576`)
  return { engine: 'lmdb', maxBytes: maxBytes as number }
}

function parseEtcd({ endpoints, prefix, tls, auth }: Record<string, unknown>): EtcdSettings {
  if (!Array.isArray(endpoints) || endpoints.length < 1 || endpoints.length > MAX_ENDPOINTS)
    throw refused(`endpoints is no list of 1 to ${MAX_ENDPOINTS}`)
  const urls = endpoints.map((value, index) => endpoint(value, `endpoint ${index + 1}`))
  const secure = urls.every(({ protocol }) => protocol === 'https:')
  if (!secure && urls.some(({ protocol }) => protocol === 'https:')) throw refused('endpoints mix http and https')
  const settings: EtcdSettings = { engine: 'etcd', endpoints: endpoints as string[] }
  if (prefix !== undefined) {
    if (typeof prefix !== 'string' || !/^[\x21-\x7e]+$/.test(prefix) || prefix.length > MAX_PREFIX_CHARACTERS)
      throw refused(`prefix is not of 1 to ${MAX_PREFIX_CHARACTERS} visible ASCII characters`)
    settings.prefix = prefix
  }
  if (tls !== undefined) {
    if (!secure) throw refused('tls stands beside http endpoints')
    settings.tls = parseTls(record(tls, 'tls', ['ca', 'cert', 'key']))
  }
  if (auth !== undefined) {
    if (!secure && !urls.every(({ hostname }) => isLoopback(hostname)))
      throw refused('a password would go over http to another machine')
    const { user, password } = record(auth, 'auth', ['user', 'password'])
    settings.auth = { user: text(user, 'user'), password: text(password, 'password') }
  }
  return settings
}

function parseTls(tls: Record<string, unknown>): NonNullable<EtcdSettings['tls']> {
  const parsed: NonNullable<EtcdSettings['tls']> = {}
  for (const name of ['ca', 'cert', 'key'] as const) {
    if (tls[name] === undefined) continue
    const pem = text(tls[name], name)
    if (!pem.includes('-----BEGIN ')) throw refused(`${name} is no PEM`)
    parsed[name] = pem
  }
  if ((parsed.cert === undefined) !== (parsed.key === undefined)) throw refused('of cert and key there is one alone')
  return parsed
}

/** @param name a refusal does not repeat what may hold a password */
function endpoint(value: unknown, name: string): URL {
  const url = typeof value === 'string' ? URL.parse(value) : null
  if (url === null || !/^https?:\/\/[^/?#@\s]+$/.test(value as string))
    throw refused(`${name} is no http(s)://HOST:PORT`)
  if (url.port === '' && !/:(80|443)$/.test(value as string)) throw refused(`${name} names no port`)
  return url
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'))
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string' || value.length < 1 || value.length > MAX_TEXT_CHARACTERS)
    throw refused(`${name} is no text of 1 to ${MAX_TEXT_CHARACTERS} characters`)
  return value
}

function record(value: unknown, name: string, keys: string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused(`${name} is no object`)
  const unknown = Object.keys(value).find((key) => !keys.includes(key))
  if (unknown !== undefined) throw refused(`${name}: "${unknown}" is not one of ${keys.join(', ')}`)
  return value as Record<string, unknown>
}

function refused(reason: string): UsageError {
  return new UsageError('ERR_STORE_SETTINGS', reason)
}
