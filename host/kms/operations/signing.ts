/** Sign, Verify, GenerateMac, VerifyMac, GetPublicKey. */
import { createHmac, createPublicKey, timingSafeEqual } from 'node:crypto'
import type { Call } from '../call.ts'
import { holdsSignature, makeSignature, type Signed } from '../crypto/signing.ts'
import { Fault } from '../fault.ts'
import type { Key } from '../keys/key-store.ts'
import { algorithmsOf, MAC_ALGORITHMS, privateKeyOf, SIGNING_ALGORITHMS, SPECS, type SpecFacts } from '../keys/spec.ts'
import { MAX_CIPHERTEXT, MAX_MESSAGE } from '../limits.ts'
import { currentMaterial, type Output } from '../metadata.ts'
import { reads } from './operation.ts'

const MESSAGE_TYPES = ['RAW', 'DIGEST'] as const

function sign(call: Call): Output {
  const { key, signed } = readSigned(call)
  call.endDryRun()
  const signature = makeSignature(key.spec, privateKeyOf(currentMaterial(key).secret), signed)
  return { KeyId: call.arn(key), Signature: signature.toString('base64'), SigningAlgorithm: signed.algorithm }
}

function verify(call: Call): Output {
  const signature = call.input.blob('Signature', { min: 1, max: MAX_CIPHERTEXT })
  const { key, signed } = readSigned(call)
  call.endDryRun()
  if (!holdsSignature(key.spec, privateKeyOf(currentMaterial(key).secret), signed, signature))
    throw new Fault('KMSInvalidSignatureException', 'the signature does not verify')
  return { KeyId: call.arn(key), SignatureValid: true, SigningAlgorithm: signed.algorithm }
}

function readSigned(call: Call): { key: Key; signed: Signed } {
  const { input } = call
  const message = input.blob('Message', { min: 1, max: MAX_MESSAGE })
  const type = input.optionalChoice('MessageType', MESSAGE_TYPES) ?? 'RAW'
  const algorithm = input.choice('SigningAlgorithm', SIGNING_ALGORITHMS)
  const key = call.key()
  call.authorize(key, { 'kms:SigningAlgorithm': [algorithm], 'kms:MessageType': [type] })
  call.requireUsable(key, 'SIGN_VERIFY')
  requireAlgorithm(key, algorithm, 'SigningAlgorithms')
  return { key, signed: { algorithm, message, isDigest: type === 'DIGEST' } }
}

function generateMac(call: Call): Output {
  const { key, algorithm, message } = readMac(call)
  call.endDryRun()
  return { Mac: mac(key, message).toString('base64'), MacAlgorithm: algorithm, KeyId: call.arn(key) }
}

function verifyMac(call: Call): Output {
  const given = call.input.blob('Mac', { min: 1, max: MAX_CIPHERTEXT })
  const { key, algorithm, message } = readMac(call)
  call.endDryRun()
  const expected = mac(key, message)
  // CT: the length is the algorithm's, and public.
  if (given.length !== expected.length || !timingSafeEqual(given, expected))
    throw new Fault('KMSInvalidMacException', 'the MAC does not verify')
  return { KeyId: call.arn(key), MacValid: true, MacAlgorithm: algorithm }
}

function readMac(call: Call): { key: Key; algorithm: string; message: Buffer } {
  const message = call.input.blob('Message', { min: 1, max: MAX_MESSAGE })
  const algorithm = call.input.choice('MacAlgorithm', MAC_ALGORITHMS)
  const key = call.key()
  call.authorize(key, { 'kms:MacAlgorithm': [algorithm] })
  call.requireUsable(key, 'GENERATE_VERIFY_MAC')
  requireAlgorithm(key, algorithm, 'MacAlgorithms')
  return { key, algorithm, message }
}

function mac(key: Key, message: Uint8Array): Buffer {
  const { hash } = SPECS[key.spec] as SpecFacts & { hash: string }
  return createHmac(hash, currentMaterial(key).secret).update(message).digest()
}

function getPublicKey(call: Call): Output {
  const key = call.key()
  call.authorize(key)
  call.requireUsable(key)
  const { kind } = SPECS[key.spec]
  if (kind !== 'rsa' && kind !== 'ec')
    throw new Fault('UnsupportedOperationException', `${call.arn(key)} is of ${key.spec}, which has no public key.`)
  const publicKey = createPublicKey(privateKeyOf(currentMaterial(key).secret)).export({ format: 'der', type: 'spki' })
  return {
    KeyId: call.arn(key),
    PublicKey: publicKey.toString('base64'),
    CustomerMasterKeySpec: key.spec,
    KeySpec: key.spec,
    KeyUsage: key.usage,
    ...algorithmsOf(key.spec, key.usage),
  }
}

function requireAlgorithm(key: Key, algorithm: string, list: string): void {
  if (!algorithmsOf(key.spec, key.usage)[list]?.includes(algorithm))
    throw new Fault('InvalidKeyUsageException', `Algorithm ${algorithm} is incompatible with key spec ${key.spec}.`)
}

export const signingOperations = {
  GenerateMac: reads(generateMac),
  GetPublicKey: reads(getPublicKey),
  Sign: reads(sign),
  Verify: reads(verify),
  VerifyMac: reads(verifyMac),
}
