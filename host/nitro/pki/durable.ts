/** A small file that is there whole or not at all: written beside, synced, renamed, and the folder synced. Mode 0600. */
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

export function writeDurably(path: string, content: string | Uint8Array): void {
  const fresh = `${path}.new`
  const file = openSync(fresh, 'w', 0o600)
  writeSync(file, typeof content === 'string' ? Buffer.from(content) : content)
  fsyncSync(file)
  closeSync(file)
  // CRASH: the new file is whole beside the old one: the old one wins.
  renameSync(fresh, path)
  const folder = openSync(dirname(path), 'r')
  fsyncSync(folder)
  closeSync(folder)
  // CRASH: nothing can be lost any more.
}
