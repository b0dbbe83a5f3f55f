/**
 * The gateway: WebSockets at /enclaves/NAME (relayed to the enclave) and /admin (signed requests, relayed to nitro).
 * `ws` and node:http leave doors open by default; every cap that matters is set here.
 */
import { createServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { MAX_RELAY_PAYLOAD } from '../../assembly/abi/limits.ts'
import { CLOSE_CODE_BASE, CLOSE_IDLE, CLOSE_LIMIT } from '../../assembly/abi/wire.ts'
import { AddressLimiter } from './address-limiter.ts'
import type { AdminEndpoint } from './admin.ts'
import type { Counts } from './counts.ts'
import type { Slots } from './slots.ts'

/** Node's own defaults are 60 s for headers and no bound for sockets. */
const HEADERS_MS = 5000
/** Node looks for late ones every 30 s. */
const CHECK_MS = 1000
const MAX_HEADER_BYTES = 8192
const MAX_HEADERS = 64
const MAX_SOCKETS = 4096
/** A session that sends nothing in this time is asked by a ping, and ended when it is silent for another. */
const IDLE_MS = 30_000
/** Bytes that wait for a peer who does not read; above it the session ends. */
const MAX_UNSENT_BYTES = 8 * 1024 * 1024

/** Caps of ws 8.23 that its types do not know yet. */
const MESSAGE_CAPS = { maxFragments: 64, maxBufferedChunks: 4096 }

const ENCLAVE_PATH = /^\/enclaves\/([A-Za-z0-9][A-Za-z0-9._-]{0,127})$/

/** What a connection that is turned away before it is a WebSocket is told. */
const STATUS = { host: 421, origin: 403, path: 404, rate: 429 } as const
type Reason = keyof typeof STATUS

export type GatewayPolicy = { origins: string[]; hosts: string[] }

export class Gateway {
  readonly #slots: Slots
  readonly #admin: AdminEndpoint
  readonly #policy: GatewayPolicy
  readonly #refused: Counts['refused']
  readonly #server: Server
  readonly #limiter = new AddressLimiter()
  readonly #sockets = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    perMessageDeflate: false,
    maxPayload: MAX_RELAY_PAYLOAD,
    ...MESSAGE_CAPS,
    autoPong: true,
    skipUTF8Validation: false,
  })

  constructor(slots: Slots, admin: AdminEndpoint, policy: GatewayPolicy, counts: Counts) {
    this.#slots = slots
    this.#admin = admin
    this.#policy = policy
    this.#refused = counts.refused
    this.#server = createServer(
      {
        headersTimeout: HEADERS_MS,
        requestTimeout: HEADERS_MS,
        connectionsCheckingInterval: CHECK_MS,
        maxHeaderSize: MAX_HEADER_BYTES,
        keepAliveTimeout: 1,
      },
      (_request, response) => response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end(),
    )
    this.#server.maxHeadersCount = MAX_HEADERS
    this.#server.maxConnections = MAX_SOCKETS
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket as Socket, head))
    this.#server.on('clientError', (_error, socket: Duplex) => socket.destroy())
    setInterval(() => this.#sweep(), IDLE_MS).unref()
  }

  /** @returns the port, chosen by the system where `port` is 0 */
  listen(address: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host: address, port, backlog: 1024 }, () => {
        const bound = (this.#server.address() as AddressInfo).port
        if (this.#policy.hosts.length === 0)
          this.#policy.hosts.push(`127.0.0.1:${bound}`, `localhost:${bound}`, `[::1]:${bound}`)
        resolve(bound)
      })
    })
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => socket.destroy())
    const refused = this.#refusal(request)
    if (refused !== undefined) return this.#refuse(socket, refused)
    const path = request.url ?? ''
    if (path === '/admin') {
      return this.#accept(request, socket, head, (peer) => this.#admin.connect(peer))
    }
    const name = ENCLAVE_PATH.exec(path)?.[1]
    if (name === undefined) return this.#refuse(socket, 'path')
    const slot = this.#slots.byName(name)
    if (slot === undefined) return this.#refuse(socket, 'path')
    if (!this.#limiter.take(socket.remoteAddress ?? '')) return this.#refuse(socket, 'rate')
    this.#accept(request, socket, head, (peer) => this.#relay(peer, socket, slot))
  }

  #refusal(request: IncomingMessage): Reason | undefined {
    if (!this.#policy.hosts.includes(request.headers.host ?? '')) return 'host'
    const origin = request.headers.origin
    if (origin !== undefined && !this.#policy.origins.includes(origin)) return 'origin'
    return undefined
  }

  #accept(request: IncomingMessage, socket: Socket, head: Buffer, serve: (peer: WebSocket) => void): void {
    socket.setNoDelay(true)
    this.#sockets.handleUpgrade(request, socket, head, (peer) => {
      alive.add(peer)
      peer.on('pong', () => alive.add(peer))
      peer.on('error', () => peer.terminate())
      serve(peer)
    })
  }

  #relay(peer: WebSocket, socket: Socket, slot: NonNullable<ReturnType<Slots['byName']>>): void {
    let corked = false
    const session = slot.open({
      send(message) {
        if (peer.bufferedAmount > MAX_UNSENT_BYTES) return peer.close(CLOSE_CODE_BASE + CLOSE_LIMIT)
        // One system call a tick instead of one a message: measured as 2 to 5 times the throughput.
        if (!corked) {
          corked = true
          socket.cork()
          process.nextTick(() => {
            corked = false
            socket.uncork()
          })
        }
        peer.send(message, { binary: true })
      },
      close: (reason) => peer.close(CLOSE_CODE_BASE + reason),
      pause: () => peer.pause(),
      resume: () => peer.resume(),
    })
    if (session === undefined) {
      this.#refused.full++
      return peer.close(CLOSE_CODE_BASE + CLOSE_LIMIT)
    }
    peer.on('message', (data, isBinary) => {
      alive.add(peer)
      if (!isBinary) return peer.close(1003)
      slot.message(session, data as Buffer)
    })
    peer.on('close', () => slot.closed(session))
  }

  #refuse(socket: Socket, reason: Reason): void {
    this.#refused[reason]++
    const status = STATUS[reason]
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  }

  #sweep(): void {
    for (const peer of this.#sockets.clients) {
      if (alive.delete(peer)) peer.ping()
      else {
        peer.close(CLOSE_CODE_BASE + CLOSE_IDLE)
        setTimeout(() => peer.terminate(), 1000).unref()
      }
    }
  }
}

/** Peers that were heard of since the last sweep. */
const alive = new WeakSet<WebSocket>()
