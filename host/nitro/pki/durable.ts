/**
 * A small file that is there whole or not at all: written beside and renamed, each step durable. Mode 0600. Node's permission model, under
 * which nitro runs, has no fsync: O_SYNC does the same with each write.
 */
import { closeSync, constants, openSync, readSync, renameSync, writeSync } from 'node:fs'

const { O_CREAT, O_RDWR, O_SYNC, O_TRUNC, O_WRONLY } = constants

export function writeDurably(path: string, content: string | Uint8Array): void {
  const fresh = `${path}.new`
  const file = openSync(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_SYNC, 0o600)
  writeSync(file, typeof content === 'string' ? Buffer.from(content) : content)
  closeSync(file)
  // CRASH: the new file is whole beside the old one: the old one wins.
  renameSync(fresh, path)
  // The first byte as it is: syncing a file that was renamed syncs its name too, on ext4, XFS and btrfs.
  const renamed = openSync(path, O_RDWR | O_SYNC)
  const first = Buffer.alloc(1)
  readSync(renamed, first, 0, 1, 0)
  writeSync(renamed, first, 0, 1, 0)
  closeSync(renamed)
  // CRASH: nothing can be lost any more.
}
