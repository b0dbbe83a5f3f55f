/** `fetch` over a session: the Request and Response that everybody knows, to a path instead of a URL. */
import { KIND_END, KIND_HEAD } from '../../assembly/abi/channel.ts'
import { MAX_DATA_BYTES, MAX_REQUEST_BODY } from '../../assembly/abi/limits.ts'
import { UsageError } from '../errors.ts'
import { encodeRequestHead, type HeaderList } from './head.ts'
import type { Session } from './session.ts'
import type { StreamResponse } from './stream.ts'

/** Carries the store's head token beside a response; taken out and kept by the client. */
const HEAD_TOKEN_HEADER = 'wasmclave-head'
const NO_BODY = new Uint8Array(0)
/** Statuses whose Response may have no body, Fetch Standard section 2.2.3. */
const NULL_BODY = new Set([204, 205, 304])
const encoder = new TextEncoder()

export type FetchInit = {
  method?: string
  headers?: HeadersInit
  body?: BodyInit | null
  signal?: AbortSignal
}

export async function fetchOver(
  session: Session,
  path: string,
  init: FetchInit,
  keepHeadToken: (token: string) => void,
): Promise<Response> {
  if (!path.startsWith('/')) throw new UsageError('ERR_FETCH_PATH', `a path begins with "/": ${path}`)
  init.signal?.throwIfAborted()
  const method = (init.method ?? 'GET').toUpperCase()
  const { body, headers } = await readBody(method, init)
  const stream = session.openStream()
  const onAbort = () => stream.cancel()
  init.signal?.addEventListener('abort', onAbort, { once: true })
  try {
    if (body instanceof Uint8Array && body.length <= MAX_DATA_BYTES) {
      stream.spendCredit(body.length)
      session.send(stream.number, KIND_HEAD | KIND_END, encodeRequestHead(method, path, headers, body))
    } else {
      session.send(stream.number, KIND_HEAD, encodeRequestHead(method, path, headers, NO_BODY))
      stream.sendBody(body instanceof Uint8Array ? [body] : body).catch(() => stream.cancel())
    }
    return toResponse(await stream.response, keepHeadToken)
  } catch (error) {
    if (init.signal?.aborted) throw init.signal.reason
    throw error
  }
}

type Body = Uint8Array | AsyncIterable<Uint8Array>

async function readBody(method: string, init: FetchInit): Promise<{ body: Body; headers: HeaderList }> {
  const given = init.body
  if (given === undefined || given === null) return { body: NO_BODY, headers: headerList(init.headers) }
  if (method === 'GET' || method === 'HEAD') throw new UsageError('ERR_FETCH_BODY', `a ${method} request has no body`)
  if (typeof given === 'string')
    return sized(encoder.encode(given), withType(headerList(init.headers), 'text/plain;charset=UTF-8'))
  if (given instanceof Uint8Array) return sized(given, headerList(init.headers))
  if (given instanceof ReadableStream)
    return { body: given as unknown as AsyncIterable<Uint8Array>, headers: headerList(init.headers) }
  // Forms, blobs and buffers: the platform knows how they are written, and their content type.
  const request = new Request('http://enclave.invalid/', { method, body: given, headers: headerList(init.headers) })
  return sized(new Uint8Array(await request.arrayBuffer()), [...request.headers])
}

function sized(body: Uint8Array, headers: HeaderList): { body: Uint8Array; headers: HeaderList } {
  if (body.length > MAX_REQUEST_BODY)
    throw new UsageError(
      'ERR_FETCH_BODY',
      `the body has ${body.length} bytes, an enclave takes at most ${MAX_REQUEST_BODY}`,
    )
  return { body, headers }
}

function headerList(init: HeadersInit | undefined): HeaderList {
  return init === undefined ? [] : [...new Headers(init)]
}

function withType(headers: HeaderList, type: string): HeaderList {
  return headers.some(([name]) => name === 'content-type') ? headers : [...headers, ['content-type', type]]
}

function toResponse(response: StreamResponse, keepHeadToken: (token: string) => void): Response {
  const headers = response.headers.filter(([name, value]) => {
    if (name !== HEAD_TOKEN_HEADER) return true
    keepHeadToken(value)
    return false
  })
  const body = NULL_BODY.has(response.status) ? null : (response.body as BodyInit)
  return new Response(body, { status: response.status, headers })
}
