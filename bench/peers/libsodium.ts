/** libsodium-wrappers: libsodium in Wasm. Its AES-GCM needs AES instructions and is not in that build, nor are its other hashes. */
import sodium from 'libsodium-wrappers'
import type { Answer, Operation, Peer } from '../../host/bench/operation.ts'

await sodium.ready

export const libsodium: Peer = { who: 'libsodium', ours: false, prepare: async (operation) => prepare(operation) }

function prepare(operation: Operation): (() => Answer) | undefined {
  switch (operation.kind) {
    case 'seal':
    case 'first-seal': {
      const { cipher, key, nonce, data } = operation
      if (cipher !== 'chacha20-poly1305') return undefined
      return () => sodium.crypto_aead_chacha20poly1305_ietf_encrypt(data, null, null, nonce, key)
    }
    case 'open': {
      const { cipher, key, nonce, sealed } = operation
      if (cipher !== 'chacha20-poly1305') return undefined
      return () => sodium.crypto_aead_chacha20poly1305_ietf_decrypt(null, sealed, null, nonce, key)
    }
    case 'digest':
      return operation.hash === 'sha512' ? () => sodium.crypto_hash(operation.data) : undefined
    case 'x25519':
      return () => sodium.crypto_scalarmult(operation.secretKey, operation.publicKey)
    case 'ed25519-verify': {
      const { signature, message, publicKey } = operation
      return () => sodium.crypto_sign_verify_detached(signature, message, publicKey)
    }
    default:
      return undefined
  }
}
