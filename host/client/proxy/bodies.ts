/** Bodies of requests, read whole before they go on: each has a limit, and all that are being read or sent have one together. */
import type { IncomingMessage } from 'node:http'
import { MAX_REQUEST_BODY } from '../../../assembly/abi/limits.ts'

/** A sixteenth of them as large as they may be, or many small ones. */
export const MAX_HELD_BYTES = 16 * MAX_REQUEST_BODY

export class Bodies {
  #heldBytes = 0

  /** @returns the body, `too-large`, or `busy` where others hold too much already. Call `release` with its length once it is sent. */
  async read(request: IncomingMessage): Promise<Buffer | 'too-large' | 'busy'> {
    const chunks: Buffer[] = []
    let length = 0
    let refused: 'too-large' | 'busy' | undefined
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        length += chunk.length
        this.#heldBytes += chunk.length
        if (length > MAX_REQUEST_BODY) refused = 'too-large'
        else if (this.#heldBytes > MAX_HELD_BYTES) refused = 'busy'
        if (refused !== undefined) break
        chunks.push(chunk)
      }
    } catch (error) {
      this.release(length)
      throw error
    }
    if (refused === undefined) return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length)
    this.release(length)
    return refused
  }

  release(length: number): void {
    this.#heldBytes -= length
  }
}
