// A ServiceAccount's token used from another machine: another proxy, whose sessions an enrolled user's key opens. What is attacked is that
// somebody without a credential is taken for who opened the session.
import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { connect, identityFromPem } from '../../host/client/index.ts'
import { ProxyCredential } from '../../host/client/proxy/credential.ts'
import { ProxyServer } from '../../host/client/proxy/server.ts'
import { Sessions } from '../../host/client/proxy/sessions.ts'
import { HostUnderTest, imageOf, signedMeasurements } from '../kit/host.ts'
import { binding, RBAC_PATH } from '../kit/kubernetes-users.ts'

t.setTimeout(170_000)
const DEFAULT = '/api/v1/namespaces/default'

const host = await HostUnderTest.start()
t.teardown(() => host.stop())
const images = { kubernetes: host.sign(imageOf('kubernetes')), keyvalue: host.sign(imageOf('keyvalue')) }
await host.launch('kubernetes', images.kubernetes, 256, { store: true })
await host.launch('keyvalue', images.keyvalue)
const owner = await host.connect('kubernetes', signedMeasurements(images.kubernetes))

type Answer = { status: number; message?: string; [key: string]: unknown }
async function own(method: string, path: string, body?: unknown): Promise<Answer> {
  const headers = { 'content-type': 'application/json' }
  const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) }
  const response = await owner.fetch(path, init)
  const text = await response.text()
  return { ...(text.startsWith('{') ? JSON.parse(text) : {}), status: response.status }
}

/** A user of nobody's rights, by the files that `wasmclave proxy` reads. */
const userFile = join(host.folder.customer, 'user.pem')
const { privateKey } = generateKeyPairSync('ed25519')
writeFileSync(userFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
const userKey = Buffer.from((await identityFromPem(readFileSync(userFile, 'utf8'))).publicKey).toString('hex')
await own('PUT', `/.wasmclave/users/${userKey}`)
writeFileSync(host.folder.hostFile, JSON.stringify({ pid: process.pid, gateway: host.gateway, proxy: null }))
for (const name of ['kubernetes', 'keyvalue'] as const)
  writeFileSync(join(host.folder.customer, `${name}.pcrs.json`), JSON.stringify(signedMeasurements(images[name])))

await own('POST', `${DEFAULT}/serviceaccounts`, { metadata: { name: 'robot' } })
await own('POST', `${DEFAULT}/configmaps`, { metadata: { name: 'c' }, data: { k: 'seen' } })
const viewer = binding('robot', 'ClusterRole', 'view', ['sa:default/robot'])
await own('POST', `${RBAC_PATH}/namespaces/default/rolebindings`, viewer)
const issued = async (path = `${DEFAULT}/serviceaccounts/robot/token`) => {
  const response = await owner.fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  })
  return ((await response.json()) as { status: { token: string } }).status.token
}
const token = await issued()

/** `wasmclave proxy`, until it serves. */
function startProxy(enclave: string, more: string[] = []): Promise<{ process: ChildProcess; port: number }> {
  const args = ['proxy', '--data', host.folder.root, '--enclave-name', enclave, '--port', '0', '--plain', '--json']
  const child = spawn('node', ['host/cli/bootstrap.cjs', ...args, ...more], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGTERM'))
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const { event, url } = JSON.parse(line)
      if (event === 'ready') resolve({ process: child, port: Number(new URL(url).port) })
    })
    child.once('close', (code) => reject(new Error(`proxy ended with ${code}`)))
  })
}

/** Raw, so that every header is what the test says. */
function ask(port: number, line: string, headers: string[], body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ port, host: '127.0.0.1' })
    let text = ''
    socket.setTimeout(20_000, () => socket.destroy(new Error(`no answer to ${line}`)))
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('error', reject)
    socket.on('close', () => {
      const [head = '', rest = ''] = text.split('\r\n\r\n')
      const json = rest.trim().startsWith('{') ? JSON.parse(rest) : {}
      resolve({ ...json, text: rest, status: Number(head.split(' ')[1]), head })
    })
    const close = headers.some((each) => /^connection:/i.test(each)) ? [] : ['Connection: close']
    const length = body === '' ? [] : ['Content-Type: application/json', `Content-Length: ${body.length}`]
    const all = [`Host: 127.0.0.1:${port}`, ...close, ...length, ...headers]
    socket.write(`${line} HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n${body}`)
  })
}

const credential = ProxyCredential.open(join(host.folder.customer, 'proxy.header')).token
const bearing = (value: string) => `Authorization: Bearer ${value}`
const READ = `GET ${DEFAULT}/configmaps/c`
const SECRETS = `GET ${DEFAULT}/secrets`

t.test('serves a token from a proxy of its own user, and judges it alone', async (t) => {
  const { port } = await startProxy('kubernetes', ['--identity', userFile])
  t.match(await ask(port, READ, [bearing(token)]), { status: 200, data: { k: 'seen' } })
  t.match(await ask(port, SECRETS, [bearing(token)]), {
    status: 403,
    message: /^secrets is forbidden: User "system:serviceaccount:default:robot" cannot list/,
  })
  t.match(await ask(port, READ, [bearing(credential)]), {
    status: 403,
    message: new RegExp(`User "ed25519:${userKey}"`),
  })
  t.equal((await ask(port, READ, [])).status, 401)
})

t.test('takes nobody at the owner\u2019s proxy for the owner', async (t) => {
  const { port } = await startProxy('kubernetes')
  t.equal((await ask(port, SECRETS, [bearing(credential)])).status, 200, 'the owner')
  t.match(await ask(port, READ, [bearing(token)]), { status: 200 }, 'the token')
  t.equal((await ask(port, SECRETS, [bearing(token)])).status, 403, 'what the token may not')
  const [head, payload, signature = ''] = token.split('.')
  const altered = `${head}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
  const rows: [what: string, headers: string[]][] = [
    ['an altered token', [bearing(altered)]],
    ['a token of three words', [bearing('a.b.c')]],
    ['no word', [bearing('')]],
    ['half a credential', [bearing(credential.slice(1))]],
    ['another scheme', [`Authorization: Basic ${token}`]],
    ['two tokens', [bearing(token), bearing(altered)]],
    ['the credential and two', [bearing(credential), bearing(token), bearing(altered)]],
    ['the token in another header', [`X-Authorization: Bearer ${token}`]],
    ['Authorization named in Connection', ['Connection: close, authorization', bearing(altered)]],
    ['the same, in capitals', ['Connection: AUTHORIZATION, close', bearing(altered)]],
    ['the name of the proxy\u2019s own header twice', [bearing(altered), 'Proxy-Authorization: Bearer x']],
    ['an owner\u2019s name', [bearing(altered), 'X-Remote-User: system:admin', 'Impersonate-User: admin']],
  ]
  for (const [what, headers] of rows) t.equal((await ask(port, SECRETS, headers)).status, 401, what)
  const speaking = ['Impersonate-User: admin', 'Impersonate-Group: system:masters']
  t.equal((await ask(port, SECRETS, [bearing(token), ...speaking])).status, 403, 'a token that speaks for masters')
  for (const path of ['/.wasmclave/users', '/.wasmclave/store/heads', '/.wasmclave', '/.wasmclave/'])
    t.equal((await ask(port, `GET ${path}`, [bearing(token)])).status, 401, path)
  const enrol = `PUT /.wasmclave/users/${'ab'.repeat(32)}`
  t.equal((await ask(port, enrol, [bearing(token)])).status, 401)
  t.equal((await ask(port, enrol, [bearing(credential), bearing(token)])).status, 403, 'the kernel too')
  const users = (await ask(port, 'GET /.wasmclave/users', [bearing(credential)])).users
  t.same(users, [userKey], 'nobody was enrolled')
  t.equal((await ask(port, enrol, [bearing(credential)])).status, 204, 'its twin')
})

t.test('refuses at the proxy of an enclave that knows nothing of tokens', async (t) => {
  const { port } = await startProxy('keyvalue')
  const jwt = bearing(token)
  t.equal((await ask(port, 'PUT /v1/x', [bearing(credential)], '{}')).status, 201, 'the owner')
  for (const [line, body] of [['GET /v1/x'], ['PUT /v1/x', '"mine"'], ['DELETE /v1/x'], ['GET /v1/']] as const)
    t.match(await ask(port, line, [jwt], body), { status: 401, error: /CREDENTIAL/ }, line)
  t.equal((await ask(port, 'GET /v1/x', [bearing(credential)])).text, '{}', 'nothing has changed')
})

t.test('lends nothing where it was not told to, whatever the enclave', async (t) => {
  const identity = await identityFromPem(readFileSync(join(host.folder.customer, 'owner.key'), 'utf8'))
  const policy = host.policy(signedMeasurements(images.kubernetes))
  const sessions = new Sessions({ connect: () => connect(`${host.gateway}/enclaves/kubernetes`, policy, identity) })
  const proxy = new ProxyServer({
    port: 0,
    tls: null,
    credential: new ProxyCredential(credential),
    request: (each) => sessions.send(each),
  })
  t.teardown(() => {
    proxy.close()
    sessions.close()
  })
  const port = Number(new URL(await proxy.listen()).port)
  t.equal((await ask(port, READ, [bearing(token)])).status, 401)
  t.equal((await ask(port, READ, [bearing(credential)])).status, 200)
  t.equal((await ask(port, SECRETS, [bearing(credential), bearing(token)])).status, 403, 'beside the credential, alone')
})

t.test('gives and takes rights no later than they are acknowledged, whatever else is being written', async (t) => {
  const url = `${host.gateway}/enclaves/kubernetes`
  const user = await identityFromPem(readFileSync(userFile, 'utf8'))
  const session = await connect(url, host.policy(signedMeasurements(images.kubernetes)), user)
  const status = async () => (await session.fetch(`${DEFAULT}/configmaps/c`)).status
  let busy = true
  const others = Array.from({ length: 4 }, async (_, writer) => {
    for (let i = 0; busy; i++) await own('POST', `${DEFAULT}/configmaps`, { metadata: { name: `w${writer}-${i}` } })
  })
  const bindings = `${RBAC_PATH}/namespaces/default/rolebindings`
  const wrong: string[] = []
  for (let i = 0; i < 25; i++) {
    if ((await own('POST', bindings, binding('user', 'ClusterRole', 'view', [`ed25519:${userKey}`]))).status !== 201)
      break
    const given = await status()
    if ((await own('DELETE', `${bindings}/user`)).status !== 200) break
    const taken = await status()
    if (given !== 200 || taken !== 403) wrong.push(`${i}: ${given}, ${taken}`)
  }
  busy = false
  await Promise.all(others)
  t.same(wrong, [])
  t.equal((await own('GET', `${bindings}/user`)).status, 404, 'all rounds were run')
  session.close()
})

t.test('refuses a token once its ServiceAccount has gone', async (t) => {
  const { port } = await startProxy('kubernetes', ['--identity', userFile])
  t.equal((await ask(port, READ, [bearing(token)])).status, 200)
  await own('DELETE', `${DEFAULT}/serviceaccounts/robot`)
  t.equal((await ask(port, READ, [bearing(token)])).status, 401)
  await own('POST', `${DEFAULT}/serviceaccounts`, { metadata: { name: 'robot' } })
  t.equal((await ask(port, READ, [bearing(token)])).status, 401, 'another of its name')
  t.equal((await ask(port, READ, [bearing(await issued())])).status, 200, 'with its own token')
})
