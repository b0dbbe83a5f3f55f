// A parent that lies: a WebSocket relay between client and gateway that may drop, repeat, swap, change, reflect and delay messages.
// Text stays text: the admin endpoint speaks JSON, enclaves do not.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'

export type Side = 'client' | 'enclave'
/** What becomes of message `index` from one side: the messages that go on, to the other side or back. */
export type Lie = (
  from: Side,
  index: number,
  message: Buffer,
) => { on?: Buffer[]; back?: Buffer[]; afterMs?: number } | 'cut'

export class LyingParent {
  lie: Lie = (_from, _index, message) => ({ on: [message] })
  readonly seen: { from: Side; message: Buffer }[] = []
  readonly #server: Server
  readonly #sockets: WebSocketServer

  constructor(gateway: string) {
    this.#server = createServer()
    this.#sockets = new WebSocketServer({ server: this.#server, perMessageDeflate: false })
    this.#sockets.on('connection', (client, request) => {
      const enclave = new WebSocket(gateway + request.url, { perMessageDeflate: false })
      const waiting: [Buffer, boolean][] = []
      const send = (to: Side, message: Buffer, binary: boolean) => {
        const socket = to === 'client' ? client : enclave
        if (socket.readyState === WebSocket.CONNECTING) waiting.push([message, binary])
        else if (socket.readyState === WebSocket.OPEN) socket.send(message, { binary })
      }
      enclave.on('open', () => {
        for (const [message, binary] of waiting.splice(0)) enclave.send(message, { binary })
      })
      const relay = (from: Side) => {
        let index = 0
        const other: Side = from === 'client' ? 'enclave' : 'client'
        return (data: Buffer, binary: boolean) => {
          this.seen.push({ from, message: data })
          const done = this.lie(from, index++, data)
          if (done === 'cut') {
            client.terminate()
            enclave.terminate()
            return
          }
          const deliver = () => {
            for (const message of done.on ?? []) send(other, message, binary)
            for (const message of done.back ?? []) send(from, message, binary)
          }
          if (done.afterMs === undefined) deliver()
          else setTimeout(deliver, done.afterMs)
        }
      }
      client.on('message', relay('client'))
      enclave.on('message', relay('enclave'))
      client.on('close', () => enclave.close())
      enclave.on('close', (code) => client.close(code >= 4000 ? code : 1000))
      enclave.on('error', () => client.terminate())
      client.on('error', () => enclave.terminate())
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    for (const socket of this.#sockets.clients) socket.terminate()
    this.#server.close()
  }
}
