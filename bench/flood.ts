/** Hellos from strangers at a steady rate: each costs the enclave a key and a signature it will never be thanked for. */
import { randomBytes } from 'node:crypto'
import { WebSocket } from 'ws'
import { MESSAGE_HELLO } from '../assembly/abi/channel.ts'
import { encodeCbor } from '../host/wire/cbor.ts'

const EVERY_MS = 10
const EACH = 10
/** Sockets that are kept open, as a flood would; older ones are dropped. */
const KEPT = 300

export class Flood {
  #sent = 0
  #startMs = 0
  #timer: NodeJS.Timeout | undefined
  readonly #sockets: WebSocket[] = []

  start(url: string): void {
    const hello = Uint8Array.of(MESSAGE_HELLO, ...encodeCbor([[1], randomBytes(32)]))
    this.#startMs = performance.now()
    this.#timer = setInterval(() => {
      for (let i = 0; i < EACH; i++) {
        this.#sent++
        const socket = new WebSocket(url)
        socket.on('error', () => {})
        socket.on('open', () => socket.send(hello))
        this.#sockets.push(socket)
      }
      for (const socket of this.#sockets.splice(0, Math.max(0, this.#sockets.length - KEPT))) socket.terminate()
    }, EVERY_MS)
  }

  /** @returns hellos a second, as it came to be */
  stop(): number {
    clearInterval(this.#timer)
    for (const socket of this.#sockets.splice(0)) socket.terminate()
    return (this.#sent * 1000) / (performance.now() - this.#startMs)
  }
}
