/**
 * The encryption core for JavaScript: constant-time primitives in Wasm, the same code that runs inside enclaves.
 * Not thread-safe and not re-entrant: one core serves one thread.
 */
import { RefusedError, UsageError } from '../errors.ts'
import { type Aead, AesGcm, ChaCha20Poly1305 } from './aead.ts'
import { Hpke } from './hpke.ts'
import { CoreMacKey, type MacKey } from './mac.ts'
import { CoreMemory } from './memory.ts'
import { type CoreExports, instantiateCore, readCore } from './module.ts'

export type { Aead } from './aead.ts'
export type { HpkeAead, HpkeContext, HpkeRecipient, HpkeSender } from './hpke.ts'
export type { MacKey } from './mac.ts'

const HASHES = { sha256: { id: 0, bytes: 32 }, sha384: { id: 1, bytes: 48 }, sha512: { id: 2, bytes: 64 } } as const
export type Hash = keyof typeof HASHES

const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
/** 04 X Y, and r s */
const P384_KEY_BYTES = 97
const P384_SIGNATURE_BYTES = 96

/** Loads the core from beside this module: its build with relaxed SIMD where the engine has that, else the plain one. */
export async function loadCore(): Promise<Core> {
  return new Core(instantiateCore(await readCore()))
}

/** A core from bytes that were read, and perhaps measured, before. */
export function loadCoreFrom(bytes: Uint8Array): Core {
  return new Core(instantiateCore(bytes))
}

export class Core {
  readonly hpke: Hpke
  readonly x25519: {
    /** RFC 7748. @param secretKey 32 bytes @returns 32 bytes */
    publicKey(secretKey: Uint8Array): Uint8Array
    /** @throws RefusedError ERR_X25519_ZERO where the secret would be all zeros: a point of low order */
    sharedSecret(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array
  }
  readonly ed25519: {
    /**
     * RFC 8032, without the cofactor. Not constant time: all that it sees is public.
     * @param publicKey 32 bytes @param signature 64 bytes
     */
    verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  }
  readonly p384: {
    /**
     * ECDSA on P-384 with SHA-384, FIPS 186-5 section 6.4.2. Not constant time: all that it sees is public. (r, N - s) is as good as (r, s),
     * so a message has more than one signature. Once the engine has optimised it, it takes half of node:crypto's time; the first calls take
     * twice that time. Enclaves do not have it, and the verifier takes the platform's.
     * @param publicKey 97 bytes, 04 X Y: an uncompressed point, SEC 1 section 2.3.3
     * @param signature 96 bytes, r and s, big-endian
     * @returns false too for other lengths, a compressed key and one that is no point of the curve
     */
    verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  }
  readonly #exports: CoreExports
  readonly #memory: CoreMemory

  constructor(exports: CoreExports) {
    this.#exports = exports
    this.#memory = new CoreMemory(exports)
    this.hpke = new Hpke(exports, this.#memory)
    this.x25519 = {
      publicKey: (secret) => this.#x25519Base(secret),
      sharedSecret: (secret, point) => this.#x25519(secret, point),
    }
    this.ed25519 = { verify: (key, message, signature) => this.#verify(key, message, signature) }
    this.p384 = { verify: (key, message, signature) => this.#verifyP384(key, message, signature) }
  }

  /** Whether every primitive that enclaves have gives its known answer (assembly/crypto/self-test.ts). */
  selfTest(): boolean {
    return this.#exports.selfTest() !== 0
  }

  /** AES-256-GCM, SP 800-38D. @param key 32 bytes; copied into the core */
  aes256gcm(key: Uint8Array): Aead {
    return new AesGcm(this.#exports, this.#memory, key)
  }

  /** ChaCha20-Poly1305, RFC 8439. @param key 32 bytes; copied into the core */
  chacha20poly1305(key: Uint8Array): Aead {
    return new ChaCha20Poly1305(this.#exports, this.#memory, key)
  }

  /** FIPS 180-4. @returns 32 bytes */
  sha256(data: Uint8Array): Uint8Array {
    return this.#digest('sha256', data)
  }

  /** @returns 48 bytes */
  sha384(data: Uint8Array): Uint8Array {
    return this.#digest('sha384', data)
  }

  /** @returns 64 bytes */
  sha512(data: Uint8Array): Uint8Array {
    return this.#digest('sha512', data)
  }

  /** RFC 2104. @returns as many bytes as the hash has */
  hmac(hash: Hash, key: Uint8Array, data: Uint8Array): Uint8Array {
    const { id, bytes } = named(hash)
    const memory = this.#memory
    memory.begin(key.length + data.length + 128)
    const out = memory.room(bytes)
    this.#exports.hmac(out, id, memory.put(key), key.length, memory.put(data), data.length)
    return this.#result(out, bytes)
  }

  /** HMAC under a key that is set up once, for many messages. @param key any length; copied into the core */
  hmacKey(hash: Hash, key: Uint8Array): MacKey {
    const { id, bytes } = named(hash)
    return new CoreMacKey(this.#exports, this.#memory, id, bytes, key)
  }

  /** RFC 5869. @param lengthBytes at most 255 digests. @throws UsageError ERR_CORE_LENGTH */
  hkdf(hash: Hash, ikm: Uint8Array, salt: Uint8Array, info: Uint8Array, lengthBytes: number): Uint8Array {
    const { id, bytes } = named(hash)
    if (!Number.isInteger(lengthBytes) || lengthBytes < 0 || lengthBytes > 255 * bytes)
      throw new UsageError('ERR_CORE_LENGTH', `${lengthBytes} bytes of HKDF-${hash}; 0 to ${255 * bytes}`)
    const memory = this.#memory
    memory.begin(ikm.length + salt.length + info.length + lengthBytes + 128)
    const out = memory.room(lengthBytes)
    this.#exports.hkdf(
      out,
      lengthBytes,
      id,
      memory.put(ikm),
      ikm.length,
      memory.put(salt),
      salt.length,
      memory.put(info),
      info.length,
    )
    return this.#result(out, lengthBytes)
  }

  #digest(hash: Hash, data: Uint8Array): Uint8Array {
    const memory = this.#memory
    memory.begin(data.length + 128)
    const out = memory.room(HASHES[hash].bytes)
    this.#exports[hash](out, memory.put(data), data.length)
    return this.#result(out, HASHES[hash].bytes)
  }

  #x25519Base(secret: Uint8Array): Uint8Array {
    checkLength(secret, KEY_BYTES)
    this.#memory.begin(128)
    const out = this.#memory.room(KEY_BYTES)
    this.#exports.x25519Base(out, this.#memory.put(secret))
    return this.#result(out, KEY_BYTES)
  }

  #x25519(secret: Uint8Array, point: Uint8Array): Uint8Array {
    checkLength(secret, KEY_BYTES)
    checkLength(point, KEY_BYTES)
    this.#memory.begin(128)
    const out = this.#memory.room(KEY_BYTES)
    const valid = this.#exports.x25519(out, this.#memory.put(secret), this.#memory.put(point)) !== 0
    const shared = this.#result(out, KEY_BYTES)
    if (!valid) throw new RefusedError('ERR_X25519_ZERO', 'the other side sent a point of low order')
    return shared
  }

  #verify(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    if (key.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false
    const memory = this.#memory
    memory.begin(message.length + 256)
    const valid =
      this.#exports.ed25519Verify(memory.put(key), memory.put(message), message.length, memory.put(signature)) !== 0
    memory.end()
    return valid
  }

  #verifyP384(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    if (key.length !== P384_KEY_BYTES || signature.length !== P384_SIGNATURE_BYTES) return false
    const memory = this.#memory
    memory.begin(message.length + 512)
    const digest = memory.room(HASHES.sha384.bytes)
    this.#exports.sha384(digest, memory.put(message), message.length)
    const valid = this.#exports.p384Verify(memory.put(key), digest, memory.put(signature)) !== 0
    memory.end()
    return valid
  }

  #result(out: number, length: number): Uint8Array {
    const bytes = this.#memory.take(out, length)
    this.#memory.end()
    return bytes
  }
}

// JavaScript callers have no types: a name that is none of ours must not become `undefined`.
function named(hash: Hash): (typeof HASHES)[Hash] {
  if (!Object.hasOwn(HASHES, hash))
    throw new UsageError(
      'ERR_CORE_ALGORITHM',
      `${String(hash)} is no hash of this core: ${Object.keys(HASHES).join(', ')}`,
    )
  return HASHES[hash]
}

function checkLength(bytes: Uint8Array, length: number): void {
  if (bytes.length !== length)
    throw new UsageError('ERR_CORE_KEY_LENGTH', `a key of ${bytes.length} bytes, expected ${length}`)
}
