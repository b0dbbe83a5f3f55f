/**
 * The parent's counts for Prometheus, text format 0.0.4, at GET /metrics of a port of its own on 127.0.0.1. Counters only: none of them
 * is measured for a scrape, and labels are the closed lists of counts.ts, so that what peers send adds no series. No metrics of the
 * process: prom-client reads /proc for them, which the parent may not. Whoever can connect to the port can read it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Counter, Registry } from 'prom-client'
import type { Counts } from './counts.ts'

const ADDRESS = '127.0.0.1'
const PATH = '/metrics'
const REQUEST_MS = 5000
const MAX_HEADER_BYTES = 8192
/** A scraper, its twin, and somebody who looks. */
const MAX_SOCKETS = 16

export class Metrics {
  readonly #registry = new Registry()
  readonly #server = createServer(
    { headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS, maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: 1 },
    (request, response) => void this.#answer(request, response),
  )
  /** Another name for this address is a page's, which was made to resolve to it. */
  #hosts: string[] = []

  constructor(counts: Counts) {
    const { refused, relayed, adminCalls, commits, stored } = counts
    this.#count('sessions_opened_total', 'Sessions opened with an enclave.', () => counts.sessionsOpened)
    this.#count('sessions_closed_total', 'Sessions that ended, from whichever side.', () => counts.sessionsClosed)
    this.#countBy('connections_refused_total', 'Connections turned away.', 'reason', () => refused)
    this.#countBy('frames_relayed_total', 'Messages of sessions.', 'direction', () => ({
      to_enclave: relayed.to_enclave.frames,
      to_peer: relayed.to_peer.frames,
    }))
    this.#countBy('bytes_relayed_total', 'Bytes of messages of sessions, sealed.', 'direction', () => ({
      to_enclave: relayed.to_enclave.bytes,
      to_peer: relayed.to_peer.bytes,
    }))
    this.#countBy('admin_calls_total', 'Calls at the admin endpoint.', 'kind', () => adminCalls)
    this.#countBy('store_commits_total', 'Commits of stores, by outcome.', 'outcome', () => commits)
    this.#count('store_records_total', 'Changes in durable commits.', () => stored.records)
    this.#count('store_bytes_total', 'Bytes of sealed records and heads in durable commits.', () => stored.bytes)
    this.#count('enclaves_served_total', 'Enclaves that got their name.', () => counts.enclavesServed)
    this.#count('enclaves_ended_total', 'Enclaves with a name that ended.', () => counts.enclavesEnded)
  }

  /** @returns the port, chosen by the system where `port` is 0 */
  listen(port: number): Promise<number> {
    this.#server.maxConnections = MAX_SOCKETS
    this.#server.on('clientError', (_error, socket) => socket.destroy())
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host: ADDRESS, port }, () => {
        const bound = (this.#server.address() as AddressInfo).port
        this.#hosts = [`${ADDRESS}:${bound}`, `localhost:${bound}`]
        resolve(bound)
      })
    })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const status = this.#refusal(request)
    if (status !== undefined) return void response.writeHead(status, { connection: 'close' }).end()
    const text = await this.#registry.metrics()
    response.writeHead(200, { 'content-type': this.#registry.contentType, connection: 'close' }).end(text)
  }

  #refusal({ headers, url, method }: IncomingMessage): number | undefined {
    if (!this.#hosts.includes(headers.host ?? '')) return 421
    if (headers.origin !== undefined) return 403
    if (url !== PATH) return 404
    return method === 'GET' ? undefined : 405
  }

  #count(name: string, help: string, value: () => number): void {
    new Counter({
      name: `wasmclave_${name}`,
      help,
      registers: [this.#registry],
      collect() {
        this.reset()
        this.inc(value())
      },
    })
  }

  #countBy(name: string, help: string, label: string, values: () => Record<string, number>): void {
    new Counter({
      name: `wasmclave_${name}`,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [key, value] of Object.entries(values())) this.inc({ [label]: key }, value)
      },
    })
  }
}
