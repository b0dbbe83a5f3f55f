/** The host's doors as a stranger sees them: raw HTTP and WebSocket at the gateway, raw JSON-RPC at the admin endpoint. */
import { createHash } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { WebSocket } from 'ws'
import type { Request } from '../control/actions.ts'
import { requestDigest, signRequest } from '../control/request.ts'
import { type Finding, impossible, refused, through } from './attempt.ts'
import { nonce, type Signer, type Target } from './target.ts'

const ANSWER_MS = 30_000
const CHUNK_BYTES = 1_048_576
const MAX_BODY_BYTES = 1_048_576

/** What the admin endpoint said, whole, and what stands in it. `file` is what it sent before that. */
export type AdminAnswer = { text: string; code: string | undefined; result: unknown; file: Buffer }

/** Sends one message as it is. @param image what follows it, should the host ask */
export function sendAdmin(target: Target, message: string, image?: Uint8Array): Promise<AdminAnswer> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${target.running.gateway}/admin`, { perMessageDeflate: false })
    const pieces: Buffer[] = []
    const end = (answer: Omit<AdminAnswer, 'file'>) => {
      clearTimeout(timer)
      resolve({ ...answer, file: Buffer.concat(pieces) })
      socket.terminate()
    }
    const silent = (why: string) => end({ text: '', code: why, result: undefined })
    const timer = setTimeout(() => silent('NO_ANSWER'), ANSWER_MS)
    socket.on('open', () => socket.send(message))
    socket.on('error', (error) => silent(error.message))
    socket.on('close', (code) => silent(`CLOSED_${code}`))
    socket.on('message', (data, isBinary) => {
      if (isBinary) return pieces.push(data as Buffer)
      const text = String(data)
      const answer = JSON.parse(text) as {
        method?: string
        result?: { value?: unknown }
        error?: { message: string; data?: { code?: string } }
      }
      if (answer.method === 'upload') {
        for (let at = 0; image !== undefined && at < image.length; at += CHUNK_BYTES)
          socket.send(image.subarray(at, at + CHUNK_BYTES))
        return
      }
      return end({
        text,
        code: answer.error === undefined ? undefined : (answer.error.data?.code ?? 'ERROR'),
        result: answer.result?.value,
      })
    })
  })
}

/** A request as anybody might write it: `action` and `parameters` are whatever is given. */
export type Wish = { action: string; parameters: unknown }

export async function signWish(
  target: Target,
  signer: Signer,
  wish: Wish,
  changed: { nowMs?: number; host?: string; genesis?: string } = {},
): Promise<string> {
  const audience = {
    genesis: changed.genesis ?? target.genesis.digest,
    host: changed.host ?? target.genesis.genesis.hostId,
  }
  // What the host's own types do not allow is what is tried here.
  return signRequest(target.key(signer), audience, wish as Request, changed.nowMs ?? Date.now(), nonce())
}

export const enveloped = (jws: string): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'request', params: { jws, since: 0 } })

export async function ask(target: Target, signer: Signer, wish: Wish, image?: Uint8Array): Promise<AdminAnswer> {
  return sendAdmin(target, enveloped(await signWish(target, signer, wish)), image)
}

/** A request with what the log calls it, to be found there. */
export async function askAndName(
  target: Target,
  signer: Signer,
  wish: Wish,
): Promise<AdminAnswer & { digest: string }> {
  const jws = await signWish(target, signer, wish)
  return { ...(await sendAdmin(target, enveloped(jws))), digest: requestDigest(jws) }
}

/** Refused with a code, or done. */
export function findingOf(answer: AdminAnswer): Finding {
  if (answer.code === undefined) return through('the host did it')
  // No answer at all proves nothing
  return answer.code === 'NO_ANSWER' ? impossible('no answer') : refused(answer.code)
}

/** Status and body of a plain GET at the gateway; text of a refusal to answer. */
export function get(target: Target, path: string): Promise<{ status: number; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(target.running.gateway)
    const request = httpRequest({ hostname, port, path, timeout: ANSWER_MS }, (response) => {
      const chunks: Buffer[] = []
      let length = 0
      response.on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length > MAX_BODY_BYTES) request.destroy()
        else chunks.push(chunk)
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }))
    })
    request.on('timeout', () => request.destroy(new Error('timeout')))
    request.on('error', reject)
    request.end()
  })
}

/** Whether a WebSocket opens at this path. */
export function opens(target: Target, path: string): Promise<Finding> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${target.running.gateway}${path}`, {
      perMessageDeflate: false,
      handshakeTimeout: ANSWER_MS,
    })
    socket.once('open', () => {
      resolve(through('a WebSocket opened'))
      socket.terminate()
    })
    socket.once('unexpected-response', (_, response) => {
      resolve(refused(`HTTP ${response.statusCode}`))
      socket.terminate()
    })
    socket.once('error', (error) => resolve(refused(error.message)))
  })
}

export const sha384 = (bytes: Uint8Array): string => createHash('sha384').update(bytes).digest('hex')
