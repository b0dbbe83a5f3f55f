/**
 * What the proxy itself answers: a metav1.Status where Kubernetes clients ask, so that they understand it, and plain JSON elsewhere. The
 * code is in both. `Retry-After` stands where nothing was sent or nothing could change: clients then come again by themselves.
 */
import type { ServerResponse } from 'node:http'
import { type ErrorCode, errorCode, RefusedError, UnavailableError, UsageError } from '../../errors.ts'
import { NotSentError } from './sessions.ts'

export type Refusal = { status: number; code: ErrorCode; message: string; retry?: boolean }

const KUBERNETES_PATH = /^\/(?:api|apis|openapi|version)(?:[/?]|$)/
/** metav1.StatusReason by HTTP status. */
const REASONS: Record<number, string> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  413: 'RequestEntityTooLarge',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
}

/** @param sent whether the enclave may have had the request. `safe`: it changes nothing (GET, HEAD) */
export function refusalOf(error: unknown, sent: boolean, safe: boolean): Refusal {
  const code = errorCode(error) ?? 'ERR_PROXY_INTERNAL'
  const message = error instanceof Error ? error.message : 'unknown'
  if (error instanceof NotSentError) return { status: error.refused ? 502 : 503, code, message, retry: !error.refused }
  if (error instanceof UsageError) return { status: code === 'ERR_FETCH_BODY' ? 413 : 431, code, message }
  if (error instanceof RefusedError || !(error instanceof UnavailableError)) return { status: 502, code, message }
  if (safe || !sent) return { status: 503, code, message, retry: true }
  return { status: 502, code, message: `${message}; whether the request was carried out is not known` }
}

export function answerRefusal(response: ServerResponse, path: string, refusal: Refusal): void {
  if (response.headersSent) return void response.destroy()
  const body = KUBERNETES_PATH.test(path) ? statusOf(refusal) : { error: refusal.code, message: refusal.message }
  const text = JSON.stringify(body)
  response.writeHead(refusal.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
    ...(refusal.retry === true ? { 'retry-after': '1' } : {}),
    ...(refusal.status === 401 ? { 'www-authenticate': 'Bearer realm="wasmclave proxy"' } : {}),
  })
  response.end(text)
}

function statusOf({ status, code, message, retry }: Refusal): object {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `wasmclave proxy: ${message}`,
    ...(REASONS[status] === undefined ? {} : { reason: REASONS[status] }),
    details: { causes: [{ reason: code, message }], ...(retry === true ? { retryAfterSeconds: 1 } : {}) },
    code: status,
  }
}
