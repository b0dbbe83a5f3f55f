/** `fetch` over a session: the Request and Response that everybody knows, to a path instead of a URL. */
import { MAX_DATA_BYTES, MAX_REQUEST_BODY } from '../../assembly/abi/limits.ts'
import { UsageError } from '../errors.ts'
import { encodeRequestHead, type HeaderList } from './head.ts'
import type { Session } from './session.ts'
import type { ClientStream } from './stream.ts'

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

/** A response as it came over the channel. A short body is there whole; a streamed one is to be read or cancelled. */
export type ChannelResponse = { status: number; headers: HeaderList; body: Uint8Array | ReadableStream<Uint8Array> }

/** A request under way: its answer, and the way to give it up. */
export type Exchange = { response: Promise<ChannelResponse>; cancel(): void }

/**
 * A request as it is to go, for who relays many: names of headers in lower case, the body whole.
 * @throws UnavailableError ERR_SESSION_ENDED, ERR_SESSION_STREAMS, UsageError ERR_HEAD_SIZE, ERR_FETCH_BODY: nothing of it was sent
 */
export function exchangeOver(
  session: Session,
  request: { method: string; path: string; headers: HeaderList; body: Uint8Array | null },
  keepHeadToken: (token: string) => void,
): Exchange {
  const { body } = sized(request.body ?? NO_BODY, request.headers)
  const head = encodeRequestHead(request.method, request.path, request.headers)
  const stream = session.openStream(() => {})
  sendRequest(session, stream, head, body)
  const response = stream.response.then((answer) => {
    answer.headers = withoutHeadToken(answer.headers, keepHeadToken)
    return answer
  })
  // Who gives it up may wait for it no more.
  response.catch(() => {})
  return { response, cancel: () => stream.cancel() }
}

/** A request without the cost of a Response, for servers and tools. */
export async function requestOver(
  session: Session,
  path: string,
  init: FetchInit,
  keepHeadToken: (token: string) => void,
): Promise<ChannelResponse> {
  if (!path.startsWith('/')) throw new UsageError('ERR_FETCH_PATH', `a path begins with "/": ${path}`)
  const { signal } = init
  signal?.throwIfAborted()
  const method = (init.method ?? 'GET').toUpperCase()
  const content = bodyAtHand(method, init) ?? (await readBody(method, init))
  const { body, headers } = content
  const head = encodeRequestHead(method, path, headers)
  const onAbort = () => stream.cancel()
  const stream = session.openStream(() => signal?.removeEventListener('abort', onAbort))
  signal?.addEventListener('abort', onAbort)
  sendRequest(session, stream, head, body)
  try {
    const response = await stream.response
    return { ...response, headers: withoutHeadToken(response.headers, keepHeadToken) }
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    throw error
  }
}

export async function fetchOver(
  session: Session,
  path: string,
  init: FetchInit,
  keepHeadToken: (token: string) => void,
): Promise<Response> {
  const { status, headers, body } = await requestOver(session, path, init, keepHeadToken)
  return new Response(NULL_BODY.has(status) ? null : (body as BodyInit), { status, headers })
}

type Body = Uint8Array | AsyncIterable<Uint8Array>

function sendRequest(session: Session, stream: ClientStream, head: Uint8Array, body: Body): void {
  if (body instanceof Uint8Array && body.length <= MAX_DATA_BYTES) {
    stream.spendCredit(body.length)
    session.sendHead(stream.number, true, head, body)
  } else {
    session.sendHead(stream.number, false, head, NO_BODY)
    stream.sendBody(body instanceof Uint8Array ? [body] : body).catch(() => stream.cancel())
  }
}

// What needs no waiting for, as most requests do not.
function bodyAtHand(method: string, init: FetchInit): { body: Body; headers: HeaderList } | undefined {
  const given = init.body
  if (given === undefined || given === null) return { body: NO_BODY, headers: headerList(init.headers) }
  if (method === 'GET' || method === 'HEAD') throw new UsageError('ERR_FETCH_BODY', `a ${method} request has no body`)
  if (typeof given === 'string')
    return sized(encoder.encode(given), withType(headerList(init.headers), 'text/plain;charset=UTF-8'))
  if (given instanceof Uint8Array) return sized(given, headerList(init.headers))
  if (given instanceof ReadableStream)
    return { body: given as unknown as AsyncIterable<Uint8Array>, headers: headerList(init.headers) }
  return undefined
}

// Forms, blobs and buffers: the platform knows how they are written, and their content type.
async function readBody(method: string, init: FetchInit): Promise<{ body: Body; headers: HeaderList }> {
  const request = new Request('http://enclave.invalid/', {
    method,
    body: init.body as BodyInit,
    headers: headerList(init.headers),
  })
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
  if (init === undefined) return []
  return [...new Headers(init)]
}

function withType(headers: HeaderList, type: string): HeaderList {
  return headers.some(([name]) => name === 'content-type') ? headers : [...headers, ['content-type', type]]
}

function withoutHeadToken(headers: HeaderList, keepHeadToken: (token: string) => void): HeaderList {
  const at = headers.findIndex(([name]) => name === HEAD_TOKEN_HEADER)
  if (at < 0) return headers
  keepHeadToken((headers[at] as [string, string])[1])
  return headers.filter(([name]) => name !== HEAD_TOKEN_HEADER)
}
