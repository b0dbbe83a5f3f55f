/**
 * The admin endpoint: JSON-RPC 2.0 over a WebSocket, one request at a time. The parent checks no signature and knows no action;
 * it carries the signed text to nitro and nitro's answer back.
 */
import type { WebSocket } from 'ws'
import { MAX_JWS_CHARACTERS, type ToNitro } from '../wire/control.ts'
import type { Counts } from './counts.ts'

type Connection = { peer: WebSocket; request: number; id: string | number | null; uploading: boolean }

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
    const connection: Connection = { peer, request: 0, id: null, uploading: false }
    this.#connections.set(number, connection)
    peer.on('message', (data, isBinary) => {
      if (isBinary) this.#chunk(number, connection, data as Buffer)
      else this.#request(number, connection, data as Buffer)
    })
    peer.on('close', () => {
      this.#connections.delete(number)
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

  /** `json` is the inside of a JSON-RPC answer: {"result":…} or {"error":…}. */
  answer(number: number, request: number, json: string): void {
    const connection = this.#connections.get(number)
    if (connection === undefined || connection.request !== request) return
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
    this.#tell({ type: 'chunk', connection: number, bytes })
  }
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
