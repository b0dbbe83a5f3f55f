// Runs test/kit/engine-child.ts, listens to what it acknowledges, and checks a folder against that from outside.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { LmdbEngine } from '../../host/parent/store/lmdb.ts'
import { numberOfHead, stateAfter } from './engine-child.ts'
import { everything, storeId } from './engine-world.ts'

const PATIENCE_MS = 30_000
const CHILD = join(import.meta.dirname, 'engine-child.ts')

export class Committer {
  readonly process: ChildProcess
  readonly lines: string[] = []
  /** By store: the last commit that was acknowledged, and how many were in doubt. */
  readonly acknowledged: number[]
  readonly exited: Promise<{ code: number | null; signal: string | null }>
  doubts = 0
  #commits = 0
  readonly #ready = Promise.withResolvers<void>()

  constructor(folder: string, stores: number, commits: number, options: { before?: string[]; flags?: string[] } = {}) {
    this.acknowledged = new Array(stores).fill(0)
    const [command, ...rest] = [
      ...(options.before ?? []),
      process.execPath,
      '--no-warnings',
      ...(options.flags ?? []),
      CHILD,
      folder,
      String(stores),
      String(commits),
      ...(options.flags === undefined ? [] : ['confined']),
    ]
    this.process = spawn(command as string, rest, { stdio: ['ignore', 'pipe', 'ignore'], env: {} })
    this.exited = once(this.process, 'close').then(([code, signal]) => {
      this.#ready.reject(new Error(`ended before it was ready: ${code} ${signal} ${this.lines.join('; ')}`))
      return { code, signal }
    })
    this.#ready.promise.catch(() => {})
    createInterface({ input: this.process.stdout as NodeJS.ReadableStream }).on('line', (line) => this.#take(line))
  }

  get ready(): Promise<void> {
    return this.#ready.promise
  }

  /** Until it has acknowledged so many commits, of all stores. */
  async commits(count: number): Promise<void> {
    for (const until = Date.now() + PATIENCE_MS; this.#commits < count; await wait(1))
      if (Date.now() > until) throw new Error(`${this.#commits} commits in ${PATIENCE_MS} ms`)
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.exited
  }

  #take(line: string): void {
    this.lines.push(line)
    if (line === 'ready') this.#ready.resolve()
    const [, store, mark, n] = /^(\d+) ([?=]?)(\d+)/.exec(line) ?? []
    if (store === undefined) return
    if (mark === '?') this.doubts++
    // What the head says after a doubt is as good as an acknowledgement.
    else this.acknowledged[Number(store)] = Number(n)
    if (mark === '') this.#commits++
  }
}

/**
 * Opens the folder as a parent would after a crash. @returns what is wrong: an acknowledged commit that is not there, one that is there in
 * part, or more than one that nobody had asked for
 */
export async function faultsIn(folder: string, acknowledged: number[]): Promise<string[]> {
  const faults: string[] = []
  const engine = await LmdbEngine.open(folder)
  for (const [store, last] of acknowledged.entries()) {
    const n = numberOfHead(await engine.head(storeId(store)))
    if (n < last) faults.push(`store ${store}: acknowledged ${last}, kept ${n}`)
    if (n > last + 1) faults.push(`store ${store}: acknowledged ${last}, and there is ${n}`)
    const { records } = await everything(engine, storeId(store))
    if (records.join() !== stateAfter(store, n).join()) faults.push(`store ${store}: not what ${n} commits leave`)
    acknowledged[store] = n
  }
  await engine.close()
  return faults
}
