/** The encryption core as a contender, through its public API: copies into and out of its memory are in the figures. */
import type { Core } from '../core/index.ts'
import type { Answer, Operation, Peer } from './operation.ts'

const TAG_BYTES = 16

export function ours(core: Core): Peer {
  return { who: 'wasmclave', ours: true, prepare: async (operation) => prepare(core, operation) }
}

function prepare(core: Core, operation: Operation): () => Answer {
  switch (operation.kind) {
    case 'seal': {
      const { nonce, data } = operation
      const aead = keyed(core, operation)
      const out = new Uint8Array(data.length + TAG_BYTES)
      return () => {
        aead.sealInto(out, nonce, data)
        return out
      }
    }
    case 'open': {
      const { nonce, sealed } = operation
      const aead = keyed(core, operation)
      const out = new Uint8Array(sealed.length - TAG_BYTES)
      return () => {
        aead.openInto(out, nonce, sealed)
        return out
      }
    }
    case 'first-seal': {
      const { nonce, data } = operation
      const out = new Uint8Array(data.length + TAG_BYTES)
      return () => {
        const aead = keyed(core, operation)
        aead.sealInto(out, nonce, data)
        aead.destroy()
        return out
      }
    }
    case 'digest':
      return () => core[operation.hash](operation.data)
    case 'hmac': {
      const { hash, key, data } = operation
      const kept = core.hmacKey(hash, key)
      return () => kept.sign(data)
    }
    case 'hkdf': {
      const { hash, ikm, salt, info, lengthBytes } = operation
      return () => core.hkdf(hash, ikm, salt, info, lengthBytes)
    }
    case 'x25519':
      return () => core.x25519.sharedSecret(operation.secretKey, operation.publicKey)
    case 'ed25519-verify':
      return () => core.ed25519.verify(operation.publicKey, operation.message, operation.signature)
    case 'p384-verify':
      return () => core.p384.verify(operation.publicKey, operation.message, operation.signature)
  }
}

function keyed(core: Core, { cipher, key }: { cipher: 'aes-256-gcm' | 'chacha20-poly1305'; key: Uint8Array }) {
  return cipher === 'aes-256-gcm' ? core.aes256gcm(key) : core.chacha20poly1305(key)
}
