/**
 * Load for an HTTP/1.1 server over keep-alive sockets: one request at a time on each, as clients without pipelining do. As thin as it can
 * be, so that the time is the server's: heads are searched, not parsed.
 */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

const HEAD_END = Buffer.from('\r\n\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

export type LoadTarget = { url: string; ca?: string; authorization: string }
export type LoadResult = { requests: number; seconds: number; latenciesMs: Float64Array }
type Answer = { status: number; bytes: number }

/** One keep-alive connection. */
export class LoadConnection {
  readonly #socket: Socket
  #received: Buffer[] = []
  #receivedBytes = 0
  #expected = -1
  #status = 0
  #waiter: { resolve(answer: Answer): void; reject(error: Error): void } | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', (error) => this.#waiter?.reject(error))
    socket.on('close', () => this.#waiter?.reject(new Error('the server closed the connection')))
  }

  static open({ url, ca }: LoadTarget): Promise<LoadConnection> {
    const { hostname: host, port, protocol } = new URL(url)
    return new Promise((resolve, reject) => {
      const socket =
        protocol === 'https:'
          ? connectTls({ host, port: Number(port), ca, servername: 'localhost' }, () =>
              resolve(new LoadConnection(socket)),
            )
          : connectTcp({ host, port: Number(port) }, () => resolve(new LoadConnection(socket)))
      socket.once('error', reject)
    })
  }

  /** @param request in its bytes, head and body */
  send(request: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject }
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    this.#received.push(chunk)
    this.#receivedBytes += chunk.length
    if (this.#expected < 0) this.#readHead()
    if (this.#expected < 0 || this.#receivedBytes < this.#expected) return
    if (this.#expected === 0 && !this.#endsWith(LAST_CHUNK)) return
    const answer = { status: this.#status, bytes: this.#receivedBytes }
    this.#received = []
    this.#receivedBytes = 0
    this.#expected = -1
    const waiter = this.#waiter
    this.#waiter = undefined
    waiter?.resolve(answer)
  }

  /** The end may have come in several pieces; what is before it is long, and not to be copied each time. */
  #endsWith(end: Buffer): boolean {
    const tail: Buffer[] = []
    for (let i = this.#received.length - 1, bytes = 0; i >= 0 && bytes < end.length; i--) {
      const piece = this.#received[i] as Buffer
      tail.unshift(piece.subarray(-end.length))
      bytes += piece.length
    }
    return Buffer.concat(tail).subarray(-end.length).equals(end)
  }

  /** Sets the length of the whole answer, 0 for a chunked one. */
  #readHead(): void {
    const bytes = this.#received.length === 1 ? (this.#received[0] as Buffer) : Buffer.concat(this.#received)
    const end = bytes.indexOf(HEAD_END)
    if (end < 0) return
    const head = bytes.toString('latin1', 0, end)
    this.#status = Number(head.slice(9, 12))
    const bodiless = this.#status === 204 || this.#status === 304
    const length = bodiless ? '0' : /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
    this.#expected = length === undefined ? 0 : end + HEAD_END.length + Number(length)
  }
}

/** The bytes of a request with the credential of the target. */
export function requestBytes(
  target: LoadTarget,
  method: string,
  path: string,
  body?: string,
  type = 'application/json',
): Buffer {
  const { host } = new URL(target.url)
  const content = body === undefined ? '' : `Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`
  const head = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${target.authorization}\r\nAccept: application/json\r\nUser-Agent: load\r\n${content}\r\n`
  return Buffer.from(head + (body ?? ''))
}

/**
 * Sends requests on so many connections for a time.
 * @param make the next request; each is made once
 * @throws Error at the first answer of another status than `status`
 */
export async function load(
  target: LoadTarget,
  connections: number,
  seconds: number,
  status: number,
  make: () => Buffer,
): Promise<LoadResult> {
  const lanes = await Promise.all(Array.from({ length: connections }, () => LoadConnection.open(target)))
  const latencies: number[] = []
  const start = performance.now()
  const until = start + seconds * 1000
  try {
    await Promise.all(
      lanes.map(async (lane) => {
        for (let now = performance.now(); now < until; ) {
          const answer = await lane.send(make())
          const done = performance.now()
          if (answer.status !== status) throw new Error(`status ${answer.status} where ${status} is due`)
          latencies.push(done - now)
          now = done
        }
      }),
    )
    const took = (performance.now() - start) / 1000
    return { requests: latencies.length, seconds: took, latenciesMs: Float64Array.from(latencies).sort() }
  } finally {
    for (const lane of lanes) lane.close()
  }
}

export const percentile = (sorted: Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number
