/**
 * Signed notes, C2SP signed-note: text, an empty line, and lines `— NAME BASE64(key id ‖ signature)`. Ed25519 (signature type 1) is
 * what is signed and verified here; lines of other keys, such as witnesses', are kept and judged by those who know them.
 */
import { RefusedError, UsageError } from '../../errors.ts'
import type { Sha256 } from './hash.ts'
import { same } from './merkle.ts'

export type Note = { text: string; signatures: { name: string; keyId: Uint8Array; signature: Uint8Array }[] }
/** A key that notes are verified with. `publicKey`: 32 bytes. */
export type NoteKey = { name: string; publicKey: Uint8Array }
/** RFC 8032; true only for a valid signature. */
export type VerifyEd25519 = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean

const ED25519 = 0x01
const KEY_ID_BYTES = 4
const SIGNATURE_BYTES = 64
const MAX_NOTE_BYTES = 1_000_000
const MAX_SIGNATURES = 100
const NAME = /^[^\s+]{1,255}$/u
const SIGNATURE_LINE = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Shape only. @throws RefusedError ERR_LOG_NOTE */
export function parseNote(bytes: Uint8Array): Note {
  if (bytes.length > MAX_NOTE_BYTES) throw malformed(`${bytes.length} bytes, a note has at most ${MAX_NOTE_BYTES}`)
  let note: string
  try {
    note = decoder.decode(bytes)
  } catch {
    throw malformed('a note is UTF-8')
  }
  for (const character of note)
    if (character < ' ' && character !== '\n') throw malformed('a note has no control character but the newline')
  const split = note.lastIndexOf('\n\n')
  if (split < 0 || !note.endsWith('\n')) throw malformed('a note has an empty line before its signatures')
  const lines = note.slice(split + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) throw malformed(`${lines.length} signatures, a note has at most ${MAX_SIGNATURES}`)
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignature) }
}

/** The note's text, signed by this key. @throws RefusedError ERR_LOG_NOTE, ERR_LOG_SIGNATURE */
export function openNote(sha256: Sha256, verify: VerifyEd25519, bytes: Uint8Array, key: NoteKey): Note {
  const note = parseNote(bytes)
  const id = noteKeyId(sha256, key)
  const own = note.signatures.filter((line) => line.name === key.name && same(line.keyId, id))
  if (own.length === 0) throw new RefusedError('ERR_LOG_SIGNATURE', `the note is not signed by ${key.name}`)
  if (own.length > 1) throw malformed(`${key.name} has signed twice`)
  const [{ signature }] = own as [Note['signatures'][number]]
  if (signature.length !== SIGNATURE_BYTES || !verify(key.publicKey, encoder.encode(note.text), signature))
    throw new RefusedError('ERR_LOG_SIGNATURE', `the signature of ${key.name} does not verify`)
  return note
}

/** @param sign Ed25519 over the text's bytes. @throws UsageError ERR_LOG_NOTE_TEXT */
export function signNote(
  sha256: Sha256,
  key: NoteKey,
  text: string,
  sign: (message: Uint8Array) => Uint8Array,
): Uint8Array {
  if (!NAME.test(key.name)) throw new UsageError('ERR_LOG_NOTE_TEXT', `${key.name} is no name of a key`)
  if (!text.endsWith('\n') || text.includes('\n\n'))
    throw new UsageError('ERR_LOG_NOTE_TEXT', 'a note ends in a newline and has no empty line')
  const id = noteKeyId(sha256, key)
  const signature = sign(encoder.encode(text))
  const line = new Uint8Array(KEY_ID_BYTES + signature.length)
  line.set(id)
  line.set(signature, KEY_ID_BYTES)
  return encoder.encode(`${text}\n\u2014 ${key.name} ${toBase64(line)}\n`)
}

/** First four bytes of SHA-256(name ‖ newline ‖ type ‖ key). */
export function noteKeyId(sha256: Sha256, key: NoteKey): Uint8Array {
  const name = encoder.encode(key.name)
  const input = new Uint8Array(name.length + 2 + key.publicKey.length)
  input.set(name)
  input[name.length] = 0x0a
  input[name.length + 1] = ED25519
  input.set(key.publicKey, name.length + 2)
  return sha256(input).slice(0, KEY_ID_BYTES)
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}

/** Strict: padded, no characters between, no stray bits. Undefined for anything else. */
export function fromBase64(text: string): Uint8Array | undefined {
  let binary: string
  try {
    binary = atob(text)
  } catch {
    return undefined
  }
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0))
  return toBase64(bytes) === text ? bytes : undefined
}

function parseSignature(line: string): Note['signatures'][number] {
  const match = SIGNATURE_LINE.exec(line)
  const bytes = match === null ? undefined : fromBase64(match[2] as string)
  if (bytes === undefined || bytes.length <= KEY_ID_BYTES) throw malformed('a signature line is no "— NAME BASE64"')
  return {
    name: (match as RegExpExecArray)[1] as string,
    keyId: bytes.slice(0, KEY_ID_BYTES),
    signature: bytes.slice(KEY_ID_BYTES),
  }
}

function malformed(message: string): RefusedError {
  return new RefusedError('ERR_LOG_NOTE', message)
}
