/**
 * Heads of requests and responses: u32 n ‖ CBOR[n] ‖ first bytes of the body. Names of headers are lower-case.
 * A head is all there is of CBOR on the hot path, so that it has a writer and a strict reader of its own (RFC 8949 section 4.2.1).
 */
import { MAX_HEAD_BYTES } from '../../assembly/abi/limits.ts'
import { RefusedError, UsageError } from '../errors.ts'

export type HeaderList = [name: string, value: string][]
export type ResponseHead = { status: number; headers: HeaderList }

const UINT = 0x00
const TEXT = 0x60
const ARRAY = 0x80
/** Longer ones are quicker through TextDecoder. */
const SHORT_TEXT_BYTES = 48

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** What is written here is copied before anybody else writes. */
const scratch = new Uint8Array(MAX_HEAD_BYTES)

/**
 * CBOR of [method, path, [[name, value]…]].
 * @returns a view that is valid until the next call. @throws UsageError ERR_HEAD_SIZE
 */
export function encodeRequestHead(method: string, path: string, headers: HeaderList): Uint8Array {
  let at = writeHead(0, ARRAY, 3)
  at = writeText(at, method)
  at = writeText(at, path)
  at = writeHead(at, ARRAY, headers.length)
  for (const [name, value] of headers) {
    at = writeHead(at, ARRAY, 2)
    at = writeText(at, name)
    at = writeText(at, value)
  }
  return scratch.subarray(0, at)
}

/** @throws RefusedError ERR_FRAME_SYNTAX */
export function decodeResponseHead(plaintext: Uint8Array): { head: ResponseHead; body: Uint8Array } {
  const length = plaintext.length < 4 ? -1 : unsigned(plaintext, 0, 4)
  if (length < 0 || length > plaintext.length - 4) throw malformed()
  const reader = new HeadReader(plaintext, 4, 4 + length)
  reader.argument(ARRAY, 2)
  const status = reader.argument(UINT)
  const count = reader.argument(ARRAY)
  // Two empty texts take three bytes: no list is allocated for headers that cannot be there
  if (status < 200 || status > 599 || count > length / 3) throw malformed()
  const headers: HeaderList = []
  for (let i = 0; i < count; i++) {
    reader.argument(ARRAY, 2)
    headers.push([reader.text(), reader.text()])
  }
  if (!reader.done) throw malformed()
  return { head: { status, headers }, body: plaintext.subarray(4 + length) }
}

class HeadReader {
  readonly #bytes: Uint8Array
  readonly #end: number
  #at: number

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes
    this.#at = at
    this.#end = end
  }

  get done(): boolean {
    return this.#at === this.#end
  }

  /** The argument of an item of this major type, in its shortest form; `expected`, where one is given. */
  argument(major: number, expected?: number): number {
    const initial = this.#at < this.#end ? (this.#bytes[this.#at++] as number) : -1
    const info = initial & 31
    if (initial < 0 || (initial & 0xe0) !== major || info > 26) throw malformed()
    let value = info
    if (info >= 24) {
      const width = 1 << (info - 24)
      if (width > this.#end - this.#at) throw malformed()
      value = unsigned(this.#bytes, this.#at, width)
      this.#at += width
      if (value < (width === 1 ? 24 : 2 ** (4 * width))) throw malformed()
    }
    if (expected !== undefined && value !== expected) throw malformed()
    return value
  }

  text(): string {
    const length = this.argument(TEXT)
    if (length > this.#end - this.#at) throw malformed()
    const from = this.#at
    this.#at += length
    if (length <= SHORT_TEXT_BYTES) {
      let text = ''
      for (let i = from; i < this.#at; i++) {
        const byte = this.#bytes[i] as number
        if (byte > 0x7f) return this.#decode(from)
        text += String.fromCharCode(byte)
      }
      return text
    }
    return this.#decode(from)
  }

  #decode(from: number): string {
    try {
      return decoder.decode(this.#bytes.subarray(from, this.#at))
    } catch {
      throw malformed()
    }
  }
}

function writeText(at: number, text: string): number {
  // Longest UTF-8 of a UTF-16 unit: three bytes. Its length is known only when it is written, so what is long is encoded apart.
  if (3 * text.length >= 24 || 3 * text.length + 1 > scratch.length - at) {
    const bytes = encoder.encode(text)
    const from = writeHead(at, TEXT, bytes.length)
    if (bytes.length > scratch.length - from) throw tooLong(from + bytes.length)
    scratch.set(bytes, from)
    return from + bytes.length
  }
  const { written } = encoder.encodeInto(text, scratch.subarray(at + 1))
  scratch[at] = TEXT | written
  return at + 1 + written
}

function writeHead(at: number, major: number, value: number): number {
  const width = value < 24 ? 0 : value < 0x100 ? 1 : value < 0x10000 ? 2 : 4
  if (1 + width > scratch.length - at) throw tooLong(at + 1 + width)
  scratch[at] = major | (width === 0 ? value : width === 1 ? 24 : width === 2 ? 25 : 26)
  for (let i = width; i > 0; i--) scratch[at + i] = value >>> (8 * (width - i))
  return at + 1 + width
}

function unsigned(bytes: Uint8Array, at: number, width: number): number {
  let value = 0
  for (let i = 0; i < width; i++) value = value * 256 + (bytes[at + i] as number)
  return value
}

function tooLong(bytes: number): UsageError {
  return new UsageError(
    'ERR_HEAD_SIZE',
    `method, path and headers take at least ${bytes} bytes, at most ${MAX_HEAD_BYTES}`,
  )
}

function malformed(): RefusedError {
  return new RefusedError('ERR_FRAME_SYNTAX', 'a head is no [status, headers]')
}
