// A log with entries, and a reader whose pages pass through a parent that may do with them what it likes.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { logKeyOf } from '../../host/cli/kept-checkpoint.ts'
import { Audit } from '../../host/client/log/audit.ts'
import type { LogKey } from '../../host/client/log/checkpoints.ts'
import { type Page, type Query, Readings } from '../../host/control/readings.ts'
import { Log } from '../../host/log/log.ts'
import { logOrigin } from '../../host/log/proofs/checkpoint.ts'
import { type EntryDraft, HOST } from '../../host/log/proofs/entry.ts'
import { keyHex } from './genesis.ts'

/** Its digest. */
export const GENESIS = 'ab'.repeat(48)

/** What the parent makes of a page: the page, or none. */
export type Lie = (page: Page, query: Query, count: number) => unknown

export class LogUnderTest {
  readonly log: Log
  readonly key: KeyObject
  readonly logKey: LogKey
  readonly readings: Readings
  readonly #folder = mkdtempSync(join(tmpdir(), 'wasmclave-reader-'))
  #requests = 0

  /** @param key of the log, under its origin; another log under the same key is a fork of it */
  constructor(key: KeyObject = generateKeyPairSync('ed25519').privateKey, origin = logOrigin(GENESIS)) {
    this.key = key
    this.logKey = logKeyOf(keyHex(key), GENESIS)
    this.log = new Log({
      folder: join(this.#folder, 'log'),
      lockFile: join(this.#folder, 'log.lock'),
      name: origin,
      key,
      now: Date.now,
    })
    this.readings = new Readings(this.log, key, Date.now, async () => null)
  }

  /** One request a subject, done: two entries each. */
  async fill(...subjects: string[]): Promise<this> {
    for (const subject of subjects) {
      const request = String(this.#requests++).padStart(64, '0')
      const { index } = await this.log.append(intent(request, subject))
      const action = 'terminate-enclave'
      const outcome: EntryDraft = { kind: 'outcome', subject, of: index, action, request, code: null, answer: null }
      await this.log.append(outcome)
    }
    return this
  }

  /** Many entries at once, durable by one step. */
  async crowd(count: number, subject: string): Promise<void> {
    await Promise.all(
      Array.from({ length: count }, () => this.log.append(intent(String(this.#requests++).padStart(64, '0'), subject))),
    )
  }

  reader(subject: string, lie: Lie = (page) => page, kept?: Uint8Array): Audit {
    const reading = this.readings.open(1, { subject })
    let count = 0
    return new Audit(
      this.logKey,
      subject,
      async (asked) => {
        const query = { reading, ...asked }
        const page = JSON.parse(JSON.stringify(await this.readings.read(1, JSON.stringify(query)))) as Page
        return lie(page, query, count++)
      },
      kept,
    )
  }

  close(): void {
    this.log.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

export function intent(request: string, subject = HOST): EntryDraft {
  const action = 'terminate-enclave'
  return { kind: 'intent', subject, action, request, kid: 'k'.repeat(43), role: 'operator', approvedBy: [] }
}
