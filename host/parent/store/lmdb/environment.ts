/**
 * LMDB, by lmdb-js, as the engine uses it: one write transaction at a time, made of blocks that are conditional each, and an environment
 * that is opened anew after a write that failed.
 *
 * What was found in lmdb 3.5.6, and is minded here:
 *  - with `overlappingSync`, its default on Linux, a commit is visible before it is on disk. Without it, LMDB's own order holds: pages
 *    written, fdatasync, the meta page by a descriptor with O_DSYNC; only then the promise fulfils.
 *  - an operation that fails within a transaction fails all of it; the promise is rejected, with another that is rejected later.
 *  - a transaction that cannot begin, as after a failed write of the meta page, never settles its promises and keeps a lock that closing
 *    wants too. So nothing is written into an environment in which a write has failed.
 *  - a synchronous write would commit an asynchronous one halfway: there is none here.
 */
import { IF_EXISTS, open, type RootDatabase, type Transaction } from 'lmdb'
import { FatalError, UnavailableError } from '../../../errors.ts'

export type Database = RootDatabase<Buffer, Buffer>
export type { Transaction }

/** Writes of one caller: all or none of them, and none where the condition does not hold. */
export type Block = {
  /** A key that must exist, or must not. */
  when?: { exists: Buffer } | { absent: Buffer }
  write(database: Database): void
}

/** A write that is not on disk after this time leaves the environment unusable until it is. */
const STUCK_MS = 30_000

type Stats = { pageSize: number; treeBranchPageCount: number; treeLeafPageCount: number; overflowPages: number }

export class Environment {
  readonly #path: string
  readonly #mapBytes: number
  #database: Database | undefined
  #stuck = false
  #closed = false
  /** Changes when the environment is opened anew: transactions of before are void. */
  era = 0

  /** @param mapBytes address space for the file. @throws FatalError ERR_STORE_BROKEN, UnavailableError ERR_STORE_UNAVAILABLE */
  constructor(path: string, mapBytes: number) {
    this.#path = path
    this.#mapBytes = mapBytes
    this.#database = this.#open()
  }

  /** @throws UnavailableError ERR_STORE_UNAVAILABLE */
  get database(): Database {
    if (this.#closed) throw unavailable('it is closed')
    if (this.#stuck) throw unavailable(`a write has not ended for ${STUCK_MS} ms`)
    this.#database ??= this.#open()
    return this.#database
  }

  /** Reads; what LMDB throws is unavailable. */
  read<T>(work: (database: Database) => T): T {
    const { database } = this
    try {
      return work(database)
    } catch (error) {
      throw unavailable((error as Error).message, error)
    }
  }

  /** Bytes of the pages that hold something. The file is longer by those that are free again. */
  get usedBytes(): number {
    const stats = this.read((database) => database.getStats()) as Stats
    return (stats.treeBranchPageCount + stats.treeLeafPageCount + stats.overflowPages) * stats.pageSize
  }

  /**
   * Not of two at once. @returns for each block whether its condition held; all that did are on disk, together
   * @throws UnavailableError ERR_STORE_UNAVAILABLE: nobody knows
   */
  async write(blocks: Block[]): Promise<boolean[]> {
    const { database } = this
    const settled = Promise.allSettled(blocks.map((block) => issue(database, block)))
    let timer: ReturnType<typeof setTimeout> | undefined
    const stuck = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), STUCK_MS)
    })
    const results = await Promise.race([settled, stuck])
    clearTimeout(timer)
    if (results === undefined) {
      this.#stuck = true
      settled.then(() => this.#reopen())
      throw unavailable(`a write has not ended for ${STUCK_MS} ms`)
    }
    // CRASH: on disk, and nobody was told: whoever asks for the head is told then.
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) {
      const reason = await reasonOf(failed.reason)
      await this.#reopen()
      throw unavailable(reason, failed.reason)
    }
    return results.map((result) => result.status === 'fulfilled' && result.value)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.era++
    if (!this.#stuck) await this.#database?.close()
  }

  async #reopen(): Promise<void> {
    this.era++
    const old = this.#database
    this.#database = undefined
    await old?.close()
    this.#stuck = false
  }

  #open(): Database {
    try {
      return open<Buffer, Buffer>({
        path: this.#path,
        noSubdir: true,
        keyEncoding: 'binary',
        encoding: 'binary',
        overlappingSync: false,
        mapSize: this.#mapBytes,
        permissionsMode: 0o600,
      } as Parameters<typeof open>[0])
    } catch (error) {
      const { message } = error as Error
      if (/MDB_(INVALID|CORRUPTED|VERSION_MISMATCH|PAGE_NOTFOUND)/.test(message))
        throw new FatalError('ERR_STORE_BROKEN', `${this.#path} is no store, or a damaged one: ${message}`)
      throw unavailable(message, error)
    }
  }
}

function issue(database: Database, { when, write }: Block): Promise<boolean> {
  if (when === undefined) return database.batch(() => write(database))
  if ('exists' in when) return database.ifVersion(when.exists, IF_EXISTS, () => write(database))
  return database.ifNoExists(when.absent, () => write(database))
}

/** lmdb-js gives the cause in a second promise, which must not go unhandled. */
async function reasonOf(error: Error & { commitError?: Promise<never> }): Promise<string> {
  const cause = error.commitError?.catch((cause: Error) => cause.message)
  const soon = new Promise<undefined>((resolve) => setTimeout(resolve, 100))
  return (await Promise.race([cause, soon])) ?? error.message
}

function unavailable(reason: string, cause?: unknown): UnavailableError {
  return new UnavailableError('ERR_STORE_UNAVAILABLE', `the store cannot be used now: ${reason}`, { cause })
}
