/** A connection to a host's admin endpoint: one call at a time, through a parent that is believed nothing. */
import { WebSocket } from 'ws'
import { UnavailableError } from '../errors.ts'

const ANSWER_MS = 60_000
const CHUNK_BYTES = 1_048_576

type Waiting = { image: Uint8Array | undefined; resolve(message: unknown): void; reject(error: UnavailableError): void }

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
    this.#socket.on('message', (data) => this.#receive(String(data)))
  }

  /** @param image is sent when the host asks for it. @returns the JSON-RPC answer. @throws UnavailableError ERR_ADMIN_CONNECTION */
  async call(method: 'request' | 'read', params: object, image?: Uint8Array): Promise<unknown> {
    await this.#opened
    if (this.#closed !== undefined) throw this.#closed
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting = { image, resolve, reject }
    })
    const timer = setTimeout(() => {
      this.#fail(`no answer within ${ANSWER_MS} ms`)
      this.#socket.terminate()
    }, ANSWER_MS)
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
      const { image } = waiting
      for (let at = 0; image !== undefined && at < image.length; at += CHUNK_BYTES)
        this.#socket.send(image.subarray(at, at + CHUNK_BYTES))
      return
    }
    this.#waiting = undefined
    waiting.resolve(message)
  }

  #fail(why: string): void {
    this.#closed ??= new UnavailableError('ERR_ADMIN_CONNECTION', `${this.#url}: ${why}`)
    this.#waiting?.reject(this.#closed)
    this.#waiting = undefined
  }
}
