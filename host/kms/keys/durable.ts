/** Small files that are there whole or not at all, mode 0600, in a folder that one process writes to. */
import { closeSync, fstatSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { syncFile } from '../../disk/sync.ts'

/** A file of this ending was not finished when somebody stopped, and counts for nothing. */
export const UNFINISHED = '.new'

export function writeDurably(path: string, content: Uint8Array): void {
  const fresh = `${path}${UNFINISHED}`
  const file = openSync(fresh, 'w', 0o600)
  try {
    for (let at = 0; at < content.length; ) at += writeSync(file, content, at)
    // CRASH: an unfinished file beside the old one, or beside none: the old state wins.
    syncFile(file)
  } finally {
    closeSync(file)
  }
  // CRASH: the new file is whole, the name still says the old one: the old state wins.
  renameSync(fresh, path)
  syncFolder(dirname(path))
  // CRASH: nothing can be lost any more.
}

/** Takes a file's name away, then overwrites what it was. */
export function eraseDurably(path: string): void {
  const gone = `${path}${UNFINISHED}`
  renameSync(path, gone)
  syncFolder(dirname(path))
  // CRASH: no file of that name is there any more; the start erases what is left of it.
  eraseUnfinished(gone)
}

/**
 * LIMIT: earlier versions of the file, and what device or file system keep of it, may outlive this; they are sealed under the root key.
 */
export function eraseUnfinished(path: string): void {
  const file = openSync(path, 'r+')
  try {
    const zeros = Buffer.alloc(fstatSync(file).size)
    for (let at = 0; at < zeros.length; ) at += writeSync(file, zeros, at, zeros.length - at, at)
    syncFile(file)
  } finally {
    closeSync(file)
  }
  unlinkSync(path)
  syncFolder(dirname(path))
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  syncFile(folder)
  closeSync(folder)
}
