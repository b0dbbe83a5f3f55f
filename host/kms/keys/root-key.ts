/**
 * The key under which everything at rest is sealed (AES-256-GCM, random nonces). On a development host it is a file of mode 0600 beside
 * what it seals: it keeps out other users and copies of single files, not whoever reads the folder. LIMIT: an old version of a file opens
 * as well as the newest; a rolled-back disk shows to nobody here.
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { type Disk, disk, writeDurably } from '../../disk/durable.ts'
import { FatalError } from '../../errors.ts'

const KEY_BYTES = 32
const MAGIC = Buffer.from('wckms\x01')
const LABEL = 'wasmclave/kms file\0'
const NONCE_BYTES = 12
const TAG_BYTES = 16

export class RootKey {
  readonly #key: KeyObject

  private constructor(key: KeyObject) {
    this.#key = key
  }

  /**
   * @param mayMake whether there is nothing yet that another root key sealed
   * @throws FatalError ERR_KMS_ROOT_KEY
   */
  static open(path: string, mayMake: boolean, on: Disk = disk): RootKey {
    if (!existsSync(path)) {
      if (!mayMake)
        throw new FatalError(
          'ERR_KMS_ROOT_KEY',
          `${path} is missing, and keys are there that only it opens: restore it`,
        )
      writeDurably(path, randomBytes(KEY_BYTES), on)
    }
    const mode = statSync(path).mode & 0o777
    if ((mode & 0o077) !== 0)
      throw new FatalError('ERR_KMS_ROOT_KEY', `${path} has mode ${mode.toString(8)}, expected 600: others can read it`)
    const bytes = readFileSync(path)
    if (bytes.length !== KEY_BYTES)
      throw new FatalError('ERR_KMS_ROOT_KEY', `${path} has ${bytes.length} bytes, expected ${KEY_BYTES}`)
    const key = createSecretKey(bytes)
    bytes.fill(0)
    return new RootKey(key)
  }

  /** A key of 32 bytes for another class of files. */
  derive(label: string): Uint8Array {
    return new Uint8Array(hkdfSync('sha256', this.#key, new Uint8Array(0), label, KEY_BYTES))
  }

  /** @param name what the file is, which is authenticated with it: files do not pass for each other */
  seal(name: string, plaintext: Uint8Array): Buffer {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce)
    cipher.setAAD(Buffer.from(LABEL + name))
    return Buffer.concat([MAGIC, nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
  }

  /** @returns undefined for whatever this key did not seal under this name, whole */
  open(name: string, sealed: Uint8Array): Buffer | undefined {
    const start = MAGIC.length + NONCE_BYTES
    if (sealed.length < start + TAG_BYTES || !MAGIC.equals(sealed.subarray(0, MAGIC.length))) return undefined
    const decipher = createDecipheriv('aes-256-gcm', this.#key, sealed.subarray(MAGIC.length, start), {
      authTagLength: TAG_BYTES,
    })
    decipher.setAAD(Buffer.from(LABEL + name))
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
    try {
      return Buffer.concat([decipher.update(sealed.subarray(start, sealed.length - TAG_BYTES)), decipher.final()])
    } catch {
      return undefined
    }
  }
}
