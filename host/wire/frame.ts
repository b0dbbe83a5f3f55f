/**
 * Frames on a byte stream between two processes: u32 length ‖ u8 type ‖ u32 id ‖ payload, big-endian (assembly/abi/wire.ts).
 * Having a frame means that its length was within the reader's limit; type and payload are still the other side's word.
 */
import { FRAME_HEADER_BYTES } from '../../assembly/abi/wire.ts'
import { RefusedError } from '../errors.ts'

export type Frame = { type: number; id: number; payload: Uint8Array }

export function encodeFrame(type: number, id: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length)
  writeFrameHeader(bytes, 0, type, id, payload.length)
  bytes.set(payload, FRAME_HEADER_BYTES)
  return bytes
}

export function writeFrameHeader(out: Uint8Array, at: number, type: number, id: number, payloadLength: number): void {
  const view = new DataView(out.buffer, out.byteOffset + at, FRAME_HEADER_BYTES)
  view.setUint32(0, payloadLength)
  view.setUint8(4, type)
  view.setUint32(5, id)
}

/** Cuts a byte stream into frames. Payloads are views of the chunk where a frame came whole, else of a fresh buffer. */
export class FrameReader {
  readonly #maxPayload: number
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES)
  #headerFilled = 0
  #payload: Uint8Array | undefined
  #payloadFilled = 0

  constructor(maxPayload: number) {
    this.#maxPayload = maxPayload
  }

  /** Frames that are complete with this chunk. @throws RefusedError ERR_FRAME_SIZE, after which the stream is lost. */
  *push(chunk: Uint8Array): Generator<Frame> {
    let at = 0
    while (at < chunk.length) {
      if (this.#payload === undefined) {
        const whole = this.#headerFilled === 0 && chunk.length - at >= FRAME_HEADER_BYTES
        if (!whole) {
          const taken = Math.min(FRAME_HEADER_BYTES - this.#headerFilled, chunk.length - at)
          this.#header.set(chunk.subarray(at, at + taken), this.#headerFilled)
          this.#headerFilled += taken
          at += taken
          if (this.#headerFilled < FRAME_HEADER_BYTES) return
        }
        const header = whole ? chunk : this.#header
        const offset = whole ? at : 0
        const length = this.#length(header, offset)
        if (whole) {
          const end = at + FRAME_HEADER_BYTES + length
          if (end <= chunk.length) {
            yield this.#frame(header, offset, chunk.subarray(at + FRAME_HEADER_BYTES, end))
            at = end
            continue
          }
          this.#header.set(chunk.subarray(at, at + FRAME_HEADER_BYTES))
          at += FRAME_HEADER_BYTES
        }
        this.#headerFilled = 0
        this.#payload = new Uint8Array(length)
        this.#payloadFilled = 0
      }
      const taken = Math.min(this.#payload.length - this.#payloadFilled, chunk.length - at)
      this.#payload.set(chunk.subarray(at, at + taken), this.#payloadFilled)
      this.#payloadFilled += taken
      at += taken
      if (this.#payloadFilled < this.#payload.length) return
      const payload = this.#payload
      this.#payload = undefined
      yield this.#frame(this.#header, 0, payload)
    }
  }

  #length(header: Uint8Array, offset: number): number {
    const length = new DataView(header.buffer, header.byteOffset + offset).getUint32(0)
    if (length > this.#maxPayload)
      throw new RefusedError('ERR_FRAME_SIZE', `a frame of ${length} bytes where ${this.#maxPayload} are allowed`)
    return length
  }

  #frame(header: Uint8Array, offset: number, payload: Uint8Array): Frame {
    const view = new DataView(header.buffer, header.byteOffset + offset)
    return { type: view.getUint8(4), id: view.getUint32(5), payload }
  }
}
