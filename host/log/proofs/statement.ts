/**
 * What the log says to one reader, now (PROTOCOLS.md 7): signed over the reader's own nonce, so that a parent that withholds the newest
 * cannot pass off an older one. It says how many entries there are of a subject; the entries themselves prove the rest.
 */
import { RefusedError } from '../../errors.ts'
import { decodeCanonicalJson, encodeCanonicalJson, type Json } from '../../wire/canonical-json.ts'
import type { VerifyEd25519 } from './note.ts'

const LABEL = new TextEncoder().encode('wasmclave/log-statement\0')

export type Statement = {
  version: 1
  /** The reader's 32 bytes, hex. */
  nonce: string
  /** Numbers 0 to below these exist. */
  subject: string
  subjectEntries: number
  hostEntries: number
  /** The signed note that covers them. */
  checkpoint: string
  /** What the host says of itself, where that was asked. */
  health: Json
}

export function statementSigningInput(bytes: Uint8Array): Uint8Array {
  const input = new Uint8Array(LABEL.length + bytes.length)
  input.set(LABEL)
  input.set(bytes, LABEL.length)
  return input
}

export function encodeStatement(statement: Statement): Uint8Array {
  return encodeCanonicalJson(statement)
}

/** @param publicKey the log's, 32 bytes. @throws RefusedError ERR_LOG_SIGNATURE, ERR_LOG_STATEMENT */
export function openStatement(
  verify: VerifyEd25519,
  publicKey: Uint8Array,
  bytes: Uint8Array,
  signature: Uint8Array,
  asked: { nonce: string; subject: string },
): Statement {
  if (signature.length !== 64 || !verify(publicKey, statementSigningInput(bytes), signature))
    throw new RefusedError('ERR_LOG_SIGNATURE', 'the signature of the log over its statement does not verify')
  const value = decodeCanonicalJson(bytes) as Partial<Statement> | null
  const whole = (count: unknown) => Number.isSafeInteger(count) && (count as number) >= 0
  if (value?.version !== 1 || !whole(value.subjectEntries) || !whole(value.hostEntries))
    throw new RefusedError('ERR_LOG_STATEMENT', 'no statement of version 1')
  if (typeof value.checkpoint !== 'string') throw new RefusedError('ERR_LOG_STATEMENT', 'a statement has a checkpoint')
  if (value.nonce !== asked.nonce || value.subject !== asked.subject)
    throw new RefusedError(
      'ERR_LOG_STATEMENT',
      `the statement is on ${value.subject} for nonce ${value.nonce}, asked was ${asked.subject} with ${asked.nonce}`,
    )
  return value as Statement
}
