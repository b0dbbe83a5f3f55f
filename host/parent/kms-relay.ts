/**
 * The kernels' messages to the KMS and its answers back, over one connection for all slots: tickets of its own, and no look inside, as there
 * is nothing to see. While the KMS is away each question is answered by *not now*, and the kernel asks again at its own pace; the next
 * question dials anew.
 */
import { connect, type Socket } from 'node:net'
import {
  REFUSED_UNAVAILABLE,
  STORE_FRAME_ANSWER,
  STORE_FRAME_REQUEST,
  STORE_FRAME_WAITING,
  STORE_MESSAGE_MAX,
  STORE_REFUSED,
} from '../../assembly/abi/store.ts'
import { encodeFrame, FrameReader } from '../wire/frame.ts'

/** A KMS that lets questions wait for so long is asked over another connection. */
const SILENT_MS = 15_000

export class KmsRelay {
  readonly #path: string
  readonly #waiting = new Map<number, (answer: Uint8Array) => void>()
  #socket: Socket | undefined
  #nextTicket = 0

  /** @param path of the KMS's socket; empty where this host has no KMS for stores */
  constructor(path: string) {
    this.#path = path
  }

  /** Never rejects: what cannot be asked is answered by a refusal, as by the KMS itself. */
  ask(message: Uint8Array): Promise<Uint8Array> {
    if (this.#path === '') return Promise.resolve(refusedNow('this host has no KMS for stores'))
    if (this.#waiting.size >= STORE_FRAME_WAITING) return Promise.resolve(refusedNow('the KMS has enough to do'))
    const socket = this.#socket ?? this.#dial()
    this.#nextTicket = (this.#nextTicket + 1) >>> 0
    const ticket = this.#nextTicket
    return new Promise((resolve) => {
      this.#waiting.set(ticket, resolve)
      socket.write(encodeFrame(STORE_FRAME_REQUEST, ticket, message))
    })
  }

  close(): void {
    this.#socket?.destroy()
  }

  #dial(): Socket {
    const socket = connect(this.#path)
    this.#socket = socket
    const reader = new FrameReader(STORE_MESSAGE_MAX)
    socket.on('data', (chunk) => {
      try {
        for (const { type, id, payload } of reader.push(chunk as Buffer)) {
          if (type !== STORE_FRAME_ANSWER) throw new RangeError(`frame type ${type}`)
          const answer = this.#waiting.get(id)
          this.#waiting.delete(id)
          answer?.(payload)
        }
      } catch {
        socket.destroy()
      }
    })
    socket.setTimeout(SILENT_MS, () => {
      if (this.#waiting.size > 0) socket.destroy()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#socket = undefined
      for (const answer of this.#waiting.values()) answer(refusedNow('the KMS does not answer'))
      this.#waiting.clear()
    })
    return socket
  }
}

/** u8 type ‖ u16 code ‖ reason. Nobody's signed word, and taken as such. */
export function refusedNow(reason: string): Uint8Array {
  const message = Buffer.alloc(3)
  message[0] = STORE_REFUSED
  message.writeUInt16BE(REFUSED_UNAVAILABLE, 1)
  return Buffer.concat([message, Buffer.from(reason)])
}
