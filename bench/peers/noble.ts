/** @noble/ciphers and @noble/hashes: audited JavaScript, by the same names in every runtime. */
import { gcm } from '@noble/ciphers/aes.js'
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js'
import type { Answer, Operation, Peer } from '../../host/bench/operation.ts'

const CIPHERS = { 'aes-256-gcm': gcm, 'chacha20-poly1305': chacha20poly1305 }
const HASHES = { sha256, sha384, sha512 }

export const noble: Peer = { who: '@noble', ours: false, prepare: async (operation) => prepare(operation) }

function prepare(operation: Operation): (() => Answer) | undefined {
  switch (operation.kind) {
    case 'seal':
    case 'first-seal': {
      const { cipher, key, nonce, data } = operation
      // A cipher of theirs is for one message: the nonce is given with the key.
      return () => CIPHERS[cipher](key, nonce).encrypt(data)
    }
    case 'open': {
      const { cipher, key, nonce, sealed } = operation
      return () => CIPHERS[cipher](key, nonce).decrypt(sealed)
    }
    case 'digest':
      return () => HASHES[operation.hash](operation.data)
    case 'hmac':
      return () => hmac(HASHES[operation.hash], operation.key, operation.data)
    case 'hkdf': {
      const { ikm, salt, info, lengthBytes } = operation
      return () => hkdf(HASHES[operation.hash], ikm, salt, info, lengthBytes)
    }
    default:
      return undefined
  }
}
