/** A wire tap: a relay between a client and the gateway that keeps all that passes, and may change it. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'

const MAX_KEPT_BYTES = 64 * 1_048_576

/** @returns what goes on instead */
export type Change = (message: Buffer, index: number) => Buffer

export class Tap {
  readonly seen: Buffer[] = []
  readonly #server: WebSocketServer
  #bytes = 0

  private constructor(server: WebSocketServer) {
    this.#server = server
  }

  /** @param change applied to messages of clients */
  static async open(gateway: string, change: Change = (message) => message): Promise<Tap> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
    await once(server, 'listening')
    const tap = new Tap(server)
    server.on('connection', (client, request) => tap.#relay(client, `${gateway}${request.url}`, change))
    return tap
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get bytes(): number {
    return this.#bytes
  }

  close(): void {
    for (const client of this.#server.clients) client.terminate()
    this.#server.close()
  }

  #relay(client: WebSocket, url: string, change: Change): void {
    const upstream = new WebSocket(url, { perMessageDeflate: false })
    const waiting: Buffer[] = []
    let index = 0
    client.on('message', (data: Buffer) => {
      this.#keep(data)
      const message = change(data, index++)
      if (upstream.readyState === WebSocket.OPEN) upstream.send(message)
      else waiting.push(message)
    })
    upstream.on('open', () => {
      for (const message of waiting.splice(0)) upstream.send(message)
    })
    upstream.on('message', (data: Buffer) => {
      this.#keep(data)
      client.send(data)
    })
    upstream.on('close', () => client.terminate())
    upstream.on('error', () => client.terminate())
    client.on('close', () => upstream.terminate())
    client.on('error', () => upstream.terminate())
  }

  #keep(data: Buffer): void {
    if (this.#bytes + data.length > MAX_KEPT_BYTES) return
    this.#bytes += data.length
    this.seen.push(Buffer.from(data))
  }
}
