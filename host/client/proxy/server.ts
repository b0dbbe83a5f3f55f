/**
 * HTTP on loopback for tools that know no enclaves (curl, kubectl): each request is checked for the proxy's credential, Host and
 * Origin, and goes to one enclave over an attested session. Sends no CORS headers: no web page is a customer.
 */
import { createServer as createHttp, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { MAX_REQUEST_BODY } from '../../../assembly/abi/limits.ts'
import { errorCode, UnavailableError } from '../../errors.ts'
import type { ChannelResponse } from '../fetch.ts'
import type { HeaderList } from '../head.ts'
import type { ProxyTls } from './certificates.ts'
import type { ProxyCredential } from './credential.ts'

/** What the proxy needs of a session: attested requests. */
export type AttestedRequest = (
  path: string,
  init: { method: string; headers: HeaderList; body: Uint8Array | null; signal: AbortSignal },
) => Promise<ChannelResponse>

export type ProxyOptions = { port: number; tls: ProxyTls | null; credential: ProxyCredential; request: AttestedRequest }

const MAX_HEADER_BYTES = 16_384
const MAX_SOCKETS = 1024
const HEADERS_MS = 10_000

/** Headers that belong to one connection, RFC 9110 section 7.6.1, and what the channel replaces. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'content-length',
  'expect',
  'authorization',
])

/** Answers without content, RFC 9110 sections 15.3.5 and 15.4.5. */
const BODILESS = new Set([204, 304])

export class ProxyServer {
  readonly #options: ProxyOptions
  readonly #server: Server
  #hosts = new Set<string>()

  constructor(options: ProxyOptions) {
    this.#options = options
    const listener: RequestListener = (request, response) => {
      this.#handle(request, response).catch((error: unknown) => answerError(response, error))
    }
    const limits = { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_MS, requestTimeout: 0 }
    const server =
      options.tls === null
        ? createHttp(limits, listener)
        : createHttps({ ...limits, key: options.tls.key, cert: options.tls.cert, minVersion: 'TLSv1.3' }, listener)
    server.maxConnections = MAX_SOCKETS
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
    if (!this.#hosts.has(request.headers.host ?? ''))
      return answer(response, 421, 'ERR_PROXY_HOST', `this proxy is not ${request.headers.host ?? 'nobody'}`)
    if (request.headers.origin !== undefined)
      return answer(response, 403, 'ERR_PROXY_ORIGIN', 'web pages have no business with this proxy')
    const { admitted, forward } = this.#options.credential.judge(request.headersDistinct.authorization ?? [])
    if (!admitted) {
      response.setHeader('www-authenticate', 'Bearer realm="wasmclave proxy"')
      return answer(response, 401, 'ERR_PROXY_CREDENTIAL', 'send the header of the file proxy.header: curl -H @FILE')
    }
    const body = await readBody(request)
    if (body === undefined)
      return answer(response, 413, 'ERR_PROXY_BODY', `an enclave takes bodies of at most ${MAX_REQUEST_BODY} bytes`)
    const abort = new AbortController()
    response.on('close', () => {
      if (!response.writableFinished) abort.abort(new UnavailableError('ERR_PROXY_CLIENT_GONE', 'the client has gone'))
    })
    const method = request.method ?? 'GET'
    const headers = endToEnd(request.rawHeaders)
    if (forward !== undefined) headers.push(['authorization', forward])
    const answered = await this.#options.request(request.url ?? '/', {
      method,
      headers,
      body: body.length > 0 && method !== 'GET' && method !== 'HEAD' ? body : null,
      signal: abort.signal,
    })
    await relay(answered, response, method)
  }
}

async function relay(from: ChannelResponse, to: ServerResponse, method: string): Promise<void> {
  to.statusCode = from.status
  for (const [name, value] of from.headers) if (!HOP_BY_HOP.has(name)) to.appendHeader(name, value)
  if (from.body instanceof Uint8Array) {
    if (method === 'HEAD' || BODILESS.has(from.status)) return void to.end()
    to.setHeader('content-length', from.body.length)
    return void to.end(from.body)
  }
  if (method === 'HEAD') {
    await from.body.cancel()
    return void to.end()
  }
  to.flushHeaders()
  try {
    await pipeline(Readable.fromWeb(from.body as never), to)
  } catch {
    // The head is out: what ends early is cut, so that nobody takes it for whole.
    to.destroy()
  }
}

function endToEnd(raw: readonly string[]): HeaderList {
  const headers: HeaderList = []
  const named = new Set<string>()
  for (let i = 0; i < raw.length; i += 2)
    if (raw[i]?.toLowerCase() === 'connection')
      for (const name of (raw[i + 1] ?? '').split(',')) named.add(name.trim().toLowerCase())
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase()
    if (!HOP_BY_HOP.has(name) && !named.has(name)) headers.push([name, raw[i + 1] as string])
  }
  return headers
}

async function readBody(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > MAX_REQUEST_BODY) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function answerError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy()
  const status = error instanceof UnavailableError ? 503 : 502
  answer(response, status, errorCode(error) ?? 'ERR_PROXY_INTERNAL', error instanceof Error ? error.message : 'unknown')
}

function answer(response: ServerResponse, status: number, code: string, message: string): void {
  const body = JSON.stringify({ error: code, message })
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  })
  response.end(`${body}`)
}
