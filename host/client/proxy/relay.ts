/** An answer of the enclave to an HTTP client: whole where it is, chunk by chunk and no faster than it is taken where it is streamed. */
import type { ServerResponse } from 'node:http'
import type { ChannelResponse } from '../fetch.ts'
import { writeHeaders } from './headers.ts'

/** Answers without content, RFC 9110 sections 15.3.5 and 15.4.5. */
const BODILESS = new Set([204, 304])
/** A watch of Kubernetes: its end says nothing, and its client goes on from the last event that it has. */
const WATCH = /^\/apis?\/.*[?&]watch=(?:true|1)(?:&|$)/

export function relayAnswer(
  from: ChannelResponse,
  to: ServerResponse,
  method: string,
  path: string,
): Promise<void> | undefined {
  const headers = writeHeaders(from.headers)
  if (from.body instanceof Uint8Array) {
    if (method === 'HEAD' || BODILESS.has(from.status)) return void to.writeHead(from.status, headers).end()
    headers.push('content-length', String(from.body.length))
    return void to.writeHead(from.status, headers).end(from.body)
  }
  to.writeHead(from.status, headers)
  if (method === 'HEAD') {
    to.end()
    return from.body.cancel()
  }
  to.flushHeaders()
  return pump(from.body, to, WATCH.test(path))
}

async function pump(from: ReadableStream<Uint8Array>, to: ServerResponse, watch: boolean): Promise<void> {
  const reader = from.getReader()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (to.destroyed) break
      if (!to.write(next.value)) await drained(to)
    }
    to.end()
  } catch {
    // The head is out. What ends early is cut, so that nobody takes it for whole; of a watch nobody does.
    if (watch) to.end()
    else to.destroy()
  } finally {
    reader.cancel().catch(() => {})
  }
}

function drained(to: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      to.off('drain', done)
      to.off('close', done)
      resolve()
    }
    to.on('drain', done)
    to.on('close', done)
  })
}
