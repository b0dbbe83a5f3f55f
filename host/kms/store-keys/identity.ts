/** The Ed25519 key by which a KMS answers for store keys: made once, named by genesis and by each owner's grant as `kmsKey`, in a sealed file. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeDurably } from '../../disk/durable.ts'
import { RootKey } from '../keys/root-key.ts'
import { openSealed, sealFile } from './disk.ts'

export const IDENTITY = 'identity.key'
const ROOT_KEY_LABEL = 'wasmclave/store-keys root\0'

/** Where store keys lie in the KMS's folder, and what seals them: a key of their own under the root key. */
export function storeKeysPlace(kmsFolder: string, rootKey: RootKey): { folder: string; rootKey: Uint8Array } {
  return { folder: join(kmsFolder, 'stores'), rootKey: rootKey.derive(ROOT_KEY_LABEL) }
}

/**
 * Makes the key before the KMS's first start, so that genesis can name it; what is there already stays.
 * @param kmsFolder DIR/kms, which nobody serves yet
 * @returns the public key, hex
 * @throws FatalError ERR_KMS_ROOT_KEY, ERR_KMS_FILE
 */
export function makeStoreIdentity(kmsFolder: string): string {
  const rootFile = join(kmsFolder, 'root.key')
  const { folder, rootKey } = storeKeysPlace(kmsFolder, RootKey.open(rootFile, !existsSync(join(kmsFolder, 'keys'))))
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, IDENTITY)
  if (existsSync(path)) return publicHex(identityOf(openSealed(rootKey, path, readFileSync(path))))
  const { key, der } = newIdentity()
  writeDurably(path, sealFile(rootKey, path, der))
  return publicHex(key)
}

export function newIdentity(): { key: KeyObject; der: Uint8Array } {
  const { privateKey } = generateKeyPairSync('ed25519')
  return { key: privateKey, der: privateKey.export({ format: 'der', type: 'pkcs8' }) }
}

/** @param der PKCS #8, as it was sealed */
export function identityOf(der: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' })
}

export function publicHex(key: KeyObject): string {
  // An Ed25519 SPKI ends with the 32-byte key, RFC 8410 section 4.
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')
}
