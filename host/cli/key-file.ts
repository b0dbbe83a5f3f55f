/**
 * Keys of people, as files: PKCS#8 in PEM, sealed by a passphrase, or plain with mode 0600 for a development host. Sealed is scrypt (RFC
 * 7914, N = 2^17, r = 8, p = 1: 128 MiB and about half a second a guess) and AES-256-GCM, everything but the key in clear in one line of
 * JSON. The passphrase comes from a terminal or a file descriptor, never from arguments or the environment.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  scrypt,
} from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { rawPublicKey } from '../control/keys.ts'
import { RefusedError, UsageError } from '../errors.ts'
import { readText } from './files.ts'

/** OWASP's first choice for scrypt. */
const COST = { N: 2 ** 17, r: 8, p: 1 }
const SCRYPT_MEMORY = 256 * 1024 * 1024
const SALT_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const MIN_PASSPHRASE = 12
const FORMAT = 'wasmclave-key-1'

type Sealed = { format: typeof FORMAT; publicKey: string; salt: string; nonce: string; sealed: string }

export function newPersonKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey
}

/** @throws UsageError ERR_KEY_PASSPHRASE */
export async function sealKey(key: KeyObject, passphrase: string): Promise<string> {
  if (passphrase.length < MIN_PASSPHRASE)
    throw new UsageError('ERR_KEY_PASSPHRASE', `a passphrase has at least ${MIN_PASSPHRASE} characters`)
  const [salt, nonce] = [randomBytes(SALT_BYTES), randomBytes(NONCE_BYTES)]
  const publicKey = Buffer.from(rawPublicKey(key)).toString('hex')
  const kek = await derive(passphrase, salt)
  const der = key.export({ format: 'der', type: 'pkcs8' })
  try {
    const cipher = createCipheriv('aes-256-gcm', kek, nonce).setAAD(additional(publicKey))
    const sealed = Buffer.concat([cipher.update(der), cipher.final(), cipher.getAuthTag()])
    const file: Sealed = {
      format: FORMAT,
      publicKey,
      salt: salt.toString('hex'),
      nonce: nonce.toString('hex'),
      sealed: sealed.toString('hex'),
    }
    return `${JSON.stringify(file)}\n`
  } finally {
    kek.fill(0)
    der.fill(0)
  }
}

/** @throws RefusedError ERR_OPEN_FAILED, UsageError ERR_USAGE_KEY */
export async function openKey(text: string, passphrase: string): Promise<KeyObject> {
  const file = parseSealed(text)
  if (file === undefined) throw new UsageError('ERR_USAGE_KEY', `no key file of format ${FORMAT}`)
  const kek = await derive(passphrase, Buffer.from(file.salt, 'hex'))
  try {
    const sealed = Buffer.from(file.sealed, 'hex')
    const decipher = createDecipheriv('aes-256-gcm', kek, Buffer.from(file.nonce, 'hex'))
      .setAAD(additional(file.publicKey))
      .setAuthTag(sealed.subarray(-TAG_BYTES))
    const der = Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()])
    try {
      return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    } finally {
      der.fill(0)
    }
  } catch {
    throw new RefusedError('ERR_OPEN_FAILED', 'the key does not open: another passphrase, or an altered file')
  } finally {
    kek.fill(0)
  }
}

/** A key in either form; asks for the passphrase of one that is sealed. @throws UsageError ERR_USAGE_KEY, ERR_FILE_READ */
export async function readPersonKey(path: string, passphraseFd?: number): Promise<KeyObject> {
  const text = readText(path)
  if (parseSealed(text) !== undefined) return openKey(text, await passphrase(`Passphrase of ${path}: `, passphraseFd))
  try {
    return createPrivateKey(text)
  } catch {
    throw new UsageError('ERR_USAGE_KEY', `${path} holds no private key, sealed or in PEM`)
  }
}

/** First line of a file descriptor, or of the terminal, which does not show it. @throws UsageError ERR_KEY_PASSPHRASE */
export async function passphrase(prompt: string, fd?: number): Promise<string> {
  if (fd !== undefined) return (readFileSync(fd, 'utf8').split('\n')[0] as string).replace(/\r$/, '')
  if (!process.stdin.isTTY)
    throw new UsageError('ERR_KEY_PASSPHRASE', 'no terminal to ask on: --passphrase-fd FD reads it from there')
  process.stderr.write(prompt)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true })
  try {
    return await new Promise((resolve) => terminal.question('', resolve))
  } finally {
    terminal.close()
    process.stderr.write('\n')
  }
}

function parseSealed(text: string): Sealed | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    const file = JSON.parse(text) as Record<string, unknown>
    const hex = (value: unknown, bytes?: number) =>
      typeof value === 'string' &&
      /^([0-9a-f]{2})+$/.test(value) &&
      (bytes === undefined ? value.length < 1024 : value.length === 2 * bytes)
    const whole = hex(file.publicKey, 32) && hex(file.salt, SALT_BYTES) && hex(file.nonce, NONCE_BYTES)
    if (file.format !== FORMAT || !whole || !hex(file.sealed)) return undefined
    return file as Sealed
  } catch {
    return undefined
  }
}

function additional(publicKey: string): Buffer {
  return Buffer.from(`${FORMAT}\0${publicKey}`)
}

function derive(passphrase: string, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    scrypt(passphrase.normalize('NFC'), salt, 32, { ...COST, maxmem: SCRYPT_MEMORY }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    ),
  )
}
