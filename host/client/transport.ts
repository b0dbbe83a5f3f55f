/**
 * What a session needs of a WebSocket, and how to get one: `ws` on Node, the browser's own elsewhere.
 * A transport moves messages and is trusted with nothing.
 */
import { UnavailableError } from '../errors.ts'

export type TransportEvents = {
  onMessage(message: Uint8Array): void
  /** Called once. `code` is a WebSocket close code (RFC 6455 section 7.4, or 4000 and above from an enclave). */
  onClose(code: number): void
}

export type Transport = {
  send(message: Uint8Array): void
  close(): void
  /** Bytes handed over and not yet sent. */
  readonly unsentBytes: number
}

export type Dial = (url: string, events: TransportEvents) => Promise<Transport>

/** @throws UnavailableError ERR_GATEWAY_UNREACHABLE, ERR_ENCLAVE_NOT_FOUND */
export async function dial(url: string, events: TransportEvents): Promise<Transport> {
  const onNode = typeof process !== 'undefined' && process.versions?.node !== undefined
  if (!onNode) return dialBrowser(url, events)
  const { dialNode } = await import('./transport.node.ts')
  return dialNode(url, events)
}

function dialBrowser(url: string, events: TransportEvents): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url)
    socket.binaryType = 'arraybuffer'
    let opened = false
    socket.onopen = () => {
      opened = true
      resolve({
        send: (message) => socket.send(message as Uint8Array<ArrayBuffer>),
        close: () => socket.close(),
        get unsentBytes() {
          return socket.bufferedAmount
        },
      })
    }
    socket.onmessage = (event) => {
      if (event.data instanceof ArrayBuffer) events.onMessage(new Uint8Array(event.data))
      else socket.close()
    }
    socket.onclose = (event) => {
      if (opened) events.onClose(event.code)
      else reject(new UnavailableError('ERR_GATEWAY_UNREACHABLE', `no WebSocket at ${url}`))
    }
  })
}
