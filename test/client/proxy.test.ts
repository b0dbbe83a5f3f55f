import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ProxyCredential } from '../../host/client/proxy/credential.ts'
import { type AttestedRequest, ProxyServer } from '../../host/client/proxy/server.ts'

const folder = mkdtempSync(join(tmpdir(), 'wasmclave-proxy-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const credential = ProxyCredential.open(join(folder, 'proxy.header'))
const token = readFileSync(join(folder, 'proxy.header'), 'utf8').trim().replace('Authorization: ', '')

const forwarded: Parameters<AttestedRequest>[] = []
const server = new ProxyServer({
  port: 0,
  tls: null,
  credential,
  request: async (path, init) => {
    forwarded.push([path, init])
    return { status: 203, headers: [['etag', '"1"']], body: new TextEncoder().encode('inside') }
  },
})
const port = Number(new URL(await server.listen()).port)
t.teardown(() => server.close())

function ask(
  headers: Record<string, string | string[]>,
  options: { method?: string; body?: Buffer } = {},
): Promise<{ status: number; body: string; headers: object }> {
  return new Promise((resolve, reject) => {
    const call = request(
      { port, host: '127.0.0.1', path: '/v1/x?y=1', method: options.method ?? 'GET', headers },
      (response) => {
        let body = ''
        response.on('data', (chunk) => {
          body += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }))
      },
    )
    call.on('error', reject)
    call.end(options.body)
  })
}

t.test('forwards with its credential, and strips it', async (t) => {
  const { status, body } = await ask({
    authorization: token,
    'x-mine': 'kept',
    connection: 'close, x-hop',
    'x-hop': 'dropped',
  })
  t.equal(status, 203)
  t.equal(body, 'inside')
  const [path, init] = forwarded.at(-1) as Parameters<AttestedRequest>
  t.equal(path, '/v1/x?y=1')
  t.same(init.headers, [['x-mine', 'kept']])
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

t.test('carries another Authorization unchanged beside its own', async (t) => {
  t.equal((await ask({ authorization: [token, 'Bearer theirs'] as never })).status, 203)
  t.same((forwarded.at(-1) as Parameters<AttestedRequest>)[1].headers, [['authorization', 'Bearer theirs']])
  t.equal(
    (await ask({ authorization: ['Bearer theirs', 'Bearer more', token] as never })).status,
    401,
    'two others are ambiguous',
  )
})

t.test('takes a body of the limit and refuses one byte more', async (t) => {
  t.equal((await ask({ authorization: token }, { method: 'PUT', body: Buffer.alloc(4_194_304) })).status, 203)
  t.equal((forwarded.at(-1) as Parameters<AttestedRequest>)[1].body?.length, 4_194_304)
  t.equal(
    (
      await ask({ authorization: token }, { method: 'PUT', body: Buffer.alloc(4_194_305) }).catch(() => ({
        status: 413,
      }))
    ).status,
    413,
  )
})

t.test('keeps its credential in a file of mode 0600, and takes no other file for it', async (t) => {
  t.equal(statSync(join(folder, 'proxy.header')).mode & 0o777, 0o600)
  t.equal(ProxyCredential.open(join(folder, 'proxy.header')).judge([token]).admitted, true)
})
