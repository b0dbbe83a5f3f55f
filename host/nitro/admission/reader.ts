/** Reads a Wasm binary (WebAssembly core specification 2.0, section 5) as hostile bytes: every length is checked before it is used. */
import { RefusedError } from '../../errors.ts'

export class WasmReader {
  readonly bytes: Uint8Array
  at: number
  readonly end: number

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  get done(): boolean {
    return this.at >= this.end
  }

  byte(): number {
    if (this.at >= this.end) throw malformed(this.at, 'the module ends early')
    return this.bytes[this.at++] as number
  }

  /** Unsigned LEB128 of at most 32 bits. */
  u32(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      if (shift === 28 && byte > 0x0f) break
      value += (byte & 0x7f) * 2 ** shift
      if ((byte & 0x80) === 0) return value
    }
    throw malformed(this.at, 'an integer of more than 32 bits')
  }

  /** Passes over a signed LEB128 of at most `bits` bits. */
  skipSigned(bits: number): void {
    for (let read = 0; read < Math.ceil(bits / 7); read++) if ((this.byte() & 0x80) === 0) return
    throw malformed(this.at, `an integer of more than ${bits} bits`)
  }

  skip(length: number): void {
    if (length > this.end - this.at) throw malformed(this.at, `${length} bytes where ${this.end - this.at} are left`)
    this.at += length
  }

  /** A count of things that take at least `least` bytes each: more than fit are refused before any is read. */
  count(max: number, what: string, least = 1): number {
    const from = this.at
    const value = this.u32()
    if (value > max) throw limited(from, `${value} ${what}, at most ${max} are admitted`)
    if (value * least > this.end - this.at) throw malformed(from, `${value} ${what} do not fit what is left`)
    return value
  }

  name(): string {
    const length = this.count(128, 'bytes of a name')
    const from = this.at
    this.skip(length)
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(this.bytes.subarray(from, from + length))
    } catch {
      throw malformed(from, 'a name is no UTF-8')
    }
  }

  /** The next `length` bytes as a reader of their own. */
  part(length: number): WasmReader {
    const from = this.at
    this.skip(length)
    return new WasmReader(this.bytes, from, this.at)
  }
}

export function malformed(at: number, message: string): RefusedError {
  return new RefusedError('ERR_IMAGE_FORMAT', `workload.wasm, byte ${at}: ${message}`)
}

export function limited(at: number, message: string): RefusedError {
  return new RefusedError('ERR_IMAGE_LIMIT', `workload.wasm, byte ${at}: ${message}`)
}

export function unsupported(at: number, message: string): RefusedError {
  return new RefusedError('ERR_IMAGE_FEATURE', `workload.wasm, byte ${at}: ${message}`)
}
