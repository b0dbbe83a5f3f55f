/** A connection to a host's admin endpoint: one call at a time, through a parent that is believed nothing. */
import { WebSocket } from 'ws'
import { UnavailableError } from '../errors.ts'

const ANSWER_MS = 60_000
const CHUNK_BYTES = 1_048_576

/** What is sent when the host asks for it: whole, or piece by piece. */
export type Upload = Uint8Array | AsyncIterable<Uint8Array>
/** Takes what the host sends before its answer, in its order. */
export type OnBytes = (bytes: Uint8Array) => Promise<void>

type Waiting = {
  upload: Upload | undefined
  onBytes: OnBytes | undefined
  /** What came before is being taken. */
  taken: Promise<void>
  timer: NodeJS.Timeout
  resolve(message: unknown): void
  reject(error: Error): void
}

export class AdminConnection {
  readonly #url: string
  readonly #socket: WebSocket
  readonly #opened: Promise<void>
  #waiting: Waiting | undefined
  #closed: UnavailableError | undefined
  #next = 1

  /** @param gateway ws://… */
  constructor(gateway: string) {
    this.#url = `${gateway}/admin`
    this.#socket = new WebSocket(this.#url, { perMessageDeflate: false })
    this.#opened = new Promise((resolve, reject) => {
      this.#socket.once('open', resolve)
      this.#socket.on('error', (error) => {
        this.#fail(error.message)
        reject(this.#closed)
      })
      this.#socket.on('close', (code) => {
        this.#fail(`closed with ${code}`)
        reject(this.#closed)
      })
    })
    // Whoever calls is told; nobody has to
    this.#opened.catch(() => {})
    this.#socket.on('message', (data, isBinary) => {
      if (isBinary) this.#take(data as Buffer)
      else this.#receive(String(data))
    })
  }

  /** @param upload is sent when the host asks for it. @returns the JSON-RPC answer. @throws UnavailableError ERR_ADMIN_CONNECTION */
  async call(method: 'request' | 'read', params: object, upload?: Upload, onBytes?: OnBytes): Promise<unknown> {
    await this.#opened
    if (this.#closed !== undefined) throw this.#closed
    const timer = setTimeout(() => {
      this.#fail(`nothing came within ${ANSWER_MS} ms`)
      this.#socket.terminate()
    }, ANSWER_MS)
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting = { upload, onBytes, taken: Promise.resolve(), timer, resolve, reject }
    })
    this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id: this.#next++, method, params }))
    return answer.finally(() => clearTimeout(timer))
  }

  close(): void {
    this.#socket.close()
  }

  #receive(text: string): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    let message: { method?: unknown } | null
    try {
      message = JSON.parse(text) as { method?: unknown } | null
    } catch {
      this.#fail('what came is no JSON')
      return this.#socket.terminate()
    }
    if (message?.method === 'upload') {
      if (waiting.upload !== undefined)
        this.#send(waiting.upload, waiting.timer).catch((error: Error) => this.#fail(error.message))
      return
    }
    this.#waiting = undefined
    waiting.taken.then(() => waiting.resolve(message), waiting.reject)
  }

  async #send(upload: Upload, timer: NodeJS.Timeout): Promise<void> {
    for await (const piece of upload instanceof Uint8Array ? [upload] : upload)
      for (let at = 0; at < piece.length; at += CHUNK_BYTES) {
        await new Promise<void>((resolve, reject) =>
          this.#socket.send(piece.subarray(at, at + CHUNK_BYTES), (error) => (error ? reject(error) : resolve())),
        )
        timer.refresh()
      }
  }

  // Slowed down by whoever takes it.
  #take(bytes: Buffer): void {
    const waiting = this.#waiting
    if (waiting?.onBytes === undefined) {
      this.#fail('bytes came that nobody asked for')
      return this.#socket.terminate()
    }
    const { onBytes } = waiting
    waiting.timer.refresh()
    this.#socket.pause()
    waiting.taken = waiting.taken.then(() => onBytes(bytes)).then(() => this.#socket.resume())
    waiting.taken.catch((error: Error) => {
      this.#fail(error.message)
      this.#socket.terminate()
    })
  }

  #fail(why: string): void {
    this.#closed ??= new UnavailableError('ERR_ADMIN_CONNECTION', `${this.#url}: ${why}`)
    this.#waiting?.reject(this.#closed)
    this.#waiting = undefined
  }
}
