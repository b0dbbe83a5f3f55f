/** Ed25519 keys (RFC 8032) of owners, operators and approvers: raw form, PEM and RFC 7638 thumbprint. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { UsageError } from '../errors.ts'

/** SubjectPublicKeyInfo of Ed25519 up to the key itself, RFC 8410 section 4. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** The 32 bytes of a public key, or of a private key's public half. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  if (key.asymmetricKeyType !== 'ed25519')
    throw new UsageError('ERR_KEY_TYPE', `expected an Ed25519 key, got ${key.asymmetricKeyType}`)
  const spki = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'der', type: 'spki' })
  return new Uint8Array(spki.subarray(SPKI_PREFIX.length))
}

export function publicKeyFromRaw(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' })
}

/** RFC 7638 thumbprint of the key as a JWK (RFC 8037 section 2), base64url of SHA-256. */
export function thumbprint(raw: Uint8Array): string {
  const x = Buffer.from(raw).toString('base64url')
  return createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest('base64url')
}
