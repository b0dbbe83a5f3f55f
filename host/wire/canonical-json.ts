/**
 * Canonical JSON (RFC 8785): what is signed and hashed as text. The reader accepts only bytes that it would write itself,
 * so that a hash over the bytes is a hash over the meaning.
 */
import canonicalize from 'canonicalize'
import { RefusedError, UsageError } from '../errors.ts'

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function encodeCanonicalJson(value: Json): Uint8Array {
  const text = (canonicalize as unknown as (value: unknown) => string | undefined)(value)
  if (text === undefined) throw new UsageError('ERR_JSON_VALUE', 'this value has no JSON form')
  return encoder.encode(text)
}

/** @throws RefusedError ERR_JSON_SYNTAX (no JSON), ERR_JSON_CANONICAL (JSON, but not the canonical bytes) */
export function decodeCanonicalJson(bytes: Uint8Array): Json {
  let text: string
  let value: Json
  try {
    text = decoder.decode(bytes)
    value = JSON.parse(text) as Json
  } catch (error) {
    throw new RefusedError('ERR_JSON_SYNTAX', `not JSON: ${(error as Error).message}`, { cause: error })
  }
  if ((canonicalize as unknown as (value: unknown) => string)(value) !== text)
    throw new RefusedError('ERR_JSON_CANONICAL', 'JSON, but not in the canonical form of RFC 8785')
  return value
}
