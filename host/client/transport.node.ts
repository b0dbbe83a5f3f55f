/** The transport on Node: `ws`. */
import { WebSocket } from 'ws'
import { MAX_RELAY_PAYLOAD } from '../../assembly/abi/limits.ts'
import { UnavailableError } from '../errors.ts'
import type { Transport, TransportEvents } from './transport.ts'

const HANDSHAKE_MS = 10_000

/**
 * A mask of zeros. Masking keeps scripts from choosing bytes that a proxy on the way would take for a request (RFC 6455 section 10.3);
 * what goes over this channel is a random nonce and then ciphertext, which nobody chooses.
 */
function generateMask(mask: Buffer): void {
  mask.fill(0)
}

export function dialNode(url: string, events: TransportEvents): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const webSocket = new WebSocket(url, {
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_MS,
      maxPayload: MAX_RELAY_PAYLOAD,
      generateMask,
    })
    let opened = false
    webSocket.on('open', () => {
      opened = true
      resolve({
        send: (message) => webSocket.send(message, { binary: true }),
        close: () => webSocket.close(),
        get unsentBytes() {
          return webSocket.bufferedAmount
        },
      })
    })
    webSocket.on('message', (data, isBinary) => {
      if (isBinary) events.onMessage(data as Buffer)
      else webSocket.terminate()
    })
    webSocket.on('unexpected-response', (_request, response) => {
      response.destroy()
      webSocket.terminate()
      reject(refusal(url, response.statusCode ?? 0))
    })
    webSocket.on('error', (error) => {
      if (!opened) reject(new UnavailableError('ERR_GATEWAY_UNREACHABLE', `no WebSocket at ${url}: ${error.message}`))
    })
    webSocket.on('close', (code) => {
      if (opened) events.onClose(code)
    })
  })
}

function refusal(url: string, status: number): UnavailableError {
  if (status === 404) return new UnavailableError('ERR_ENCLAVE_NOT_FOUND', `the host at ${url} serves no such enclave`)
  return new UnavailableError('ERR_GATEWAY_REFUSED', `the host at ${url} answered ${status}`)
}
