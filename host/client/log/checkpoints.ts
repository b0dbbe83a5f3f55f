/**
 * A log as one reader has seen it: whatever is shown now must continue what was shown before. A log that contradicts itself has signed
 * both sides of it: two notes under one key are all the evidence there is, and they are kept.
 */
import { type ErrorCode, RefusedError } from '../../errors.ts'
import { type Checkpoint, openCheckpoint } from '../../log/proofs/checkpoint.ts'
import { leafHash, type Sha256 } from '../../log/proofs/hash.ts'
import { verifyConsistency, verifyInclusion } from '../../log/proofs/merkle.ts'
import { fromBase64, type NoteKey, type VerifyEd25519 } from '../../log/proofs/note.ts'

/** The log's key, pinned by grant or genesis, and what proofs are computed with. */
export type LogKey = NoteKey & { sha256: Sha256; verify: VerifyEd25519 }

/** Two signed notes of one log of which neither continues the other, or that could not be shown to. Keep both. */
export class ContradictionError extends RefusedError {
  readonly older: Uint8Array
  readonly newer: Uint8Array

  constructor(code: ErrorCode, message: string, older: Uint8Array, newer: Uint8Array) {
    super(code, message)
    this.older = older
    this.newer = newer
  }
}

const encoder = new TextEncoder()

/**
 * The checkpoint, signed and continuing what was kept.
 * @param consistency base64, from the size of `kept` to this one's; null where none came
 * @throws RefusedError ERR_LOG_NOTE, _SIGNATURE, _CHECKPOINT; ContradictionError ERR_LOG_ROLLBACK, ERR_LOG_CONSISTENCY
 */
export function follow(
  log: LogKey,
  note: string,
  kept: Uint8Array | undefined,
  consistency: string[] | null,
): Checkpoint {
  const bytes = encoder.encode(note)
  const checkpoint = openCheckpoint(log.sha256, log.verify, bytes, log)
  if (kept === undefined) return checkpoint
  const before = openCheckpoint(log.sha256, log.verify, kept, log)
  if (checkpoint.size < before.size)
    throw new ContradictionError(
      'ERR_LOG_ROLLBACK',
      `the log had ${before.size} entries when it was last seen, and has ${checkpoint.size} now`,
      kept,
      bytes,
    )
  try {
    if (consistency === null && checkpoint.size !== before.size)
      throw new RefusedError('ERR_LOG_CONSISTENCY', 'no proof came')
    const hashes = checkpoint.size === before.size ? [] : decodeHashes(consistency ?? [])
    const proof = { oldSize: before.size, newSize: checkpoint.size, hashes }
    verifyConsistency(log.sha256, proof, before.root, checkpoint.root)
  } catch (error) {
    throw new ContradictionError(
      'ERR_LOG_CONSISTENCY',
      `the log of ${checkpoint.size} entries is not shown to continue the one of ${before.size} that was seen before: ${(error as Error).message}`,
      kept,
      bytes,
    )
  }
  return checkpoint
}

/** @throws RefusedError ERR_LOG_INCLUSION */
export function checkIncluded(
  log: LogKey,
  checkpoint: Checkpoint,
  index: number,
  entry: Uint8Array,
  inclusion: string[],
): void {
  if (!Number.isSafeInteger(index) || index < 0)
    throw new RefusedError('ERR_LOG_INCLUSION', 'an index is a number from 0')
  const proof = { index: BigInt(index), size: checkpoint.size, hashes: decodeHashes(inclusion) }
  verifyInclusion(log.sha256, proof, leafHash(log.sha256, entry), checkpoint.root)
}

function decodeHashes(texts: string[]): Uint8Array[] {
  return texts.map((text) => decodeBase64(text, 'ERR_LOG_INCLUSION'))
}

/** @throws RefusedError with the code given */
export function decodeBase64(text: unknown, code: ErrorCode): Uint8Array {
  const bytes = typeof text === 'string' ? fromBase64(text) : undefined
  if (bytes === undefined) throw new RefusedError(code, 'what came is no base64')
  return bytes
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
