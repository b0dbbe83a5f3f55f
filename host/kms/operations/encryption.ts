/** Encrypt, Decrypt, ReEncrypt. */
import { constants, createPublicKey, privateDecrypt, publicEncrypt } from 'node:crypto'
import { type Call, type Conditions, contextConditions } from '../call.ts'
import { openBlob, readBlob, sealBlob } from '../crypto/blob.ts'
import { type EncryptionContext, readContext } from '../crypto/encryption-context.ts'
import { Fault, invalidCiphertext } from '../fault.ts'
import type { Key } from '../keys/key-store.ts'
import {
  algorithmsOf,
  ENCRYPTION_ALGORITHMS,
  type EncryptionAlgorithm,
  privateKeyOf,
  SPECS,
  type SpecFacts,
} from '../keys/spec.ts'
import { MAX_CIPHERTEXT, MAX_PLAINTEXT } from '../limits.ts'
import { currentMaterial, type Output } from '../metadata.ts'
import { changes, reads } from './operation.ts'

type Terms = { algorithm: EncryptionAlgorithm; context: EncryptionContext }

function encrypt(call: Call): Output {
  const terms = readTerms(call, '')
  const plaintext = call.input.blob('Plaintext', { min: 1, max: MAX_PLAINTEXT })
  const key = call.key()
  call.authorize(key, conditions(terms))
  requireFit(call, key, terms)
  call.endDryRun()
  const ciphertext = seal(call, key, terms, plaintext)
  plaintext.fill(0)
  return {
    CiphertextBlob: ciphertext.toString('base64'),
    KeyId: call.arn(key),
    EncryptionAlgorithm: terms.algorithm,
  }
}

async function decrypt(call: Call): Promise<Output> {
  const terms = readTerms(call, '')
  const blob = call.input.blob('CiphertextBlob', { min: 1, max: MAX_CIPHERTEXT })
  await call.readRecipient()
  const key = keyOfBlob(call, blob, terms, 'KeyId')
  call.authorize(key, conditions(terms))
  requireFit(call, key, terms)
  call.endDryRun()
  const { plaintext, materialId } = open(key, terms, blob)
  return {
    KeyId: call.arn(key),
    ...call.release('Plaintext', plaintext),
    EncryptionAlgorithm: terms.algorithm,
    ...(materialId !== undefined && { KeyMaterialId: materialId }),
  }
}

// Two permissions, each on its own key and with its own context.
function reEncrypt(call: Call): Output {
  const from = readTerms(call, 'Source')
  const to = readTerms(call, 'Destination')
  const blob = call.input.blob('CiphertextBlob', { min: 1, max: MAX_CIPHERTEXT })
  const source = keyOfBlob(call, blob, from, 'SourceKeyId')
  const destination = call.key('DestinationKeyId')
  const same = { 'kms:ReEncryptOnSameKey': [String(source.keyId === destination.keyId)] }
  call.authorize(source, { ...conditions(from), ...same }, 'ReEncryptFrom')
  call.authorize(destination, { ...conditions(to), ...same }, 'ReEncryptTo')
  requireFit(call, source, from)
  requireFit(call, destination, to)
  call.endDryRun()
  const { plaintext, materialId } = open(source, from, blob)
  const ciphertext = seal(call, destination, to, plaintext)
  plaintext.fill(0)
  return {
    CiphertextBlob: ciphertext.toString('base64'),
    SourceKeyId: call.arn(source),
    KeyId: call.arn(destination),
    SourceEncryptionAlgorithm: from.algorithm,
    DestinationEncryptionAlgorithm: to.algorithm,
    ...(materialId !== undefined && { SourceKeyMaterialId: materialId }),
    ...(to.algorithm === 'SYMMETRIC_DEFAULT' && { DestinationKeyMaterialId: currentMaterial(destination).id }),
  }
}

function readTerms({ input }: Call, side: '' | 'Source' | 'Destination'): Terms {
  const algorithm = input.optionalChoice(`${side}EncryptionAlgorithm`, ENCRYPTION_ALGORITHMS) ?? 'SYMMETRIC_DEFAULT'
  const context = readContext(input, `${side}EncryptionContext`)
  if (algorithm !== 'SYMMETRIC_DEFAULT' && context.length > 0)
    throw new Fault(
      'ValidationException',
      `${side}EncryptionContext goes with symmetric keys only, not with ${algorithm}`,
    )
  return { algorithm, context }
}

function conditions({ algorithm, context }: Terms): Conditions {
  return { 'kms:EncryptionAlgorithm': [algorithm], ...contextConditions(context) }
}

/** A symmetric blob names its key; a KeyId beside it must name the same. An RSA one needs to be told. */
function keyOfBlob(call: Call, blob: Uint8Array, { algorithm }: Terms, field: 'KeyId' | 'SourceKeyId'): Key {
  const named = call.input.has(field) ? call.key(field) : undefined
  if (algorithm !== 'SYMMETRIC_DEFAULT') {
    if (named === undefined) throw new Fault('ValidationException', `${field} is required with ${algorithm}`)
    return named
  }
  // A key of another kind is told as such, before its ciphertext is taken for a symmetric one.
  if (named !== undefined && named.spec !== 'SYMMETRIC_DEFAULT') return named
  const { keyId } = readBlob(blob)
  if (named !== undefined && named.keyId !== keyId)
    throw new Fault(
      'IncorrectKeyException',
      'The key ID in the request does not identify a CMK that can perform this operation.',
    )
  if (call.find(keyId) === undefined)
    throw new Fault(
      'AccessDeniedException',
      'The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.',
    )
  return call.keyById(keyId)
}

function requireFit(call: Call, key: Key, { algorithm }: Terms): void {
  call.requireUsable(key, 'ENCRYPT_DECRYPT')
  if (!algorithmsOf(key.spec, key.usage).EncryptionAlgorithms?.includes(algorithm))
    throw new Fault('InvalidKeyUsageException', `Algorithm ${algorithm} is incompatible with key spec ${key.spec}.`)
}

function seal(call: Call, key: Key, { algorithm, context }: Terms, plaintext: Uint8Array): Buffer {
  const material = currentMaterial(key)
  if (algorithm === 'SYMMETRIC_DEFAULT') return sealBlob(key.keyId, material, context, plaintext)
  // RFC 8017 7.1.1: k - 2·hLen - 2
  const bits = (SPECS[key.spec] as SpecFacts & { bits: number }).bits
  const max = bits / 8 - 2 * (algorithm === 'RSAES_OAEP_SHA_1' ? 20 : 32) - 2
  if (plaintext.length > max)
    throw new Fault(
      'ValidationException',
      `Algorithm ${algorithm} and key spec ${key.spec} cannot encrypt data larger than ${max} bytes: ${call.operation} got ${plaintext.length}.`,
    )
  return publicEncrypt({ key: createPublicKey(privateKeyOf(material.secret)), ...oaep(algorithm) }, plaintext)
}

function open(key: Key, { algorithm, context }: Terms, blob: Uint8Array): { plaintext: Buffer; materialId?: string } {
  if (algorithm === 'SYMMETRIC_DEFAULT') {
    const { materialId } = readBlob(blob)
    const material = key.materials.find(({ id }) => id === materialId)
    if (material === undefined) throw invalidCiphertext()
    return { plaintext: openBlob(blob, material, context), materialId }
  }
  try {
    const secret = currentMaterial(key).secret
    return { plaintext: privateDecrypt({ key: privateKeyOf(secret), ...oaep(algorithm) }, blob) }
  } catch {
    throw invalidCiphertext()
  }
}

function oaep(algorithm: EncryptionAlgorithm): { padding: number; oaepHash: string } {
  return {
    padding: constants.RSA_PKCS1_OAEP_PADDING,
    oaepHash: algorithm === 'RSAES_OAEP_SHA_1' ? 'sha1' : 'sha256',
  }
}

export const encryptionOperations = {
  Decrypt: reads(decrypt),
  Encrypt: reads(encrypt),
  ReEncrypt: changes(reEncrypt),
}
