/**
 * The endpoint: JSON 1.1 over HTTP on loopback (POST /), every request signed. Sizes, times and numbers are bounded before anything is
 * believed; a body is read only for an access key that exists. LIMIT: no TLS, as on loopback there is nobody between; whoever can read
 * the loopback interface is root, and owns the machine.
 */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Fault } from '../fault.ts'
import type { Kms } from '../kms.ts'
import { MAX_BODY, MAX_CONNECTIONS, MAX_HEADERS } from '../limits.ts'
import type { Credential } from './credentials.ts'
import { type Headers, parseClaim, verifySignature } from './sigv4.ts'

const CONTENT_TYPE = 'application/x-amz-json-1.1'
const HEADERS_MS = 5000
const REQUEST_MS = 15_000
const KEEP_ALIVE_MS = 30_000
const MAX_USER_AGENT = 256
/** Ends of connections that trickle are looked for this often. */
const CHECK_MS = 1000

export class KmsServer {
  readonly #kms: Kms
  readonly #credentials: Map<string, Credential>
  readonly #wallClock: () => number
  readonly #server: Server

  /** @param wallClock by which signatures are of this hour: the callers', whatever the KMS's own clock says */
  constructor(kms: Kms, credentials: Map<string, Credential>, wallClock: () => number = Date.now) {
    this.#kms = kms
    this.#credentials = credentials
    this.#wallClock = wallClock
    this.#server = createServer(
      {
        maxHeaderSize: MAX_HEADERS,
        headersTimeout: HEADERS_MS,
        requestTimeout: REQUEST_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        connectionsCheckingInterval: CHECK_MS,
      },
      (request, response) => void this.#serve(request, response),
    )
    this.#server.maxConnections = MAX_CONNECTIONS
    this.#server.setTimeout(KEEP_ALIVE_MS)
  }

  /** @returns the port */
  listen(address: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, address, () => resolve((this.#server.address() as AddressInfo).port))
    })
  }

  close(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID()
    response.on('error', () => {})
    try {
      const output = await this.#answer(request, requestId)
      send(response, 200, requestId, output === undefined ? '' : JSON.stringify(output))
    } catch (error) {
      const fault = error instanceof Fault ? error : new Fault('KMSInternalException', 'the KMS failed')
      // What is left of a body that nobody reads would be the connection's next request.
      if (!request.complete) response.setHeader('connection', 'close')
      response.setHeader('x-amzn-ErrorType', fault.type)
      send(response, fault.status, requestId, JSON.stringify({ __type: fault.type, message: fault.message }))
    }
  }

  async #answer(request: IncomingMessage, requestId: string): Promise<Record<string, unknown> | undefined> {
    if (request.method !== 'POST' || request.url !== '/')
      throw new Fault('UnknownOperationException', 'there is POST / and nothing else')
    const headers = headersOf(request)
    const nowMs = this.#wallClock()
    const claim = parseClaim(headers, nowMs)
    const credential = this.#credentials.get(claim.accessKeyId)
    if (credential === undefined)
      throw new Fault('UnrecognizedClientException', 'The security token included in the request is invalid.')
    const body = await readBody(request)
    verifySignature(claim, credential, headers, body, nowMs)
    if (request.headers['content-type'] !== CONTENT_TYPE)
      throw new Fault('UnknownOperationException', `Content-Type is not ${CONTENT_TYPE}`)
    const caller = {
      principal: credential.principal,
      accessKeyId: credential.accessKeyId,
      sourceIp: (request.socket.remoteAddress ?? '').replace(/^::ffff:/, ''),
      userAgent: (request.headers['user-agent'] ?? '').slice(0, MAX_USER_AGENT),
    }
    return this.#kms.answer(String(request.headers['x-amz-target'] ?? ''), body, caller, requestId)
  }
}

// As they came: Node's own object drops or joins what comes twice.
function headersOf(request: IncomingMessage): Headers {
  const headers: Headers = []
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2)
    headers.push([(request.rawHeaders[at] as string).toLowerCase(), request.rawHeaders[at + 1] as string])
  return headers
}

function readBody(request: IncomingMessage): Promise<Buffer> {
  const tooLarge = () => new Fault('RequestEntityTooLargeException', `a body has at most ${MAX_BODY} bytes`)
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY) return Promise.reject(tooLarge())
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > MAX_BODY) {
        request.pause()
        reject(tooLarge())
      } else chunks.push(chunk)
    })
    request.once('end', () => resolve(Buffer.concat(chunks)))
    const gone = () => reject(new Fault('ValidationException', 'the request ended before its body'))
    request.once('error', gone)
    request.once('close', gone)
  })
}

function send(response: ServerResponse, status: number, requestId: string, body: string): void {
  response.writeHead(status, {
    'content-type': CONTENT_TYPE,
    'content-length': Buffer.byteLength(body),
    'x-amzn-requestid': requestId,
  })
  response.end(body)
}
