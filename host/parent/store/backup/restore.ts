/**
 * Puts a backup in the place of what an engine has of its store. It is read twice: what it keeps stands at its end, and nothing is touched
 * before all of it was right. Whether it may count is not decided here: an older head is *stale*, and owners alone accept it (PROTOCOLS.md 5).
 */
import { RefusedError } from '../../../errors.ts'
import type { StoreEngine, StoreRecord } from '../engine.ts'
import type { Manifest } from './format.ts'
import { readBackup, verifyBackup } from './read.ts'

/**
 * @param store the id that it must be of
 * @param open the same bytes, from their beginning, each time
 * @throws RefusedError ERR_BACKUP_STORE, and as `readBackup`; what the engine throws
 */
export async function restoreBackup(
  engine: StoreEngine,
  store: string,
  open: () => AsyncIterable<Uint8Array>,
): Promise<Manifest> {
  const { manifest } = await verifyBackup(open())
  if (manifest.store !== store)
    throw new RefusedError('ERR_BACKUP_STORE', `a backup of store ${manifest.store}, not of ${store}`)
  await engine.replace(store, manifest.kept, sameAgain(manifest, open()))
  return manifest
}

/** The file may have been exchanged meanwhile: then the replacement ends before it counts. */
async function* sameAgain(manifest: Manifest, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<StoreRecord[]> {
  const { manifest: second } = yield* readBackup(pieces)
  if (!second.chain.equals(manifest.chain) || !second.headHash.equals(manifest.headHash))
    throw new RefusedError('ERR_BACKUP_DIGEST', 'the backup changed while it was read')
}
