// A parent that lies: a WebSocket relay between client and gateway that may drop, repeat, swap, change and reflect messages.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'

export type Side = 'client' | 'enclave'
/** What becomes of message `index` from one side: the messages that go on, to the other side or back. */
export type Lie = (from: Side, index: number, message: Buffer) => { on?: Buffer[]; back?: Buffer[] } | 'cut'

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
      const waiting: Buffer[] = []
      const send = (to: Side, message: Buffer) => {
        const socket = to === 'client' ? client : enclave
        if (socket.readyState === WebSocket.CONNECTING) waiting.push(message)
        else if (socket.readyState === WebSocket.OPEN) socket.send(message)
      }
      enclave.on('open', () => {
        for (const message of waiting.splice(0)) enclave.send(message)
      })
      const relay = (from: Side) => {
        let index = 0
        const other: Side = from === 'client' ? 'enclave' : 'client'
        return (data: Buffer) => {
          this.seen.push({ from, message: data })
          const done = this.lie(from, index++, data)
          if (done === 'cut') {
            client.terminate()
            enclave.terminate()
            return
          }
          for (const message of done.on ?? []) send(other, message)
          for (const message of done.back ?? []) send(from, message)
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
