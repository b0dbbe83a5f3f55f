/** WebCrypto, as browsers have it too: every call is a promise, done on another thread. */
import type { Answer, HashName, Operation, Peer } from '../../host/bench/operation.ts'

const { subtle } = globalThis.crypto
const NAMES: Record<HashName, string> = { sha256: 'SHA-256', sha384: 'SHA-384', sha512: 'SHA-512' }

export const webCrypto: Peer = { who: 'WebCrypto', ours: false, prepare }

async function prepare(operation: Operation): Promise<(() => Promise<Answer>) | undefined> {
  switch (operation.kind) {
    case 'seal': {
      if (operation.cipher !== 'aes-256-gcm') return undefined
      const key = await aesKey(operation.key)
      return () => subtle.encrypt({ name: 'AES-GCM', iv: own(operation.nonce) }, key, own(operation.data))
    }
    case 'first-seal':
      if (operation.cipher !== 'aes-256-gcm') return undefined
      return async () =>
        subtle.encrypt({ name: 'AES-GCM', iv: own(operation.nonce) }, await aesKey(operation.key), own(operation.data))
    case 'open': {
      if (operation.cipher !== 'aes-256-gcm') return undefined
      const key = await aesKey(operation.key)
      return () => subtle.decrypt({ name: 'AES-GCM', iv: own(operation.nonce) }, key, own(operation.sealed))
    }
    case 'digest':
      return () => subtle.digest(NAMES[operation.hash], own(operation.data))
    case 'hmac': {
      const algorithm = { name: 'HMAC', hash: NAMES[operation.hash] }
      const key = await subtle.importKey('raw', own(operation.key), algorithm, false, ['sign'])
      return () => subtle.sign('HMAC', key, own(operation.data))
    }
    case 'hkdf': {
      const key = await subtle.importKey('raw', own(operation.ikm), 'HKDF', false, ['deriveBits'])
      const { salt, info } = operation
      const algorithm = { name: 'HKDF', hash: NAMES[operation.hash], salt: own(salt), info: own(info) }
      return () => subtle.deriveBits(algorithm, key, operation.lengthBytes * 8)
    }
    case 'ed25519-verify': {
      const key = await subtle.importKey('raw', own(operation.publicKey), 'Ed25519', false, ['verify'])
      return () => subtle.verify('Ed25519', key, own(operation.signature), own(operation.message))
    }
    case 'p384-verify': {
      const algorithm = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }
      const key = await subtle.importKey('raw', own(operation.publicKey), algorithm, false, ['verify'])
      return () => subtle.verify(algorithm, key, own(operation.signature), own(operation.message))
    }
    case 'x25519': {
      const publicKey = await subtle.importKey('raw', own(operation.publicKey), 'X25519', false, [])
      const prefix = Buffer.from('302e020100300506032b656e04220420', 'hex') // RFC 8410 section 7
      const pkcs8 = new Uint8Array(Buffer.concat([prefix, operation.secretKey]))
      const key = await subtle.importKey('pkcs8', pkcs8, 'X25519', false, ['deriveBits'])
      return () => subtle.deriveBits({ name: 'X25519', public: publicKey }, key, 256)
    }
  }
}

function aesKey(bytes: Uint8Array): Promise<CryptoKey> {
  return subtle.importKey('raw', own(bytes), 'AES-GCM', false, ['encrypt', 'decrypt'])
}

// The types want to know that nothing here is shared memory.
function own(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>
}
