/**
 * The log's entries on disk, back to back: u32 length ‖ entry ‖ first eight bytes of its SHA-256. What a crash tore at the end is seen by
 * its length or digest; whether it may be cut off is for the checkpoint to say.
 */
import { createHash } from 'node:crypto'
import { closeSync, ftruncateSync, openSync, readFileSync } from 'node:fs'
import type { Disk } from '../disk/durable.ts'
import { syncFile } from '../disk/sync.ts'
import { MAX_ENTRY_BYTES } from './proofs/entry.ts'

const LENGTH_BYTES = 4
const DIGEST_BYTES = 8

export class Journal {
  readonly #disk: Disk
  readonly #file: number
  /** Bytes up to the end of the last whole entry, and behind it. */
  readonly #whole: number
  readonly torn: number

  private constructor(disk: Disk, file: number, whole: number, torn: number) {
    this.#disk = disk
    this.#file = file
    this.#whole = whole
    this.torn = torn
  }

  /** @returns the journal, and its entries up to the first that is torn or altered */
  static open(path: string, disk: Disk): { journal: Journal; entries: Uint8Array[] } {
    const file = openSync(path, 'a+', 0o600)
    const bytes = readFileSync(file)
    const entries: Uint8Array[] = []
    let at = 0
    for (let entry = readRecord(bytes, at); entry !== undefined; entry = readRecord(bytes, at)) {
      entries.push(entry)
      at += LENGTH_BYTES + entry.length + DIGEST_BYTES
    }
    return { journal: new Journal(disk, file, at, bytes.length - at), entries }
  }

  /** Cuts off what a crash left of an entry that nobody was told of. */
  cutTorn(): void {
    if (this.torn === 0) return
    ftruncateSync(this.#file, this.#whole)
    syncFile(this.#file)
    // CRASH: the same bytes are cut off again.
  }

  /** Durable when it returns. */
  append(entries: readonly Uint8Array[]): void {
    this.#disk.append(this.#file, Buffer.concat(entries.map(record)))
  }

  close(): void {
    closeSync(this.#file)
  }
}

function record(entry: Uint8Array): Uint8Array {
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32BE(entry.length)
  return Buffer.concat([length, entry, digest(entry)])
}

function readRecord(bytes: Buffer, at: number): Uint8Array | undefined {
  if (bytes.length - at < LENGTH_BYTES) return undefined
  const length = bytes.readUInt32BE(at)
  const from = at + LENGTH_BYTES
  if (length === 0 || length > MAX_ENTRY_BYTES || bytes.length - from < length + DIGEST_BYTES) return undefined
  const entry = new Uint8Array(bytes.subarray(from, from + length))
  return digest(entry).equals(bytes.subarray(from + length, from + length + DIGEST_BYTES)) ? entry : undefined
}

function digest(entry: Uint8Array): Buffer {
  return createHash('sha256').update(entry).digest().subarray(0, DIGEST_BYTES)
}
