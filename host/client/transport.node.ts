/** The transport on Node: `ws` over a socket of our own, so that the frames of one tick leave in one system call. */
import { connect as connectTcp, type NetConnectOpts, type Socket } from 'node:net'
import { WebSocket } from 'ws'
import { MAX_RELAY_PAYLOAD } from '../../assembly/abi/limits.ts'
import { UnavailableError } from '../errors.ts'
import type { Transport, TransportEvents } from './transport.ts'

const HANDSHAKE_MS = 10_000

export function dialNode(url: string, events: TransportEvents): Promise<Transport> {
  return new Promise((resolve, reject) => {
    let tcp: Socket | undefined
    const plain = url.startsWith('ws:')
    const webSocket = new WebSocket(url, {
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_MS,
      maxPayload: MAX_RELAY_PAYLOAD,
      ...(plain && {
        createConnection: ((options: NetConnectOpts) => {
          tcp = connectTcp({ ...options, noDelay: true } as NetConnectOpts)
          return tcp
        }) as typeof connectTcp,
      }),
    })
    let opened = false
    let corked = false
    webSocket.on('open', () => {
      opened = true
      resolve({
        send(message) {
          if (tcp !== undefined && !corked) {
            corked = true
            tcp.cork()
            process.nextTick(() => {
              corked = false
              tcp?.uncork()
            })
          }
          webSocket.send(message, { binary: true })
        },
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
