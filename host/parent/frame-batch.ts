/** Frames for one enclave that leave together after this turn of the event loop: one system call, and one step of the kernel. */
import { FRAME_HEADER_BYTES } from '../../assembly/abi/wire.ts'
import { writeFrameHeader } from '../wire/frame.ts'

/** A batch leaves at once when it has so many bytes. */
const FULL_BYTES = 262_144

export class FrameBatch {
  readonly #write: (bytes: Uint8Array) => void
  #payloads: { type: number; session: number; payload: Uint8Array }[] = []
  #bytes = 0

  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write
  }

  add(type: number, session: number, payload: Uint8Array): void {
    if (this.#payloads.length === 0) process.nextTick(this.#flush)
    this.#payloads.push({ type, session, payload })
    this.#bytes += FRAME_HEADER_BYTES + payload.length
    if (this.#bytes >= FULL_BYTES) this.#flush()
  }

  readonly #flush = (): void => {
    if (this.#payloads.length === 0) return
    const bytes = Buffer.allocUnsafe(this.#bytes)
    let at = 0
    for (const { type, session, payload } of this.#payloads) {
      writeFrameHeader(bytes, at, type, session, payload.length)
      bytes.set(payload, at + FRAME_HEADER_BYTES)
      at += FRAME_HEADER_BYTES + payload.length
    }
    this.#payloads = []
    this.#bytes = 0
    this.#write(bytes)
  }
}
