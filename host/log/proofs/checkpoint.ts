/**
 * Checkpoints, C2SP tlog-checkpoint: origin, number of entries, root, as a signed note. Having one from `openCheckpoint` means that the
 * log's key signed it; it does not mean that others were shown the same: compare two by `verifyConsistency`, keep both if they differ.
 */
import { RefusedError } from '../../errors.ts'
import { HASH_BYTES, type Sha256 } from './hash.ts'
import { fromBase64, type NoteKey, openNote, signNote, toBase64, type VerifyEd25519 } from './note.ts'

export type Checkpoint = { origin: string; size: bigint; root: Uint8Array }

const MAX_SIZE = 2n ** 64n - 1n
/** 128 bits: no two genesis share them. */
const ORIGIN_DIGITS = 32

/** Origin of a host's log: whoever pins the genesis knows it. @param genesisDigest hex */
export function logOrigin(genesisDigest: string): string {
  return `wasmclave/log/${genesisDigest.slice(0, ORIGIN_DIGITS)}`
}

/** @param key its name is the log's origin. @throws RefusedError ERR_LOG_NOTE, ERR_LOG_SIGNATURE, ERR_LOG_CHECKPOINT */
export function openCheckpoint(sha256: Sha256, verify: VerifyEd25519, bytes: Uint8Array, key: NoteKey): Checkpoint {
  const checkpoint = parseCheckpoint(openNote(sha256, verify, bytes, key).text)
  if (checkpoint.origin !== key.name)
    throw malformed(`the checkpoint is of ${checkpoint.origin}, asked for was ${key.name}`)
  return checkpoint
}

/** The three lines; extensions behind them are allowed and mean nothing here. @throws RefusedError ERR_LOG_CHECKPOINT */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin, size, root, ...more] = text.split('\n')
  if (origin === undefined || origin === '' || size === undefined || root === undefined || more.pop() !== '')
    throw malformed('a checkpoint has an origin, a size and a root, a line each')
  if (more.includes('')) throw malformed('an extension line is empty')
  if (!/^(0|[1-9][0-9]{0,19})$/.test(size) || BigInt(size) > MAX_SIZE)
    throw malformed(`${size.slice(0, 40)} is no size`)
  const hash = fromBase64(root)
  if (hash?.length !== HASH_BYTES) throw malformed('the root is not 32 bytes in base64')
  return { origin, size: BigInt(size), root: hash }
}

export function signCheckpoint(
  sha256: Sha256,
  key: NoteKey,
  { size, root }: Pick<Checkpoint, 'size' | 'root'>,
  sign: (message: Uint8Array) => Uint8Array,
): Uint8Array {
  return signNote(sha256, key, `${key.name}\n${size}\n${toBase64(root)}\n`, sign)
}

function malformed(message: string): RefusedError {
  return new RefusedError('ERR_LOG_CHECKPOINT', message)
}
