/** The host that runs on a data folder, and the signed requests one makes to it. */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { WebSocket } from 'ws'
import type { Request } from '../control/actions.ts'
import { signRequest } from '../control/request.ts'
import { type ErrorCode, RefusedError, UnavailableError } from '../errors.ts'
import { type DataFolder, dataFolder } from '../nitro/data-folder.ts'
import { developmentKey, readGenesis } from './development.ts'

const ANSWER_MS = 60_000
const CHUNK_BYTES = 1_048_576

/** DIR/host.json: where the host serves. */
export type RunningHost = { pid: number; gateway: string; proxy: string | null; kms: string | null; folder: DataFolder }

/** @throws UnavailableError ERR_HOST_NOT_RUNNING */
export function findHost(data: string): RunningHost {
  const folder = dataFolder(data)
  if (!existsSync(folder.hostFile)) throw notRunning(folder)
  const { pid, gateway, proxy, kms } = JSON.parse(readFileSync(folder.hostFile, 'utf8')) as {
    pid: number
    gateway: string
    proxy: string | null
    kms?: string
  }
  try {
    process.kill(pid, 0)
  } catch {
    throw notRunning(folder)
  }
  return { pid, gateway, proxy, kms: kms ?? null, folder }
}

function notRunning(folder: DataFolder): UnavailableError {
  return new UnavailableError(
    'ERR_HOST_NOT_RUNNING',
    `no host runs on ${folder.root}: start one with "npm start", or name its folder with --data`,
  )
}

/**
 * Signs a request with the development operator's key, sends it, and the image behind it where there is one.
 * @throws RefusedError with the host's code, UnavailableError ERR_ADMIN_CONNECTION
 */
export async function adminRequest(
  host: Pick<RunningHost, 'gateway' | 'folder'>,
  request: Request,
  image?: Uint8Array,
): Promise<unknown> {
  const genesis = readGenesis(host.folder)
  const operator = developmentKey(host.folder, 'operator')
  const audience = { genesis: genesis.digest, host: genesis.genesis.hostId }
  const jws = await signRequest(operator, audience, request, Date.now(), randomBytes(16))
  return call(`${host.gateway}/admin`, jws, image)
}

function call(url: string, jws: string, image: Uint8Array | undefined): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { perMessageDeflate: false })
    const fail = (why: string) => reject(new UnavailableError('ERR_ADMIN_CONNECTION', `${url}: ${why}`))
    const timer = setTimeout(() => {
      socket.terminate()
      fail(`no answer within ${ANSWER_MS} ms`)
    }, ANSWER_MS)
    socket.on('open', () => socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'request', params: { jws } })))
    socket.on('error', (error) => fail(error.message))
    socket.on('close', (code) => {
      clearTimeout(timer)
      fail(`closed with ${code}`)
    })
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as {
        method?: string
        result?: unknown
        error?: { message: string; data?: { code: ErrorCode } }
      }
      if (message.method === 'upload') {
        for (let at = 0; image !== undefined && at < image.length; at += CHUNK_BYTES)
          socket.send(image.subarray(at, at + CHUNK_BYTES))
        return
      }
      if (message.error === undefined) resolve(message.result)
      else reject(new RefusedError(message.error.data?.code ?? 'ERR_ADMIN_CONNECTION', message.error.message))
      socket.close()
    })
  })
}
