/**
 * `--store`: what keeps a host's stores. `lmdb` (in DIR/store), `etcd://HOST:PORT,HOST:PORT` (`etcds://` by TLS), or a JSON file with the settings of
 * host/parent/store/settings.ts, for certificates, a user and a password: those come by no argument. Files that `tls` names are read here.
 */
import { dirname, resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import { parseStoreSettings, type StoreSettings } from '../parent/store/settings.ts'
import { readJsonObject, readText } from './files.ts'

/** @throws UsageError ERR_STORE_SETTINGS, ERR_FILE_READ, ERR_USAGE_JSON */
export function parseStoreOption(text: string): StoreSettings {
  if (text === 'lmdb') return { engine: 'lmdb' }
  const members = /^etcd(s?):\/\/([^/]+)\/?$/.exec(text)
  if (members !== null) {
    const scheme = members[1] === 's' ? 'https' : 'http'
    const endpoints = (members[2] as string).split(',').map((member) => `${scheme}://${member}`)
    return parseStoreSettings({ engine: 'etcd', endpoints })
  }
  if (text.endsWith('.json')) return parseStoreSettings(withFiles(readJsonObject(text), dirname(resolve(text))))
  throw new UsageError(
    'ERR_STORE_SETTINGS',
    `--store is lmdb, etcd://HOST:PORT,… or a .json file: ${text.slice(0, 80)}`,
  )
}

/** PEM where a path stands. */
function withFiles(settings: Record<string, unknown>, folder: string): Record<string, unknown> {
  const { tls } = settings
  if (typeof tls !== 'object' || tls === null) return settings
  const read = ([name, value]: [string, unknown]) =>
    typeof value === 'string' && !value.includes('-----BEGIN ')
      ? [name, readText(resolve(folder, value))]
      : [name, value]
  return { ...settings, tls: Object.fromEntries(Object.entries(tls).map(read)) }
}
