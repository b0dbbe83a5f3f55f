/**
 * One store's file: two slots, written in turn, each sealed whole. An overwrite in place is one write and one sync of the disk, where a new
 * file and a rename are three; the register waits for it with each commit. What a loss of power tears is the slot that was being written:
 * the other one stands, one step behind, and nobody was answered. LIMIT of PROTOCOLS 5: who can write the disk can damage the newer slot,
 * or put back an older file; head tokens catch that.
 */
import { readFile } from 'node:fs/promises'
import { FatalError } from '../../errors.ts'
import { type Disk, openSealed, overwrite, replaceFile, sealFile } from './disk.ts'

/** A page: what a disk writes whole or not at all is mostly no less. */
export const SLOT_BYTES = 4096
export const SLOTS = 2
const LENGTH_BYTES = 2
const SEQUENCE_BYTES = 8

export type Slotted = { sequence: bigint; plaintext: Uint8Array }

/** The first record of a store. @throws as replaceFile */
export async function createSlots(on: Disk, rootKey: Uint8Array, path: string, plaintext: Uint8Array): Promise<void> {
  const file = new Uint8Array(SLOTS * SLOT_BYTES)
  file.set(encodeSlot(rootKey, path, 0n, plaintext))
  await replaceFile(on, path, file)
}

/** @param sequence one above that of the record which stands @throws as overwrite */
export async function writeSlot(
  on: Disk,
  rootKey: Uint8Array,
  path: string,
  sequence: bigint,
  plaintext: Uint8Array,
): Promise<void> {
  await overwrite(on, path, encodeSlot(rootKey, path, sequence, plaintext), positionOf(sequence) * SLOT_BYTES)
}

/** The newest record that is whole. @throws FatalError ERR_KMS_FILE */
export async function readSlots(rootKey: Uint8Array, path: string): Promise<Slotted> {
  const file = await readFile(path).catch((error) => {
    throw unreadable(path, (error as Error).message)
  })
  if (file.length !== SLOTS * SLOT_BYTES) throw unreadable(path, `it has ${file.length} bytes`)
  const found: Slotted[] = []
  for (let position = 0; position < SLOTS; position++) {
    const slot = file.subarray(position * SLOT_BYTES, (position + 1) * SLOT_BYTES)
    const opened = decodeSlot(rootKey, path, slot)
    if (opened === undefined) continue
    if (positionOf(opened.sequence) === position) found.push(opened)
    else throw unreadable(path, `a slot with sequence ${opened.sequence} is in the other's place`)
  }
  const [newest, before] = found.sort((a, b) => Number(b.sequence - a.sequence))
  if (newest === undefined) throw unreadable(path, 'neither of its slots opens')
  if (before !== undefined && newest.sequence !== before.sequence + 1n)
    throw unreadable(path, `its slots have the sequences ${before.sequence} and ${newest.sequence}, of two times`)
  return newest
}

function positionOf(sequence: bigint): number {
  return Number(sequence % BigInt(SLOTS))
}

// u16 length ‖ sealed (u64 sequence ‖ record) ‖ zeros
function encodeSlot(rootKey: Uint8Array, path: string, sequence: bigint, plaintext: Uint8Array): Uint8Array {
  const numbered = Buffer.alloc(SEQUENCE_BYTES + plaintext.length)
  numbered.writeBigUInt64BE(sequence)
  numbered.set(plaintext, SEQUENCE_BYTES)
  const sealed = sealFile(rootKey, path, numbered)
  numbered.fill(0)
  if (LENGTH_BYTES + sealed.length > SLOT_BYTES) throw new RangeError(`a record of ${plaintext.length} bytes`)
  const slot = Buffer.alloc(SLOT_BYTES)
  slot.writeUInt16BE(sealed.length)
  slot.set(sealed, LENGTH_BYTES)
  return slot
}

/** @returns undefined for a slot that is torn, altered, or was never written */
function decodeSlot(rootKey: Uint8Array, path: string, slot: Buffer): Slotted | undefined {
  const end = LENGTH_BYTES + slot.readUInt16BE()
  if (end > SLOT_BYTES || slot.subarray(end).some((byte) => byte !== 0)) return undefined
  let numbered: Uint8Array
  try {
    numbered = openSealed(rootKey, path, slot.subarray(LENGTH_BYTES, end))
  } catch {
    return undefined
  }
  if (numbered.length < SEQUENCE_BYTES) return undefined
  return {
    sequence: Buffer.from(numbered.buffer, numbered.byteOffset).readBigUInt64BE(),
    plaintext: numbered.subarray(SEQUENCE_BYTES),
  }
}

function unreadable(path: string, why: string): FatalError {
  return new FatalError(
    'ERR_KMS_FILE',
    `${path} does not open: torn, altered, of another store, or under another root key (${why})`,
  )
}
