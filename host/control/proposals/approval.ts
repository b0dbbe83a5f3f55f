/**
 * An approval (PROTOCOLS.md 7): an approver's signature over one proposal and everything that it would do. It fits no other proposal, host,
 * payload, policy or expiry, and no other kind of object that this project signs.
 */
import { createHash, type KeyObject, sign, verify } from 'node:crypto'
import { encodeCanonicalJson, type Json } from '../../wire/canonical-json.ts'
import { publicKeyFromRaw } from '../keys.ts'
import type { GuardedAction } from '../policy/guards.ts'

const LABEL = new TextEncoder().encode('wasmclave/approval\0')

/** What is approved, but for the payload, which is hashed into it. */
export type Matter = {
  /** The proposal: SHA-256 of the request that made it, hex. */
  id: string
  audience: { genesis: string; host: string }
  action: GuardedAction
  /** The policy that the proposal was made under: SHA-384, hex. */
  policy: string
  expiresMs: number
}

/** SHA-384 of the payload's canonical bytes, hex. */
export function payloadDigest(payload: Json): string {
  return createHash('sha384').update(encodeCanonicalJson(payload)).digest('hex')
}

/** label ‖ SHA-384(canonical JSON of the matter and the payload's digest). */
export function approvalSigningInput(matter: Matter, digest: string): Uint8Array {
  const { id, audience, action, policy, expiresMs } = matter
  const statement = encodeCanonicalJson({ proposal: id, audience, action, payload: digest, policy, expiresMs })
  return Buffer.concat([LABEL, createHash('sha384').update(statement).digest()])
}

export function signApproval(matter: Matter, payload: Json, key: KeyObject): Uint8Array {
  return new Uint8Array(sign(null, approvalSigningInput(matter, payloadDigest(payload)), key))
}

/** @param keyHex Ed25519 public key, 32 bytes, hex */
export function verifiesApproval(matter: Matter, digest: string, keyHex: string, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false
  return verify(null, approvalSigningInput(matter, digest), publicKeyFromRaw(Buffer.from(keyHex, 'hex')), signature)
}
