/**
 * A process that commits to LMDB until it is killed or has done enough: `FOLDER STORES COMMITS [confined]`. Commit n of a store is known from
 * n alone, so that whoever looks later knows what must be there. It says on fd 1, one line each and at once: `S n` commit n of
 * store S is durable, `S ?n CODE` nobody knows, `S =n` so the head says now.
 */
import { writeSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { confine } from '../../host/parent/confine.ts'
import type { Change, Kept, StoreEngine } from '../../host/parent/store/engine.ts'
import { LmdbEngine } from '../../host/parent/store/lmdb.ts'
import { hashOf, kept, place, storeId } from './engine-world.ts'

/** What commit n changes: of 40 places some are put, some removed, of sizes that need pages of their own now and then. */
export function changesOf(store: number, n: number): Change[] {
  return Array.from({ length: 1 + ((n * 7 + store) % 20) }, (_, i) => {
    const at = (n + i * 3) % 40
    const size = [80, 500, 1300, 9000][(n + i) % 4] as number
    return { place: place(at), record: (n + i) % 5 === 0 ? undefined : Buffer.alloc(size, n % 251) }
  })
}

/** What lies in a store after commits 1 to n. */
export function stateAfter(store: number, n: number): string[] {
  const last = new Map<string, string | undefined>()
  // From the last one on: the first that names a place says what is there. Forty commits in a row name all places.
  for (let m = n; m >= 1 && m > n - 40; m--)
    for (const { place: at, record } of changesOf(store, m).reverse()) {
      const key = Buffer.from(at).toString('hex')
      if (!last.has(key)) last.set(key, record && Buffer.from(record).toString('hex'))
    }
  return [...last]
    .filter(([, record]) => record !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([at, record]) => `${at} ${record}`)
}

export function numberOfHead(found: Kept | undefined): number {
  return found === undefined ? 0 : Number(/head (\d+)/.exec(Buffer.from(found.head).toString())?.[1])
}

if (import.meta.main) {
  const [folder, stores, commits, confined] = process.argv.slice(2)
  const engine = await LmdbEngine.open(folder as string)
  if (confined !== undefined) writeSync(1, `layers ${confine(folder as string).join()}\n`)
  writeSync(1, 'ready\n')
  await Promise.all(Array.from({ length: Number(stores) }, (_, store) => work(engine, store, Number(commits))))
  await engine.close()
  writeSync(1, 'done\n')
}

async function work(engine: StoreEngine, store: number, commits: number): Promise<void> {
  const id = storeId(store)
  let last = await engine.head(id)
  for (let done = 0; done < commits; done++) {
    const n = numberOfHead(last) + 1
    try {
      const result = await engine.commit(id, hashOf(last), kept(n), changesOf(store, n))
      if (result !== 'durable') throw new Error(`commit ${n} met ${result}`)
      last = kept(n)
      writeSync(1, `${store} ${n}\n`)
    } catch (error) {
      writeSync(1, `${store} ?${n} ${(error as { code?: string }).code ?? error}\n`)
      await wait(1)
      last = await engine.head(id)
      writeSync(1, `${store} =${numberOfHead(last)}\n`)
    }
  }
}
