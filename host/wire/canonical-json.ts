/**
 * Canonical JSON (RFC 8785): what is signed and hashed as text. The reader accepts only bytes that it would write itself,
 * so that a hash over the bytes is a hash over the meaning.
 */
import canonicalize from 'canonicalize'
import { RefusedError, UsageError } from '../errors.ts'

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

/** Deeper than anything that is written here; both parser and writer would take a frame of the stack for each level. */
const MAX_DEPTH = 64

const QUOTE = 0x22
const BACKSLASH = 0x5c
const BRACKET = 0x5b // and ] is two above it, as } is above {
const BRACE = 0x7b

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
    if (isDeep(text)) throw new RangeError(`nested more than ${MAX_DEPTH} deep`)
    value = JSON.parse(text) as Json
  } catch (error) {
    throw new RefusedError('ERR_JSON_SYNTAX', `not JSON: ${(error as Error).message}`, { cause: error })
  }
  if ((canonicalize as unknown as (value: unknown) => string)(value) !== text)
    throw new RefusedError('ERR_JSON_CANONICAL', 'JSON, but not in the canonical form of RFC 8785')
  return value
}

// Brackets outside of strings, before anything recurses. What is no JSON at all is the parser's to refuse.
function isDeep(text: string): boolean {
  let depth = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at)
    if (inString) {
      if (c === BACKSLASH) at++
      else if (c === QUOTE) inString = false
    } else if (c === QUOTE) inString = true
    else if (c === BRACKET || c === BRACE) {
      if (++depth > MAX_DEPTH) return true
    } else if (c === BRACKET + 2 || c === BRACE + 2) depth--
  }
  return false
}
