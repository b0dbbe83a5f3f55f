/** Bytes that come in pieces of any length, taken in pieces of the reader's length. It holds what was asked for and one piece more. */
import { RefusedError } from '../../../errors.ts'

export class ByteSource {
  readonly #pieces: AsyncIterator<Uint8Array>
  #rest: Buffer = Buffer.alloc(0)

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]()
  }

  /** @throws RefusedError ERR_BACKUP_TRUNCATED */
  async take(length: number): Promise<Buffer> {
    const parts = [this.#rest]
    let have = this.#rest.length
    while (have < length) {
      const { value, done } = await this.#pieces.next()
      if (done) throw new RefusedError('ERR_BACKUP_TRUNCATED', `the backup ends ${length - have} bytes too early`)
      parts.push(Buffer.from(value.buffer, value.byteOffset, value.length))
      have += value.length
    }
    const all = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
    this.#rest = all.subarray(length)
    return all.subarray(0, length)
  }

  async isAtEnd(): Promise<boolean> {
    for (; this.#rest.length === 0; ) {
      const { value, done } = await this.#pieces.next()
      if (done) return true
      this.#rest = Buffer.from(value.buffer, value.byteOffset, value.length)
    }
    return false
  }

  /** Nothing more is wanted of where it comes from. */
  async end(): Promise<void> {
    await this.#pieces.return?.()
  }
}
