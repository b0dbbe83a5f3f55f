/**
 * Readings: what a signed request has opened on its connection, to be asked again and again without another entry in the log (a
 * subscription is logged as one). Each answer is signed by the log over the reader's nonce. Whoever speaks on the connection reads what the
 * answers hold anyway: that is the parent, which learns nothing by asking too.
 */
import { type KeyObject, randomBytes, sign } from 'node:crypto'
import { RefusedError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import { HOST } from '../log/proofs/entry.ts'
import { encodeStatement, type Statement, statementSigningInput } from '../log/proofs/statement.ts'
import type { Json } from '../wire/canonical-json.ts'
import { base64 } from './plane.ts'

const MAX_READINGS = 256
/** A reading ends after this, and the next request opens another. */
const READING_MS = 3_600_000
const MAX_PAGE_ENTRIES = 256
/** An answer has 1 MiB of characters at most; base64 and proofs are a third and more on top. */
const MAX_PAGE_BYTES = 262_144
const MAX_QUERY_CHARACTERS = 1024

export type Query = { reading: string; nonce: string; from: number; hostFrom: number; since: number }
export type Page = {
  statement: string
  signature: string
  entries: { entry: string; index: number; inclusion: string[] }[]
  consistency: string[] | null
}

type Reading = { connection: number; endsMs: number; subject: string; health: boolean }

export class Readings {
  readonly #log: Log
  readonly #key: KeyObject
  readonly #now: () => number
  readonly #health: () => Promise<Json>
  readonly #readings = new Map<string, Reading>()

  constructor(log: Log, key: KeyObject, now: () => number, health: () => Promise<Json>) {
    this.#log = log
    this.#key = key
    this.#now = now
    this.#health = health
  }

  /** @throws RefusedError ERR_READING_BUSY */
  open(connection: number, what: { subject: string } | 'health'): string {
    for (const [id, { endsMs }] of this.#readings) if (endsMs < this.#now()) this.#readings.delete(id)
    if (this.#readings.size >= MAX_READINGS)
      throw new RefusedError('ERR_READING_BUSY', `${MAX_READINGS} readings are open`)
    const id = randomBytes(16).toString('hex')
    const endsMs = this.#now() + READING_MS
    this.#readings.set(id, {
      connection,
      endsMs,
      subject: what === 'health' ? HOST : what.subject,
      health: what === 'health',
    })
    return id
  }

  closed(connection: number): void {
    for (const [id, reading] of this.#readings) if (reading.connection === connection) this.#readings.delete(id)
  }

  /** @throws RefusedError ERR_READING_QUERY, ERR_READING_ENDED */
  async read(connection: number, text: string): Promise<Page> {
    const query = parseQuery(text)
    const reading = this.#readings.get(query.reading)
    if (reading === undefined || reading.connection !== connection || reading.endsMs < this.#now())
      throw new RefusedError('ERR_READING_ENDED', 'no such reading on this connection: open one by a request')
    const health = reading.health ? await this.#health() : null
    if (this.#log.broken !== undefined) throw this.#log.broken
    const { size, checkpoint } = this.#log
    const { subject } = reading
    const indexes = [this.#log.entriesOf(subject), this.#log.entriesOf(HOST)] as const
    const statement: Statement = {
      version: 1,
      nonce: query.nonce,
      subject,
      subjectEntries: indexes[0].length,
      hostEntries: indexes[1].length,
      checkpoint: Buffer.from(checkpoint).toString('utf8'),
      health,
    }
    const bytes = encodeStatement(statement)
    const due = reading.health
      ? []
      : [...indexes[0].slice(query.from), ...(subject === HOST ? [] : indexes[1].slice(query.hostFrom))]
    return {
      statement: Buffer.from(bytes).toString('utf8'),
      signature: sign(null, statementSigningInput(bytes), this.#key).toString('base64'),
      entries: this.#entries(due, size),
      consistency:
        query.since >= 1 && query.since <= size ? base64(this.#log.consistencyProof(query.since, size)) : null,
    }
  }

  #entries(due: number[], size: number): Page['entries'] {
    const page: Page['entries'] = []
    let bytes = 0
    for (const index of due.slice(0, MAX_PAGE_ENTRIES)) {
      const entry = this.#log.entry(index) as Uint8Array
      bytes += entry.length
      if (page.length > 0 && bytes > MAX_PAGE_BYTES) break
      page.push({
        entry: Buffer.from(entry).toString('base64'),
        index,
        inclusion: base64(this.#log.inclusionProof(index, size)),
      })
    }
    return page
  }
}

function parseQuery(text: string): Query {
  let query: Partial<Query> | null = null
  try {
    if (text.length <= MAX_QUERY_CHARACTERS) query = JSON.parse(text) as Partial<Query>
  } catch {}
  const hex = (value: unknown, digits: number) =>
    typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value)
  const numbers = [query?.from, query?.hostFrom, query?.since]
  if (
    query === null ||
    typeof query !== 'object' ||
    !hex(query.reading, 32) ||
    !hex(query.nonce, 64) ||
    !numbers.every((number) => Number.isSafeInteger(number) && (number as number) >= 0)
  )
    throw new RefusedError('ERR_READING_QUERY', 'a query names its reading, a nonce, and three numbers from 0')
  return query as Query
}
