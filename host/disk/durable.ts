/**
 * Small files that are there whole or not at all: written beside, synced, renamed, and the folder synced. Mode 0600. The steps are an
 * argument, so that tests let each of them fail, fail although it was done, or tear.
 */
import { closeSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { syncData, syncFile } from './sync.ts'

export type Disk = {
  /** Makes the file anew, whole, and syncs it. */
  write(path: string, bytes: Uint8Array): void
  /** Writes at the end of an open file, and syncs its data. */
  append(file: number, bytes: Uint8Array): void
  /** Writes over a part of an open file, and syncs its data. */
  writeAt(file: number, bytes: Uint8Array, position: number): void
  rename(from: string, to: string): void
  syncFolder(path: string): void
}

export const disk: Disk = {
  write(path, bytes) {
    const file = openSync(path, 'w', 0o600)
    try {
      writeWhole(file, bytes)
      syncFile(file)
    } finally {
      closeSync(file)
    }
  },
  append(file, bytes) {
    writeWhole(file, bytes)
    syncData(file)
  },
  writeAt(file, bytes, position) {
    writeWhole(file, bytes, position)
    syncData(file)
  },
  rename: renameSync,
  syncFolder(path) {
    const folder = openSync(path, 'r')
    try {
      syncFile(folder)
    } finally {
      closeSync(folder)
    }
  },
}

export function writeDurably(path: string, content: string | Uint8Array, on: Disk = disk): void {
  const fresh = `${path}.new`
  on.write(fresh, typeof content === 'string' ? Buffer.from(content) : content)
  // CRASH: the new file is whole or torn beside the old one: the old one wins.
  on.rename(fresh, path)
  // CRASH: the new file is in its place, and may go back to the old one with a loss of power.
  on.syncFolder(dirname(path))
  // CRASH: nothing can be lost any more.
}

// A short write is no error: the rest follows.
function writeWhole(file: number, bytes: Uint8Array, position?: number): void {
  for (let at = 0; at < bytes.length; )
    at += writeSync(file, bytes, at, bytes.length - at, position === undefined ? null : position + at)
}
