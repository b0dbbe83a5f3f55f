/** GenerateDataKey and GenerateDataKeyPair, with and without plaintext, and GenerateRandom. */
import { createPublicKey, randomBytes } from 'node:crypto'
import { type Call, type Conditions, contextConditions } from '../call.ts'
import { sealBlob } from '../crypto/blob.ts'
import { type EncryptionContext, readContext } from '../crypto/encryption-context.ts'
import { Fault } from '../fault.ts'
import type { Key } from '../keys/key-store.ts'
import { PAIR_SPECS, privateKeyOf } from '../keys/spec.ts'
import { MAX_RANDOM } from '../limits.ts'
import { currentMaterial, type Output } from '../metadata.ts'
import { reads } from './operation.ts'

const DATA_KEY_BYTES = { AES_256: 32, AES_128: 16 } as const

async function generateDataKey(call: Call): Promise<Output> {
  const { key, context, bytes } = await dataKeyFacts(call)
  const dataKey = randomBytes(bytes)
  const sealed = sealBlob(key.keyId, currentMaterial(key), context, dataKey)
  return {
    CiphertextBlob: sealed.toString('base64'),
    ...call.release('Plaintext', dataKey),
    KeyId: call.arn(key),
    KeyMaterialId: currentMaterial(key).id,
  }
}

async function generateDataKeyWithoutPlaintext(call: Call): Promise<Output> {
  const { key, context, bytes } = await dataKeyFacts(call)
  const dataKey = randomBytes(bytes)
  const sealed = sealBlob(key.keyId, currentMaterial(key), context, dataKey)
  dataKey.fill(0)
  return {
    CiphertextBlob: sealed.toString('base64'),
    KeyId: call.arn(key),
    KeyMaterialId: currentMaterial(key).id,
  }
}

async function dataKeyFacts(call: Call): Promise<{ key: Key; context: EncryptionContext; bytes: number }> {
  const { input } = call
  const spec = input.optionalChoice('KeySpec', ['AES_256', 'AES_128'])
  const count = input.optionalInteger('NumberOfBytes', { min: 1, max: MAX_RANDOM })
  if ((spec === undefined) === (count === undefined))
    throw new Fault('ValidationException', 'Please specify either number of bytes or key spec.')
  const { key, context } = await wrappingKey(call, {})
  return { key, context, bytes: spec === undefined ? (count as number) : DATA_KEY_BYTES[spec] }
}

async function generateDataKeyPair(call: Call): Promise<Output> {
  const { facts, secret } = await pair(call)
  return { ...facts, ...call.release('PrivateKeyPlaintext', secret) }
}

async function generateDataKeyPairWithoutPlaintext(call: Call): Promise<Output> {
  const { facts, secret } = await pair(call)
  secret.fill(0)
  return facts
}

async function pair(call: Call): Promise<{ facts: Output; secret: Buffer }> {
  const spec = call.input.choice('KeyPairSpec', PAIR_SPECS)
  const { key, context } = await wrappingKey(call, { 'kms:DataKeyPairSpec': [spec] })
  const secret = await call.maker.secret(spec)
  const publicKey = createPublicKey(privateKeyOf(secret)).export({ format: 'der', type: 'spki' })
  const facts = {
    PrivateKeyCiphertextBlob: sealBlob(key.keyId, currentMaterial(key), context, secret).toString('base64'),
    PublicKey: publicKey.toString('base64'),
    KeyId: call.arn(key),
    KeyPairSpec: spec,
    KeyMaterialId: currentMaterial(key).id,
  }
  return { facts, secret }
}

/** The symmetric key under which what is generated comes back; a Recipient is none of the WithoutPlaintext operations. */
async function wrappingKey(call: Call, conditions: Conditions): Promise<{ key: Key; context: EncryptionContext }> {
  const context = readContext(call.input)
  if (!call.operation.endsWith('WithoutPlaintext')) await call.readRecipient()
  const key = call.key()
  call.authorize(key, {
    'kms:EncryptionAlgorithm': ['SYMMETRIC_DEFAULT'],
    ...contextConditions(context),
    ...conditions,
  })
  call.requireUsable(key, 'ENCRYPT_DECRYPT')
  if (key.spec !== 'SYMMETRIC_DEFAULT')
    throw new Fault(
      'InvalidKeyUsageException',
      `${call.arn(key)} is of ${key.spec}; ${call.operation} takes a symmetric encryption key.`,
    )
  call.endDryRun()
  return { key, context }
}

// No key, and so no key policy: at AWS an IAM policy would decide.
async function generateRandom(call: Call): Promise<Output> {
  const count = call.input.optionalInteger('NumberOfBytes', { min: 1, max: MAX_RANDOM })
  if (count === undefined) throw new Fault('ValidationException', 'NumberOfBytes is required.')
  if (call.input.has('CustomKeyStoreId'))
    throw new Fault('UnsupportedOperationException', 'this KMS has no custom key stores')
  await call.readRecipient()
  return call.release('Plaintext', randomBytes(count))
}

export const dataKeyOperations = {
  GenerateDataKey: reads(generateDataKey),
  GenerateDataKeyPair: reads(generateDataKeyPair),
  GenerateDataKeyPairWithoutPlaintext: reads(generateDataKeyPairWithoutPlaintext),
  GenerateDataKeyWithoutPlaintext: reads(generateDataKeyWithoutPlaintext),
  GenerateRandom: reads(generateRandom),
}
