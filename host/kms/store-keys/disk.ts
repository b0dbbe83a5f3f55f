/**
 * Small files that are there whole or not at all, sealed under the KMS's root key: a torn or altered one does not open. Who puts back an
 * older whole one is not noticed here: LIMIT of PROTOCOLS 5, caught by head tokens.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { open, readFile, rename } from 'node:fs/promises'
import { basename } from 'node:path'
import { FatalError, UnavailableError } from '../../errors.ts'

const FORMAT = 1
const SALT_BYTES = 32
const TAG_BYTES = 16
const HEADER_BYTES = 1 + SALT_BYTES
/** What sealing adds. */
export const SEAL_BYTES = HEADER_BYTES + TAG_BYTES
const LABEL = 'wasmclave/store-keys\0'
/** Each write has a key of its own, by its salt: its nonce needs no counter that could be rolled back. */
const NONCE = Buffer.alloc(12)

/** The steps of a write; tests let them fail. */
export type Disk = {
  /** Makes the file anew with mode 0600; durable when it returns. */
  write(path: string, bytes: Uint8Array): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Makes the file's name durable. */
  settle(path: string): Promise<void>
  /** Writes over what the file has there; durable when it returns. */
  writeAt(path: string, bytes: Uint8Array, at: number): Promise<void>
}

// Node's permission model, under which the KMS runs, has no fsync: O_SYNC does the same with each write.
const { O_CREAT, O_DSYNC, O_RDWR, O_SYNC, O_TRUNC, O_WRONLY } = constants

export const disk: Disk = {
  async write(path, bytes) {
    const file = await open(path, O_WRONLY | O_CREAT | O_TRUNC | O_SYNC, 0o600)
    try {
      await file.writeFile(bytes)
    } finally {
      await file.close()
    }
  },
  rename,
  // Writes the first byte as it is: syncing a file that was renamed syncs its name too, on ext4, XFS and btrfs.
  async settle(path) {
    const file = await open(path, O_RDWR | O_SYNC)
    try {
      const first = Buffer.alloc(1)
      await file.read(first, 0, 1, 0)
      await file.write(first, 0, 1, 0)
    } finally {
      await file.close()
    }
  },
  // The bytes alone: the file's length and place stay.
  async writeAt(path, bytes, at) {
    const file = await open(path, O_WRONLY | O_DSYNC)
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done)
        // A disk that takes nothing and says nothing must not hold the register for ever
        if (bytesWritten === 0) throw new Error(`nothing of ${bytes.length - done} bytes was written`)
        done += bytesWritten
      }
    } finally {
      await file.close()
    }
  },
}

/** Suffix of a file that is being written. */
export const FRESH = '.new'
/** Room is short: nothing has happened, and it may pass. */
const NOT_BEGUN = ['EMFILE', 'ENFILE']
const PASSING = [...NOT_BEGUN, 'ENOSPC', 'EDQUOT', 'EFBIG']

/** @throws UnavailableError ERR_KMS_DISK_FULL: the old file stands; FatalError ERR_KMS_DISK: which one stands is not known */
export async function replaceFile(on: Disk, path: string, bytes: Uint8Array): Promise<void> {
  try {
    await on.write(path + FRESH, bytes)
  } catch (error) {
    throw failed(path, error, PASSING)
  }
  // CRASH: the new file is whole or torn beside the old one: the old one wins, and the next start removes it.
  try {
    await on.rename(path + FRESH, path)
    // CRASH: the new file is in its place, but may go back to the old one with a loss of power. Nobody was answered yet.
    await on.settle(path)
    // CRASH: the new file stays.
  } catch (error) {
    throw unknown(path, error)
  }
}

/**
 * Over bytes that nobody needs any more. @throws UnavailableError ERR_KMS_DISK_FULL: it was not begun; FatalError ERR_KMS_DISK: which bytes
 * stand is not known. A full disk is one of these: where writing in place needs room, some of it may have been written.
 */
export async function overwrite(on: Disk, path: string, bytes: Uint8Array, at: number): Promise<void> {
  try {
    await on.writeAt(path, bytes, at)
  } catch (error) {
    throw failed(path, error, NOT_BEGUN)
  }
}

export function sealFile(rootKey: Uint8Array, path: string, plaintext: Uint8Array): Uint8Array {
  const salt = randomBytes(SALT_BYTES)
  const cipher = createCipheriv('aes-256-gcm', fileKey(rootKey, salt, path), NONCE)
  return new Uint8Array(
    Buffer.concat([Buffer.of(FORMAT), salt, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]),
  )
}

/** @throws FatalError ERR_KMS_FILE */
export async function openFile(rootKey: Uint8Array, path: string): Promise<Uint8Array> {
  try {
    return openSealed(rootKey, path, await readFile(path))
  } catch (error) {
    throw error instanceof FatalError ? error : notOpened(path, error)
  }
}

/** @throws FatalError ERR_KMS_FILE */
export function openSealed(rootKey: Uint8Array, path: string, bytes: Uint8Array): Uint8Array {
  try {
    if (bytes[0] !== FORMAT || bytes.length < HEADER_BYTES + TAG_BYTES) throw new Error('not of this format')
    const key = fileKey(rootKey, bytes.subarray(1, HEADER_BYTES), path)
    const decipher = createDecipheriv('aes-256-gcm', key, NONCE, { authTagLength: TAG_BYTES })
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
    const plaintext = decipher.update(bytes.subarray(HEADER_BYTES, bytes.length - TAG_BYTES))
    decipher.final()
    return new Uint8Array(plaintext)
  } catch (error) {
    throw notOpened(path, error)
  }
}

function notOpened(path: string, cause: unknown): FatalError {
  return new FatalError(
    'ERR_KMS_FILE',
    `${path} does not open: torn, altered, of another store, or under another root key`,
    { cause },
  )
}

// The name is part of the key: one store's file is none of another's.
function fileKey(rootKey: Uint8Array, salt: Uint8Array, path: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', rootKey, salt, `${LABEL}${basename(path)}`, 32))
}

function failed(path: string, error: unknown, passing: string[]): FatalError | UnavailableError {
  if (!passing.includes((error as NodeJS.ErrnoException).code ?? '')) return unknown(path, error)
  return new UnavailableError('ERR_KMS_DISK_FULL', `cannot write ${path}: ${(error as Error).message}`)
}

function unknown(path: string, error: unknown): FatalError {
  return new FatalError('ERR_KMS_DISK', `${path}: what the disk holds is not known: ${(error as Error).message}`, {
    cause: error,
  })
}
