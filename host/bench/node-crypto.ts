/** node:crypto as a contender: OpenSSL with the processor's AES and vector instructions. Keys are KeyObjects, which is its fast way. */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  hash,
  hkdfSync,
  type KeyObject,
  verify,
} from 'node:crypto'
import type { Answer, Cipher, Operation, Peer } from './operation.ts'

const TAG_BYTES = 16
const OPTIONS = { authTagLength: TAG_BYTES }

export const nodeCrypto: Peer = { who: 'node:crypto', ours: false, prepare: async (operation) => prepare(operation) }

function prepare(operation: Operation): () => Answer {
  switch (operation.kind) {
    case 'seal': {
      const key = createSecretKey(operation.key)
      return () => seal(operation.cipher, key, operation.nonce, operation.data)
    }
    case 'first-seal':
      return () => seal(operation.cipher, createSecretKey(operation.key), operation.nonce, operation.data)
    case 'open': {
      const key = createSecretKey(operation.key)
      const { cipher, nonce, sealed } = operation
      const body = sealed.subarray(0, -TAG_BYTES)
      const tag = sealed.subarray(-TAG_BYTES)
      return () => {
        // One name stands for both: their types differ, their use does not.
        const decipher = createDecipheriv(cipher as 'aes-256-gcm', key, nonce, OPTIONS)
        decipher.setAuthTag(tag)
        const opened = decipher.update(body)
        decipher.final()
        return opened
      }
    }
    case 'digest':
      return () => hash(operation.hash, operation.data, 'buffer')
    case 'hmac': {
      const key = createSecretKey(operation.key)
      return () => createHmac(operation.hash, key).update(operation.data).digest()
    }
    case 'hkdf': {
      const { ikm, salt, info, lengthBytes } = operation
      return () => hkdfSync(operation.hash, ikm, salt, info, lengthBytes)
    }
    case 'x25519': {
      const privateKey = x25519Private(operation.secretKey)
      const publicKey = octetKey('X25519', operation.publicKey)
      return () => diffieHellman({ privateKey, publicKey })
    }
    case 'ed25519-verify': {
      const key = octetKey('Ed25519', operation.publicKey)
      return () => verify(null, operation.message, key, operation.signature)
    }
    case 'p384-verify': {
      const key = { key: p384Key(operation.publicKey), dsaEncoding: 'ieee-p1363' } as const
      return () => verify('sha384', operation.message, key, operation.signature)
    }
  }
}

function seal(cipher: Cipher, key: KeyObject, nonce: Uint8Array, data: Uint8Array): Answer {
  const sealing = createCipheriv(cipher as 'aes-256-gcm', key, nonce, OPTIONS)
  const body = sealing.update(data)
  sealing.final()
  return [body, sealing.getAuthTag()]
}

/** RFC 8037 */
export function octetKey(crv: 'X25519' | 'Ed25519', x: Uint8Array): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv, x: Buffer.from(x).toString('base64url') }, format: 'jwk' })
}

/** RFC 7518 section 6.2, from an uncompressed point. */
function p384Key(point: Uint8Array): KeyObject {
  const coordinate = (at: number) => Buffer.from(point.subarray(at, at + 48)).toString('base64url')
  return createPublicKey({ key: { kty: 'EC', crv: 'P-384', x: coordinate(1), y: coordinate(49) }, format: 'jwk' })
}

/** PKCS #8 around 32 bytes, RFC 8410 section 7. */
export function x25519Private(secretKey: Uint8Array): KeyObject {
  const prefix = Buffer.from('302e020100300506032b656e04220420', 'hex')
  return createPrivateKey({ key: Buffer.concat([prefix, secretKey]), format: 'der', type: 'pkcs8' })
}
