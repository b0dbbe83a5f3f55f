/** Images on their way: at most one a connection, only after its request was verified, of exactly the stated size, within a time. */
import { RefusedError } from '../errors.ts'

const UPLOAD_MS = 30_000
const MAX_TOTAL_BYTES = 256 * 1024 * 1024

type Upload = {
  buffer: Uint8Array
  filled: number
  resolve(bytes: Uint8Array): void
  reject(error: RefusedError): void
  timer: NodeJS.Timeout
}

export class Uploads {
  readonly #uploads = new Map<number, Upload>()
  #total = 0

  /** @throws RefusedError ERR_UPLOAD_BUSY at once; ERR_UPLOAD_TIMEOUT, ERR_UPLOAD_SIZE, ERR_UPLOAD_CLOSED later */
  expect(connection: number, lengthBytes: number): Promise<Uint8Array> {
    if (this.#uploads.has(connection) || this.#total + lengthBytes > MAX_TOTAL_BYTES)
      throw new RefusedError('ERR_UPLOAD_BUSY', 'too many images are on their way')
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#fail(connection, 'ERR_UPLOAD_TIMEOUT', `the image did not come within ${UPLOAD_MS} ms`),
        UPLOAD_MS,
      )
      this.#total += lengthBytes
      this.#uploads.set(connection, { buffer: new Uint8Array(lengthBytes), filled: 0, resolve, reject, timer })
    })
  }

  chunk(connection: number, bytes: Uint8Array): void {
    const upload = this.#uploads.get(connection)
    if (upload === undefined) return
    if (bytes.length > upload.buffer.length - upload.filled)
      return this.#fail(connection, 'ERR_UPLOAD_SIZE', `more than the stated ${upload.buffer.length} bytes came`)
    upload.buffer.set(bytes, upload.filled)
    upload.filled += bytes.length
    if (upload.filled < upload.buffer.length) return
    this.#end(connection, upload)
    upload.resolve(upload.buffer)
  }

  drop(connection: number): void {
    this.#fail(connection, 'ERR_UPLOAD_CLOSED', 'the connection ended before the image was whole')
  }

  #fail(
    connection: number,
    code: 'ERR_UPLOAD_TIMEOUT' | 'ERR_UPLOAD_SIZE' | 'ERR_UPLOAD_CLOSED',
    message: string,
  ): void {
    const upload = this.#uploads.get(connection)
    if (upload === undefined) return
    this.#end(connection, upload)
    upload.reject(new RefusedError(code, message))
  }

  #end(connection: number, upload: Upload): void {
    clearTimeout(upload.timer)
    this.#uploads.delete(connection)
    this.#total -= upload.buffer.length
  }
}
