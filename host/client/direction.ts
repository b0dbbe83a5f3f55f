/**
 * One direction of the channel (PROTOCOLS.md 4): a key, a sequence, and frames sealed with ChaCha20-Poly1305.
 * Nonce: 4 zero bytes ‖ u64 sequence; AAD: the frame's whole header; a new key at each multiple of 2^32 frames.
 */
import { CHANNEL_HEADER_BYTES, MESSAGE_FRAMES, TAG_BYTES } from '../../assembly/abi/channel.ts'
import type { Core } from '../core/index.ts'
import { RefusedError } from '../errors.ts'

/** Frames under one key. An argument, so that tests reach it. */
export const REKEY_INTERVAL = 2 ** 32
const REKEY_LABEL = new TextEncoder().encode('wasmclave/1 rekey\0\x01')

export type SealedFrame = { stream: number; request: number; kind: number }
export type OpenedFrame = SealedFrame & { plaintext: Uint8Array }

type Aead = ReturnType<Core['chacha20poly1305']>

export class Direction {
  readonly #core: Core
  readonly #interval: number
  readonly #nonce = new Uint8Array(12)
  readonly #nonceView = new DataView(this.#nonce.buffer)
  #key: Uint8Array
  #aead: Aead
  #sequence = 0

  constructor(core: Core, key: Uint8Array, interval = REKEY_INTERVAL) {
    this.#core = core
    this.#key = key
    this.#aead = core.chacha20poly1305(key)
    this.#interval = interval
  }

  get sequence(): number {
    return this.#sequence
  }

  /** Writes header and sealed payload at `at`. @returns bytes written: 30 more than the plaintext */
  seal(out: Uint8Array, at: number, frame: SealedFrame, plaintext: Uint8Array): number {
    const sealedBytes = plaintext.length + TAG_BYTES
    const view = new DataView(out.buffer, out.byteOffset + at, CHANNEL_HEADER_BYTES)
    view.setUint8(0, MESSAGE_FRAMES)
    view.setUint32(1, frame.stream)
    view.setUint32(5, frame.request)
    view.setUint8(9, frame.kind)
    view.setUint32(10, sealedBytes)
    const body = at + CHANNEL_HEADER_BYTES
    const nonce = this.#next() // may change the key
    this.#aead.sealInto(out.subarray(body, body + sealedBytes), nonce, plaintext, out.subarray(at, body))
    return CHANNEL_HEADER_BYTES + sealedBytes
  }

  /**
   * Opens every frame of a channel message, in order.
   * @throws RefusedError ERR_FRAME_SYNTAX, ERR_FRAME_SEQUENCE (replayed, reordered, altered, or not of this session)
   */
  *open(message: Uint8Array): Generator<OpenedFrame> {
    // One buffer for all frames of a message: the message itself may lie in the transport's own, which a body must not keep alive
    const plaintexts = new Uint8Array(message.length)
    let at = 0
    while (at < message.length) {
      if (message.length - at < CHANNEL_HEADER_BYTES) throw new RefusedError('ERR_FRAME_SYNTAX', 'a frame is cut short')
      const view = new DataView(message.buffer, message.byteOffset + at, CHANNEL_HEADER_BYTES)
      const sealedBytes = view.getUint32(10)
      const body = at + CHANNEL_HEADER_BYTES
      if (view.getUint8(0) !== MESSAGE_FRAMES || sealedBytes < TAG_BYTES || sealedBytes > message.length - body)
        throw new RefusedError('ERR_FRAME_SYNTAX', `a frame of ${sealedBytes} bytes does not fit its message`)
      yield {
        stream: view.getUint32(1),
        request: view.getUint32(5),
        kind: view.getUint8(9),
        plaintext: this.#open(
          plaintexts.subarray(body),
          message.subarray(body, body + sealedBytes),
          message.subarray(at, body),
        ),
      }
      at = body + sealedBytes
    }
  }

  /** Erases the key. */
  destroy(): void {
    this.#aead.destroy()
    this.#key.fill(0)
  }

  #open(out: Uint8Array, sealed: Uint8Array, header: Uint8Array): Uint8Array {
    const sequence = this.#sequence
    try {
      const nonce = this.#next() // may change the key
      return out.subarray(0, this.#aead.openInto(out, nonce, sealed, header))
    } catch (error) {
      throw new RefusedError('ERR_FRAME_SEQUENCE', `no frame of this session at sequence ${sequence}`, { cause: error })
    }
  }

  #next(): Uint8Array {
    if (this.#sequence > 0 && this.#sequence % this.#interval === 0) this.#rekey()
    this.#nonceView.setUint32(4, Math.floor(this.#sequence / 2 ** 32))
    this.#nonceView.setUint32(8, this.#sequence >>> 0)
    this.#sequence++
    return this.#nonce
  }

  // HKDF-Expand for one block is HMAC(key, info ‖ 0x01), RFC 5869 section 2.3.
  #rekey(): void {
    const key = this.#core.hmac('sha256', this.#key, REKEY_LABEL)
    this.destroy()
    this.#key = key
    this.#aead = this.#core.chacha20poly1305(key)
  }
}
