/** Makes a backup of one store, while it is written: one snapshot, one pass, one chunk in memory. */
import { RefusedError } from '../../../errors.ts'
import { headHash, PLACE_BYTES, type StoreEngine, type StoreRecord } from '../engine.ts'
import {
  CHUNK,
  END,
  encodeHeader,
  encodeManifest,
  MAC_BYTES,
  type Manifest,
  nextDigest,
  sectionHead,
} from './format.ts'

export type WriteOptions = {
  /** The kernel's mac of the manifest, 32 bytes; undefined where there is no kernel. */
  authenticate?: (manifest: Uint8Array) => Promise<Uint8Array | undefined>
  /** Told after each chunk. */
  progress?: (written: { records: number; bytes: number }) => void
}

/**
 * @param write takes the file's next bytes, and fulfils when it can take more
 * @throws RefusedError ERR_BACKUP_EMPTY: there is no such store; UnavailableError ERR_STORE_UNAVAILABLE; what `write` throws
 */
export async function writeBackup(
  engine: StoreEngine,
  store: string,
  write: (bytes: Uint8Array) => Promise<void>,
  { authenticate, progress }: WriteOptions = {},
): Promise<Manifest> {
  const header = encodeHeader(store)
  let chain = nextDigest(header)
  let records = 0
  let bytes = 0
  const section = async (type: number, body: Buffer) => {
    const head = sectionHead(type, body.length)
    chain = nextDigest(chain, head, body)
    await write(Buffer.concat([head, body, chain]))
  }
  let begun = false
  const begin = async () => {
    if (!begun) await write(header)
    begun = true
  }
  const kept = await engine.load(store, async (chunk) => {
    await begin()
    await section(CHUNK, encodeChunk(chunk))
    records += chunk.length
    for (const { record } of chunk) bytes += record.length
    progress?.({ records, bytes })
  })
  if (kept === undefined) throw new RefusedError('ERR_BACKUP_EMPTY', `there is no store ${store}`)
  await begin()
  const manifest = { store, kept, headHash: headHash(kept.head), records, bytes, chain }
  const encoded = encodeManifest(manifest)
  const mac = await authenticate?.(encoded)
  if (mac !== undefined && mac.length !== MAC_BYTES) throw new RangeError(`a mac of ${mac.length} bytes`)
  // CRASH: without its end a file is no backup.
  await section(END, Buffer.concat([encoded, Buffer.from([mac === undefined ? 0 : 1]), mac ?? new Uint8Array(0)]))
  return manifest
}

function encodeChunk(chunk: StoreRecord[]): Buffer {
  const length = chunk.reduce((sum, { record }) => sum + PLACE_BYTES + 4 + record.length, 0)
  const body = Buffer.allocUnsafe(length)
  let at = 0
  for (const { place, record } of chunk) {
    body.set(place, at)
    body.writeUInt32BE(record.length, at + PLACE_BYTES)
    body.set(record, at + PLACE_BYTES + 4)
    at += PLACE_BYTES + 4 + record.length
  }
  return body
}
