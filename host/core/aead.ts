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
  /** @returns bytes written: plaintext.length + 16 */
  sealInto(out: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, aad?: Uint8Array): number
  /** @throws RefusedError ERR_OPEN_FAILED, for every reason */
  open(nonce: Uint8Array, sealed: Uint8Array, aad?: Uint8Array): Uint8Array
  /** @returns bytes written: sealed.length - 16 */
  openInto(out: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, aad?: Uint8Array): number
  /** Erases the key; every later call throws ERR_KEY_DESTROYED. */
  destroy(): void
}

/** Pointer-style functions of one algorithm, over a key state of `stateBytes`. */
export type AeadAlgorithm = {
  stateBytes: number
  init(state: number, key: number): void
  seal(state: number, out: number, nonce: number, aad: number, aadLength: number, from: number, length: number): void
  open(state: number, out: number, nonce: number, aad: number, aadLength: number, from: number, length: number): number
}

export function aes256gcm(exports: CoreExports): AeadAlgorithm {
  return {
    stateBytes: exports.AES_GCM_STATE.value as number,
    init: exports.aesGcmInit,
    seal: exports.aesGcmSeal,
    open: exports.aesGcmOpen,
  }
}

export function chacha20poly1305(exports: CoreExports, copyKey: (to: number, from: number) => void): AeadAlgorithm {
  return {
    stateBytes: KEY_BYTES,
    init: copyKey,
    seal: swapped(exports.chacha20poly1305Seal),
    open: swapped(exports.chacha20poly1305Open),
  }
}

// The core's ChaCha functions take the output before the key.
function swapped<R>(f: (out: number, key: number, n: number, a: number, al: number, p: number, l: number) => R) {
  return (state: number, out: number, n: number, a: number, al: number, p: number, l: number): R =>
    f(out, state, n, a, al, p, l)
}

export class CoreAead implements Aead {
  readonly #memory: CoreMemory
  readonly #algorithm: AeadAlgorithm
  #state: number

  constructor(memory: CoreMemory, algorithm: AeadAlgorithm, key: Uint8Array) {
    if (key.length !== KEY_BYTES)
      throw new UsageError('ERR_CORE_KEY_LENGTH', `a key of ${key.length} bytes, expected ${KEY_BYTES}`)
    this.#memory = memory
    this.#algorithm = algorithm
    this.#state = memory.keep(algorithm.stateBytes)
    memory.begin(KEY_BYTES)
    algorithm.init(this.#state, memory.put(key))
    memory.end()
  }

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
    const n = memory.put(nonce)
    const p = memory.room(length)
    const a = memory.put(aad)
    memory.putAt(p, plaintext)
    this.#algorithm.seal(this.#state, p, n, a, aad.length, p, plaintext.length)
    memory.takeInto(out, p, length)
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
    const n = memory.put(nonce)
    const p = memory.put(sealed)
    const a = memory.put(aad)
    const opened = this.#algorithm.open(this.#state, p, n, a, aad.length, p, sealed.length) !== 0
    if (opened) memory.takeInto(out, p, length)
    memory.end()
    if (!opened) throw openFailed()
    return length
  }

  destroy(): void {
    if (this.#state === 0) return
    this.#memory.free(this.#state, this.#algorithm.stateBytes)
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

export function openFailed(): RefusedError {
  return new RefusedError('ERR_OPEN_FAILED', 'the message does not open')
}
