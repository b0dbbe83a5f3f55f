/**
 * The admin endpoint: JSON-RPC 2.0 over a WebSocket, one request at a time. The parent checks no signature and knows no action;
 * it carries the signed text to nitro and nitro's answer back.
 */
import type { WebSocket } from 'ws'
import { UnavailableError } from '../errors.ts'
import { MAX_JWS_CHARACTERS, type ToNitro } from '../wire/control.ts'
import type { Counts } from './counts.ts'

type Connection = {
  peer: WebSocket
  request: number
  id: string | number | null
  uploading: boolean
  /** Where bytes go that are not for nitro; undefined ends them. */
  sink: ((bytes: Buffer | undefined) => void) | undefined
}

/** JSON-RPC 2.0 section 5.1 */
const INVALID_REQUEST = -32600
export const MAX_CONNECTIONS = 256

export class AdminEndpoint {
  readonly #tell: (message: ToNitro) => void
  readonly #counts: Counts
  readonly #connections = new Map<number, Connection>()
  #next = 1

  constructor(tell: (message: ToNitro) => void, counts: Counts) {
    this.#tell = tell
    this.#counts = counts
  }

  connect(peer: WebSocket): void {
    if (this.#connections.size >= MAX_CONNECTIONS) {
      this.#counts.refused.full++
      return peer.close(1013)
    }
    const number = this.#next++
    const connection: Connection = { peer, request: 0, id: null, uploading: false, sink: undefined }
    this.#connections.set(number, connection)
    peer.on('message', (data, isBinary) => {
      if (isBinary) this.#chunk(number, connection, data as Buffer)
      else this.#request(number, connection, data as Buffer)
    })
    peer.on('close', () => {
      this.#connections.delete(number)
      connection.sink?.(undefined)
      this.#tell({ type: 'closed', connection: number })
    })
  }

  /** Nitro has verified the request and waits for its image. */
  upload(number: number, request: number): void {
    const connection = this.#connections.get(number)
    if (connection === undefined || connection.request !== request) return
    connection.uploading = true
    connection.peer.send(JSON.stringify({ jsonrpc: '2.0', method: 'upload', params: { id: connection.id } }))
  }

  /** Bytes of a backup to whoever asked for it; fulfils when they have left. @throws UnavailableError ERR_BACKUP_CONNECTION */
  sendBytes(number: number, request: number, bytes: Uint8Array): Promise<void> {
    const { peer } = this.#asker(number, request)
    return new Promise((resolve, reject) =>
      peer.send(bytes, { binary: true }, (error) => (error ? reject(gone()) : resolve())),
    )
  }

  /** Asks for the bytes behind a request, and yields them as they come; the peer is slowed down. @throws UnavailableError ERR_BACKUP_CONNECTION */
  async *receiveBytes(number: number, request: number): AsyncGenerator<Buffer> {
    const connection = this.#asker(number, request)
    const { peer } = connection
    const waiting: (Buffer | undefined)[] = []
    let wake: () => void = () => {}
    connection.sink = (bytes) => {
      waiting.push(bytes)
      if (bytes !== undefined) peer.pause()
      wake()
    }
    this.upload(number, request)
    try {
      for (;;) {
        if (waiting.length === 0)
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        const bytes = waiting.shift()
        if (bytes === undefined) return
        yield bytes
        if (waiting.length === 0) peer.resume()
      }
    } finally {
      connection.sink = undefined
      connection.uploading = false
      peer.resume()
    }
  }

  #asker(number: number, request: number): Connection {
    const connection = this.#connections.get(number)
    if (connection === undefined || connection.request !== request) throw gone()
    return connection
  }

  /** `json` is the inside of a JSON-RPC answer: {"result":…} or {"error":…}. */
  answer(number: number, request: number, json: string): void {
    const connection = this.#connections.get(number)
    if (connection === undefined || connection.request !== request) return
    // Answered before all of it came: what follows is not taken
    connection.sink?.(undefined)
    connection.peer.send(JSON.stringify({ jsonrpc: '2.0', id: connection.id, ...(JSON.parse(json) as object) }))
    connection.request = 0
    connection.uploading = false
  }

  #request(number: number, connection: Connection, data: Buffer): void {
    if (connection.request !== 0) return connection.peer.close(1008, 'one request at a time')
    const call = parseCall(data)
    if (call === undefined) {
      this.#counts.adminCalls.malformed++
      const error = {
        code: INVALID_REQUEST,
        message: 'expected a JSON-RPC call of "request" with a JWS, or of "read" with a query',
        data: { code: 'ERR_ADMIN_REQUEST' },
      }
      return connection.peer.send(JSON.stringify({ jsonrpc: '2.0', id: null, error }))
    }
    connection.request = this.#next++
    connection.id = call.id
    const { request } = connection
    this.#counts.adminCalls['jws' in call ? 'request' : 'read']++
    if ('jws' in call) this.#tell({ type: 'request', connection: number, request, jws: call.jws, since: call.since })
    else this.#tell({ type: 'read', connection: number, request, query: call.query })
  }

  #chunk(number: number, connection: Connection, bytes: Buffer): void {
    if (!connection.uploading) return connection.peer.close(1008, 'nobody asked for bytes')
    if (connection.sink !== undefined) return connection.sink(bytes)
    this.#tell({ type: 'chunk', connection: number, bytes })
  }
}

function gone(): UnavailableError {
  return new UnavailableError('ERR_BACKUP_CONNECTION', 'whoever asked has gone')
}

type Call = { id: string | number } & ({ jws: string; since: number } | { query: string })

function parseCall(data: Buffer): Call | undefined {
  if (data.length > MAX_JWS_CHARACTERS + 1024) return undefined
  try {
    const call = JSON.parse(data.toString('utf8')) as Record<string, unknown>
    const { jws, query, since = 0 } = (call.params ?? {}) as Record<string, unknown>
    const id = call.id
    if (call.jsonrpc !== '2.0' || (typeof id !== 'string' && typeof id !== 'number')) return undefined
    if (call.method === 'read' && typeof query === 'string' && query.length <= MAX_JWS_CHARACTERS) return { id, query }
    if (call.method !== 'request' || typeof jws !== 'string' || jws.length > MAX_JWS_CHARACTERS) return undefined
    if (!Number.isSafeInteger(since) || (since as number) < 0) return undefined
    return { id, jws, since: since as number }
  } catch {
    return undefined
  }
}
