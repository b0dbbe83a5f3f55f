/**
 * Moves a store between the engine and an admin connection, at nitro's word: out as a backup of one moment, while it is served; in by way of a
 * file in the parent's folder, as it is read twice. All of it is sealed.
 */
import { createReadStream } from 'node:fs'
import { open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, RefusedError } from '../errors.ts'
import type { ToNitro } from '../wire/control.ts'
import type { AdminEndpoint } from './admin.ts'
import { restoreBackup } from './store/backup/restore.ts'
import { writeBackup } from './store/backup/write.ts'
import type { StoreEngine } from './store/engine.ts'

type Outcome = { records: number; headHash: Buffer }

export class Backups {
  readonly #engine: StoreEngine
  readonly #admin: AdminEndpoint
  readonly #folder: string
  readonly #tell: (message: ToNitro) => void

  constructor(engine: StoreEngine, admin: AdminEndpoint, folder: string, tell: (message: ToNitro) => void) {
    this.#engine = engine
    this.#admin = admin
    this.#folder = folder
    this.#tell = tell
  }

  take(connection: number, request: number, store: string): void {
    const send = (bytes: Uint8Array) => this.#admin.sendBytes(connection, request, bytes)
    void this.#report(request, () => writeBackup(this.#engine, store, send))
  }

  restore(connection: number, request: number, store: string, length: number): void {
    void this.#report(request, async () => {
      const path = join(this.#folder, `restore-${request}.part`)
      try {
        await this.#receive(path, connection, request, length)
        return await restoreBackup(this.#engine, store, () => createReadStream(path))
      } finally {
        await unlink(path).catch(() => {})
      }
    })
  }

  async #receive(path: string, connection: number, request: number, length: number): Promise<void> {
    const file = await open(path, 'w', 0o600)
    try {
      let received = 0
      for await (const bytes of this.#admin.receiveBytes(connection, request)) {
        received += bytes.length
        if (received > length) throw new RefusedError('ERR_UPLOAD_SIZE', `more than the stated ${length} bytes came`)
        await file.writeFile(bytes)
        if (received === length) return
      }
      throw new RefusedError('ERR_UPLOAD_CLOSED', 'the connection ended before the backup was whole')
    } finally {
      await file.close()
    }
  }

  async #report(request: number, work: () => Promise<Outcome>): Promise<void> {
    try {
      const { records, headHash } = await work()
      this.#tell({ type: 'moved', request, records, headHash: headHash.toString('hex'), code: '', reason: '' })
    } catch (error) {
      const code = errorCode(error) ?? 'ERR_BACKUP_FAILED'
      this.#tell({ type: 'moved', request, records: 0, headHash: '', code, reason: (error as Error).message })
    }
  }
}
