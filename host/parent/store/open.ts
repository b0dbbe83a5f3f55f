/** The engine that keeps this host's stores, by its settings. */
import type { StoreEngine } from './engine.ts'
import { EtcdEngine } from './etcd.ts'
import { LmdbEngine } from './lmdb.ts'
import { parseStoreSettings } from './settings.ts'

/**
 * @param folder of the parent alone
 * @param settings JSON, as nitro passes it on
 * @throws UsageError ERR_STORE_SETTINGS, and what the engine throws when it opens
 */
export async function openEngine(folder: string, settings: string): Promise<StoreEngine> {
  const parsed = parseStoreSettings(JSON.parse(settings))
  if (parsed.engine === 'etcd') return EtcdEngine.open(parsed)
  return LmdbEngine.open(folder, parsed.maxBytes === undefined ? {} : { maxBytes: parsed.maxBytes })
}
