/**
 * `wasmclave backup` and `wasmclave restore`: a store as a file, while it is served, and back. Both are signed requests of an operator, who can read
 * nothing of it: a backup is noise without the KMS's store keys. What is restored is stale until an owner accepts it.
 */

import { once } from 'node:events'
import { createReadStream, createWriteStream, renameSync, rmSync, statSync } from 'node:fs'
import { UsageError } from '../errors.ts'
import { verifyBackup } from '../parent/store/backup/read.ts'
import { printJson, progress } from './output.ts'
import { AdminSession, developmentSigner, findHost } from './running-host.ts'

const MIB = 1_048_576
/** Told after so many bytes more. */
const PROGRESS_BYTES = 16 * MIB

export async function backup({
  data,
  enclaveName,
  output,
}: {
  data: string
  enclaveName: string
  output: string
}): Promise<void> {
  const host = findHost(data)
  const session = new AdminSession(host, developmentSigner(host.folder, 'operator'))
  // CRASH: without its name it is no backup yet.
  const fresh = `${output}.part`
  const file = createWriteStream(fresh, { mode: 0o600 })
  let bytes = 0
  let told = 0
  try {
    const onBytes = async (piece: Uint8Array) => {
      bytes += piece.length
      if (bytes - told >= PROGRESS_BYTES) {
        told = bytes
        progress(`${Math.floor(bytes / MIB)} MiB …`)
      }
      if (!file.write(piece)) await once(file, 'drain')
    }
    const result = await session.request(
      { action: 'take-backup', parameters: { name: enclaveName } },
      undefined,
      onBytes,
    )
    file.end()
    await once(file, 'close')
    // Its digests, its order and its counts; nobody needs a key for that.
    const { manifest } = await verifyBackup(createReadStream(fresh))
    const { StoreID } = result as { StoreID: string }
    if (manifest.store !== StoreID)
      throw new UsageError('ERR_BACKUP_STORE', `what came is of store ${manifest.store}, not of ${StoreID}`)
    renameSync(fresh, output)
    progress('Without the store keys of its KMS this file is noise: keep DIR/kms as well, apart from it.')
    printJson({
      StoreID,
      Records: manifest.records,
      HeadHash: manifest.headHash.toString('hex'),
      Bytes: bytes,
      Output: output,
    })
  } finally {
    file.destroy()
    rmSync(fresh, { force: true })
    session.close()
  }
}

export async function restore(path: string, { data }: { data: string }): Promise<void> {
  const { manifest } = await verifyBackup(createReadStream(path))
  const { size } = statSync(path)
  progress(`${path}: ${manifest.records} records of store ${manifest.store}, whole.`)
  const host = findHost(data)
  const session = new AdminSession(host, developmentSigner(host.folder, 'operator'))
  try {
    const parameters = { storeId: manifest.store, bytes: size }
    const result = await session.request({ action: 'restore-backup', parameters }, createReadStream(path))
    progress('It may not be the newest: after the next launch its owner looks at it by "wasmclave store heads".')
    printJson(result)
  } finally {
    session.close()
  }
}
