/**
 * A symmetric key's CiphertextBlob. Opaque to clients, as AWS's is, and of our own form:
 *
 *   u8 format (1) ‖ key id [16] ‖ KeyMaterialId [32] ‖ salt [16] ‖ nonce [12] ‖ AES-256-GCM ciphertext ‖ tag [16]
 *
 * Each blob has a key of its own, HKDF-SHA-256 of the material under a random salt, so that random nonces do not wear the material out
 * (SP 800-38D 8.3 allows 2^32 under one key). Everything before the ciphertext, and the encryption context, is authenticated.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { invalidCiphertext } from '../fault.ts'
import type { Material } from '../keys/record.ts'
import { type EncryptionContext, encodeContext } from './encryption-context.ts'

const FORMAT = 1
const KEY_ID = 16
const MATERIAL_ID = 32
const SALT = 16
const NONCE = 12
const TAG = 16
const SALT_AT = 1 + KEY_ID + MATERIAL_ID
const NONCE_AT = SALT_AT + SALT
const SEALED_AT = NONCE_AT + NONCE
const INFO = Buffer.from('wasmclave/kms blob\0')

export const BLOB_OVERHEAD = SEALED_AT + TAG

/** What a blob says of itself. Nothing of it is believed before it opens. */
export type BlobHead = { keyId: string; materialId: string }

export function sealBlob(keyId: string, material: Material, context: EncryptionContext, plaintext: Uint8Array): Buffer {
  const head = Buffer.concat([
    Uint8Array.of(FORMAT),
    Buffer.from(keyId.replaceAll('-', ''), 'hex'),
    Buffer.from(material.id, 'hex'),
    randomBytes(SALT + NONCE),
  ])
  const cipher = createCipheriv('aes-256-gcm', blobKey(material, head), head.subarray(NONCE_AT))
  cipher.setAAD(Buffer.concat([head, encodeContext(context)]))
  return Buffer.concat([head, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

/** @throws Fault InvalidCiphertextException */
export function readBlob(blob: Uint8Array): BlobHead {
  if (blob.length < BLOB_OVERHEAD || blob[0] !== FORMAT) throw invalidCiphertext()
  const hex = Buffer.from(blob.subarray(1, SALT_AT)).toString('hex')
  const uuid = /^(.{8})(.{4})(.{4})(.{4})(.{12})(.*)$/.exec(hex) as RegExpExecArray
  return { keyId: uuid.slice(1, 6).join('-'), materialId: uuid[6] as string }
}

/** @throws Fault InvalidCiphertextException */
export function openBlob(blob: Uint8Array, material: Material, context: EncryptionContext): Buffer {
  const head = blob.subarray(0, SEALED_AT)
  const decipher = createDecipheriv('aes-256-gcm', blobKey(material, head), head.subarray(NONCE_AT), {
    authTagLength: TAG,
  })
  decipher.setAAD(Buffer.concat([head, encodeContext(context)]))
  decipher.setAuthTag(blob.subarray(blob.length - TAG))
  try {
    return Buffer.concat([decipher.update(blob.subarray(SEALED_AT, blob.length - TAG)), decipher.final()])
  } catch {
    throw invalidCiphertext()
  }
}

function blobKey(material: Material, head: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', material.secret, head.subarray(SALT_AT, NONCE_AT), INFO, 32))
}
