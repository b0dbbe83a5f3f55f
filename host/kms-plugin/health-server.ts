/**
 * /healthz (the key seals and opens, by an enclave that was appraised), /livez (this process answers) and /metrics, over HTTP on loopback. No
 * secrets are told, and whoever can connect may ask; a name that was made to resolve to this address may not.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'
import { UsageError, WasmclaveError } from '../errors.ts'
import type { KeyHealth } from './health.ts'

const REQUEST_MS = 5000
const MAX_HEADER_BYTES = 8192
const MAX_SOCKETS = 32
/** Loopback alone, as RFC 8252 section 7.3 names it. */
const LOOPBACK = /^(127\.0\.0\.1|\[::1\]|localhost):(\d{1,5})$/

export class HealthServer {
  readonly #health: KeyHealth
  readonly #registry: Registry
  readonly #server = createServer(
    { headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS, maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: 1 },
    (request, response) => void this.#answer(request, response),
  )
  #hosts: string[] = []

  constructor(health: KeyHealth, registry: Registry) {
    this.#health = health
    this.#registry = registry
  }

  /** @param address `127.0.0.1:PORT`, 0 for any. @returns the address as it is bound. @throws UsageError ERR_KMS_PLUGIN_HEALTH_ADDR */
  listen(address: string): Promise<string> {
    const [, host = '', port = ''] = LOOPBACK.exec(address) ?? []
    if (host === '' || Number(port) > 65_535)
      throw new UsageError('ERR_KMS_PLUGIN_HEALTH_ADDR', `${address}: 127.0.0.1:PORT is meant, loopback alone`)
    this.#server.maxConnections = MAX_SOCKETS
    this.#server.on('clientError', (_error, socket) => socket.destroy())
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host: host.replace(/[[\]]/g, ''), port: Number(port) }, () => {
        const bound = (this.#server.address() as AddressInfo).port
        this.#hosts = ['127.0.0.1', '[::1]', 'localhost'].map((each) => `${each}:${bound}`)
        resolve(`${host}:${bound}`)
      })
    })
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #answer({ headers, url, method }: IncomingMessage, response: ServerResponse): Promise<void> {
    const say = (status: number, type: string, text: string) =>
      void response.writeHead(status, { 'content-type': type, connection: 'close' }).end(text)
    if (!this.#hosts.includes(headers.host ?? '')) return say(421, 'text/plain', '')
    if (headers.origin !== undefined) return say(403, 'text/plain', '')
    if (method !== 'GET') return say(405, 'text/plain', '')
    if (url === '/livez') return say(200, 'text/plain', 'ok\n')
    if (url === '/metrics') return say(200, this.#registry.contentType, await this.#registry.metrics())
    if (url !== '/healthz') return say(404, 'text/plain', '')
    try {
      const { keyId } = await this.#health.key()
      say(200, 'application/json', `${JSON.stringify({ status: 'ok', keyId })}\n`)
    } catch (error) {
      const code = error instanceof WasmclaveError ? error.code : 'ERR_KMS_PLUGIN_INTERNAL'
      say(503, 'application/json', `${JSON.stringify({ status: 'failed', error: code })}\n`)
    }
  }
}
