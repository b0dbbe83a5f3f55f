/**
 * One slot's dealings with its store and with the KMS (STORE-RECORDS.md, frames 16-20 and 32-36). The slot touches the store that nitro named for
 * it and no other: against accidents, as a record opens for nobody else anyway. A kernel that breaks the framing loses its connection.
 */
import { MAX_RELAY_PAYLOAD } from '../../assembly/abi/limits.ts'
import {
  RELAY_KMS,
  RELAY_KMS_ANSWER,
  RELAY_STORE_COMMIT,
  RELAY_STORE_COMMITTED,
  RELAY_STORE_HEAD,
  RELAY_STORE_HEAD_IS,
  RELAY_STORE_LOAD,
  RELAY_STORE_LOADED,
  RELAY_STORE_PART,
  RELAY_STORE_RECORDS,
} from '../../assembly/abi/wire.ts'
import type { Frame } from '../wire/frame.ts'
import type { Counts } from './counts.ts'
import { type KmsRelay, refusedNow } from './kms-relay.ts'
import type { CommitLimits, Kept, StoreEngine } from './store/engine.ts'
import { parseCommit, StoreBatch } from './store-batch.ts'

/** Frames that wait for nitro's word on which store this is: it is on its way before the enclave has its launch. */
const MAX_EARLY = 4
/** Questions to the KMS that one slot may have open: a kernel waits for one, and may have given up a few. */
const MAX_ASKED = 4
/** What head and wrapping take beside the records of a commit: a few hundred bytes, and 288 at most. */
const HEAD_ROOM_BYTES = 4096
const STATUS_NONE = 0
const STATUS_STORED = 1
const STATUS_UNKNOWN = 2
const DURABLE = 0
const NOT_KNOWN = 1

export type StoreFrameOptions = {
  engine: StoreEngine
  kms: KmsRelay
  counts: Counts
  send(type: number, ticket: number, payload: Uint8Array): void
  /** Fulfilled when the enclave has taken what was sent. */
  room(): Promise<void>
  /** A backend that does not answer, for the operator. */
  onTrouble(error: unknown): void
}

export class StoreFrames {
  readonly #options: StoreFrameOptions
  #storeId: Uint8Array | undefined
  #early: Frame[] = []
  #batch: StoreBatch | undefined
  /** Ticket of the load under way: a later one gives it up. */
  #loading: number | undefined
  #asked = 0
  #ended = false

  constructor(options: StoreFrameOptions) {
    this.#options = options
  }

  /** Nitro's word: the store of the grant that this slot runs under. */
  assign(storeId: Uint8Array): void {
    this.#storeId = storeId
    for (const frame of this.#early.splice(0)) this.receive(frame)
  }

  get storeId(): Uint8Array | undefined {
    return this.#storeId
  }

  /** @throws RangeError where the kernel breaks the protocol */
  receive(frame: Frame): void {
    if (this.#ended) return
    if (frame.type < RELAY_STORE_HEAD || frame.type > RELAY_KMS) throw new RangeError(`frame type ${frame.type}`)
    if (this.#storeId === undefined) {
      if (this.#early.push({ ...frame, payload: frame.payload.slice() }) > MAX_EARLY)
        throw new RangeError('frames of a store before there is one')
      return
    }
    const { type, id, payload } = frame
    // Parts and their commit come in a row
    if (
      this.#batch !== undefined &&
      (this.#batch.ticket !== id || type < RELAY_STORE_PART || type > RELAY_STORE_COMMIT)
    )
      throw new RangeError(`frame ${type} of ticket ${id} in the middle of batch ${this.#batch.ticket}`)
    switch (type) {
      case RELAY_STORE_HEAD:
        return void this.#head(id, this.#ours(payload))
      case RELAY_STORE_LOAD:
        return void this.#load(id, this.#ours(payload))
      case RELAY_STORE_PART:
        this.#batch ??= new StoreBatch(id)
        return this.#batch.add(payload)
      case RELAY_STORE_COMMIT:
        return this.#commit(id, payload)
      case RELAY_KMS:
        return void this.#ask(id, payload)
      default:
        throw new RangeError(`frame type ${type}`)
    }
  }

  end(): void {
    this.#ended = true
    this.#batch = undefined
    this.#early = []
    this.#loading = undefined
  }

  async #head(ticket: number, store: string): Promise<void> {
    this.#send(RELAY_STORE_HEAD_IS, ticket, await this.#stored(() => this.#options.engine.head(store)))
  }

  async #load(ticket: number, store: string): Promise<void> {
    this.#loading = ticket
    const stored = await this.#stored(() =>
      this.#options.engine.load(store, async (records) => {
        for (const payload of recordFrames(records)) {
          if (this.#loading !== ticket) throw new GivenUp()
          this.#send(RELAY_STORE_RECORDS, ticket, payload)
          await this.#options.room()
        }
      }),
    )
    if (this.#loading !== ticket) return
    this.#loading = undefined
    this.#send(RELAY_STORE_LOADED, ticket, stored)
  }

  #commit(ticket: number, payload: Uint8Array): void {
    const commit = parseCommit(payload)
    const store = this.#ours(commit.storeId)
    const changes = this.#batch?.changes() ?? []
    this.#batch = undefined
    const { commits, stored } = this.#options.counts
    this.#options.engine.commit(store, commit.expected, commit.next, changes).then(
      (outcome) => {
        commits[outcome]++
        if (outcome === 'durable') {
          stored.records += changes.length
          stored.bytes += commit.next.meta.length + commit.next.head.length
          for (const { record } of changes) stored.bytes += record?.length ?? 0
        }
        const status = outcome === 'durable' ? DURABLE : NOT_KNOWN
        this.#send(RELAY_STORE_COMMITTED, ticket, Uint8Array.of(status))
      },
      (error) => {
        commits.failed++
        this.#options.onTrouble(error)
        this.#send(RELAY_STORE_COMMITTED, ticket, Uint8Array.of(NOT_KNOWN))
      },
    )
  }

  async #ask(ticket: number, message: Uint8Array): Promise<void> {
    if (this.#asked >= MAX_ASKED) return this.#send(RELAY_KMS_ANSWER, ticket, refusedNow('too many questions are open'))
    this.#asked++
    const answer = await this.#options.kms.ask(message)
    this.#asked--
    this.#send(RELAY_KMS_ANSWER, ticket, answer)
  }

  #send(type: number, ticket: number, payload: Uint8Array): void {
    if (!this.#ended) this.#options.send(type, ticket, payload)
  }

  /** @returns the store's id in hex @throws RangeError */
  #ours(storeId: Uint8Array): string {
    const ours = Buffer.from(this.#storeId as Uint8Array)
    if (!ours.equals(storeId)) throw new RangeError('a store that is not the one of the grant')
    return ours.toString('hex')
  }

  async #stored(read: () => Promise<Kept | undefined>): Promise<Uint8Array> {
    const { limits } = this.#options.engine
    try {
      const kept = await read()
      return kept === undefined
        ? stored(STATUS_NONE, limits, [])
        : stored(STATUS_STORED, limits, [kept.meta, kept.head])
    } catch (error) {
      if (!(error instanceof GivenUp)) this.#options.onTrouble(error)
      return stored(STATUS_UNKNOWN, limits, [])
    }
  }
}

/** The kernel has asked anew, or is gone. */
class GivenUp extends Error {}

// u8 status ‖ u32 records ‖ u32 bytes, and what is kept, each with its length
function stored(status: number, limits: CommitLimits, parts: Uint8Array[]): Uint8Array {
  const bytes = Buffer.alloc(9 + parts.reduce((sum, part) => sum + 4 + part.length, 0))
  bytes[0] = status
  bytes.writeUInt32BE(limits.records, 1)
  bytes.writeUInt32BE(limits.bytes - HEAD_ROOM_BYTES, 5)
  let at = 9
  for (const part of parts) {
    bytes.writeUInt32BE(part.length, at)
    bytes.set(part, at + 4)
    at += 4 + part.length
  }
  return bytes
}

/** Place ‖ lp(record), repeated: whole entries a frame, but for a record that is larger than one. */
function* recordFrames(records: { place: Uint8Array; record: Uint8Array }[]): Generator<Uint8Array> {
  let from = 0
  let bytes = 0
  for (let to = 0; to < records.length; to++) {
    const length = entryBytes(records[to] as Entry)
    if (bytes > 0 && bytes + length > MAX_RELAY_PAYLOAD) {
      yield* cut(records, from, to, bytes)
      from = to
      bytes = 0
    }
    bytes += length
  }
  if (bytes > 0) yield* cut(records, from, records.length, bytes)
}

type Entry = { place: Uint8Array; record: Uint8Array }

function entryBytes({ place, record }: Entry): number {
  return place.length + 4 + record.length
}

function* cut(records: Entry[], from: number, to: number, length: number): Generator<Uint8Array> {
  const all = Buffer.allocUnsafe(length)
  let at = 0
  for (let i = from; i < to; i++) {
    const { place, record } = records[i] as Entry
    all.set(place, at)
    all.writeUInt32BE(record.length, at + place.length)
    all.set(record, at + place.length + 4)
    at += place.length + 4 + record.length
  }
  for (let start = 0; start < length; start += MAX_RELAY_PAYLOAD) yield all.subarray(start, start + MAX_RELAY_PAYLOAD)
}
