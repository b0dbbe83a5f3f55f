/** @stablelib: TypeScript without Wasm; its AES is by tables, which is not constant time. */
import { AES } from '@stablelib/aes'
import { ChaCha20Poly1305 } from '@stablelib/chacha20poly1305'
import { GCM } from '@stablelib/gcm'
import type { Answer, Cipher, Operation, Peer } from '../../host/bench/operation.ts'

export const stablelib: Peer = { who: '@stablelib', ours: false, prepare: async (operation) => prepare(operation) }

function prepare(operation: Operation): (() => Answer) | undefined {
  switch (operation.kind) {
    case 'seal': {
      const aead = keyed(operation.cipher, operation.key)
      return () => aead.seal(operation.nonce, operation.data)
    }
    case 'first-seal':
      return () => {
        const aead = keyed(operation.cipher, operation.key)
        const sealed = aead.seal(operation.nonce, operation.data)
        aead.clean()
        return sealed
      }
    case 'open': {
      const aead = keyed(operation.cipher, operation.key)
      return () => aead.open(operation.nonce, operation.sealed) ?? false
    }
    default:
      return undefined
  }
}

function keyed(cipher: Cipher, key: Uint8Array): GCM | ChaCha20Poly1305 {
  return cipher === 'aes-256-gcm' ? new GCM(new AES(key)) : new ChaCha20Poly1305(key)
}
