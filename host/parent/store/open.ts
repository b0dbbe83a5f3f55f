/** The engine that keeps this host's stores, by its settings: `{"engine":"lmdb"}`. */
import { UsageError } from '../../errors.ts'
import type { StoreEngine } from './engine.ts'
import { LmdbEngine } from './lmdb.ts'

/** @param folder of the parent alone @throws UsageError ERR_STORE_SETTINGS, and what the engine throws when it opens */
export async function openEngine(folder: string, settings: string): Promise<StoreEngine> {
  const { engine } = JSON.parse(settings) as { engine?: unknown }
  if (engine === 'lmdb') return LmdbEngine.open(folder)
  throw new UsageError('ERR_STORE_SETTINGS', `there is no engine ${String(engine)}, only lmdb`)
}
