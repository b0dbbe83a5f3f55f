/** Sign and Verify by AWS's algorithm names, over a message or over the digest of one. */
import { constants, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { Fault } from '../fault.ts'
import { type KeySpec, type SigningAlgorithm, SPECS, type SpecFacts } from '../keys/spec.ts'
import { signDigest, verifyDigest } from './ecdsa-digest.ts'
import { signPkcs1Digest, signPssDigest, verifyPkcs1Digest, verifyPssDigest } from './rsa-digest.ts'

export type Signed = { algorithm: SigningAlgorithm; message: Uint8Array; isDigest: boolean }

const DIGEST_BYTES: Record<string, number> = { sha256: 32, sha384: 48, sha512: 64 }

/** @throws Fault ValidationException */
export function makeSignature(spec: KeySpec, key: KeyObject, signed: Signed): Buffer {
  const { hash, scheme } = parse(signed)
  const { message } = signed
  if (!signed.isDigest) return sign(hash, message, { key, ...padding(scheme) })
  if (scheme === 'ECDSA') return signDigest(message, key, curveOf(spec))
  return scheme === 'PSS' ? signPssDigest(hash, message, key) : signPkcs1Digest(hash, message, key)
}

/** @throws Fault ValidationException */
export function holdsSignature(spec: KeySpec, key: KeyObject, signed: Signed, signature: Uint8Array): boolean {
  const { hash, scheme } = parse(signed)
  const { message } = signed
  const publicKey = createPublicKey(key)
  if (!signed.isDigest) return verify(hash, message, { key: publicKey, ...padding(scheme) }, signature)
  if (scheme === 'ECDSA') return verifyDigest(message, signature, publicKey, curveOf(spec))
  return scheme === 'PSS'
    ? verifyPssDigest(hash, message, signature, publicKey)
    : verifyPkcs1Digest(hash, message, signature, publicKey)
}

function parse({ algorithm, message, isDigest }: Signed): { hash: string; scheme: 'ECDSA' | 'PSS' | 'PKCS1' } {
  const hash = `sha${algorithm.slice(-3)}`
  if (isDigest && message.length !== DIGEST_BYTES[hash])
    throw new Fault(
      'ValidationException',
      `Digest is invalid length for algorithm ${algorithm}: ${message.length} bytes, expected ${DIGEST_BYTES[hash]}.`,
    )
  const scheme = algorithm.startsWith('ECDSA') ? 'ECDSA' : algorithm.startsWith('RSASSA_PSS') ? 'PSS' : 'PKCS1'
  return { hash, scheme }
}

function padding(scheme: string): { padding?: number; saltLength?: number } {
  if (scheme === 'PSS')
    return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  return scheme === 'PKCS1' ? { padding: constants.RSA_PKCS1_PADDING } : {}
}

function curveOf(spec: KeySpec): string {
  const facts: SpecFacts = SPECS[spec]
  return facts.kind === 'ec' ? facts.curve : ''
}
