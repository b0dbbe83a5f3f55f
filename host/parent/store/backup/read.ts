/** Reads a backup, chunk by chunk, and believes nothing: sizes first, then the digest, then what is in it. */
import { RefusedError } from '../../../errors.ts'
import { PLACE_BYTES, type StoreRecord } from '../engine.ts'
import { ByteSource } from './byte-source.ts'
import {
  CHUNK,
  DIGEST_BYTES,
  decodeEnd,
  decodeHeader,
  END,
  HEADER_BYTES,
  MAX_CHUNK_BYTES,
  MAX_END_BYTES,
  type Manifest,
  malformed,
  nextDigest,
  SECTION_BYTES,
} from './format.ts'

export type Backup = { manifest: Manifest; mac: Buffer | undefined }

/**
 * Yields the records of each chunk when its digest is right. What was yielded is a backup's only when this returns.
 * @throws RefusedError ERR_BACKUP_FORMAT, ERR_BACKUP_VERSION, ERR_BACKUP_TRUNCATED, ERR_BACKUP_DIGEST, ERR_BACKUP_ORDER, ERR_BACKUP_COUNT
 */
export async function* readBackup(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<StoreRecord[], Backup> {
  const source = new ByteSource(pieces)
  try {
    const header = await source.take(HEADER_BYTES)
    const store = decodeHeader(header)
    let chain = nextDigest(header)
    let records = 0
    let bytes = 0
    let last: Uint8Array | undefined
    for (;;) {
      const head = await source.take(SECTION_BYTES)
      const type = head[0]
      const length = head.readUInt32BE(1)
      if (type !== CHUNK && type !== END) throw malformed(`a section of type ${type}`)
      const most = type === CHUNK ? MAX_CHUNK_BYTES : MAX_END_BYTES
      if (length > most) throw malformed(`a section of ${length} bytes, at most ${most}`)
      const body = await source.take(length)
      const before = chain
      chain = nextDigest(before, head, body)
      if (!chain.equals(await source.take(DIGEST_BYTES)))
        throw new RefusedError(
          'ERR_BACKUP_DIGEST',
          `the section after record ${records} is damaged or out of its place`,
        )
      if (type === CHUNK) {
        const chunk = decodeChunk(body)
        for (const { place, record } of chunk) {
          if (last !== undefined && Buffer.compare(last, place) >= 0)
            throw new RefusedError('ERR_BACKUP_ORDER', `record ${records} is not behind the one before`)
          last = place
          records++
          bytes += record.length
        }
        yield chunk
        continue
      }
      const end = decodeEnd(body)
      const { manifest } = end
      if (manifest.store !== store) throw malformed('its manifest names another store than its beginning')
      if (manifest.records !== records || manifest.bytes !== bytes || !manifest.chain.equals(before))
        throw new RefusedError(
          'ERR_BACKUP_COUNT',
          `the manifest is of ${manifest.records} records in ${manifest.bytes} bytes, and there are ${records} in ${bytes}`,
        )
      if (!(await source.isAtEnd())) throw malformed('something follows its end')
      return end
    }
  } finally {
    await source.end()
  }
}

/** Reads all of it. @throws RefusedError as `readBackup` */
export async function verifyBackup(pieces: AsyncIterable<Uint8Array>): Promise<Backup> {
  const reading = readBackup(pieces)
  for (;;) {
    const { value, done } = await reading.next()
    if (done) return value
  }
}

function decodeChunk(body: Buffer): StoreRecord[] {
  if (body.length === 0) throw malformed('an empty chunk')
  const records: StoreRecord[] = []
  for (let at = 0; at < body.length; ) {
    const recordAt = at + PLACE_BYTES + 4
    if (recordAt > body.length) throw malformed('a record is cut short')
    const length = body.readUInt32BE(at + PLACE_BYTES)
    if (length > body.length - recordAt) throw malformed('a record is longer than its chunk')
    records.push({ place: body.subarray(at, at + PLACE_BYTES), record: body.subarray(recordAt, recordAt + length) })
    at = recordAt + length
  }
  return records
}
