/** What the key store asks of a disk: files that are there whole or not at all (host/disk), and files that are gone for good. */
import { closeSync, existsSync, fstatSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Disk, disk } from '../../disk/durable.ts'
import { syncFile } from '../../disk/sync.ts'

/** A file of this ending was not finished when somebody stopped, or is on its way out, and counts for nothing. As host/disk writes them. */
export const UNFINISHED = '.new'

export type KeyDisk = Disk & {
  /** Overwrites what is in the file, syncs it, and takes its name away. */
  erase(path: string): void
}

export const keyDisk: KeyDisk = {
  ...disk,
  // LIMIT: earlier versions of the file, and what device or file system keep of it, may outlive this; they are sealed under the root key.
  erase(path) {
    const file = openSync(path, 'r+')
    try {
      const zeros = Buffer.alloc(fstatSync(file).size)
      for (let at = 0; at < zeros.length; ) at += writeSync(file, zeros, at, zeros.length - at, at)
      syncFile(file)
    } finally {
      closeSync(file)
    }
    unlinkSync(path)
  },
}

/** Takes a file's name away, then overwrites what it was. Where that failed half-way, it goes on from there. */
export function eraseDurably(path: string, on: KeyDisk): void {
  const gone = `${path}${UNFINISHED}`
  if (existsSync(path)) on.rename(path, gone)
  on.syncFolder(dirname(path))
  // CRASH: no file of that name is there any more; the start erases what is left of it.
  if (existsSync(gone)) eraseUnfinished(gone, on)
}

export function eraseUnfinished(path: string, on: KeyDisk): void {
  on.erase(path)
  on.syncFolder(dirname(path))
}
