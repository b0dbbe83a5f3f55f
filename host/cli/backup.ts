/**
 * `wasmclave backup` and `wasmclave restore`: a store as a file, while it is served, and back. Both are signed requests of an operator, who
 * can read nothing of it: a backup is noise without the KMS's store keys. What is restored is stale until an owner accepts it.
 */
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UsageError } from '../errors.ts'
import { verifyBackup } from '../parent/store/backup/read.ts'
import { printJson, progress } from './output.ts'
import { AdminSession, developmentSigner, findHost } from './running-host.ts'

const MIB = 1_048_576
/** Told after so many bytes more. */
const PROGRESS_BYTES = 16 * MIB

type BackupOptions = { data: string; enclaveName: string; output: string }

/** @throws RefusedError with the host's code, ERR_BACKUP_*; UsageError ERR_FILE_WRITE, ERR_BACKUP_STORE */
export async function backup({ data, enclaveName, output }: BackupOptions): Promise<void> {
  const host = findHost(data)
  // CRASH: without its name it is no backup yet, and one that was there before stays whole.
  const fresh = `${output}.part`
  const file = await named('WRITE', fresh, open(fresh, 'w', 0o600))
  const session = new AdminSession(host, developmentSigner(host.folder, 'operator'))
  try {
    const received = counted('received')
    const result = await session.request(
      { action: 'take-backup', parameters: { name: enclaveName } },
      undefined,
      async (piece) => {
        await file.writeFile(piece)
        received.add(piece.length)
      },
    )
    await file.sync()
    // Its digests, its order and its counts; nobody needs a key for that.
    const { manifest } = await verifyBackup(createReadStream(fresh))
    const { StoreID } = result as { StoreID: string }
    if (manifest.store !== StoreID)
      throw new UsageError('ERR_BACKUP_STORE', `what came is of store ${manifest.store}, not of ${StoreID}`)
    await named('WRITE', output, rename(fresh, output))
    await syncFolder(dirname(output))
    progress(`${output}: ${manifest.records} records, ${received.bytes} bytes, whole.`)
    progress('Without the store keys of its KMS this file is noise: keep DIR/kms as well, apart from it.')
    printJson({
      StoreID,
      Records: manifest.records,
      HeadHash: manifest.headHash.toString('hex'),
      Bytes: received.bytes,
      Output: output,
    })
  } finally {
    session.close()
    await file.close()
    await rm(fresh, { force: true })
  }
}

/** @throws RefusedError ERR_BACKUP_* before anything is sent, or with the host's code; UsageError ERR_FILE_READ */
export async function restore(path: string, { data }: { data: string }): Promise<void> {
  const { size } = await named('READ', path, stat(path))
  const { manifest } = await named('READ', path, verifyBackup(createReadStream(path)))
  progress(`${path}: ${manifest.records} records of store ${manifest.store}, whole.`)
  const host = findHost(data)
  const session = new AdminSession(host, developmentSigner(host.folder, 'operator'))
  try {
    const parameters = { storeId: manifest.store, bytes: size }
    const result = await session.request({ action: 'restore-backup', parameters }, told(createReadStream(path)))
    progress('It may not be the newest: after the next launch its owner looks at it by "wasmclave store heads".')
    printJson(result)
  } finally {
    session.close()
  }
}

function counted(verb: string): { readonly bytes: number; add(more: number): void } {
  let bytes = 0
  let last = 0
  return {
    get bytes() {
      return bytes
    },
    add(more) {
      bytes += more
      if (bytes - last < PROGRESS_BYTES) return
      last = bytes
      progress(`${Math.floor(bytes / MIB)} MiB ${verb} …`)
    },
  }
}

async function* told(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const sent = counted('sent')
  for await (const piece of pieces) {
    yield piece
    sent.add(piece.length)
  }
}

// A name counts once its folder is on the disk.
async function syncFolder(path: string): Promise<void> {
  let folder: FileHandle | undefined
  try {
    folder = await open(path)
    await folder.sync()
  } finally {
    await folder?.close()
  }
}

async function named<T>(deed: 'READ' | 'WRITE', path: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!('syscall' in (error as Error))) throw error
    throw new UsageError(`ERR_FILE_${deed}`, `cannot ${deed.toLowerCase()} ${path}: ${(error as Error).message}`)
  }
}
