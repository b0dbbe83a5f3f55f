/**
 * A backup, version 1 (PROTOCOLS.md 6): what a parent keeps of one store at one moment, as it lies there. It is written and read in one pass,
 * and checked without any key; integers are big-endian, lp(x) is u32 length ‖ x, digests are SHA-256.
 *
 *   magic[8] ‖ u32 version ‖ store id[32]
 *   chunk    = u8 1 ‖ lp(place[32] ‖ lp(record), repeated) ‖ digest[32]         in the order of places, each place once
 *   end      = u8 2 ‖ lp(manifest ‖ u8 0, or u8 1 ‖ mac[32]) ‖ digest[32]
 *   manifest = store id[32] ‖ u64 records ‖ u64 bytes of records ‖ digest[32] of the last chunk ‖ head hash[32] ‖ lp(meta) ‖ lp(head)
 *
 * Each digest is over the digest before it (at first: over all that stands before the first chunk) and all bytes of its own section. The
 * mac is the kernel's, over the manifest, by a key of the store. Digests show damage; somebody who alters a backup can compute them anew,
 * and then the kernel refuses what it opens. A generation is sealed in the head, and not known here.
 */
import { createHash } from 'node:crypto'
import { RefusedError } from '../../../errors.ts'
import { headHash, type Kept, MAX_KEPT_BYTES, STORE_ID_BYTES } from '../engine.ts'

export const MAGIC = Buffer.from('WCBACKUP')
export const VERSION = 1
export const HEADER_BYTES = MAGIC.length + 4 + STORE_ID_BYTES
export const DIGEST_BYTES = 32
export const MAC_BYTES = 32
/** Type and length before a section's body. */
export const SECTION_BYTES = 5
export const CHUNK = 1
export const END = 2
/** Of a chunk's body: one of the engine's, or one record of any that fits into a commit. */
export const MAX_CHUNK_BYTES = 16777216
const FIXED_BYTES = STORE_ID_BYTES + 8 + 8 + DIGEST_BYTES + DIGEST_BYTES
export const MAX_END_BYTES = FIXED_BYTES + 8 + MAX_KEPT_BYTES + 1 + MAC_BYTES

export type Manifest = {
  /** 64 hex digits. */
  store: string
  kept: Kept
  headHash: Buffer
  records: number
  /** Of records alone. */
  bytes: number
  /** Of the last chunk, and so of all of them. */
  chain: Buffer
}

export function encodeHeader(store: string): Buffer {
  const version = Buffer.alloc(4)
  version.writeUInt32BE(VERSION)
  return Buffer.concat([MAGIC, version, Buffer.from(store, 'hex')])
}

/** @returns the store id. @throws RefusedError ERR_BACKUP_FORMAT, ERR_BACKUP_VERSION */
export function decodeHeader(bytes: Buffer): string {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new RefusedError('ERR_BACKUP_FORMAT', 'this is no backup')
  const version = bytes.readUInt32BE(MAGIC.length)
  if (version !== VERSION)
    throw new RefusedError('ERR_BACKUP_VERSION', `a backup of version ${version}; version ${VERSION} is understood`)
  return bytes.toString('hex', MAGIC.length + 4)
}

export function sectionHead(type: number, length: number): Buffer {
  const head = Buffer.alloc(SECTION_BYTES)
  head[0] = type
  head.writeUInt32BE(length, 1)
  return head
}

/** The digest of a section, or of the header where there is none before. */
export function nextDigest(before: Uint8Array, ...parts: Uint8Array[]): Buffer {
  const hash = createHash('sha256').update(before)
  for (const part of parts) hash.update(part)
  return hash.digest()
}

export function encodeManifest({ store, kept, records, bytes, chain }: Omit<Manifest, 'headHash'>): Buffer {
  const counts = Buffer.alloc(16)
  counts.writeBigUInt64BE(BigInt(records))
  counts.writeBigUInt64BE(BigInt(bytes), 8)
  return Buffer.concat([Buffer.from(store, 'hex'), counts, chain, headHash(kept.head), lp(kept.meta), lp(kept.head)])
}

/** @throws RefusedError ERR_BACKUP_FORMAT */
export function decodeEnd(body: Buffer): { manifest: Manifest; mac: Buffer | undefined } {
  let at = 0
  const take = (length: number): Buffer => {
    if (length > body.length - at) throw malformed('its manifest is cut short')
    at += length
    return body.subarray(at - length, at)
  }
  const store = take(STORE_ID_BYTES).toString('hex')
  const records = Number(take(8).readBigUInt64BE())
  const bytes = Number(take(8).readBigUInt64BE())
  const chain = take(DIGEST_BYTES)
  const hash = take(DIGEST_BYTES)
  const meta = take(take(4).readUInt32BE())
  const head = take(take(4).readUInt32BE())
  const hasMac = take(1)[0]
  const mac = hasMac === 1 ? take(MAC_BYTES) : undefined
  if ((hasMac !== 0 && hasMac !== 1) || at !== body.length)
    throw malformed('its manifest is followed by something else')
  if (!headHash(head).equals(hash)) throw malformed('its head is not the one that its manifest names')
  return { manifest: { store, kept: { head, meta }, headHash: hash, records, bytes, chain }, mac }
}

export function lp(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

export function malformed(reason: string): RefusedError {
  return new RefusedError('ERR_BACKUP_FORMAT', `this backup is malformed: ${reason}`)
}
