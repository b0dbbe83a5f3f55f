/**
 * LMDB, by lmdb-js, as the engine uses it: one write transaction at a time, made of blocks that are conditional each.
 *
 * What was found in lmdb 3.5.6, and is minded here:
 *  - with `overlappingSync`, its default on Linux, a commit is visible before it is on disk. Without it, LMDB's own order holds: pages
 *    written, fdatasync, the meta page by a descriptor with O_DSYNC; only then the promise fulfils.
 *  - an operation that fails within a transaction fails all of it; the promise is rejected, with another that is rejected later.
 *  - a page that cannot be written overruns a buffer of the error's text, and a meta page that cannot be written leaves an environment
 *    whose next transaction keeps a lock for ever. So a write that failed is the last one of its process: it ends, and the next one reads
 *    what there is. Room on the disk is looked for before.
 *  - an open that fails ends the process by SIGSEGV: the file's beginning is looked at first. LIMIT: a full disk at the first start.
 *  - a synchronous write would commit an asynchronous one halfway: there is none here.
 */
import { IF_EXISTS, open, type RootDatabase, type Transaction } from 'lmdb'
import { FatalError, UnavailableError } from '../../../errors.ts'
import { beginsAsLmdb } from './header.ts'

export type Database = RootDatabase<Buffer, Buffer>
export type { Transaction }

/** Writes of one caller: all or none of them, and none where the condition does not hold. */
export type Block = {
  /** A key that must exist, or must not. */
  when?: { exists: Buffer } | { absent: Buffer }
  write(database: Database): void
}

/** While a write takes longer than this, nothing else is answered. */
const STUCK_MS = 30_000

type Stats = { pageSize: number; treeBranchPageCount: number; treeLeafPageCount: number; overflowPages: number }

export class Environment {
  readonly #database: Database
  readonly #onBroken: (error: FatalError) => void
  #state: 'open' | 'stuck' | 'broken' | 'closed' = 'open'

  /**
   * @param mapBytes address space for the file
   * @param onBroken a write has failed: the process must end, and not by its usual way, as closing an environment wants its locks
   * @throws FatalError ERR_STORE_BROKEN, UnavailableError ERR_STORE_UNAVAILABLE
   */
  constructor(path: string, mapBytes: number, onBroken: (error: FatalError) => void) {
    this.#onBroken = onBroken
    this.#database = openDatabase(path, mapBytes)
  }

  /** @throws UnavailableError ERR_STORE_UNAVAILABLE */
  get database(): Database {
    if (this.#state !== 'open') throw unavailable(`it is ${this.#state}`)
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
      this.#state = 'stuck'
      settled.then((late) => (late.some(isRejected) ? this.#break('late') : this.#unstick()))
      throw unavailable(`a write has not ended for ${STUCK_MS} ms`)
    }
    // CRASH: on disk, and nobody was told: whoever asks for the head is told then.
    const failed = results.find(isRejected)
    if (failed !== undefined) throw this.#break(await reasonOf(failed.reason))
    return results.map((result) => result.status === 'fulfilled' && result.value)
  }

  async close(): Promise<void> {
    const { database } = this
    this.#state = 'closed'
    await database.close()
  }

  #unstick(): void {
    if (this.#state === 'stuck') this.#state = 'open'
  }

  #break(reason: string): UnavailableError {
    this.#state = 'broken'
    this.#onBroken(new FatalError('ERR_STORE_BROKEN', `a write failed: ${reason}`))
    return unavailable(reason)
  }
}

function openDatabase(path: string, mapSize: number): Database {
  if (!beginsAsLmdb(path))
    throw new FatalError('ERR_STORE_BROKEN', `${path} is not of LMDB, or of another version of it, or damaged`)
  try {
    return open<Buffer, Buffer>({
      path,
      noSubdir: true,
      keyEncoding: 'binary',
      encoding: 'binary',
      overlappingSync: false,
      mapSize,
      permissionsMode: 0o600,
    } as Parameters<typeof open>[0])
  } catch (error) {
    throw unavailable((error as Error).message, error)
  }
}

function isRejected(result: PromiseSettledResult<boolean>): result is PromiseRejectedResult {
  return result.status === 'rejected'
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
