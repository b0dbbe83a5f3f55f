/**
 * HTTP on loopback for tools that know no enclaves (curl, kubectl): each request is checked for the proxy's credential, Host and
 * Origin, and goes to one enclave over an attested session. Sends no CORS headers: no web page is a customer.
 */
import { createServer as createHttp, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { MAX_REQUEST_BODY } from '../../../assembly/abi/limits.ts'
import type { Exchange } from '../fetch.ts'
import { Bodies } from './bodies.ts'
import type { ProxyTls } from './certificates.ts'
import { JudgedConnection, type ProxyCredential } from './credential.ts'
import { readHeaders } from './headers.ts'
import { answerRefusal, type Refusal, refusalOf } from './refusal.ts'
import { relayAnswer } from './relay.ts'
import type { RelayedRequest } from './sessions.ts'

/** What the proxy needs of its sessions. What this throws was not sent; what `response` rejects with may have been carried out. */
export type AttestedRequest = (request: RelayedRequest) => Promise<Exchange>

/** The same for who is not the session's owner: undefined where the enclave would take them for it. */
export type LentRequest = (request: RelayedRequest) => Promise<Exchange | undefined>

export type ProxyOptions = {
  port: number
  tls: ProxyTls | null
  credential: ProxyCredential
  request: AttestedRequest
  /** Absent: nobody comes in without the proxy's credential. */
  lend?: LentRequest
}

const MAX_HEADER_BYTES = 16_384
/** Watches hold one each; MAX_SESSIONS of sessions.ts has room for as many. */
const MAX_SOCKETS = 4096
const HEADERS_MS = 10_000
/** Longer than clients keep idle connections (Go: 90 s), so that it is they who end them and none sends into a closing one. */
const KEEP_ALIVE_MS = 120_000

export class ProxyServer {
  readonly #options: ProxyOptions
  readonly #server: Server
  readonly #bodies = new Bodies()
  readonly #connections = new WeakMap<Socket, JudgedConnection>()
  #hosts = new Set<string>()

  constructor(options: ProxyOptions) {
    this.#options = options
    const listener: RequestListener = (request, response) => void this.#handle(request, response)
    const limits = {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_MS,
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      noDelay: true,
    }
    const { tls } = options
    const server =
      tls === null
        ? createHttp(limits, listener)
        : createHttps(
            {
              ...limits,
              key: tls.key,
              cert: tls.cert,
              minVersion: 'TLSv1.3',
              // A certificate is one way to come in; who has none is asked for the token.
              ca: tls.ca,
              requestCert: true,
              rejectUnauthorized: false,
            },
            listener,
          )
    server.maxConnections = MAX_SOCKETS
    server.on('upgrade', refuseUpgrade)
    this.#server = server
  }

  /** @returns the URL it serves at, on 127.0.0.1 alone */
  async listen(): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host: '127.0.0.1', port: this.#options.port }, resolve)
    })
    const { port } = this.#server.address() as AddressInfo
    this.#hosts = new Set([`127.0.0.1:${port}`, `localhost:${port}`])
    return `${this.#options.tls === null ? 'http' : 'https'}://127.0.0.1:${port}`
  }

  close(): void {
    this.#server.close()
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/'
    const method = request.method ?? 'GET'
    let exchange: Exchange | undefined
    let gone = false
    response.on('close', () => {
      gone = true
      if (!response.writableFinished) exchange?.cancel()
    })
    let heldBytes = 0
    try {
      const headers = readHeaders(request.rawHeaders)
      if (headers.host === undefined || !this.#hosts.has(headers.host))
        return refuse(response, path, 421, 'ERR_PROXY_HOST', `this proxy is not ${headers.host ?? 'nobody'}`)
      if (headers.origin)
        return refuse(response, path, 403, 'ERR_PROXY_ORIGIN', 'web pages have no business with this proxy')
      const { admitted, forward, bearer } = this.#connectionOf(request.socket).judge(headers.authorizations)
      const lend = !admitted && bearer && mayBeLent(path) ? this.#options.lend : undefined
      if (!admitted && lend === undefined) return refuseCredential(response, path)
      const body = headers.body ? await this.#bodies.read(request) : null
      if (body === 'too-large')
        return refuse(
          response,
          path,
          413,
          'ERR_PROXY_BODY',
          `an enclave takes bodies of at most ${MAX_REQUEST_BODY} bytes`,
        )
      if (body === 'busy')
        return refuse(response, path, 429, 'ERR_PROXY_BUSY', 'the proxy holds as many bytes as it may', true)
      heldBytes = body?.length ?? 0
      if (forward !== undefined) headers.forwarded.push(['authorization', forward])
      const content = body !== null && body.length > 0 && method !== 'GET' && method !== 'HEAD' ? body : null
      const relayed = { method, path, headers: headers.forwarded, body: content }
      // The client cannot leave its Authorization away, nor name it in Connection: it was put here, behind what readHeaders dropped.
      exchange = lend === undefined ? await this.#options.request(relayed) : await lend(relayed)
      if (exchange === undefined) return refuseCredential(response, path)
      if (gone) return exchange.cancel()
      await relayAnswer(await exchange.response, response, method, path)
    } catch (error) {
      if (!gone)
        answerRefusal(response, path, refusalOf(error, exchange !== undefined, method === 'GET' || method === 'HEAD'))
    } finally {
      this.#bodies.release(heldBytes)
    }
  }

  #connectionOf(socket: Socket): JudgedConnection {
    let connection = this.#connections.get(socket)
    if (connection === undefined) {
      connection = new JudgedConnection(this.#options.credential, (socket as TLSSocket).authorized === true)
      this.#connections.set(socket, connection)
    }
    return connection
  }
}

/** What a kernel answers by who opened the session is for who has the proxy's credential. */
function mayBeLent(path: string): boolean {
  return path.startsWith('/') && !path.startsWith('/.wasmclave')
}

function refuseCredential(response: ServerResponse, path: string): void {
  refuse(response, path, 401, 'ERR_PROXY_CREDENTIAL', 'send the header of the file proxy.header: curl -H @FILE')
}

function refuse(
  response: ServerResponse,
  path: string,
  status: number,
  code: Refusal['code'],
  message: string,
  retry = false,
): void {
  answerRefusal(response, path, { status, code, message, retry })
}

// exec, attach and port-forward of kubectl, WebSockets: an enclave has none of these.
function refuseUpgrade(_request: IncomingMessage, socket: Socket): void {
  const body = '{"error":"ERR_PROXY_UPGRADE","message":"this proxy speaks HTTP/1.1 and nothing else"}'
  socket.end(
    `HTTP/1.1 501 Not Implemented\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
}
