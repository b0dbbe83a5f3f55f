/**
 * What an admin request is answered with (PROTOCOLS.md 7): the answer, and the log's entry that holds its digest, with the proof that the
 * entry is in the log. Shapes alone: a client believes an answer after host/client/log/answer.ts has verified it.
 */
import { RefusedError } from '../errors.ts'
import { encodeCanonicalJson, type Json } from './canonical-json.ts'

export type Answered = { result: Json } | { error: { code: string; message: string } }

export type LogProof = {
  /** The entry's bytes, base64. */
  entry: string
  index: number
  /** Inclusion of the entry in the tree of `checkpoint`, base64. */
  inclusion: string[]
  /** A signed note. */
  checkpoint: string
  /** From the size that the client named to `checkpoint`'s, base64; null where it named none, or the log has not come so far. */
  consistency: string[] | null
}

/** JSON-RPC 2.0 section 5, with the proof inside. An error without one was refused before anything was logged. */
export type AdminAnswer =
  | { result: { value: Json; proof: LogProof } }
  | { error: { code: number; message: string; data: { code: string; proof?: LogProof } } }

/** What an entry's `answer` is the SHA-256 of. */
export function answeredBytes(answered: Answered): Uint8Array {
  return encodeCanonicalJson(answered)
}

/** JSON-RPC 2.0 leaves -32000 to servers. */
const SERVER_ERROR = -32000
const MAX_HASHES = 64

export function encodeAnswer(answered: Answered, proof: LogProof | undefined): AdminAnswer {
  if ('result' in answered) {
    if (proof === undefined) throw new RangeError('a result without its proof')
    return { result: { value: answered.result, proof } }
  }
  const { code, message } = answered.error
  return { error: { code: SERVER_ERROR, message, data: { code, ...(proof !== undefined && { proof }) } } }
}

/** Shape only, of what came through the parent. @throws RefusedError ERR_ADMIN_ANSWER */
export function parseAnswer(value: unknown): { answered: Answered; proof: LogProof | undefined } {
  const message = object(value)
  if (message.error !== undefined) {
    const error = object(message.error)
    const data = object(error.data)
    if (typeof error.message !== 'string' || typeof data.code !== 'string' || !/^ERR_[A-Z0-9_]{1,60}$/.test(data.code))
      throw odd('an error has a message and a code')
    return {
      answered: { error: { code: data.code, message: error.message } },
      proof: data.proof === undefined ? undefined : parseProof(data.proof),
    }
  }
  const result = object(message.result)
  if (!Object.hasOwn(result, 'value')) throw odd('a result has a value')
  return { answered: { result: result.value as Json }, proof: parseProof(result.proof) }
}

/** @throws RefusedError ERR_ADMIN_ANSWER */
export function parseProof(value: unknown): LogProof {
  const proof = object(value)
  if (typeof proof.entry !== 'string' || !Number.isSafeInteger(proof.index) || typeof proof.checkpoint !== 'string')
    throw odd('a proof has an entry, its index and a checkpoint')
  return {
    entry: proof.entry,
    index: proof.index as number,
    inclusion: hashes(proof.inclusion),
    checkpoint: proof.checkpoint,
    consistency: proof.consistency === null ? null : hashes(proof.consistency),
  }
}

export function object(value: unknown): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw odd('an object is due')
  return value as Record<string, unknown>
}

export function hashes(value: unknown): string[] {
  if (!Array.isArray(value) || value.length > MAX_HASHES || !value.every((hash) => typeof hash === 'string'))
    throw odd(`a proof has at most ${MAX_HASHES} hashes`)
  return value as string[]
}

function odd(message: string): RefusedError {
  return new RefusedError('ERR_ADMIN_ANSWER', `the answer is none: ${message}`)
}
