/** What each hash of the handshake covers (PROTOCOLS.md 4). H is SHA-384; lp(x) = u32 big-endian length ‖ x; labels end in a NUL. */
import type { Core } from '../core/index.ts'

const encoder = new TextEncoder()

export function concat(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

export function lengthPrefixed(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + bytes.length)
  new DataView(out.buffer).setUint32(0, bytes.length)
  out.set(bytes, 4)
  return out
}

export const label = (text: string): Uint8Array => encoder.encode(`${text}\0`)

export function helloTranscript(core: Core, m1: Uint8Array, b2: Uint8Array): Uint8Array {
  return core.sha384(concat(lengthPrefixed(label('wasmclave/1 hello')), lengthPrefixed(m1), lengthPrefixed(b2)))
}

export function evidenceTranscript(core: Core, t1: Uint8Array, document: Uint8Array): Uint8Array {
  return core.sha384(concat(lengthPrefixed(label('wasmclave/1 evidence')), t1, lengthPrefixed(document)))
}

export function keysTranscript(core: Core, t2: Uint8Array, m3: Uint8Array): Uint8Array {
  return core.sha384(concat(lengthPrefixed(label('wasmclave/1 keys')), t2, lengthPrefixed(m3)))
}

/** What the client signs with its own key. */
export function clientSignatureInput(core: Core, t2: Uint8Array, enc: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const digest = core.sha384(concat(lengthPrefixed(t2), lengthPrefixed(enc), lengthPrefixed(publicKey)))
  return concat(label('wasmclave/1 client'), digest)
}
