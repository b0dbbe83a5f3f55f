/** The two descriptors an enclave's process has: 3 to the parent, 4 to nitro. Blocking, and nothing else is open. */
import { readSync, writeSync } from 'node:fs'
import { FRAME_HEADER_BYTES } from '../../assembly/abi/wire.ts'

const PARENT_FD = 3
const NITRO_FD = 4

/** The other side has closed, or broken the framing: there is nobody to serve. */
export class Gone extends Error {}

/** What is there of the parent's bytes: whole frames only. Undefined after a tick without any. */
export class ParentReader {
  readonly #buffer: Buffer
  #filled = 0

  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafe(bytes)
  }

  /** @returns a view of whole frames, valid until the next call */
  read(maxPayload: number): Uint8Array | undefined {
    for (;;) {
      const whole = this.#wholeFrames(maxPayload)
      if (whole > 0) {
        const frames = Uint8Array.prototype.slice.call(this.#buffer, 0, whole)
        this.#buffer.copyWithin(0, whole, this.#filled)
        this.#filled -= whole
        return frames
      }
      let count: number
      try {
        count = readSync(PARENT_FD, this.#buffer, this.#filled, this.#buffer.length - this.#filled, null)
      } catch (error) {
        // SO_RCVTIMEO, set by nitro when it dialled: the tick
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined
        throw new Gone('the parent cannot be read')
      }
      if (count === 0) throw new Gone('the parent has closed')
      this.#filled += count
    }
  }

  #wholeFrames(maxPayload: number): number {
    let at = 0
    while (this.#filled - at >= FRAME_HEADER_BYTES) {
      const length = this.#buffer.readUInt32BE(at)
      if (length > maxPayload) throw new Gone(`a frame of ${length} bytes`)
      const next = at + FRAME_HEADER_BYTES + length
      if (next > this.#filled) break
      at = next
    }
    return at
  }
}

export function writeParent(bytes: Uint8Array): void {
  writeAll(PARENT_FD, bytes)
}

export type ControlFrame = { type: number; ticket: number; payload: Uint8Array }

export function readControl(maxPayload: number): ControlFrame {
  const header = Buffer.from(readAll(FRAME_HEADER_BYTES))
  const length = header.readUInt32BE(0)
  if (length > maxPayload) throw new Gone(`nitro sends ${length} bytes`)
  return { type: header.readUInt8(4), ticket: header.readUInt32BE(5), payload: readAll(length) }
}

export function writeControl(type: number, payload: Uint8Array): void {
  writeControls(type, [payload])
}

/** Several frames of one type, in one system call. */
export function writeControls(type: number, payloads: Uint8Array[]): void {
  const frames = Buffer.alloc(payloads.reduce((sum, payload) => sum + FRAME_HEADER_BYTES + payload.length, 0))
  let at = 0
  for (const payload of payloads) {
    frames.writeUInt32BE(payload.length, at)
    frames.writeUInt8(type, at + 4)
    frames.set(payload, at + FRAME_HEADER_BYTES)
    at += FRAME_HEADER_BYTES + payload.length
  }
  writeAll(NITRO_FD, frames)
}

/** What came of nitro's with the last read, and is not taken yet. */
const ahead = Buffer.allocUnsafe(65_536)
let aheadFrom = 0
let aheadTo = 0

function readAll(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; ) {
    if (aheadFrom === aheadTo && length - at >= ahead.length) {
      at += readSome(bytes, at, length - at)
      continue
    }
    if (aheadFrom === aheadTo) {
      aheadFrom = 0
      aheadTo = readSome(ahead, 0, ahead.length)
    }
    const taken = Math.min(aheadTo - aheadFrom, length - at)
    bytes.set(ahead.subarray(aheadFrom, aheadFrom + taken), at)
    aheadFrom += taken
    at += taken
  }
  return bytes
}

function readSome(into: Uint8Array, at: number, length: number): number {
  const count = readSync(NITRO_FD, into, at, length, null)
  if (count === 0) throw new Gone('nitro has closed')
  return count
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at)
}
