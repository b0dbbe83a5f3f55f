/**
 * The stores of all slots over one engine, in order: a head is told when no commit of that store is under way any more, so that what is
 * told is not changed afterwards by what came before (STORE-RECORDS.md). Availability only: whatever is told otherwise, the kernel notices.
 */
import type { Change, CommitLimits, Kept, StoreEngine } from './store/engine.ts'

/** A head is at most a few hundred bytes, a wrapping with its commitment 288. */
const HEAD_ROOM_BYTES = 4096

export class Stores {
  readonly #engine: StoreEngine
  /** The last commit of each store, until it has ended. */
  readonly #commits = new Map<string, Promise<void>>()

  constructor(engine: StoreEngine) {
    this.#engine = engine
  }

  /** What a kernel may put into one commit: head and wrapping come beside it. */
  get limits(): CommitLimits {
    const { records, bytes } = this.#engine.limits
    return { records, bytes: bytes - HEAD_ROOM_BYTES }
  }

  async head(store: string): Promise<Kept | undefined> {
    await this.#commits.get(store)
    return this.#engine.head(store)
  }

  async load(store: string, each: Parameters<StoreEngine['load']>[1]): Promise<Kept | undefined> {
    await this.#commits.get(store)
    return this.#engine.load(store, each)
  }

  /** @param expected hash of the head that must be there; undefined: none may */
  async commit(store: string, expected: Uint8Array | undefined, next: Kept, changes: Change[]): Promise<boolean> {
    const before = this.#commits.get(store)
    const outcome = (async () => {
      await before
      return this.#engine.commit(store, expected, next, changes)
    })()
    const ended = outcome.then(
      () => {},
      () => {},
    )
    this.#commits.set(store, ended)
    try {
      return (await outcome) === 'durable'
    } finally {
      if (this.#commits.get(store) === ended) this.#commits.delete(store)
    }
  }
}
