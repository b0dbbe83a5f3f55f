/**
 * One store's file: two slots, written in turn, each sealed whole. An overwrite in place is one write and one sync of the disk, where a new
 * file and a rename are three; the register waits for it with each commit. What a loss of power tears is the slot that was being written:
 * the other one stands, one step behind, and nobody was answered. LIMIT of PROTOCOLS 5: who can write the disk can damage the newer slot,
 * or put back an older file; head tokens catch that.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { FatalError } from '../../errors.ts'
import { type Disk, openSealed, overwrite, replaceFile, SEAL_BYTES, sealFile } from './disk.ts'

/** A page: what a disk writes whole or not at all is mostly no less. */
export const SLOT_BYTES = 4096
export const SLOTS = 2
/** u64 sequence ‖ u16 length, before the record; zeros behind it. */
const HEADER_BYTES = 10
const CONTENT_BYTES = SLOT_BYTES - SEAL_BYTES

export type Slotted = { sequence: bigint; plaintext: Uint8Array }

/** The first record of a store. @throws as replaceFile */
export async function createSlots(on: Disk, rootKey: Uint8Array, path: string, plaintext: Uint8Array): Promise<void> {
  // The other slot is noise: nothing in the file tells them apart.
  const file = randomBytes(SLOTS * SLOT_BYTES)
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

// All of it is sealed: its length does not say what is in it.
function encodeSlot(rootKey: Uint8Array, path: string, sequence: bigint, plaintext: Uint8Array): Uint8Array {
  if (HEADER_BYTES + plaintext.length > CONTENT_BYTES) throw new RangeError(`a record of ${plaintext.length} bytes`)
  const content = Buffer.alloc(CONTENT_BYTES)
  content.writeBigUInt64BE(sequence)
  content.writeUInt16BE(plaintext.length, HEADER_BYTES - 2)
  content.set(plaintext, HEADER_BYTES)
  const slot = sealFile(rootKey, path, content)
  content.fill(0)
  return slot
}

/** @returns undefined for a slot that is torn, altered, or was never written */
function decodeSlot(rootKey: Uint8Array, path: string, slot: Uint8Array): Slotted | undefined {
  let content: Uint8Array
  try {
    content = openSealed(rootKey, path, slot)
  } catch {
    return undefined
  }
  const view = new DataView(content.buffer, content.byteOffset)
  const end = HEADER_BYTES + view.getUint16(HEADER_BYTES - 2)
  return { sequence: view.getBigUint64(0), plaintext: content.subarray(HEADER_BYTES, end) }
}

function unreadable(path: string, why: string): FatalError {
  return new FatalError(
    'ERR_KMS_FILE',
    `${path} does not open: torn, altered, of another store, or under another root key (${why})`,
  )
}
