// Writes one store as a kernel would: builds on the head it knows, asks for the head when nobody knows, and remembers what was acknowledged.
import { setTimeout as wait } from 'node:timers/promises'
import type { StoreEngine } from '../../host/parent/store/engine.ts'
import { changesOf, numberOfHead, stateAfter } from './engine-child.ts'
import { everything, hashOf, kept, storeId } from './engine-world.ts'

export class Writer {
  readonly acknowledged: number[] = []
  doubts = 0
  conflicts = 0
  readonly #engine: StoreEngine
  readonly #store: number
  #stopped = false
  #done: Promise<void> | undefined

  constructor(engine: StoreEngine, store: number) {
    this.#engine = engine
    this.#store = store
  }

  start(): this {
    this.#stopped = false
    this.#done = this.#run()
    return this
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#done
  }

  async #run(): Promise<void> {
    const id = storeId(this.#store)
    for (let last: number | undefined; !this.#stopped; )
      try {
        last ??= numberOfHead(await this.#engine.head(id))
        const n = last + 1
        const expected = last === 0 ? undefined : hashOf(kept(last))
        if ((await this.#engine.commit(id, expected, kept(n), changesOf(this.#store, n))) === 'durable') {
          this.acknowledged.push(n)
          last = n
        } else {
          this.conflicts++
          last = undefined
        }
      } catch {
        this.doubts++
        last = undefined
        await wait(20)
      }
  }
}

/** @returns what is wrong with a store after these writers: a commit lost, acknowledged twice, or half there */
export async function faultsOf(engine: StoreEngine, store: number, writers: Writer[]): Promise<string[]> {
  const faults: string[] = []
  const acknowledged = writers.flatMap((writer) => writer.acknowledged)
  if (new Set(acknowledged).size !== acknowledged.length) faults.push('two writers were told the same commit')
  const n = numberOfHead(await engine.head(storeId(store)))
  const last = Math.max(0, ...acknowledged)
  if (n < last) faults.push(`acknowledged ${last}, kept ${n}`)
  if ((await everything(engine, storeId(store))).records.join() !== stateAfter(store, n).join())
    faults.push(`not what ${n} commits leave`)
  return faults
}
