/**
 * The log's lock: the newest checkpoint that anybody may have been told of, in a file apart from the journal. Two places of one file are
 * written in turns and synced, each with a digest: what a crash tears is the place of a checkpoint that nobody was told of yet.
 */
import { createHash } from 'node:crypto'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { type Disk, writeDurably } from '../disk/durable.ts'
import { FatalError } from '../errors.ts'

/** A page: no write to one place touches the other's. */
const PLACE_BYTES = 4096
const DIGEST_BYTES = 8
const HEADER_BYTES = DIGEST_BYTES + 4

export class Lock {
  readonly #path: string
  readonly #disk: Disk
  #file: number | undefined
  /** Where the next checkpoint goes: over the older one. */
  #next = 0

  private constructor(path: string, disk: Disk) {
    this.#path = path
    this.#disk = disk
  }

  /** @returns the lock, and the notes it holds, at most two; undefined where there is no file. @throws FatalError ERR_LOG_CORRUPT */
  static open(path: string, disk: Disk): { lock: Lock; notes: Uint8Array[] | undefined } {
    const lock = new Lock(path, disk)
    if (!existsSync(path)) return { lock, notes: undefined }
    const bytes = readFileSync(path)
    const notes = [0, 1].map((place) => read(bytes.subarray(place * PLACE_BYTES, (place + 1) * PLACE_BYTES)))
    if (notes.every((note) => note === undefined))
      throw new FatalError('ERR_LOG_CORRUPT', `${path} holds no checkpoint that is whole`)
    return { lock, notes: notes.filter((note) => note !== undefined) }
  }

  /** Durable when it returns. */
  write(note: Uint8Array): void {
    const place = encode(note)
    if (this.#file === undefined) {
      // Both places alike, in a file that is there whole or not at all: from here on they are written over.
      writeDurably(this.#path, Buffer.concat([place, place]), this.#disk)
      this.#file = openSync(this.#path, 'r+')
      return
    }
    this.#disk.writeAt(this.#file, place, this.#next * PLACE_BYTES)
    // CRASH: this place is torn or new, the other one holds the checkpoint before: either will do, for nobody was told of this one.
    this.#next = 1 - this.#next
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}

function encode(note: Uint8Array): Uint8Array {
  if (note.length > PLACE_BYTES - HEADER_BYTES) throw new RangeError(`a checkpoint of ${note.length} bytes`)
  const place = Buffer.alloc(PLACE_BYTES)
  digest(note).copy(place)
  place.writeUInt32BE(note.length, DIGEST_BYTES)
  place.set(note, HEADER_BYTES)
  return place
}

function read(place: Buffer): Uint8Array | undefined {
  if (place.length < PLACE_BYTES) return undefined
  const length = place.readUInt32BE(DIGEST_BYTES)
  if (length === 0 || length > PLACE_BYTES - HEADER_BYTES) return undefined
  const note = place.subarray(HEADER_BYTES, HEADER_BYTES + length)
  return digest(note).equals(place.subarray(0, DIGEST_BYTES)) ? new Uint8Array(note) : undefined
}

function digest(note: Uint8Array): Buffer {
  return createHash('sha256').update(note).digest().subarray(0, DIGEST_BYTES)
}
