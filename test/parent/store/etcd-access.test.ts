// TLS and users of etcd: who may ask, and whom one asks.
import 'reflect-metadata'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import t from 'tap'
import { proxyTls } from '../../../host/client/proxy/certificates.ts'
import { errorCode } from '../../../host/errors.ts'
import { EtcdEngine } from '../../../host/parent/store/etcd.ts'
import type { EtcdSettings } from '../../../host/parent/store/settings.ts'
import { hashOf, kept, storeId } from '../../kit/engine-world.ts'
import { EtcdCluster, type EtcdMember, gateway, noEtcd } from '../../kit/etcd.ts'

const id = storeId(1)
const opened = async (settings: EtcdSettings) => {
  const engine = await EtcdEngine.open(settings)
  const head = hashOf(await engine.head(id))
  const n = Math.floor(Math.random() * 2 ** 32)
  const result = await engine.commit(id, head, kept(n), [])
  await engine.close()
  return result
}
const refusal = (settings: EtcdSettings) => opened(settings).then(() => undefined, errorCode)
const base64 = (text: string) => Buffer.from(text).toString('base64')

t.test('with TLS', { skip: noEtcd }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wasmclave-tls-'))
  const other = mkdtempSync(join(tmpdir(), 'wasmclave-tls-'))
  const { cert, key } = await proxyTls(folder, Date.now())
  await proxyTls(other, Date.now())
  writeFileSync(join(folder, 'server.pem'), cert)
  writeFileSync(join(folder, 'server.key'), key)
  const file = (name: string) => join(folder, name)
  const flags = ['--cert-file', file('server.pem'), '--key-file', file('server.key')]
  const mutual = ['--client-cert-auth', '--trusted-ca-file', file('ca.pem')]
  const ca = readFileSync(file('ca.pem'), 'utf8')
  const server = await EtcdCluster.start(1, { scheme: 'https', flags })
  const strict = await EtcdCluster.start(1, { scheme: 'https', flags: [...flags, ...mutual] })
  t.teardown(async () => {
    await server.stop()
    await strict.stop()
    for (const path of [folder, other]) rmSync(path, { recursive: true })
  })
  const settings = (cluster: EtcdCluster, tls: EtcdSettings['tls']): EtcdSettings => ({
    engine: 'etcd',
    endpoints: cluster.endpoints,
    ...(tls && { tls }),
  })

  await t.test('accepts a server under the CA that it was told, by address and by name', async (t) => {
    t.equal(await opened(settings(server, { ca })), 'durable')
    const byName = server.endpoints.map((endpoint) => endpoint.replace('127.0.0.1', 'localhost'))
    t.equal(await opened({ ...settings(server, { ca }), endpoints: byName }), 'durable')
  })

  await t.test('refuses a server under another CA, and one under none that Node knows', async (t) => {
    const wrong = readFileSync(join(other, 'ca.pem'), 'utf8')
    t.equal(await refusal(settings(server, { ca: wrong })), 'ERR_STORE_UNAVAILABLE')
    t.equal(await refusal(settings(server, undefined)), 'ERR_STORE_UNAVAILABLE')
  })

  await t.test('refuses a certificate that is of another address', async (t) => {
    const target = Number(server.endpoints[0]?.split(':').at(-1))
    // The same server, by addresses of loopback that its certificate does not name, and one that it does.
    for (const [host, expected] of [
      ['127.0.0.2', 'ERR_STORE_UNAVAILABLE'],
      ['127.0.0.1', undefined],
    ] as const) {
      const relay = createServer((from) => {
        const to = connect(target, '127.0.0.1')
        for (const socket of [from, to]) socket.on('error', () => {})
        from.pipe(to).pipe(from)
      })
      relay.listen(0, host)
      await once(relay, 'listening')
      const { port } = relay.address() as { port: number }
      t.equal(await refusal({ ...settings(server, { ca }), endpoints: [`https://${host}:${port}`] }), expected, host)
      relay.close()
    }
  })

  await t.test('shows its own certificate to a server that wants one', async (t) => {
    const client = await clientCertificate(folder)
    t.equal(await opened(settings(strict, { ca, ...client })), 'durable')
    t.equal(await refusal(settings(strict, { ca })), 'ERR_STORE_UNAVAILABLE')
  })
})

t.test('with users', { skip: noEtcd }, async (t) => {
  const cluster = await EtcdCluster.start(1)
  t.teardown(() => cluster.stop())
  const member = cluster.members[0] as EtcdMember
  for (const name of ['root', 'host']) {
    await gateway(member, 'auth/user/add', { name, password: `${name} password` })
    await gateway(member, 'auth/role/add', { name })
    await gateway(member, 'auth/user/grant', { user: name, role: name })
  }
  const perm = { permType: 'READWRITE', key: base64('ours/'), range_end: base64('ours0') }
  await gateway(member, 'auth/role/grant', { name: 'host', perm })
  await gateway(member, 'auth/enable', {})
  const settings = (password = 'host password', prefix = 'ours/'): EtcdSettings => ({
    engine: 'etcd',
    endpoints: cluster.endpoints,
    prefix,
    auth: { user: 'host', password },
  })

  await t.test('accepts a user, and refuses a wrong password and nobody', async (t) => {
    t.equal(await opened(settings()), 'durable')
    t.equal(await refusal(settings('another password')), 'ERR_STORE_AUTH')
    const { auth, ...nobody } = settings()
    t.ok(auth)
    t.equal(await refusal(nobody), 'ERR_STORE_UNAVAILABLE')
    t.equal(await refusal(settings(undefined, 'theirs/')), 'ERR_STORE_UNAVAILABLE', 'a prefix of others')
  })

  await t.test('fetches a new token when the cluster has forgotten the old one', async (t) => {
    const engine = await EtcdEngine.open(settings())
    const before = await engine.head(id)
    await cluster.restart(member)
    t.same(hashOf(await engine.head(id)), hashOf(before))
    t.equal(await engine.commit(id, hashOf(before), kept(7), []), 'durable')
    await engine.close()
  })
})

async function clientCertificate(folder: string): Promise<{ cert: string; key: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const der = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  const caKey = await crypto.subtle.importKey(
    'pkcs8',
    der(readFileSync(join(folder, 'ca.key'), 'utf8')),
    algorithm,
    false,
    ['sign'],
  )
  const ca = new x509.X509Certificate(readFileSync(join(folder, 'ca.pem'), 'utf8'))
  const keys = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair
  const leaf = await x509.X509CertificateGenerator.create({
    subject: 'CN=parent',
    issuer: ca.subject,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 86_400_000),
    publicKey: keys.publicKey,
    signingKey: caKey,
    signingAlgorithm: algorithm,
    extensions: [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])],
  })
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  return { cert: leaf.toString('pem'), key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n` }
}
