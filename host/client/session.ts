/** An authenticated session: multiplexes streams over two directions of sealed frames, and ends as a whole at the first bad one. */
import {
  CHANNEL_HEADER_BYTES,
  KIND_CLOSE,
  KIND_DATA,
  KIND_END,
  KIND_HEAD,
  KIND_RESET,
  KIND_WINDOW,
  TAG_BYTES,
} from '../../assembly/abi/channel.ts'
import { MAX_STREAMS } from '../../assembly/abi/limits.ts'
import { CLOSE_CODE_BASE } from '../../assembly/abi/wire.ts'
import { RefusedError, UnavailableError, WasmclaveError } from '../errors.ts'
import type { Direction, OpenedFrame } from './direction.ts'
import { ClientStream } from './stream.ts'
import type { Transport } from './transport.ts'

const KIND_MASK = 0x7f
/** The session itself speaks on this stream. */
const SESSION_STREAM = 0

export class Session {
  readonly #transport: Transport
  readonly #outgoing: Direction
  readonly #incoming: Direction
  readonly #streams = new Map<number, ClientStream>()
  readonly #onEnd: (error: WasmclaveError) => void
  #nextStream = 1
  #ended: WasmclaveError | undefined

  constructor(transport: Transport, outgoing: Direction, incoming: Direction, onEnd: (error: WasmclaveError) => void) {
    this.#transport = transport
    this.#outgoing = outgoing
    this.#incoming = incoming
    this.#onEnd = onEnd
  }

  get ended(): WasmclaveError | undefined {
    return this.#ended
  }

  /** @throws UnavailableError ERR_SESSION_ENDED, ERR_SESSION_STREAMS */
  openStream(): ClientStream {
    if (this.#ended !== undefined) throw this.#ended
    if (this.#streams.size >= MAX_STREAMS)
      throw new UnavailableError('ERR_SESSION_STREAMS', `${MAX_STREAMS} requests are open on this session already`)
    const number = this.#nextStream++
    const stream = new ClientStream(number, this.send, () => this.#streams.delete(number))
    this.#streams.set(number, stream)
    return stream
  }

  readonly send = (stream: number, kind: number, plaintext: Uint8Array): void => {
    if (this.#ended !== undefined) return
    const message = new Uint8Array(CHANNEL_HEADER_BYTES + plaintext.length + TAG_BYTES)
    this.#outgoing.seal(message, 0, { stream, request: stream, kind }, plaintext)
    this.#transport.send(message)
  }

  receive(message: Uint8Array): void {
    if (this.#ended !== undefined) return
    try {
      for (const frame of this.#incoming.open(message)) this.#handle(frame)
    } catch (error) {
      this.end(error instanceof WasmclaveError ? error : new RefusedError('ERR_FRAME_SYNTAX', String(error)))
    }
  }

  /** The transport has closed. Without a sealed `close` before it, that is truncation. */
  lost(code: number): void {
    const reason =
      code >= CLOSE_CODE_BASE ? `the enclave's side closed it, reason ${code - CLOSE_CODE_BASE}` : `code ${code}`
    this.end(new UnavailableError('ERR_STREAM_TRUNCATED', `the connection ended in the middle: ${reason}`))
  }

  close(): void {
    this.send(SESSION_STREAM, KIND_CLOSE, new Uint8Array(2))
    this.end(new UnavailableError('ERR_SESSION_ENDED', 'the session was closed by its owner'))
  }

  end(error: WasmclaveError): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    for (const stream of [...this.#streams.values()]) stream.fail(error)
    this.#outgoing.destroy()
    this.#incoming.destroy()
    this.#transport.close()
    this.#onEnd(error)
  }

  #handle(frame: OpenedFrame): void {
    const kind = frame.kind & KIND_MASK
    const end = (frame.kind & KIND_END) !== 0
    if (frame.request !== frame.stream) throw new RefusedError('ERR_FRAME_SYNTAX', 'request and stream differ')
    if (frame.stream === SESSION_STREAM) {
      if (kind !== KIND_CLOSE) throw new RefusedError('ERR_FRAME_SYNTAX', `kind ${frame.kind} on the session's stream`)
      return this.end(new UnavailableError('ERR_SESSION_ENDED', 'the enclave closed the session'))
    }
    if (frame.stream >= this.#nextStream)
      throw new RefusedError('ERR_FRAME_SYNTAX', `stream ${frame.stream} was never opened`)
    // A stream that was cancelled may still have frames on their way.
    const stream = this.#streams.get(frame.stream)
    if (stream === undefined) return
    if (kind === KIND_HEAD) stream.receiveHead(frame.plaintext, end)
    else if (kind === KIND_DATA) stream.receiveData(frame.plaintext, end)
    else if (kind === KIND_RESET && frame.plaintext.length === 2) stream.receiveReset(unsigned(frame.plaintext, 2))
    else if (kind === KIND_WINDOW && frame.plaintext.length === 4) stream.receiveWindow(unsigned(frame.plaintext, 4))
    else
      throw new RefusedError('ERR_FRAME_SYNTAX', `no frame of kind ${frame.kind} and ${frame.plaintext.length} bytes`)
  }
}

function unsigned(bytes: Uint8Array, length: 2 | 4): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, length)
  return length === 2 ? view.getUint16(0) : view.getUint32(0)
}
