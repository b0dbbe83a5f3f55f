/**
 * The encryption context: what was said to be true when something was encrypted, and must be said again to open it. Authenticated, not
 * secret: it stands in the audit log. Pairs are sorted by the bytes of their keys, each text behind its length, so that no two contexts
 * have one encoding.
 */
import { constraint, Fault } from '../fault.ts'
import type { Input } from '../input.ts'
import { MAX_ENCRYPTION_CONTEXT } from '../limits.ts'

export type EncryptionContext = [key: string, value: string][]

/** @throws Fault SerializationException, ValidationException */
export function readContext(input: Input, name = 'EncryptionContext'): EncryptionContext {
  const context = input.texts(name)
  const total = context.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0)
  if (total > MAX_ENCRYPTION_CONTEXT)
    throw constraint(name, `keys and values together have at most ${MAX_ENCRYPTION_CONTEXT} bytes`, `${total} bytes`)
  // A lone surrogate has no bytes of its own: it would encode as another character does.
  for (const text of context.flat())
    if (!text.isWellFormed()) throw new Fault('ValidationException', `${name} has text that is not Unicode`)
  return context
}

export function encodeContext(context: EncryptionContext): Buffer {
  const pairs = context.map(([key, value]) => [Buffer.from(key), Buffer.from(value)] as const)
  pairs.sort(([a], [b]) => Buffer.compare(a, b))
  return Buffer.concat(pairs.flatMap(([key, value]) => [length(key), key, length(value), value]))
}

function length(bytes: Uint8Array): Buffer {
  const out = Buffer.alloc(4)
  out.writeUInt32BE(bytes.length)
  return out
}
