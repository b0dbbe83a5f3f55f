// The sealed head: one record for the whole store, which says what all the others are. What it does not name is not part of the store;
// which head is the newest only the register knows (register.ts).
import { CborReader } from '../../codec/cbor-reader'
import { Writer } from '../../codec/writer'
import { AES_GCM_TAG, aesGcmOpen, aesGcmSeal } from '../../crypto/aes-gcm'
import { sha256 } from '../../crypto/sha256'
import { copy, load16, store16, store64, zeroise } from '../../mem/bytes'
import { ownEpoch, storeId } from './keys'
import { padded, SEALED_HEADER } from './padding'
import { headerGeneration, headerNonce, readHeader, writeHeader } from './seal'

export const HASH_BYTES: usize = 32
/** Acceptances that a head remembers: the last ones. */
const MAX_MARKS: i32 = 4

const aad = memory.data(32 + 8) // store id ‖ generation
const plain = new Writer(1024)

/** That an owner accepted a head which the register did not name. */
export class Mark {
  /** Of the head that the acceptance made. */
  generation: u64 = 0
  offeredGeneration: u64 = 0
  registerGeneration: u64 = 0
  /** The history that it began: one more than any that was known then. Tokens of earlier ones prove nothing any more. */
  lineage: u64 = 0
  offeredHash: usize = heap.alloc(HASH_BYTES)
  registerHash: usize = heap.alloc(HASH_BYTES)
}

export class Head {
  generation: u64 = 0
  /** Hash of the sealed head before: the one that the register named when this one was sealed. */
  previous: usize = zeros(HASH_BYTES)
  /** SHA-256 of the sealed head itself; zeros where there is none. */
  hash: usize = zeros(HASH_BYTES)
  count: u64 = 0
  setHash: usize = zeros(HASH_BYTES)
  /** Number of the last transaction. */
  version: u64 = 0
  securityVersion: u64 = 0
  grantVersion: u64 = 0
  marks: Array<Mark> = []

  copyFrom(other: Head): void {
    this.generation = other.generation
    copy(this.previous, other.previous, HASH_BYTES)
    copy(this.hash, other.hash, HASH_BYTES)
    this.count = other.count
    copy(this.setHash, other.setHash, HASH_BYTES)
    this.version = other.version
    this.securityVersion = other.securityVersion
    this.grantVersion = other.grantVersion
    this.marks = other.marks
  }

  addMark(mark: Mark): void {
    const kept = this.marks.slice(max(0, this.marks.length + 1 - MAX_MARKS))
    kept.push(mark)
    this.marks = kept
  }

  /** 0 until an owner has accepted anything. */
  lineage(): u64 {
    const marks = this.marks
    return marks.length == 0 ? 0 : marks[marks.length - 1].lineage
  }

  /** Appends the sealed head, and takes its hash. */
  seal(out: Writer): void {
    this.write()
    const start = out.length
    const length = plain.length
    const at = out.grow(SEALED_HEADER + length + AES_GCM_TAG) // SAFETY: all that is written below
    writeHeader(at, this.generation)
    copy(at + SEALED_HEADER, plain.at, length)
    aesGcmSeal(
      ownEpoch().state, at + SEALED_HEADER, headerNonce(at), bind(this.generation), AAD_BYTES, at + SEALED_HEADER, length
    )
    sha256(this.hash, out.at + start, out.length - start)
  }

  /** Opens in place. @returns false, for every reason */
  open(sealed: usize, length: usize): bool {
    if (length < SEALED_HEADER + 2 + AES_GCM_TAG) return false
    sha256(this.hash, sealed, length)
    const epoch = readHeader(sealed)
    if (!epoch) return false
    const at = sealed + SEALED_HEADER
    const generation = headerGeneration(sealed)
    if (!aesGcmOpen(epoch.state, at, headerNonce(sealed), bind(generation), AAD_BYTES, at, length - SEALED_HEADER)) return false
    const used = <usize>load16(at)
    if (used > length - SEALED_HEADER - AES_GCM_TAG - 2) return false
    return this.read(new CborReader(at + 2, at + 2 + used)) && this.generation == generation
  }

  // u16 length ‖ CBOR [generation, previous, count, set hash, version, security version, grant version, marks] ‖ zeros
  private write(): void {
    plain.clear()
    plain.grow(2)
    plain.cborArray(8)
    plain.cborUint(this.generation)
    plain.cborBytes(this.previous, HASH_BYTES)
    plain.cborUint(this.count)
    plain.cborBytes(this.setHash, HASH_BYTES)
    plain.cborUint(this.version)
    plain.cborUint(this.securityVersion)
    plain.cborUint(this.grantVersion)
    plain.cborArray(this.marks.length)
    for (let i = 0; i < this.marks.length; i++) {
      const mark = this.marks[i]
      plain.cborArray(6)
      plain.cborUint(mark.generation)
      plain.cborUint(mark.offeredGeneration)
      plain.cborBytes(mark.offeredHash, HASH_BYTES)
      plain.cborUint(mark.registerGeneration)
      plain.cborBytes(mark.registerHash, HASH_BYTES)
      plain.cborUint(mark.lineage)
    }
    store16(plain.at, <u32>(plain.length - 2))
    const padding = padded(plain.length) - plain.length
    zeroise(plain.grow(padding), padding)
  }

  private read(reader: CborReader): bool {
    reader.array(8)
    this.generation = reader.uint()
    take(reader, this.previous)
    this.count = reader.uint()
    take(reader, this.setHash)
    this.version = reader.uint()
    this.securityVersion = reader.uint()
    this.grantVersion = reader.uint()
    this.marks = []
    const marks = reader.arrayUpTo(MAX_MARKS)
    for (let i = 0; i < marks; i++) {
      const mark = new Mark()
      reader.array(6)
      mark.generation = reader.uint()
      mark.offeredGeneration = reader.uint()
      take(reader, mark.offeredHash)
      mark.registerGeneration = reader.uint()
      take(reader, mark.registerHash)
      mark.lineage = reader.uint()
      this.marks.push(mark)
    }
    return reader.done()
  }
}

const AAD_BYTES: usize = 40

function bind(generation: u64): usize {
  copy(aad, storeId, 32)
  store64(aad + 32, generation)
  return aad
}

function take(reader: CborReader, out: usize): void {
  reader.bytesOf(HASH_BYTES)
  if (!reader.failed) copy(out, reader.at, HASH_BYTES)
}

function zeros(length: usize): usize {
  const at = heap.alloc(length)
  zeroise(at, length)
  return at
}
