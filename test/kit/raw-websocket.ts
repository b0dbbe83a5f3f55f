// A WebSocket client that writes what it likes: frames by their bits (RFC 6455 section 5.2), on a socket of its own.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export type RawFrame = {
  opcode: number
  payload?: Uint8Array
  fin?: boolean
  /** RSV1 to RSV3, as bits 4, 2 and 1. */
  reserved?: number
  masked?: boolean
  /** What the header says, where it lies. */
  statedLength?: bigint
}

const OPCODE_CLOSE = 8

export function rawFrame({
  opcode,
  payload = new Uint8Array(0),
  fin = true,
  reserved = 0,
  masked = true,
  statedLength,
}: RawFrame): Buffer {
  const length = statedLength ?? BigInt(payload.length)
  const head = [(fin ? 0x80 : 0) | (reserved << 4) | opcode]
  const mask = masked ? 0x80 : 0
  if (length < 126n) head.push(mask | Number(length))
  else if (length < 65_536n) head.push(mask | 126, Number(length >> 8n), Number(length & 255n))
  else {
    head.push(mask | 127)
    for (let shift = 56n; shift >= 0n; shift -= 8n) head.push(Number((length >> shift) & 255n))
  }
  if (!masked) return Buffer.concat([Buffer.from(head), payload])
  const key = randomBytes(4)
  const body = Buffer.from(payload)
  for (let i = 0; i < body.length; i++) body[i] = (body[i] as number) ^ (key[i & 3] as number)
  return Buffer.concat([Buffer.from(head), key, body])
}

export class RawWebSocket {
  readonly socket: Socket
  /** Status of the answer to the upgrade: 101 where it is one. */
  readonly status: number
  #received: Buffer
  #ended = false

  private constructor(socket: Socket, status: number, rest: Buffer) {
    this.socket = socket
    this.status = status
    this.#received = rest
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
    })
    socket.on('close', () => {
      this.#ended = true
    })
  }

  static async open(port: number, path: string, headers: string[] = []): Promise<RawWebSocket> {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    const lines = [
      `GET ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      ...headers,
    ]
    socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    let answer: Buffer = Buffer.alloc(0)
    for (;;) {
      const end = answer.indexOf('\r\n\r\n')
      if (end >= 0) {
        const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer.toString('latin1'))?.[1] ?? 0)
        return new RawWebSocket(socket, status, answer.subarray(end + 4))
      }
      const chunk = await Promise.race([
        once(socket, 'data').then(([data]) => data as Buffer),
        once(socket, 'close').then(() => null),
      ])
      if (chunk === null) return new RawWebSocket(socket, 0, answer)
      answer = Buffer.concat([answer, chunk])
    }
  }

  send(...frames: RawFrame[]): void {
    this.socket.write(Buffer.concat(frames.map(rawFrame)))
  }

  /** The code by which the other side closes; 0 where it only drops the connection, null where it does neither in time. */
  async closed(withinMs = 10_000): Promise<number | null> {
    const deadline = performance.now() + withinMs
    while (performance.now() < deadline) {
      const code = this.frames().find(({ opcode }) => opcode === OPCODE_CLOSE)
      if (code !== undefined) return code.payload.length >= 2 ? code.payload.readUInt16BE(0) : 1005
      if (this.#ended) return 0
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return null
  }

  /** All frames that came so far; servers do not mask. */
  frames(): { opcode: number; payload: Buffer }[] {
    const frames: { opcode: number; payload: Buffer }[] = []
    for (let at = 0; at + 2 <= this.#received.length; ) {
      const opcode = (this.#received[at] as number) & 15
      let length = (this.#received[at + 1] as number) & 127
      let header = 2
      if (length === 126 && at + 4 <= this.#received.length) {
        length = this.#received.readUInt16BE(at + 2)
        header = 4
      } else if (length === 127 && at + 10 <= this.#received.length) {
        length = Number(this.#received.readBigUInt64BE(at + 2))
        header = 10
      }
      if (at + header + length > this.#received.length) break
      frames.push({ opcode, payload: this.#received.subarray(at + header, at + header + length) })
      at += header + length
    }
    return frames
  }

  destroy(): void {
    this.socket.destroy()
  }
}
