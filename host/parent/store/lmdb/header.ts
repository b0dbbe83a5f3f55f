/**
 * Whether a file begins as an LMDB of this version does: two meta pages. Looked at before LMDB opens it, as lmdb-js 3.5.6 does not survive
 * an open that fails. LIMIT: no more than the beginning is looked at.
 */
import { closeSync, openSync, readSync } from 'node:fs'

// mdb.c: struct MDB_page, MDB_meta and MDB_db; numbers lie in the machine's own order, which is little-endian wherever Node is pinned
const HEADER_BYTES = 64
const FLAGS_AT = 18
const MAGIC_AT = 24
const VERSION_AT = 28
const PAGE_SIZE_AT = 48
const P_META = 8
const MDB_MAGIC = 0xbeefc0de
const MDB_DATA_VERSION = 2

/** Also of a file that is not there, or is empty: LMDB makes it. */
export function beginsAsLmdb(path: string): boolean {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return true
  }
  try {
    const first = Buffer.alloc(HEADER_BYTES)
    const read = readSync(file, first, 0, HEADER_BYTES, 0)
    if (read === 0) return true
    if (read < HEADER_BYTES || !isMeta(first)) return false
    const second = Buffer.alloc(HEADER_BYTES)
    return readSync(file, second, 0, HEADER_BYTES, first.readUInt32LE(PAGE_SIZE_AT)) === HEADER_BYTES && isMeta(second)
  } finally {
    closeSync(file)
  }
}

function isMeta(page: Buffer): boolean {
  return (
    (page.readUInt16LE(FLAGS_AT) & P_META) !== 0 &&
    page.readUInt32LE(MAGIC_AT) === MDB_MAGIC &&
    page.readUInt16LE(VERSION_AT) === MDB_DATA_VERSION
  )
}
