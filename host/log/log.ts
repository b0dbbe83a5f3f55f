/**
 * The transparency log: append-only, durable before it answers, one checkpoint for all that came at once. Two durable steps a batch: the
 * journal, then the lock; the published checkpoint follows within a second. What each crash between them leaves is mended at the next
 * start, and what no crash leaves (a lock ahead of the journal, another root at the same size) refuses to start.
 * Not protected against: whoever rolls back journal, checkpoint and lock together. Owners who hold a later checkpoint notice.
 */
import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Disk, disk, writeDurably } from '../disk/durable.ts'
import { FatalError, type WasmclaveError } from '../errors.ts'
import { Journal } from './journal.ts'
import { Lock } from './lock.ts'
import { type Checkpoint, openCheckpoint, signCheckpoint } from './proofs/checkpoint.ts'
import { type Entry, type EntryDraft, encodeEntry, parseEntry } from './proofs/entry.ts'
import { same } from './proofs/merkle.ts'
import type { NoteKey } from './proofs/note.ts'
import { sha256, Tree } from './tree.ts'

/** A clock may be set back by this much, and entries keep the later time. */
const MAX_CLOCK_BACK_MS = 60_000
/** The checkpoint beside the journal is for readers of the folder: it may be this old. */
const PUBLISH_MS = 1000
/** RFC 8410 section 4: SubjectPublicKeyInfo up to the key itself. */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')

export type LogOptions = {
  folder: string
  /** Where the lock stands: apart from the folder, so that a folder put back from yesterday does not fit it. */
  lockFile: string
  /** Origin of the checkpoints. */
  name: string
  /** Ed25519. */
  key: KeyObject
  now(): number
  /** Each entry, once it is durable: what the log held when it was opened, and what came since. */
  onEntry?(index: number, entry: Entry): void
  disk?: Disk
}

/** An entry that is in the log, with the checkpoint that covers it. */
export type Logged = { index: number; entry: Entry; bytes: Uint8Array; checkpoint: Uint8Array; size: number }

type Waiting = { draft: EntryDraft; resolve(logged: Logged): void; reject(error: WasmclaveError): void }

export class Log {
  readonly noteKey: NoteKey
  readonly #options: LogOptions
  readonly #disk: Disk
  readonly #tree = new Tree()
  readonly #entries: Uint8Array[] = []
  readonly #subjects = new Map<string, number[]>()
  readonly #journal: Journal
  readonly #lock: Lock
  #publishing: NodeJS.Timeout | undefined
  #checkpoint: Uint8Array = new Uint8Array(0)
  #lastTimeMs = 0
  #waiting: Waiting[] = []
  #broken: FatalError | undefined

  /** @throws FatalError ERR_LOG_LOCK, ERR_LOG_ROLLBACK, ERR_LOG_CORRUPT */
  constructor(options: LogOptions) {
    this.#options = options
    this.#disk = options.disk ?? disk
    const spki = createPublicKey(options.key).export({ format: 'der', type: 'spki' })
    this.noteKey = { name: options.name, publicKey: new Uint8Array(spki.subarray(SPKI.length)) }
    mkdirSync(options.folder, { recursive: true, mode: 0o700 })
    const { journal, entries } = Journal.open(this.#path('journal'), this.#disk)
    this.#journal = journal
    for (const bytes of entries) this.#take(bytes)
    const { lock, notes } = Lock.open(options.lockFile, this.#disk)
    this.#lock = lock
    this.#compare(notes, journal.torn)
    journal.cutTorn()
    // The lock of an empty log stands before its first entry, so that no entry is ever without one
    this.#cover()
    this.#publish()
  }

  get size(): number {
    return this.#entries.length
  }

  /** Why nothing more can be written, once it cannot. */
  get broken(): FatalError | undefined {
    return this.#broken
  }

  /** The newest signed note. */
  get checkpoint(): Uint8Array {
    return this.#checkpoint
  }

  /** Fulfils when the entry is durable and a checkpoint covers it. @throws FatalError ERR_LOG_WRITE, ERR_LOG_CLOCK: nothing may happen then */
  append(draft: EntryDraft): Promise<Logged> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined) return reject(this.#broken)
      if (this.#waiting.length === 0) setImmediate(() => this.#sequence())
      this.#waiting.push({ draft, resolve, reject })
    })
  }

  entry(index: number): Uint8Array | undefined {
    return this.#entries[index]
  }

  /** Indexes of a subject's entries, by their number. */
  entriesOf(subject: string): readonly number[] {
    return this.#subjects.get(subject) ?? []
  }

  inclusionProof(index: number, size = this.size): Uint8Array[] {
    return this.#tree.at(size).inclusionProof(index)
  }

  consistencyProof(oldSize: number, size = this.size): Uint8Array[] {
    return this.#tree.at(size).consistencyProof(oldSize)
  }

  root(size = this.size): Uint8Array {
    return this.#tree.at(size).root()
  }

  close(): void {
    clearTimeout(this.#publishing)
    this.#publishLater()
    this.#broken ??= new FatalError('ERR_LOG_WRITE', 'the log was closed')
    this.#journal.close()
    this.#lock.close()
  }

  // All that wait, as one batch.
  #sequence(): void {
    const batch = this.#waiting
    this.#waiting = []
    const accepted: { waiting: Waiting; entry: Entry; bytes: Uint8Array }[] = []
    const counts = new Map<string, number>()
    try {
      const timeMs = this.#time()
      for (const waiting of batch) {
        const { subject } = waiting.draft
        const number = counts.get(subject) ?? this.entriesOf(subject).length
        const entry = { ...waiting.draft, version: 1, subjectSequence: number, timeMs } as Entry
        try {
          accepted.push({ waiting, entry, bytes: encodeEntry(entry) })
          counts.set(subject, number + 1)
        } catch (error) {
          waiting.reject(error as WasmclaveError)
        }
      }
      if (accepted.length === 0) return
      this.#journal.append(accepted.map(({ bytes }) => bytes))
      // CRASH: the entries are durable and no checkpoint covers them: the next start sequences them. Nobody was answered.
      const first = this.size
      for (const { bytes } of accepted) this.#take(bytes)
      this.#cover()
      const { checkpoint, size } = this
      for (const [i, { waiting, entry, bytes }] of accepted.entries())
        waiting.resolve({ index: first + i, entry, bytes, checkpoint, size })
      this.#publishing ??= setTimeout(() => this.#publishLater(), PUBLISH_MS).unref()
    } catch (error) {
      this.#break(error)
      for (const { reject } of [...batch, ...this.#waiting.splice(0)]) reject(this.#broken as FatalError)
    }
  }

  // What the disk holds is not known any more: a sync that failed is never tried again
  #break(error: unknown): void {
    this.#broken =
      error instanceof FatalError
        ? error
        : new FatalError('ERR_LOG_WRITE', `the log cannot be written: ${(error as Error).message}`, { cause: error })
  }

  #cover(): void {
    const { key } = this.#options
    const head = { size: BigInt(this.size), root: this.root() }
    const note = signCheckpoint(sha256, this.noteKey, head, (message) => new Uint8Array(sign(null, message, key)))
    this.#lock.write(note)
    // CRASH: the lock is ahead of what is published: the next start publishes. Nobody was answered.
    this.#checkpoint = note
  }

  #publish(): void {
    writeDurably(this.#path('checkpoint'), this.#checkpoint, this.#disk)
    // CRASH: all is in place.
  }

  #publishLater(): void {
    this.#publishing = undefined
    if (this.#broken !== undefined) return
    try {
      this.#publish()
    } catch (error) {
      this.#break(error)
    }
  }

  #take(bytes: Uint8Array): void {
    const entry = parseEntry(bytes)
    const known = this.#subjects.get(entry.subject) ?? []
    if (entry.subjectSequence !== known.length)
      throw this.#corrupt(
        `entry ${this.size} is number ${entry.subjectSequence} of ${entry.subject}, due is ${known.length}`,
      )
    known.push(this.size)
    this.#subjects.set(entry.subject, known)
    this.#lastTimeMs = Math.max(this.#lastTimeMs, entry.timeMs)
    const index = this.#entries.push(bytes) - 1
    this.#tree.push(bytes)
    this.#options.onEntry?.(index, entry)
  }

  // Journal, lock and checkpoint as a stop may have left them, or not at all.
  #compare(notes: Uint8Array[] | undefined, torn: number): void {
    const published = this.#read(this.#path('checkpoint'))
    const locks = (notes ?? []).map((note) => this.#open(note, this.#options.lockFile))
    const lock = locks.reduce<Checkpoint | undefined>((a, b) => (a !== undefined && a.size > b.size ? a : b), undefined)
    if (lock === undefined) {
      if (published !== undefined || this.size > 0)
        throw new FatalError(
          'ERR_LOG_LOCK',
          `${this.#options.lockFile} is missing beside a log of ${this.size} entries`,
        )
      return
    }
    if (published !== undefined && published.size > lock.size)
      throw new FatalError(
        'ERR_LOG_LOCK',
        `the checkpoint of ${this.#options.folder} has ${published.size} entries, the lock ${lock.size}: the lock is of another day`,
      )
    if (lock.size > BigInt(this.size))
      throw new FatalError(
        'ERR_LOG_ROLLBACK',
        `the lock was set at ${lock.size} entries, the journal of ${this.#options.folder} has ${this.size}${torn > 0 ? ` and ${torn} torn bytes` : ''}`,
      )
    for (const [checkpoint, name] of [
      ...locks.map((each) => [each, this.#options.lockFile] as const),
      [published, this.#path('checkpoint')],
    ] as const)
      if (
        checkpoint !== undefined &&
        checkpoint.size > 0n &&
        !same(checkpoint.root, this.root(Number(checkpoint.size)))
      )
        throw this.#corrupt(`the first ${checkpoint.size} entries do not have the root of ${name}`)
  }

  #read(path: string): Checkpoint | undefined {
    return existsSync(path) ? this.#open(readFileSync(path), path) : undefined
  }

  #open(note: Uint8Array, path: string): Checkpoint {
    const ed25519 = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) =>
      verify(
        null,
        message,
        createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' }),
        signature,
      )
    try {
      return openCheckpoint(sha256, ed25519, note, this.noteKey)
    } catch (error) {
      throw this.#corrupt(`${path}: ${(error as Error).message}`)
    }
  }

  // Later than every entry before, whatever the clock did a little; what it did much stops the log.
  #time(): number {
    const now = this.#options.now()
    if (now < this.#lastTimeMs - MAX_CLOCK_BACK_MS)
      throw new FatalError(
        'ERR_LOG_CLOCK',
        `the clock says ${new Date(now).toISOString()}, the last entry is of ${new Date(this.#lastTimeMs).toISOString()}`,
      )
    return Math.max(now, this.#lastTimeMs)
  }

  #corrupt(message: string): FatalError {
    return new FatalError('ERR_LOG_CORRUPT', `${this.#path('journal')}: ${message}`)
  }

  #path(name: string): string {
    return join(this.#options.folder, name)
  }
}
