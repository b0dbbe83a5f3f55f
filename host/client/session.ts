/**
 * An authenticated session: multiplexes streams over two directions of sealed frames, and ends as a whole at the first bad one.
 * Frames of one turn of the event loop leave together, in one message: a message costs each process on its way more than a frame.
 */
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
import { MAX_RELAY_PAYLOAD, MAX_STREAMS } from '../../assembly/abi/limits.ts'
import { CLOSE_CODE_BASE } from '../../assembly/abi/wire.ts'
import { RefusedError, UnavailableError, WasmclaveError } from '../errors.ts'
import type { Direction, OpenedFrame } from './direction.ts'
import { ClientStream } from './stream.ts'
import type { Transport } from './transport.ts'

const KIND_MASK = 0x7f
/** The session itself speaks on this stream. */
const SESSION_STREAM = 0
const FRAME_OVERHEAD = CHANNEL_HEADER_BYTES + TAG_BYTES
/** A batch leaves at once when it has so many bytes. */
const FULL_BATCH_BYTES = 131_072
const FIRST_BATCH_BYTES = 512

/** After this turn and its microtasks; browsers have no queue behind those. */
const afterTurn: (run: () => void) => void = globalThis.process?.nextTick ?? queueMicrotask

export class Session {
  readonly #transport: Transport
  readonly #outgoing: Direction
  readonly #incoming: Direction
  readonly #streams = new Map<number, ClientStream>()
  readonly #onEnd: (error: WasmclaveError) => void
  #nextStream = 1
  #ended: WasmclaveError | undefined
  /** Sealed frames that leave after this turn. */
  #batch = new Uint8Array(0)
  #batched = 0
  #batchBytes = FIRST_BATCH_BYTES

  constructor(transport: Transport, outgoing: Direction, incoming: Direction, onEnd: (error: WasmclaveError) => void) {
    this.#transport = transport
    this.#outgoing = outgoing
    this.#incoming = incoming
    this.#onEnd = onEnd
  }

  get ended(): WasmclaveError | undefined {
    return this.#ended
  }

  /** Streams that are not over. */
  get openStreams(): number {
    return this.#streams.size
  }

  /** @throws UnavailableError ERR_SESSION_ENDED, ERR_SESSION_STREAMS */
  openStream(onOver: () => void): ClientStream {
    if (this.#ended !== undefined) throw this.#ended
    if (this.#streams.size >= MAX_STREAMS)
      throw new UnavailableError('ERR_SESSION_STREAMS', `${MAX_STREAMS} requests are open on this session already`)
    const number = this.#nextStream++
    const stream = new ClientStream(number, this.send, () => {
      this.#streams.delete(number)
      onOver()
    })
    this.#streams.set(number, stream)
    return stream
  }

  readonly send = (stream: number, kind: number, plaintext: Uint8Array): void => {
    if (this.#ended !== undefined) return
    this.#reserve(plaintext.length)
    this.#seal(stream, kind, plaintext)
  }

  /** A head with the first bytes of its body. */
  sendHead(stream: number, end: boolean, head: Uint8Array, body: Uint8Array): void {
    if (this.#ended !== undefined) return
    const length = 4 + head.length + body.length
    this.#reserve(length)
    const at = this.#batched + CHANNEL_HEADER_BYTES
    const plaintext = this.#batch.subarray(at, at + length)
    plaintext[2] = head.length >>> 8 // MAX_HEAD_BYTES is below 2^16, and the batch was zeros
    plaintext[3] = head.length
    plaintext.set(head, 4)
    plaintext.set(body, 4 + head.length)
    this.#seal(stream, end ? KIND_HEAD | KIND_END : KIND_HEAD, plaintext)
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
    this.#flush()
    this.end(new UnavailableError('ERR_SESSION_ENDED', 'the session was closed by its owner'))
  }

  end(error: WasmclaveError): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    for (const stream of [...this.#streams.values()]) stream.fail(error)
    this.#batched = 0
    this.#outgoing.destroy()
    this.#incoming.destroy()
    this.#transport.close()
    this.#onEnd(error)
  }

  // Room behind what is batched for a frame of this plaintext.
  #reserve(length: number): void {
    const bytes = FRAME_OVERHEAD + length
    if (this.#batched + bytes > MAX_RELAY_PAYLOAD) this.#flush()
    if (this.#batched + bytes <= this.#batch.length) return
    const larger = new Uint8Array(Math.max(this.#batched + bytes, this.#batchBytes, 2 * this.#batched))
    larger.set(this.#batch.subarray(0, this.#batched))
    this.#batch = larger
  }

  #seal(stream: number, kind: number, plaintext: Uint8Array): void {
    if (this.#batched === 0) afterTurn(this.#flush)
    this.#batched += this.#outgoing.seal(this.#batch, this.#batched, { stream, request: stream, kind }, plaintext)
    if (this.#batched >= FULL_BATCH_BYTES) this.#flush()
  }

  readonly #flush = (): void => {
    if (this.#batched === 0) return
    const message = this.#batch.subarray(0, this.#batched)
    // The next batch is likely to be as long as this one; the transport keeps these bytes until they are sent.
    this.#batchBytes = Math.min(this.#batched, FULL_BATCH_BYTES)
    this.#batch = new Uint8Array(0)
    this.#batched = 0
    this.#transport.send(message)
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
