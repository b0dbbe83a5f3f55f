// What is timed of the release module, through its public API, and the leaky compare that shows the instrument sees.
import { randomBytes, randomFillSync } from 'node:crypto'
import type { Aead } from '../../host/core/aead.ts'
import type { Core } from '../../host/core/index.ts'
import { type Compare, LEAKY_TAG_BYTES } from '../kit/leaky.ts'
import type { Subject } from './measure.ts'

const TAG_BYTES = 16
const KEY_BYTES = 32
/** Long enough for the wide kernels, short enough for a million samples. */
const MESSAGE_BYTES = 256
const AAD_BYTES = 512

export function subjectsOf(core: Core): Subject[] {
  const nonce = randomBytes(12)
  const aes = core.aes256gcm(randomBytes(KEY_BYTES))
  const chacha = core.chacha20poly1305(randomBytes(KEY_BYTES))
  const out = new Uint8Array(MESSAGE_BYTES + TAG_BYTES)
  const message = randomBytes(MESSAGE_BYTES)
  const none = new Uint8Array(0)
  return [
    wrongTag('AES-256-GCM open', aes, nonce, message),
    wrongTag('ChaCha20-Poly1305 open', chacha, nonce, message),
    fixedOrRandom('AES-256-GCM seal', 'plaintext', MESSAGE_BYTES, (input) => aes.sealInto(out, nonce, input)),
    fixedOrRandom('AES-256-GCM set-up and seal', 'key', KEY_BYTES, (input) => {
      const aead = core.aes256gcm(input)
      aead.sealInto(out, nonce, message)
      aead.destroy()
    }),
    fixedOrRandom('GHASH', 'AAD, nothing else sealed', AAD_BYTES, (input) => aes.sealInto(out, nonce, none, input)),
    fixedOrRandom('ChaCha20-Poly1305 set-up and seal', 'key', KEY_BYTES, (input) => {
      const aead = core.chacha20poly1305(input)
      aead.sealInto(out, nonce, message)
      aead.destroy()
    }),
    x25519(core),
  ]
}

function fixedOrRandom(name: string, what: string, inputBytes: number, call: (input: Uint8Array) => unknown): Subject {
  const fixed = new Uint8Array(inputBytes) // zeros: where tables and branches would differ most
  return {
    name,
    classes: `${what}: zeros or random`,
    inputBytes,
    fill(label, input) {
      if (label === 0) input.set(fixed)
      else randomFillSync(input)
    },
    call: (input) => void call(input),
  }
}

/** A message whose tag is wrong in its first byte or in its last. */
function wrongTag(name: string, aead: Aead, nonce: Uint8Array, message: Uint8Array): Subject {
  const sealed = aead.seal(nonce, message)
  const out = new Uint8Array(message.length)
  return {
    name,
    classes: 'tag wrong in its first or its last byte',
    inputBytes: sealed.length,
    fill(label, input) {
      input.set(sealed)
      const at = label === 0 ? sealed.length - TAG_BYTES : sealed.length - 1
      input[at] = (input[at] as number) ^ 0x80
    },
    call(input) {
      try {
        aead.openInto(out, nonce, input)
      } catch {
        return
      }
      throw new Error('a wrong tag was taken for right')
    },
  }
}

function x25519(core: Core): Subject {
  const publicKey = core.x25519.publicKey(randomBytes(KEY_BYTES))
  return fixedOrRandom('X25519', 'scalar', KEY_BYTES, (input) => core.x25519.sharedSecret(input, publicKey))
}

/** The tag to compare with differs from the right one in its first byte or in its last. */
export function compareSubject(name: string, { memory, equal }: Compare): Subject {
  const right = randomBytes(LEAKY_TAG_BYTES)
  memory.set(right, LEAKY_TAG_BYTES)
  return {
    name,
    classes: 'tag wrong in its first or its last byte',
    inputBytes: LEAKY_TAG_BYTES,
    fill(label, input) {
      input.set(right)
      const at = label === 0 ? 0 : LEAKY_TAG_BYTES - 1
      input[at] = (input[at] as number) ^ 0x80
    },
    call(input) {
      memory.set(input)
      if (equal() !== 0) throw new Error('a wrong tag was taken for right')
    },
  }
}
