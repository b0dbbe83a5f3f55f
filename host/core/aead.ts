/** Authenticated encryption with the key kept inside the core's memory. Every failure to open is one code and one message. */
import { RefusedError, UsageError } from '../errors.ts'
import type { CoreMemory } from './memory.ts'
import type { CoreExports } from './module.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const NO_AAD = new Uint8Array(0)

export type Aead = {
  /** @param nonce 12 bytes, never twice under one key. @returns ciphertext ‖ 16-byte tag */
  seal(nonce: Uint8Array, plaintext: Uint8Array, aad?: Uint8Array): Uint8Array
  /**
   * The way for many small messages: a result of more than 64 bytes costs as much to allocate as 64 bytes to seal. All of them in one
   * call were tried too, and were no faster than a loop of these.
   * @returns bytes written: plaintext.length + 16
   */
  sealInto(out: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, aad?: Uint8Array): number
  /** @throws RefusedError ERR_OPEN_FAILED, for every reason */
  open(nonce: Uint8Array, sealed: Uint8Array, aad?: Uint8Array): Uint8Array
  /** @returns bytes written: sealed.length - 16 */
  openInto(out: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, aad?: Uint8Array): number
  /** Erases the key; every later call throws ERR_KEY_DESTROYED. */
  destroy(): void
}

/** What both ciphers share: the key's state in the core's memory, and the way there and back. */
abstract class CoreAead implements Aead {
  readonly #memory: CoreMemory
  readonly #stateBytes: number
  #state: number

  constructor(memory: CoreMemory, stateBytes: number, key: Uint8Array, init: (state: number, key: number) => void) {
    if (key.length !== KEY_BYTES)
      throw new UsageError('ERR_CORE_KEY_LENGTH', `a key of ${key.length} bytes, expected ${KEY_BYTES}`)
    this.#memory = memory
    this.#stateBytes = stateBytes
    this.#state = memory.keep(stateBytes)
    memory.begin(KEY_BYTES)
    init(this.#state, memory.put(key))
    memory.end()
  }

  /** In place: from `at` to `at`, where there is room for the tag. */
  protected abstract sealAt(
    state: number,
    at: number,
    nonce: number,
    aad: number,
    aadLength: number,
    length: number,
  ): void
  /** @returns 0, and changes nothing, where it does not open. `length` counts the tag */
  protected abstract openAt(
    state: number,
    at: number,
    nonce: number,
    aad: number,
    aadLength: number,
    length: number,
  ): number

  seal(nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array = NO_AAD): Uint8Array {
    const out = new Uint8Array(plaintext.length + TAG_BYTES)
    this.sealInto(out, nonce, plaintext, aad)
    return out
  }

  sealInto(out: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array = NO_AAD): number {
    const length = plaintext.length + TAG_BYTES
    if (out.length < length)
      throw new UsageError('ERR_CORE_BUFFER', `room for ${out.length} bytes, ${length} are written`)
    const memory = this.#begin(nonce, length + aad.length)
    const at = memory.room(length)
    memory.putAt(at, plaintext)
    this.sealAt(this.#state, at, memory.put(nonce), memory.put(aad), aad.length, plaintext.length)
    memory.takeInto(out, length)
    memory.end()
    return length
  }

  open(nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array = NO_AAD): Uint8Array {
    const out = new Uint8Array(Math.max(0, sealed.length - TAG_BYTES))
    this.openInto(out, nonce, sealed, aad)
    return out
  }

  openInto(out: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array = NO_AAD): number {
    const length = sealed.length - TAG_BYTES
    if (out.length < length)
      throw new UsageError('ERR_CORE_BUFFER', `room for ${out.length} bytes, ${length} are written`)
    const memory = this.#begin(nonce, sealed.length + aad.length)
    const at = memory.put(sealed)
    const opened = this.openAt(this.#state, at, memory.put(nonce), memory.put(aad), aad.length, sealed.length) !== 0
    if (opened) memory.takeInto(out, length)
    memory.end()
    if (!opened) throw openFailed()
    return length
  }

  destroy(): void {
    if (this.#state === 0) return
    this.#memory.free(this.#state, this.#stateBytes)
    this.#state = 0
  }

  #begin(nonce: Uint8Array, bytes: number): CoreMemory {
    if (this.#state === 0) throw new UsageError('ERR_KEY_DESTROYED', 'this key was destroyed')
    if (nonce.length !== NONCE_BYTES)
      throw new UsageError('ERR_CORE_NONCE_LENGTH', `a nonce of ${nonce.length} bytes, expected ${NONCE_BYTES}`)
    this.#memory.begin(bytes + 64)
    return this.#memory
  }
}

// A class a cipher, so that a call has one target, which the engine then calls without asking.
export class AesGcm extends CoreAead {
  readonly #seal: CoreExports['aesGcmSeal']
  readonly #open: CoreExports['aesGcmOpen']

  constructor(exports: CoreExports, memory: CoreMemory, key: Uint8Array) {
    super(memory, exports.AES_GCM_STATE.value as number, key, exports.aesGcmInit)
    this.#seal = exports.aesGcmSeal
    this.#open = exports.aesGcmOpen
  }

  protected sealAt(state: number, at: number, nonce: number, aad: number, aadLength: number, length: number): void {
    this.#seal(state, at, nonce, aad, aadLength, at, length)
  }

  protected openAt(state: number, at: number, nonce: number, aad: number, aadLength: number, length: number): number {
    return this.#open(state, at, nonce, aad, aadLength, at, length)
  }
}

export class ChaCha20Poly1305 extends CoreAead {
  readonly #seal: CoreExports['chacha20poly1305Seal']
  readonly #open: CoreExports['chacha20poly1305Open']

  constructor(exports: CoreExports, memory: CoreMemory, key: Uint8Array) {
    super(memory, KEY_BYTES, key, (state, at) => memory.copyWithin(state, at, KEY_BYTES))
    this.#seal = exports.chacha20poly1305Seal
    this.#open = exports.chacha20poly1305Open
  }

  protected sealAt(state: number, at: number, nonce: number, aad: number, aadLength: number, length: number): void {
    this.#seal(at, state, nonce, aad, aadLength, at, length)
  }

  protected openAt(state: number, at: number, nonce: number, aad: number, aadLength: number, length: number): number {
    return this.#open(at, state, nonce, aad, aadLength, at, length)
  }
}

export function openFailed(): RefusedError {
  return new RefusedError('ERR_OPEN_FAILED', 'the message does not open')
}
