/** DeriveSharedSecret: ECDH (SP 800-56A 5.7.1.2), the raw x, without a key derivation, as AWS gives it. */
import { createPublicKey, diffieHellman, type KeyObject } from 'node:crypto'
import type { Call } from '../call.ts'
import { Fault } from '../fault.ts'
import { privateKeyOf } from '../keys/spec.ts'
import { MAX_PUBLIC_KEY } from '../limits.ts'
import { currentMaterial, type Output } from '../metadata.ts'
import { reads } from './operation.ts'

async function deriveSharedSecret(call: Call): Promise<Output> {
  const algorithm = call.input.choice('KeyAgreementAlgorithm', ['ECDH'])
  const peer = call.input.blob('PublicKey', { min: 1, max: MAX_PUBLIC_KEY })
  await call.readRecipient()
  const key = call.key()
  call.authorize(key, { 'kms:KeyAgreementAlgorithm': [algorithm] })
  call.requireUsable(key, 'KEY_AGREEMENT')
  const secretKey = privateKeyOf(currentMaterial(key).secret)
  const publicKey = readPeer(peer, secretKey)
  call.endDryRun()
  const secret = diffieHellman({ privateKey: secretKey, publicKey })
  return {
    KeyId: call.arn(key),
    ...call.release('SharedSecret', secret),
    KeyAgreementAlgorithm: algorithm,
    KeyOrigin: 'AWS_KMS',
  }
}

// OpenSSL refuses points that are not on the curve when it parses them.
function readPeer(der: Buffer, own: KeyObject): KeyObject {
  const curve = own.asymmetricKeyDetails?.namedCurve
  let key: KeyObject
  try {
    key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  } catch {
    throw new Fault('ValidationException', 'PublicKey is no SubjectPublicKeyInfo in DER with a point on its curve')
  }
  const found = key.asymmetricKeyDetails?.namedCurve
  if (key.asymmetricKeyType !== 'ec' || found !== curve)
    throw new Fault('ValidationException', `PublicKey is on ${found ?? key.asymmetricKeyType}, the KMS key on ${curve}`)
  return key
}

export const agreementOperations = { DeriveSharedSecret: reads(deriveSharedSecret) }
