// One connection that sends bytes as they are, many requests at once, and reads what comes back: no client of Node's would send these.
import { connect, type Socket } from 'node:net'

export type Reply = { status: number; type: string }

/** Nothing came back for this long: the endpoint hangs. */
const SILENCE_MS = 30_000

export class Lane {
  readonly #port: number
  #socket: Socket | undefined

  constructor(port: number) {
    this.#port = port
  }

  /** In one write. @returns replies until all are there, or the connection is closed */
  async exchange(requests: readonly Uint8Array[]): Promise<Reply[]> {
    const socket = await this.#open()
    return new Promise((resolve, reject) => {
      const replies: Reply[] = []
      let unread: Buffer = Buffer.alloc(0)
      const tail = () =>
        JSON.stringify(
          Buffer.from(requests.at(-1) ?? [])
            .toString('latin1')
            .slice(0, 2000),
        )
      const done = () => {
        clearTimeout(timer)
        socket.removeAllListeners()
        socket.on('error', () => {})
        resolve(replies)
      }
      const timer = setTimeout(() => reject(new Error(`silent for ${SILENCE_MS} ms after ${tail()}`)), SILENCE_MS)
      socket.on('data', (bytes: Buffer) => {
        unread = Buffer.concat([unread, bytes])
        for (let next = readReply(unread); next !== undefined; next = readReply(unread)) {
          replies.push(next.reply)
          unread = unread.subarray(next.length)
        }
        if (replies.length >= requests.length) done()
      })
      const closed = () => {
        this.close()
        done()
      }
      socket.once('end', closed)
      socket.once('close', closed)
      socket.on('error', () => {})
      socket.write(Buffer.concat(requests))
    })
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #open(): Promise<Socket> {
    const open = this.#socket
    if (open !== undefined && !open.destroyed && open.writable) return Promise.resolve(open)
    return new Promise((resolve, reject) => {
      const socket = connect(this.#port, '127.0.0.1', () => resolve(socket))
      socket.once('error', reject)
      socket.setNoDelay(true)
      this.#socket = socket
    })
  }
}

/** An empty body in chunks: of Node's own refusals, the one for a request without Host has it. */
const NO_CHUNKS = '0\r\n\r\n'

/** One answer at the start of these bytes, once it is whole. */
function readReply(bytes: Buffer): { reply: Reply; length: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const head = bytes.toString('latin1', 0, end)
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1])
  if (status === 100) return { reply: { status, type: '' }, length: end + 4 }
  const chunked = /\r\ntransfer-encoding: chunked/i.test(head)
  const length = end + 4 + (chunked ? NO_CHUNKS.length : 0) + Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
  if (bytes.length < length) return undefined
  return { reply: { status, type: /\r\nx-amzn-errortype: (\S+)/i.exec(head)?.[1] ?? '' }, length }
}
