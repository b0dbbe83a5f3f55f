import { createHash } from 'node:crypto'
import type { Change, Kept, StoreEngine } from './engine.ts'

export async function openEngine(_folder: string, _settings: string): Promise<StoreEngine> {
  return new MemoryEngine()
}

class MemoryEngine implements StoreEngine {
  readonly limits = { records: 1000, bytes: 8388608 }
  readonly stores = new Map<string, { kept: Kept; records: Map<string, Uint8Array> }>()
  async head(store: string) {
    return this.stores.get(store)?.kept
  }
  async load(store: string, each: Parameters<StoreEngine['load']>[1]) {
    const found = this.stores.get(store)
    if (found === undefined) return undefined
    const all = [...found.records].sort().map(([place, record]) => ({ place: Buffer.from(place, 'hex'), record }))
    for (let at = 0; at < all.length; at += 100) await each(all.slice(at, at + 100))
    return found.kept
  }
  async commit(store: string, expected: Uint8Array | undefined, next: Kept, changes: Change[]) {
    const found = this.stores.get(store)
    const hash = found === undefined ? undefined : createHash('sha256').update(found.kept.head).digest()
    if (hash === undefined ? expected !== undefined : expected === undefined || !hash.equals(expected))
      return 'conflict'
    const records = new Map(found?.records)
    for (const { place, record } of changes) {
      if (record === undefined) records.delete(Buffer.from(place).toString('hex'))
      else records.set(Buffer.from(place).toString('hex'), record.slice())
    }
    this.stores.set(store, { kept: next, records })
    return 'durable'
  }
  async replace() {}
  async close() {}
}
