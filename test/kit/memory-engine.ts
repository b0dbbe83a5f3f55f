// The model of an engine: maps, no disk, every answer at once.
import {
  type Change,
  checkCommit,
  checkKept,
  checkPlace,
  checkStoreId,
  headHash,
  type Kept,
  type StoreEngine,
  type StoreRecord,
} from '../../host/parent/store/engine.ts'

type Stored = { kept: Kept | undefined; records: Map<string, Uint8Array> }

export class MemoryEngine implements StoreEngine {
  limits = { records: 1000, bytes: 8388608 }
  readonly stores = new Map<string, Stored>()

  async head(store: string): Promise<Kept | undefined> {
    return this.#store(store).kept
  }

  async load(store: string, each: (records: StoreRecord[]) => Promise<void> | void): Promise<Kept | undefined> {
    const { kept, records } = this.#store(store)
    const places = [...records.keys()].sort()
    for (let at = 0; at < places.length; at += 7)
      await each(
        places
          .slice(at, at + 7)
          .map((place) => ({ place: Buffer.from(place, 'hex'), record: records.get(place) as Uint8Array })),
      )
    return kept
  }

  async commit(store: string, expected: Uint8Array | undefined, next: Kept, changes: Change[]) {
    checkCommit(this.limits, store, expected, next, changes)
    const { kept, records } = this.#store(store)
    const found = kept && headHash(kept.head)
    if (found === undefined ? expected !== undefined : expected === undefined || !found.equals(expected))
      return 'conflict'
    const after = new Map(records)
    for (const { place, record } of changes)
      if (record === undefined) after.delete(hex(place))
      else after.set(hex(place), Uint8Array.from(record))
    this.stores.set(store, { kept: copy(next), records: after })
    return 'durable'
  }

  async replace(store: string, kept: Kept, records: AsyncIterable<StoreRecord[]>): Promise<void> {
    checkStoreId(store)
    checkKept(kept)
    const after = new Map<string, Uint8Array>()
    for await (const chunk of records)
      for (const { place, record } of chunk) {
        checkPlace(place)
        after.set(hex(place), Uint8Array.from(record))
      }
    this.stores.set(store, { kept: copy(kept), records: after })
  }

  async close(): Promise<void> {}

  #store(store: string): Stored {
    checkStoreId(store)
    return this.stores.get(store) ?? { kept: undefined, records: new Map() }
  }
}

function hex(place: Uint8Array): string {
  return Buffer.from(place).toString('hex')
}

function copy({ head, meta }: Kept): Kept {
  return { head: Uint8Array.from(head), meta: Uint8Array.from(meta) }
}
