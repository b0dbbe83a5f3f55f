/** What PCR17 says of the log: the launch's intent, and a checkpoint that covers it, under the key that the owner's grant names. */
import { RefusedError } from '../../errors.ts'
import { type Checkpoint, logOrigin, openCheckpoint } from '../../log/proofs/checkpoint.ts'
import type { AdmissionRecord, LaunchGrant } from '../../verifier/index.ts'
import type { LogKey } from './checkpoints.ts'

/**
 * @returns undefined where the grant names no log, as in development it may
 * @throws RefusedError ERR_EVIDENCE_LOG
 */
export function checkAdmissionLog(
  { logIndex, checkpoint }: AdmissionRecord,
  grant: Pick<LaunchGrant, 'logKey' | 'genesisDigest'>,
  crypto: Pick<LogKey, 'sha256' | 'verify'>,
): Checkpoint | undefined {
  if (grant.logKey === null) return undefined
  if (logIndex === null || checkpoint === null)
    throw refused(`the grant names log ${grant.logKey}, the admission record no entry of it`)
  let opened: Checkpoint
  try {
    opened = openCheckpoint(crypto.sha256, crypto.verify, new TextEncoder().encode(checkpoint), noteKeyOf(grant))
  } catch (error) {
    throw refused(`its checkpoint is none of log ${grant.logKey}: ${(error as Error).message}`)
  }
  if (BigInt(logIndex) >= opened.size)
    throw refused(`entry ${logIndex} is not among the ${opened.size} of its checkpoint`)
  return opened
}

/** The log of a grant whose `logKey` is not null. */
export function noteKeyOf(grant: Pick<LaunchGrant, 'logKey' | 'genesisDigest'>): Pick<LogKey, 'name' | 'publicKey'> {
  const hex = grant.logKey as string
  const publicKey = Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16))
  return { name: logOrigin(grant.genesisDigest), publicKey }
}

function refused(message: string): RefusedError {
  return new RefusedError('ERR_EVIDENCE_LOG', `the launch is not shown to be in the log: ${message}`)
}
