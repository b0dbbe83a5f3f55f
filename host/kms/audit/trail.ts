/**
 * The audit log: one JSON object a line in `audit.ndjson`, mode 0600, written before the answer leaves. A full file becomes `audit.1.ndjson`
 * and so on; the oldest one goes. LIMIT: whoever has an access key can, by calling often enough, push old events out.
 */
import { closeSync, existsSync, fstatSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export type TrailLimits = { fileBytes: number; files: number }

export const TRAIL_LIMITS: TrailLimits = { fileBytes: 16 * 1024 * 1024, files: 8 }

export class AuditTrail {
  readonly #folder: string
  readonly #limits: TrailLimits
  #file: number
  #bytes: number

  constructor(folder: string, limits: TrailLimits = TRAIL_LIMITS) {
    this.#folder = folder
    this.#limits = limits
    this.#file = this.#open()
    this.#bytes = fstatSync(this.#file).size
  }

  /** CRASH: of the process: the event is the system's to write. Of the machine: the last events may be lost, or the last line be torn. */
  append(event: Record<string, unknown>): void {
    const line = Buffer.from(`${JSON.stringify(event)}\n`)
    if (this.#bytes > 0 && this.#bytes + line.length > this.#limits.fileBytes) this.#rotate()
    for (let at = 0; at < line.length; ) at += writeSync(this.#file, line, at)
    this.#bytes += line.length
  }

  close(): void {
    closeSync(this.#file)
  }

  #rotate(): void {
    closeSync(this.#file)
    const last = this.#limits.files - 1
    for (const name of readdirSync(this.#folder)) {
      const number = Number(/^audit\.(\d+)\.ndjson$/.exec(name)?.[1] ?? 0)
      if (number >= last) rmSync(join(this.#folder, name))
    }
    for (let number = last - 1; number >= 0; number--)
      if (existsSync(this.#path(number))) renameSync(this.#path(number), this.#path(number + 1))
    // CRASH: the next start opens a new file; nothing is written twice.
    this.#file = this.#open()
    this.#bytes = 0
  }

  #open(): number {
    return openSync(this.#path(0), 'a', 0o600)
  }

  #path(number: number): string {
    return join(this.#folder, number === 0 ? 'audit.ndjson' : `audit.${number}.ndjson`)
  }
}
