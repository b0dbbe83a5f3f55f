/** HPKE, RFC 9180 base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, with ChaCha20-Poly1305 or AES-256-GCM. */
import { RefusedError, UsageError } from '../errors.ts'
import { openFailed } from './aead.ts'
import type { CoreMemory } from './memory.ts'
import type { CoreExports } from './module.ts'

/** RFC 9180 section 7.3 */
const AEAD_IDS = { 'aes-256-gcm': 2, 'chacha20-poly1305': 3 } as const
export type HpkeAead = keyof typeof AEAD_IDS

const KEY_BYTES = 32
const TAG_BYTES = 16
/** 255 blocks of SHA-256, RFC 5869 section 2.3 */
const MAX_EXPORT = 255 * 32

export type HpkeContext = {
  /** Section 5.3 */
  export(context: Uint8Array, lengthBytes: number): Uint8Array
  /** Erases the context's secrets; every later call throws ERR_KEY_DESTROYED. */
  destroy(): void
}
export type HpkeSender = HpkeContext & {
  /** The encapsulated key, 32 bytes. */
  readonly enc: Uint8Array
  seal(aad: Uint8Array, plaintext: Uint8Array): Uint8Array
}
export type HpkeRecipient = HpkeContext & {
  /** @throws RefusedError ERR_OPEN_FAILED */
  open(aad: Uint8Array, sealed: Uint8Array): Uint8Array
}

/** A context in the core's memory. `at` is 0 once it was given back: that memory may be another key's by then. */
type Held = { at: number }

export class Hpke {
  readonly #exports: CoreExports
  readonly #memory: CoreMemory

  constructor(exports: CoreExports, memory: CoreMemory) {
    this.#exports = exports
    this.#memory = memory
  }

  /**
   * @param ephemeral 32 random bytes, for test vectors only; without it the core's own are made, and erased here
   * @throws RefusedError ERR_HPKE_KEY for a public key of low order; UsageError ERR_CORE_ALGORITHM, ERR_CORE_KEY_LENGTH
   */
  setupBaseS(
    publicKey: Uint8Array,
    info: Uint8Array,
    aead: HpkeAead = 'chacha20-poly1305',
    ephemeral?: Uint8Array,
  ): HpkeSender {
    const id = aeadId(aead)
    checkKey(publicKey)
    const secret = ephemeral ?? randomKey()
    checkKey(secret)
    const { memory, context } = this.#begin(info.length + 128)
    const enc = memory.room(KEY_BYTES)
    const valid = this.#exports.hpkeSetupBaseS(
      context.at,
      id,
      enc,
      memory.put(secret),
      memory.put(publicKey),
      memory.put(info),
      info.length,
    )
    if (ephemeral === undefined) secret.fill(0)
    const encapsulated = memory.take(enc, KEY_BYTES)
    memory.end()
    return this.#checked(valid, context, {
      enc: encapsulated,
      seal: (aad, plaintext) => this.#seal(context, aad, plaintext),
    })
  }

  /** @throws RefusedError ERR_HPKE_KEY for an encapsulated key of low order; UsageError ERR_CORE_ALGORITHM, ERR_CORE_KEY_LENGTH */
  setupBaseR(
    enc: Uint8Array,
    secretKey: Uint8Array,
    info: Uint8Array,
    aead: HpkeAead = 'chacha20-poly1305',
  ): HpkeRecipient {
    const id = aeadId(aead)
    checkKey(enc)
    checkKey(secretKey)
    const { memory, context } = this.#begin(info.length + 128)
    const valid = this.#exports.hpkeSetupBaseR(
      context.at,
      id,
      memory.put(enc),
      memory.put(secretKey),
      memory.put(info),
      info.length,
    )
    memory.end()
    return this.#checked(valid, context, { open: (aad, sealed) => this.#open(context, aad, sealed) })
  }

  #checked<T extends object>(valid: number, context: Held, methods: T): T & HpkeContext {
    const destroy = () => {
      if (context.at === 0) return
      this.#memory.free(context.at, this.#exports.HPKE_CONTEXT.value as number)
      context.at = 0
    }
    if (valid === 0) {
      destroy()
      throw new RefusedError('ERR_HPKE_KEY', 'a public key of low order')
    }
    return { ...methods, export: (exporter, length) => this.#export(context, exporter, length), destroy }
  }

  #begin(bytes: number): { memory: CoreMemory; context: Held } {
    this.#memory.begin(bytes + 64)
    const at = this.#memory.keep(this.#exports.HPKE_CONTEXT.value as number)
    return { memory: this.#memory, context: { at } }
  }

  #seal(held: Held, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const context = live(held)
    const memory = this.#memory
    memory.begin(aad.length + plaintext.length + 64)
    const a = memory.put(aad)
    const p = memory.room(plaintext.length + TAG_BYTES)
    memory.putAt(p, plaintext)
    const sealed = this.#exports.hpkeSeal(context, p, a, aad.length, p, plaintext.length) !== 0
    const out = sealed ? memory.take(p, plaintext.length + TAG_BYTES) : undefined
    memory.end()
    if (out === undefined) throw new UsageError('ERR_HPKE_SEQUENCE', 'this context has sealed all it may')
    return out
  }

  #open(held: Held, aad: Uint8Array, sealed: Uint8Array): Uint8Array {
    const context = live(held)
    const memory = this.#memory
    memory.begin(aad.length + sealed.length + 64)
    const a = memory.put(aad)
    const p = memory.put(sealed)
    const opened = this.#exports.hpkeOpen(context, p, a, aad.length, p, sealed.length) !== 0
    const out = opened ? memory.take(p, sealed.length - TAG_BYTES) : undefined
    memory.end()
    if (out === undefined) throw openFailed()
    return out
  }

  #export(held: Held, exporter: Uint8Array, length: number): Uint8Array {
    const context = live(held)
    if (!Number.isInteger(length) || length < 0 || length > MAX_EXPORT)
      throw new UsageError('ERR_CORE_LENGTH', `an export of ${length} bytes; 0 to ${MAX_EXPORT}`)
    const memory = this.#memory
    memory.begin(exporter.length + length + 64)
    const out = memory.room(length)
    this.#exports.hpkeExport(context, out, length, memory.put(exporter), exporter.length)
    const bytes = memory.take(out, length)
    memory.end()
    return bytes
  }
}

function live(held: Held): number {
  if (held.at === 0) throw new UsageError('ERR_KEY_DESTROYED', 'this context was destroyed')
  return held.at
}

// JavaScript callers have no types: a name that is none of ours must not become `undefined`.
function aeadId(aead: HpkeAead): number {
  if (!Object.hasOwn(AEAD_IDS, aead))
    throw new UsageError(
      'ERR_CORE_ALGORITHM',
      `${String(aead)} is no AEAD of this core: ${Object.keys(AEAD_IDS).join(', ')}`,
    )
  return AEAD_IDS[aead]
}

function checkKey(key: Uint8Array): void {
  if (key.length !== KEY_BYTES)
    throw new UsageError('ERR_CORE_KEY_LENGTH', `a key of ${key.length} bytes, expected ${KEY_BYTES}`)
}

function randomKey(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(KEY_BYTES))
}
