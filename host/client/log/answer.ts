/**
 * An answer of the control plane, believed only as far as the log proves it: the entry names this request and the digest of this answer,
 * the checkpoint covers the entry, the log's key signed it, and it continues what the caller has seen before.
 */
import { RefusedError } from '../../errors.ts'
import { type Entry, parseEntry } from '../../log/proofs/entry.ts'
import { type Answered, answeredBytes, parseAnswer } from '../../wire/admin.ts'
import { checkIncluded, decodeBase64, follow, hexOf, type LogKey } from './checkpoints.ts'

/** `request`: SHA-256 of what was signed, hex. `kept`: the newest checkpoint that the caller has seen of this log. */
export type AskedRequest = { request: string; action: string; kept: Uint8Array | undefined }

/** `proven` is undefined for an error that nobody vouches for: the parent may have made it, or the request never counted. */
export type VerifiedAnswer = {
  answered: Answered
  proven: { entry: Entry; index: number; size: bigint; checkpoint: Uint8Array } | undefined
}

/**
 * @param message a JSON-RPC answer, parsed, as the parent sent it
 * @throws RefusedError ERR_ADMIN_ANSWER, ERR_LOG_*; ContradictionError ERR_LOG_ROLLBACK, ERR_LOG_CONSISTENCY
 */
export function verifyAnswer(log: LogKey, asked: AskedRequest, message: unknown): VerifiedAnswer {
  const { answered, proof } = parseAnswer(message)
  if (proof === undefined) return { answered, proven: undefined }
  const bytes = decodeBase64(proof.entry, 'ERR_ADMIN_ANSWER')
  const entry = parseEntry(bytes)
  if (entry.kind !== 'outcome' && entry.kind !== 'refused') throw odd(`the entry is of kind ${entry.kind}`)
  if (entry.request !== asked.request) throw odd(`the entry is on request ${entry.request}, made was ${asked.request}`)
  if (entry.kind === 'outcome' && entry.action !== asked.action)
    throw odd(`the entry is on ${entry.action}, asked for was ${asked.action}`)
  const code = 'error' in answered ? answered.error.code : null
  if (entry.code !== code) throw odd(`the entry says ${entry.code ?? 'done'}, the answer ${code ?? 'done'}`)
  const digest = hexOf(log.sha256(answeredBytes(answered)))
  if (entry.answer !== digest) throw odd(`the answer hashes to ${digest}, the entry says ${entry.answer}`)
  const checkpoint = follow(log, proof.checkpoint, asked.kept, proof.consistency)
  checkIncluded(log, checkpoint, proof.index, bytes, proof.inclusion)
  const note = new TextEncoder().encode(proof.checkpoint)
  return { answered, proven: { entry, index: proof.index, size: checkpoint.size, checkpoint: note } }
}

function odd(message: string): RefusedError {
  return new RefusedError('ERR_ADMIN_ANSWER', `the answer is not what the log says: ${message}`)
}
