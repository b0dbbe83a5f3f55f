/**
 * One request and its response on a session: windows in both directions, the response's body as a web stream.
 * The enclave sends no more than was granted; the grant grows as the reader reads.
 */
import { KIND_DATA, KIND_END, KIND_RESET, KIND_WINDOW } from '../../assembly/abi/channel.ts'
import { MAX_DATA_BYTES, STREAM_WINDOW } from '../../assembly/abi/limits.ts'
import { RefusedError, UnavailableError, type WasmclaveError } from '../errors.ts'
import { decodeResponseHead, type ResponseHead } from './head.ts'

/** Unread body bytes after which a window is granted anew. */
const GRANT_STEP = STREAM_WINDOW / 2

export type FrameSink = (stream: number, kind: number, plaintext: Uint8Array) => void

export type StreamResponse = ResponseHead & { body: Uint8Array | ReadableStream<Uint8Array> }

export class ClientStream {
  readonly number: number
  readonly response: Promise<StreamResponse>
  readonly #send: FrameSink
  readonly #onOver: () => void
  #resolve!: (response: StreamResponse) => void
  #reject!: (error: WasmclaveError) => void
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #answered = false
  #over = false
  #sendCredit = STREAM_WINDOW
  #creditWaiters: (() => void)[] = []
  #receiveCredit = STREAM_WINDOW
  #consumed = 0

  constructor(number: number, send: FrameSink, onOver: () => void) {
    this.number = number
    this.#send = send
    this.#onOver = onOver
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** Sends a body behind its head, as credit allows. Stops quietly when the stream is over. */
  async sendBody(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) {
        while (this.#sendCredit === 0 && !this.#over)
          await new Promise<void>((resolve) => this.#creditWaiters.push(resolve))
        if (this.#over) return
        const length = Math.min(this.#sendCredit, MAX_DATA_BYTES, chunk.length - at)
        this.#sendCredit -= length
        this.#send(this.number, KIND_DATA, chunk.subarray(at, at + length))
        at += length
      }
    }
    if (!this.#over) this.#send(this.number, KIND_DATA | KIND_END, new Uint8Array(0))
  }

  /** Body bytes that went out with the head. */
  spendCredit(bytes: number): void {
    this.#sendCredit -= bytes
  }

  receiveHead(plaintext: Uint8Array, end: boolean): void {
    if (this.#answered) throw new RefusedError('ERR_FRAME_SYNTAX', `stream ${this.number} has two heads`)
    this.#answered = true
    const { head, body } = decodeResponseHead(plaintext)
    this.#spendReceived(body.length)
    if (end) {
      this.#resolve({ ...head, body })
      return this.#finish()
    }
    this.#resolve({ ...head, body: this.#open(body) })
  }

  receiveData(plaintext: Uint8Array, end: boolean): void {
    if (this.#controller === undefined)
      throw new RefusedError('ERR_FRAME_SYNTAX', `stream ${this.number} has data before its head`)
    this.#spendReceived(plaintext.length)
    if (plaintext.length > 0) this.#controller.enqueue(plaintext)
    if (!end) return
    this.#controller.close()
    this.#finish()
  }

  receiveWindow(credit: number): void {
    this.#sendCredit += credit
    for (const wake of this.#creditWaiters.splice(0)) wake()
  }

  receiveReset(code: number): void {
    this.fail(new UnavailableError('ERR_STREAM_RESET', `the enclave ended stream ${this.number}, reason ${code}`))
  }

  /** The caller wants no more of it. */
  cancel(): void {
    if (this.#over) return
    this.#send(this.number, KIND_RESET, new Uint8Array(2))
    this.fail(new UnavailableError('ERR_STREAM_CANCELLED', 'the request was cancelled by its caller'))
  }

  /** The session, or the stream, is over before the response is. */
  fail(error: WasmclaveError): void {
    if (this.#over) return
    this.#reject(error)
    this.response.catch(() => {})
    this.#controller?.error(error)
    this.#finish()
  }

  #finish(): void {
    this.#over = true
    for (const wake of this.#creditWaiters.splice(0)) wake()
    this.#onOver()
  }

  #spendReceived(bytes: number): void {
    this.#receiveCredit -= bytes
    if (this.#receiveCredit < 0)
      throw new RefusedError('ERR_FRAME_CREDIT', `stream ${this.number} sends more than was granted`)
  }

  #open(first: Uint8Array): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
          if (first.length > 0) controller.enqueue(first)
        },
        pull: () => this.#grant(),
        cancel: () => this.cancel(),
      },
      { highWaterMark: STREAM_WINDOW, size: (chunk) => chunk.length },
    )
  }

  // What the reader has taken is what was received less what still waits in the stream's queue.
  #grant(): void {
    if (this.#over || this.#controller === undefined) return
    const free = Math.max(0, this.#controller.desiredSize ?? 0)
    this.#consumed = free - this.#receiveCredit
    if (this.#consumed < GRANT_STEP) return
    this.#receiveCredit += this.#consumed
    const credit = new Uint8Array(4)
    new DataView(credit.buffer).setUint32(0, this.#consumed)
    this.#send(this.number, KIND_WINDOW, credit)
  }
}
