/**
 * Reading the log as a customer does (PROTOCOLS.md 7): every number of a subject and of `host`, up to what the log signed for this very
 * question, each entry proven to be in a tree that continues all that was seen before. What is missing is named.
 */
import { RefusedError } from '../../errors.ts'
import { openCheckpoint } from '../../log/proofs/checkpoint.ts'
import { type Entry, HOST, parseEntry } from '../../log/proofs/entry.ts'
import { openStatement, type Statement } from '../../log/proofs/statement.ts'
import { hashes, object } from '../../wire/admin.ts'
import { checkIncluded, decodeBase64, follow, hexOf, type LogKey } from './checkpoints.ts'

export type AuditedEntry = { index: number; entry: Entry }
/** Asks on; what it gives comes through the parent and is believed nothing. */
export type ReadPage = (query: { nonce: string; from: number; hostFrom: number; since: number }) => Promise<unknown>

const NONCE_BYTES = 32
const MAX_ENTRIES = 256

export class Audit {
  readonly #log: LogKey
  readonly #subject: string
  readonly #read: ReadPage
  readonly #next = new Map<string, number>()
  #checkpoint: Uint8Array | undefined

  /** @param kept the newest checkpoint that this reader has seen of the log, from whomever */
  constructor(log: LogKey, subject: string, read: ReadPage, kept: Uint8Array | undefined) {
    this.#log = log
    this.#subject = subject
    this.#read = read
    this.#checkpoint = kept
    for (const each of [subject, HOST]) this.#next.set(each, 0)
  }

  /** The newest checkpoint: keep it. */
  get checkpoint(): Uint8Array | undefined {
    return this.#checkpoint
  }

  /**
   * All entries that came since the last call, by their index; those of all time at the first.
   * @throws RefusedError ERR_AUDIT_INCOMPLETE, ERR_LOG_*, ERR_ADMIN_ANSWER; ContradictionError ERR_LOG_ROLLBACK, ERR_LOG_CONSISTENCY
   */
  async catchUp(): Promise<AuditedEntry[]> {
    const found: AuditedEntry[] = []
    for (;;) {
      const { statement, entries } = await this.#ask(this.#checkpoint)
      found.push(...entries)
      const due = [
        [this.#subject, statement.subjectEntries],
        [HOST, statement.hostEntries],
      ] as const
      const missing = due.find(([subject, count]) => this.#nextOf(subject) < count)
      if (missing === undefined) return found.sort((a, b) => a.index - b.index)
      if (entries.length === 0) throw incomplete(missing[0], this.#nextOf(missing[0]))
    }
  }

  /**
   * That the log continues a checkpoint which was shown elsewhere, such as the one in PCR17.
   * @throws what `catchUp` throws
   */
  async continues(note: Uint8Array): Promise<void> {
    await this.#ask(note)
  }

  /** What the log says of its host, over a fresh nonce; for a reading of health. */
  async health(): Promise<Statement['health']> {
    return (await this.#ask(this.#checkpoint)).statement.health
  }

  async #ask(seen: Uint8Array | undefined): Promise<{ statement: Statement; entries: AuditedEntry[] }> {
    const log = this.#log
    const nonce = hexOf(crypto.getRandomValues(new Uint8Array(NONCE_BYTES)))
    const since = seen === undefined ? 0 : Number(openCheckpoint(log.sha256, log.verify, seen, log).size)
    const [from, hostFrom] = [this.#nextOf(this.#subject), this.#nextOf(HOST)]
    const page = parsePage(await this.#read({ nonce, from, hostFrom, since }))
    const asked = { nonce, subject: this.#subject }
    const statement = openStatement(log.verify, log.publicKey, page.statement, page.signature, asked)
    if (statement.subjectEntries < from || statement.hostEntries < hostFrom)
      throw new RefusedError(
        'ERR_LOG_STATEMENT',
        `the log says ${statement.subjectEntries} and ${statement.hostEntries} entries, ${from} and ${hostFrom} were proven before`,
      )
    const checkpoint = follow(log, statement.checkpoint, seen, page.consistency)
    if (seen === this.#checkpoint) this.#checkpoint = new TextEncoder().encode(statement.checkpoint)
    const entries = page.entries.map(({ bytes, index, inclusion }) => {
      checkIncluded(log, checkpoint, index, bytes, inclusion)
      const entry = parseEntry(bytes)
      if (!this.#next.has(entry.subject))
        throw new RefusedError('ERR_ADMIN_ANSWER', `an entry of ${entry.subject} came, which nobody asked for`)
      const due = this.#nextOf(entry.subject)
      if (entry.subjectSequence !== due) throw incomplete(entry.subject, due)
      this.#next.set(entry.subject, due + 1)
      return { index, entry }
    })
    return { statement, entries }
  }

  #nextOf(subject: string): number {
    return this.#next.get(subject) as number
  }
}

type ParsedPage = {
  statement: Uint8Array
  signature: Uint8Array
  entries: { bytes: Uint8Array; index: number; inclusion: string[] }[]
  consistency: string[] | null
}

function parsePage(value: unknown): ParsedPage {
  const page = object(value)
  if (typeof page.statement !== 'string' || !Array.isArray(page.entries) || page.entries.length > MAX_ENTRIES)
    throw new RefusedError('ERR_ADMIN_ANSWER', `a page has a statement and at most ${MAX_ENTRIES} entries`)
  return {
    statement: new TextEncoder().encode(page.statement),
    signature: decodeBase64(page.signature, 'ERR_ADMIN_ANSWER'),
    entries: page.entries.map((each) => {
      const { entry, index, inclusion } = object(each)
      return {
        bytes: decodeBase64(entry, 'ERR_ADMIN_ANSWER'),
        index: index as number,
        inclusion: hashes(inclusion),
      }
    }),
    consistency: page.consistency === null ? null : hashes(page.consistency),
  }
}

function incomplete(subject: string, number: number): RefusedError {
  return new RefusedError('ERR_AUDIT_INCOMPLETE', `incomplete: number ${number} of ${subject} is missing`)
}
