/** Hashes of a Merkle tree, RFC 6962 section 2.1: a byte before what is hashed keeps leaves and nodes apart. */

export const HASH_BYTES = 32
/** Synchronous SHA-256: the caller's, so that this runs wherever the caller does. */
export type Sha256 = (data: Uint8Array) => Uint8Array

const LEAF = 0x00
const NODE = 0x01

export function leafHash(sha256: Sha256, entry: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + entry.length)
  input[0] = LEAF
  input.set(entry, 1)
  return sha256(input)
}

/** Both 32 bytes. */
export function nodeHash(sha256: Sha256, left: Uint8Array, right: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + 2 * HASH_BYTES)
  input[0] = NODE
  input.set(left, 1)
  input.set(right, 1 + HASH_BYTES)
  return sha256(input)
}

/** Root of the tree without entries: SHA-256 of nothing. */
export function emptyRoot(sha256: Sha256): Uint8Array {
  return sha256(new Uint8Array(0))
}
