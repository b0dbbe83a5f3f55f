/**
 * Proofs of a Merkle tree, judged by RFC 9162 sections 2.1.3.2 and 2.1.4.2 (the algorithms of RFC 6962's trees). Sizes and indexes are
 * u64. A proof that is accepted says what these bytes hash to, and nothing of who signed the root: see checkpoint.ts.
 */
import { RefusedError } from '../../errors.ts'
import { HASH_BYTES, nodeHash, type Sha256 } from './hash.ts'

/** A tree of 2^64 entries has 64 levels. */
const MAX_PROOF = 64

export type InclusionProof = { index: bigint; size: bigint; hashes: Uint8Array[] }
export type ConsistencyProof = { oldSize: bigint; newSize: bigint; hashes: Uint8Array[] }

/** Entry `index` of the tree of `size` entries with this root hashes to `leaf`. @throws RefusedError ERR_LOG_INCLUSION */
export function verifyInclusion(sha256: Sha256, proof: InclusionProof, leaf: Uint8Array, root: Uint8Array): void {
  if (!shaped(proof.hashes, [leaf, root])) throw inclusion('hashes have 32 bytes, a proof at most 64 of them')
  if (proof.index < 0n || proof.index >= proof.size)
    throw inclusion(`a tree of ${proof.size} entries has no entry ${proof.index}`)
  let node = proof.index
  let last = proof.size - 1n
  let hash = leaf
  for (const sibling of proof.hashes) {
    if (last === 0n) throw inclusion('the proof is longer than its tree is high')
    if ((node & 1n) === 1n || node === last) {
      hash = nodeHash(sha256, sibling, hash)
      while ((node & 1n) === 0n && node !== 0n) {
        node >>= 1n
        last >>= 1n
      }
    } else hash = nodeHash(sha256, hash, sibling)
    node >>= 1n
    last >>= 1n
  }
  if (last !== 0n) throw inclusion('the proof is shorter than its tree is high')
  if (!same(hash, root)) throw inclusion('the proof leads to another root')
}

/**
 * The tree with the old root is the beginning of the one with the new root. A tree without entries is the beginning of all trees,
 * which says nothing: it is refused. @throws RefusedError ERR_LOG_CONSISTENCY
 */
export function verifyConsistency(
  sha256: Sha256,
  proof: ConsistencyProof,
  oldRoot: Uint8Array,
  newRoot: Uint8Array,
): void {
  const { oldSize, newSize } = proof
  if (oldSize <= 0n || oldSize > newSize) throw consistency(`from ${oldSize} to ${newSize} entries`)
  if (oldSize === newSize) {
    if (proof.hashes.length > 0) throw consistency('a proof between equal sizes is empty')
    if (!same(oldRoot, newRoot)) throw consistency(`two roots at ${newSize} entries`)
    return
  }
  if (!shaped(proof.hashes, [oldRoot, newRoot])) throw consistency('hashes have 32 bytes, a proof at most 64 of them')
  if (proof.hashes.length === 0) throw consistency('the proof is empty')
  // An old tree that is complete is itself the first hash
  const complete = (oldSize & (oldSize - 1n)) === 0n
  const [first, ...rest] = (complete ? [oldRoot, ...proof.hashes] : proof.hashes) as [Uint8Array, ...Uint8Array[]]
  let node = oldSize - 1n
  let last = newSize - 1n
  while ((node & 1n) === 1n) {
    node >>= 1n
    last >>= 1n
  }
  let older = first
  let newer = first
  for (const hash of rest) {
    if (last === 0n) throw consistency('the proof is longer than its tree is high')
    if ((node & 1n) === 1n || node === last) {
      older = nodeHash(sha256, hash, older)
      newer = nodeHash(sha256, hash, newer)
      while ((node & 1n) === 0n && node !== 0n) {
        node >>= 1n
        last >>= 1n
      }
    } else newer = nodeHash(sha256, newer, hash)
    node >>= 1n
    last >>= 1n
  }
  if (last !== 0n) throw consistency('the proof is shorter than its tree is high')
  if (!same(older, oldRoot)) throw consistency('the proof leads to another old root')
  if (!same(newer, newRoot)) throw consistency('the proof leads to another new root')
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]) // public
}

function shaped(proof: Uint8Array[], others: Uint8Array[]): boolean {
  return proof.length <= MAX_PROOF && [...proof, ...others].every((hash) => hash.length === HASH_BYTES)
}

function inclusion(message: string): RefusedError {
  return new RefusedError('ERR_LOG_INCLUSION', message)
}

function consistency(message: string): RefusedError {
  return new RefusedError('ERR_LOG_CONSISTENCY', message)
}
