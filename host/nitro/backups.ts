/**
 * Backups that were asked for and verified: nitro says which store, the parent moves sealed records between its engine and the asker. What the
 * parent reports of it is its word alone: a client checks the file itself, and a kernel what it opens.
 */
import { type ErrorCode, RefusedError, UnavailableError } from '../errors.ts'
import type { ToNitro, ToParent } from '../wire/control.ts'

/** A store of the largest size, over a slow line. */
const BACKUP_MS = 600_000

type Moved = Extract<ToNitro, { type: 'moved' }>
type Waiting = { connection: number; resolve(moved: Moved): void; reject(error: Error): void; timer: NodeJS.Timeout }

export class Backups {
  readonly #tell: (message: ToParent) => void
  /** By the parent's number of the request. */
  readonly #waiting = new Map<number, Waiting>()
  /** Stores that are being replaced: nothing is launched on one. */
  readonly #restoring = new Set<string>()

  constructor(tell: (message: ToParent) => void) {
    this.#tell = tell
  }

  isRestoring(storeId: string): boolean {
    return this.#restoring.has(storeId)
  }

  /** @throws RefusedError with the parent's code, UnavailableError ERR_BACKUP_TIMEOUT, ERR_BACKUP_CONNECTION */
  async take(asker: { connection: number; request: number }, store: string): Promise<Record<string, unknown>> {
    this.#tell({ type: 'backup', ...asker, store })
    return this.#ended(asker, store)
  }

  /** @throws as `take`, and RefusedError ERR_RESTORE_BUSY */
  async restore(
    asker: { connection: number; request: number },
    store: string,
    bytes: number,
  ): Promise<Record<string, unknown>> {
    if (this.#restoring.has(store))
      throw new RefusedError('ERR_RESTORE_BUSY', `store ${store} is being restored already`)
    this.#restoring.add(store)
    try {
      this.#tell({ type: 'restore', ...asker, store, bytes })
      return await this.#ended(asker, store)
    } finally {
      this.#restoring.delete(store)
    }
  }

  /** The parent has moved a store, or says why not. */
  moved(message: Moved): void {
    const waiting = this.#waiting.get(message.request)
    if (waiting === undefined) return
    this.#forget(message.request, waiting)
    waiting.resolve(message)
  }

  /** The asker has gone. */
  drop(connection: number): void {
    for (const [request, waiting] of this.#waiting)
      if (waiting.connection === connection)
        this.#fail(request, new UnavailableError('ERR_BACKUP_CONNECTION', 'the connection ended in the middle'))
  }

  async #ended(
    { connection, request }: { connection: number; request: number },
    store: string,
  ): Promise<Record<string, unknown>> {
    const { code, reason, records, headHash } = await new Promise<Moved>((resolve, reject) => {
      const late = () =>
        this.#fail(request, new UnavailableError('ERR_BACKUP_TIMEOUT', `it took longer than ${BACKUP_MS} ms`))
      this.#waiting.set(request, { connection, resolve, reject, timer: setTimeout(late, BACKUP_MS) })
    })
    if (code === '') return { StoreID: store, Records: records, HeadHash: headHash.slice(0, 64) }
    throw new RefusedError(
      /^ERR_(BACKUP|STORE|UPLOAD)_[A-Z_]{1,40}$/.test(code) ? (code as ErrorCode) : 'ERR_BACKUP_FAILED',
      reason.slice(0, 500),
    )
  }

  #fail(request: number, error: Error): void {
    const waiting = this.#waiting.get(request)
    if (waiting === undefined) return
    this.#forget(request, waiting)
    waiting.reject(error)
  }

  #forget(request: number, { timer }: Waiting): void {
    clearTimeout(timer)
    this.#waiting.delete(request)
  }
}
