import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { request as requestTls } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { MAX_REQUEST_BODY } from '../../assembly/abi/limits.ts'
import type { ChannelResponse } from '../../host/client/fetch.ts'
import { proxyTls } from '../../host/client/proxy/certificates.ts'
import { ProxyCredential } from '../../host/client/proxy/credential.ts'
import { writeKubeconfig } from '../../host/client/proxy/kubeconfig.ts'
import { ProxyServer } from '../../host/client/proxy/server.ts'
import { NotSentError, type RelayedRequest } from '../../host/client/proxy/sessions.ts'
import { RefusedError, UnavailableError } from '../../host/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'wasmclave-proxy-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const credential = ProxyCredential.open(join(folder, 'proxy.header'))
const token = readFileSync(join(folder, 'proxy.header'), 'utf8').trim().replace('Authorization: ', '')

const INSIDE: ChannelResponse = { status: 203, headers: [['etag', '"1"']], body: new TextEncoder().encode('inside') }
const forwarded: RelayedRequest[] = []
const cancelled: RelayedRequest[] = []
/** What the enclave does with the next request. */
let answer: () => Promise<ChannelResponse> = async () => INSIDE
/** What happens before it gets there. */
let sending: () => void = () => {}

const exchange = async (each: RelayedRequest) => {
  sending()
  forwarded.push(each)
  const response = answer()
  response.catch(() => {})
  return { response, cancel: () => void cancelled.push(each) }
}
const server = new ProxyServer({ port: 0, tls: null, credential, request: exchange })
const port = Number(new URL(await server.listen()).port)
const tls = await proxyTls(folder, Date.now())
const tlsServer = new ProxyServer({ port: 0, tls, credential, request: exchange })
const tlsPort = Number(new URL(await tlsServer.listen()).port)
t.teardown(() => {
  server.close()
  tlsServer.close()
})
t.beforeEach(() => {
  answer = async () => INSIDE
  sending = () => {}
})

type Options = { method?: string; body?: Buffer; path?: string; tls?: { cert?: string; key?: string } }
type Answer = { status: number; body: string; headers: IncomingMessage['headers']; cut: boolean }

function ask(headers: Record<string, string | string[]>, options: Options = {}): Promise<Answer> {
  const { path = '/v1/x?y=1', method = 'GET' } = options
  return new Promise((resolve, reject) => {
    const take = (response: IncomingMessage) => {
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('error', () => {})
      response.on('close', () =>
        resolve({ status: response.statusCode ?? 0, body, headers: response.headers, cut: !response.complete }),
      )
    }
    const where = { host: '127.0.0.1', path, method, headers, agent: false as const }
    const call =
      options.tls === undefined
        ? request({ ...where, port }, take)
        : requestTls({ ...where, port: tlsPort, ca: tls.ca, ...options.tls }, take)
    call.on('error', reject)
    call.end(options.body)
  })
}

const last = (): RelayedRequest => forwarded.at(-1) as RelayedRequest

t.test('forwards with its credential, and strips it', async (t) => {
  const { status, body } = await ask({
    authorization: token,
    'x-mine': 'kept',
    connection: 'close, x-hop',
    'x-hop': 'dropped',
    te: 'trailers',
  })
  t.equal(status, 203)
  t.equal(body, 'inside')
  t.equal(last().path, '/v1/x?y=1')
  t.same(last().headers, [['x-mine', 'kept']])
})

t.test('carries Impersonate headers, each as it came', async (t) => {
  t.equal((await ask({ authorization: token, 'Impersonate-User': 'bob', 'Impersonate-Group': ['a', 'b'] })).status, 203)
  t.same(last().headers, [
    ['impersonate-user', 'bob'],
    ['impersonate-group', 'a'],
    ['impersonate-group', 'b'],
  ])
})

t.test('refuses what does not carry it, and forwards nothing', async (t) => {
  const before = forwarded.length
  for (const headers of [
    {},
    { authorization: 'Bearer wrong' },
    { authorization: `${token}x` },
    { authorization: token.slice(0, -1) },
    { authorization: 'Basic abc' },
    { cookie: token },
  ])
    t.equal((await ask(headers)).status, 401, JSON.stringify(Object.keys(headers)))
  t.equal((await ask({ authorization: token, host: 'evil.example' })).status, 421)
  t.equal((await ask({ authorization: token, origin: 'https://evil.example' })).status, 403)
  t.equal((await ask({ authorization: token, origin: 'null' })).status, 403)
  t.equal(forwarded.length, before)
  const { headers } = await ask({ authorization: token })
  t.notOk('access-control-allow-origin' in headers, 'no CORS')
})

t.test('judges each request of a connection by its own credential', async (t) => {
  const answers = await pipelined([token, 'Bearer wrong', token])
  t.same(answers, ['203', '401'], 'and closes after a refusal')
  t.same(await pipelined(['Bearer wrong', token]), ['401'])
  t.same(await pipelined([token, token, token]), ['203', '203', '203'])
})

/** Requests on one connection, each when the one before is answered. @returns their statuses */
function pipelined(authorizations: string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const statuses: string[] = []
    const waiting = [...authorizations]
    const socket = connectTcp({ port, host: '127.0.0.1' })
    const next = () => {
      const value = waiting.shift()
      if (value === undefined) return void socket.end()
      socket.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: ${value}\r\n\r\n`)
    }
    socket.on('connect', next)
    socket.on('data', (chunk) => {
      const status = /^HTTP\/1\.1 (\d{3})/.exec(chunk.toString())?.[1]
      if (status === undefined) return
      statuses.push(status)
      next()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(statuses))
  })
}

t.test('carries another Authorization unchanged beside its own', async (t) => {
  t.equal((await ask({ authorization: [token, 'Bearer theirs'] as never })).status, 203)
  t.same(last().headers, [['authorization', 'Bearer theirs']])
  t.equal(
    (await ask({ authorization: ['Bearer theirs', 'Bearer more', token] as never })).status,
    401,
    'two others are ambiguous',
  )
})

t.test('takes a client certificate of its CA for the credential, and no other', async (t) => {
  const cert = readFileSync(join(folder, 'client.pem'), 'utf8')
  const key = readFileSync(join(folder, 'client.key'), 'utf8')
  t.equal((await ask({}, { tls: { cert, key } })).status, 203)
  t.equal((await ask({ authorization: 'Bearer theirs' }, { tls: { cert, key } })).status, 203)
  t.same(last().headers, [['authorization', 'Bearer theirs']], 'any Authorization beside it is another identity')
  t.equal((await ask({}, { tls: {} })).status, 401, 'none')
  t.equal((await ask({ authorization: token }, { tls: {} })).status, 203, 'none, and the token')
  t.equal((await ask({}, { tls: { cert: tls.cert, key: tls.key } })).status, 401, "the proxy's own is for a server")
  const elsewhere = mkdtempSync(join(tmpdir(), 'wasmclave-proxy-'))
  await proxyTls(elsewhere, Date.now())
  const other = (name: string) => readFileSync(join(elsewhere, name), 'utf8')
  t.equal((await ask({}, { tls: { cert: other('client.pem'), key: other('client.key') } })).status, 401, "another CA's")
  rmSync(elsewhere, { recursive: true })
})

t.test('makes the client certificate anew when its end is near, and keeps it otherwise', async (t) => {
  const path = join(folder, 'client.pem')
  const first = readFileSync(path, 'utf8')
  await proxyTls(folder, Date.now())
  t.equal(readFileSync(path, 'utf8'), first)
  t.equal(statSync(join(folder, 'client.key')).mode & 0o777, 0o600)
  await proxyTls(folder, Date.now() + 380 * 86_400_000)
  t.not(readFileSync(path, 'utf8'), first)
})

t.test('takes a body of the limit and refuses one byte more', async (t) => {
  const put = (bytes: number) => ask({ authorization: token }, { method: 'PUT', body: Buffer.alloc(bytes, 1) })
  t.equal((await put(MAX_REQUEST_BODY)).status, 203)
  t.equal(last().body?.length, MAX_REQUEST_BODY)
  // The refusal may overtake a client that still writes, which then sees its connection reset.
  t.equal((await put(MAX_REQUEST_BODY + 1).catch(() => ({ status: 413 }))).status, 413)
  t.equal((await put(0)).status, 203)
  t.equal(last().body, null)
})

t.test('streams at once, no faster than the client reads, and lets go when it goes', async (t) => {
  let pulled = 0
  let released!: () => void
  const over = new Promise<void>((resolve) => {
    released = resolve
  })
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (pulled > 0) controller.enqueue(new Uint8Array(65_536))
      else controller.enqueue(new TextEncoder().encode('first'))
      pulled++
    },
    cancel: () => released(),
  })
  answer = async () => ({ status: 200, headers: [], body: endless })
  const call = request({ port, host: '127.0.0.1', path: '/v1/', headers: { authorization: token }, agent: false })
  call.end()
  const response = await new Promise<IncomingMessage>((resolve) => call.on('response', resolve))
  const first = await new Promise<Buffer>((resolve) => response.once('data', resolve))
  t.equal(first.subarray(0, 5).toString(), 'first')
  response.pause()
  await settled(() => pulled)
  const before = pulled
  t.ok(before < 400, `${before} chunks for a client that reads none`)
  call.destroy()
  await over
  t.pass('the stream was cancelled')
})

/** Waits until a number has not changed for a while. */
async function settled(read: () => number): Promise<void> {
  for (let last = -1; last !== read(); ) {
    last = read()
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
}

t.test('cancels the request of a client that goes before its answer', async (t) => {
  const begun = new Promise<void>((resolve) => {
    answer = () => {
      resolve()
      return new Promise(() => {})
    }
  })
  const call = request({ port, host: '127.0.0.1', path: '/gone', headers: { authorization: token }, agent: false })
  call.on('error', () => {})
  call.end()
  await begun
  call.destroy()
  for (let i = 0; i < 500 && cancelled.at(-1)?.path !== '/gone'; i++) await new Promise((r) => setTimeout(r, 10))
  t.equal(cancelled.at(-1)?.path, '/gone')
})

const lost = new UnavailableError('ERR_STREAM_TRUNCATED', 'the session ended')
const failing = (): ReadableStream<Uint8Array> => {
  let begun = false
  return new ReadableStream({
    pull: (controller) => {
      if (begun) controller.error(lost)
      else controller.enqueue(new TextEncoder().encode('{"type":"ADDED"}\n'))
      begun = true
    },
  })
}

t.test('ends a watch whose session is lost, and cuts any other stream', async (t) => {
  answer = async () => ({ status: 200, headers: [], body: failing() })
  for (const path of [
    '/api/v1/namespaces/default/secrets?watch=true&resourceVersion=5',
    '/apis/coordination.k8s.io/v1/leases?allowWatchBookmarks=true&watch=1',
  ]) {
    const watch = await ask({ authorization: token }, { path })
    t.equal(watch.body, '{"type":"ADDED"}\n')
    t.equal(watch.cut, false, path)
  }
  for (const path of ['/api/v1/secrets', '/api/v1/secrets?watch=false', '/v1/?prefix=&watch', '/v1/?watch=true']) {
    const list = await ask({ authorization: token }, { path })
    t.equal(list.cut, true, path)
  }
})

t.test('says by status and Retry-After whether a failed request may be sent again', async (t) => {
  const unreachable = () => {
    throw new NotSentError(new UnavailableError('ERR_GATEWAY_UNREACHABLE', 'nobody there'))
  }
  const replaced = () => {
    throw new NotSentError(new RefusedError('ERR_EVIDENCE_PCR', 'another image'))
  }
  const inFlight = () => {
    answer = () => Promise.reject(lost)
  }
  for (const [method, fail, status, retry, code] of [
    ['POST', unreachable, 503, '1', 'ERR_GATEWAY_UNREACHABLE'],
    ['GET', unreachable, 503, '1', 'ERR_GATEWAY_UNREACHABLE'],
    ['GET', replaced, 502, undefined, 'ERR_EVIDENCE_PCR'],
    ['GET', inFlight, 503, '1', 'ERR_STREAM_TRUNCATED'],
    ['POST', inFlight, 502, undefined, 'ERR_STREAM_TRUNCATED'],
  ] as const) {
    sending = fail
    const plain = await ask({ authorization: token }, { method })
    t.equal(plain.status, status)
    t.equal(plain.headers['retry-after'], retry)
    t.equal(JSON.parse(plain.body).error, code)
    const kubernetes = await ask({ authorization: token }, { method, path: '/api/v1/namespaces' })
    t.equal(kubernetes.status, status)
    t.match(JSON.parse(kubernetes.body), {
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      code: status,
      details: { causes: [{ reason: code }], ...(retry === undefined ? {} : { retryAfterSeconds: 1 }) },
    })
  }
  t.match(JSON.parse((await ask({}, { path: '/apis' })).body), { kind: 'Status', reason: 'Unauthorized', code: 401 })
})

t.test('refuses to become another protocol', async (t) => {
  const before = forwarded.length
  const refused = await new Promise<string>((resolve, reject) => {
    const socket = connectTcp({ port, host: '127.0.0.1' }, () =>
      socket.write(
        `POST /api/v1/exec HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: ${token}\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`,
      ),
    )
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
  })
  t.match(refused, /^HTTP\/1\.1 501 /)
  t.match(refused, /ERR_PROXY_UPGRADE/)
  t.equal(forwarded.length, before)
})

t.test('answers HEAD and bodiless statuses without a body', async (t) => {
  const head = await ask({ authorization: token }, { method: 'HEAD' })
  t.equal(head.status, 203)
  t.equal(head.body, '')
  answer = async () => ({ status: 204, headers: [], body: new Uint8Array(0) })
  const none = await ask({ authorization: token })
  t.equal(none.status, 204)
  t.notOk('content-length' in none.headers)
})

t.test('keeps its credential in a file of mode 0600, and takes no other file for it', async (t) => {
  t.equal(statSync(join(folder, 'proxy.header')).mode & 0o777, 0o600)
  t.equal(ProxyCredential.open(join(folder, 'proxy.header')).judge([token], false).admitted, true)
  t.throws(() => ProxyCredential.open(join(folder, 'ca.pem')), { code: 'ERR_PROXY_CREDENTIAL' })
})

t.test('writes a kubeconfig of mode 0600 with server, CA and token, over an older one', async (t) => {
  const path = join(folder, 'kubeconfig')
  writeKubeconfig(path, 'http://127.0.0.1:1', null, credential.token)
  t.match(readFileSync(path, 'utf8'), /insecure-skip-tls-verify: true/)
  writeKubeconfig(path, 'https://127.0.0.1:2', tls.ca, credential.token)
  const text = readFileSync(path, 'utf8')
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.match(text, /^ {4}server: https:\/\/127\.0\.0\.1:2$/m)
  t.equal(`Bearer ${/^ {4}token: (.*)$/m.exec(text)?.[1]}`, token)
  const ca = /certificate-authority-data: (.*)$/m.exec(text)?.[1] ?? ''
  t.equal(Buffer.from(ca, 'base64').toString(), readFileSync(join(folder, 'ca.pem'), 'utf8'))
  t.notMatch(text, /insecure/)
  t.notOk(existsSync(`${path}.new`))
})
