/** Who a client is: an Ed25519 key (RFC 8032), held by WebCrypto or by whoever signs for it. */
import { UsageError } from '../errors.ts'

export type Identity = {
  /** 32 bytes */
  publicKey: Uint8Array
  /** @returns a 64-byte Ed25519 signature */
  sign(message: Uint8Array): Promise<Uint8Array>
}

/** PKCS#8 of Ed25519 up to the seed, RFC 8410 section 7. */
const PKCS8_PREFIX = Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20])

/** @param seed 32 bytes, RFC 8032 section 5.1.5 */
export async function identityFromSeed(seed: Uint8Array): Promise<Identity> {
  if (seed.length !== 32)
    throw new UsageError('ERR_KEY_LENGTH', `an Ed25519 seed has 32 bytes, this has ${seed.length}`)
  const pkcs8 = new Uint8Array(48)
  pkcs8.set(PKCS8_PREFIX)
  pkcs8.set(seed, 16)
  try {
    return await identityFromPkcs8(pkcs8)
  } finally {
    pkcs8.fill(0)
  }
}

/** @param pem an unencrypted Ed25519 private key, PKCS#8 (`-----BEGIN PRIVATE KEY-----`) */
export async function identityFromPem(pem: string): Promise<Identity> {
  const body = /-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----/.exec(pem)?.[1]
  if (body === undefined) throw new UsageError('ERR_KEY_SYNTAX', 'no unencrypted PKCS#8 private key in this PEM')
  return identityFromPkcs8(Uint8Array.from(atob(body.replace(/\s/g, '')), (c) => c.charCodeAt(0)))
}

async function identityFromPkcs8(pkcs8: Uint8Array): Promise<Identity> {
  const subtle = globalThis.crypto.subtle
  let key: CryptoKey
  try {
    key = await subtle.importKey('pkcs8', pkcs8 as Uint8Array<ArrayBuffer>, 'Ed25519', true, ['sign'])
  } catch (error) {
    throw new UsageError('ERR_KEY_TYPE', 'this is no Ed25519 private key', { cause: error })
  }
  const jwk = await subtle.exportKey('jwk', key)
  const publicKey = Uint8Array.from(atob((jwk.x as string).replace(/-/g, '+').replace(/_/g, '/')), (c) =>
    c.charCodeAt(0),
  )
  return {
    publicKey,
    sign: async (message) => new Uint8Array(await subtle.sign('Ed25519', key, message as Uint8Array<ArrayBuffer>)),
  }
}
