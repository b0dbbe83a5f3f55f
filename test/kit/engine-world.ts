// Random work on an engine beside its model, and what a store must look like after it.
import type { Change, Kept, StoreEngine, StoreRecord } from '../../host/parent/store/engine.ts'
import { headHash } from '../../host/parent/store/engine.ts'
import type { Seeded } from './seeded.ts'

export const place = (n: number): Buffer => {
  const bytes = Buffer.alloc(32, 7)
  bytes.writeUInt32BE(n, 0)
  return bytes
}
export const storeId = (n: number): string => n.toString(16).padStart(2, '0').repeat(32)
/** A head that says which it is, as sealed heads are: no two alike. */
export const kept = (n: number, salt = 0): Kept => ({
  head: Buffer.from(`head ${n} of ${salt}`.padEnd(200, '.')),
  meta: Buffer.from(`wrapped DEK ${salt}`.padEnd(120, '.')),
})
export const hashOf = (value: Kept | undefined): Buffer | undefined => value && headHash(value.head)

export async function everything(engine: StoreEngine, store: string): Promise<{ kept?: string; records: string[] }> {
  const records: string[] = []
  const found = await engine.load(store, (chunk) => {
    for (const { place, record } of chunk) records.push(`${hex(place)} ${hex(record)}`)
  })
  return found === undefined ? { records } : { kept: `${hex(found.head)} ${hex(found.meta)}`, records }
}

export async function* source(records: StoreRecord[], chunk = 100): AsyncGenerator<StoreRecord[]> {
  for (let at = 0; at < records.length; at += chunk) yield records.slice(at, at + chunk)
}

export function someChanges(random: Seeded, most: number, placesInUse = 300): Change[] {
  const changes = new Map<number, Change>()
  for (let n = random.below(most + 1); n > 0; n--) {
    const at = random.below(placesInUse)
    const record = random.chance(25) ? undefined : random.bytes(random.pick([1, 60, 700, 3000, 9000]))
    changes.set(at, { place: place(at), record })
  }
  return [...changes.values()]
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
