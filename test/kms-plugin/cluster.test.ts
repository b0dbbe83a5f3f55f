// A cluster's keys over its life, with a host, an enclave and a plugin as processes: kube-apiserver's sequence through rotation, restarts and
// kill -9 of either, and that an enclave which is stopped or another one is an error and never "ok".
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { status } from '@grpc/grpc-js'
import t from 'tap'
import { HostUnderTest, imageOf, runCli } from '../kit/host.ts'
import { announce, PluginUnderTest, until } from '../kit/kms-plugin.ts'
import { type EncryptedObject, KubeApiserver } from '../kit/kube-apiserver.ts'

t.setTimeout(590_000)

const NAME = 'kms-provider'
const AT = '/registry/secrets/default/db'

const host = await HostUnderTest.start()
const image = host.sign(imageOf(NAME))
const launch = async () => (await host.launch(NAME, image)).measurements
const measurements = await launch()
announce(host, NAME, measurements)
const folder = mkdtempSync(join(tmpdir(), 'wk-'))
const path = join(folder, 'plugin', 'kms.sock')
const target = ['--data', host.folder.root]
const serving = ['--listen', `unix://${path}`, ...target, '--poll', '200ms', '--status-age', '2s']
let plugin = await PluginUnderTest.start([...serving, '--health-addr', '127.0.0.1:0'])
const kube = new KubeApiserver(path)
const cli = async (verb: string, ...args: string[]) => runCli(['kms-plugin', verb, ...target, ...args])

t.teardown(async () => {
  kube.close()
  await plugin.stop('SIGKILL')
  await host.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** The plugin is well, by a look as kube-apiserver takes it. */
const polled = () =>
  until(() =>
    kube.poll().then(
      () => true,
      () => false,
    ),
  )
const failing = (wanted: (code: string | undefined) => boolean) =>
  until(() =>
    kube.kms.call('Status', {}).then(
      () => false,
      ({ code }) => wanted(status[code]),
    ),
  )
const killEnclave = async () => {
  const all = (await host.request({ action: 'describe-enclaves', parameters: { metadata: false } })) as {
    EnclaveName: string
    ProcessID: number
  }[]
  const { ProcessID } = all.find(({ EnclaveName }) => EnclaveName === NAME) as { ProcessID: number }
  process.kill(ProcessID, 'SIGKILL')
  await until(() => host.events.some(({ event, ...rest }) => event === 'ended' && JSON.stringify(rest).includes(NAME)))
}

let first: EncryptedObject
let second: EncryptedObject
let firstKey = ''
let secondKey = ''

t.test('a cluster starts, writes and reads again after a restart by one Decrypt', async (t) => {
  await polled()
  firstKey = kube.keyId as string
  first = kube.write(AT, Buffer.from('one'))
  kube.restart()
  t.equal(String(await kube.read(AT, first)), 'one')
  t.equal(String(await kube.read(AT, first)), 'one')
  t.equal(kube.calls.Decrypt, 1)
  await kube.poll()
  t.equal(kube.keyId, firstKey)
  await t.rejects(kube.read('/registry/secrets/default/other', first), 'the place of an object is bound to it')
})

t.test('a rotation while it runs gives a new seed, and what is old stays readable', async (t) => {
  const { code, stdout } = await cli('rotate')
  t.equal(code, 0)
  secondKey = (JSON.parse(stdout) as { keyId: string }).keyId
  t.not(secondKey, firstKey)
  const encrypted = kube.calls.Encrypt
  await until(async () => {
    await kube.poll()
    return kube.keyId === secondKey
  })
  t.equal(kube.calls.Encrypt, encrypted + 1)
  t.ok(kube.isStale(first))
  second = kube.write(AT, Buffer.from('two'))
  kube.restart()
  t.equal(String(await kube.read(AT, first)), 'one')
  t.equal(String(await kube.read(AT, second)), 'two')
  const listed = JSON.parse((await cli('keys')).stdout) as { keyId: string; state: string; measurement: string }[]
  t.same(
    listed.map(({ keyId, state, measurement }) => [keyId, state, measurement]),
    [
      [firstKey, 'previous', measurements.PCR0],
      [secondKey, 'current', measurements.PCR0],
    ],
    'each names the image that made it',
  )
})

t.test('a killed enclave is an error, and the next one goes on with the same keys', async (t) => {
  await killEnclave()
  await failing((code) => code === 'UNAVAILABLE')
  const before = plugin.events.filter(({ event }) => event === 'appraised').length
  await launch()
  await polled()
  t.equal(kube.keyId, secondKey)
  t.ok(plugin.events.filter(({ event }) => event === 'appraised').length > before, 'appraised again')
  kube.restart()
  t.equal(String(await kube.read(AT, first)), 'one')
  t.equal(String(await kube.read(AT, second)), 'two')
})

t.test('a killed plugin leaves a socket, which the next one takes over', async (t) => {
  await plugin.stop('SIGKILL')
  t.ok(existsSync(path))
  plugin = await PluginUnderTest.start(serving)
  kube.restart()
  await polled()
  t.equal(kube.keyId, secondKey)
  t.equal(String(await kube.read(AT, first)), 'one')
  const { code, stderr } = await runCli(['kms-plugin', ...serving])
  t.not(code, 0)
  t.match(stderr, /ERR_KMS_PLUGIN_SOCKET/, 'while it serves, another may not')
})

t.test('preflight does as kube-apiserver does, and prints its configuration', async (t) => {
  const { code, stdout, stderr } = await runCli(['kms-plugin', 'preflight', '--listen', `unix://${path}`])
  t.equal(code, 0)
  t.match(stderr, new RegExp(secondKey))
  t.match(stdout, /^apiVersion: apiserver\.config\.k8s\.io\/v1\nkind: EncryptionConfiguration\n/)
  t.match(stdout, `endpoint: unix://${path}`)
})

t.test('a retired version opens no more, and the others do', async (t) => {
  t.equal((await cli('retire', firstKey)).code, 0)
  kube.restart()
  await t.rejects(kube.read(AT, first), { code: status.FAILED_PRECONDITION, details: /ERR_KEY_RETIRED/ })
  t.equal(String(await kube.read(AT, second)), 'two')
  const { code, stderr } = await cli('retire', secondKey)
  t.not(code, 0)
  t.match(stderr, /ERR_KEY_CURRENT/)
})

t.test('a user may use the keys and not manage them', async (t) => {
  const identity = join(folder, 'user.pem')
  t.equal((await cli('new-identity', '--output', identity)).code, 0)
  const refused = await cli('rotate', '--identity', identity)
  t.not(refused.code, 0)
  t.match(refused.stderr, /ERR_OWNER_ONLY/)
  const own = join(folder, 'user', 'kms.sock')
  const served = await PluginUnderTest.start([...serving, '--listen', `unix://${own}`, '--identity', identity].slice(2))
  const other = new KubeApiserver(own)
  await until(() =>
    other.poll().then(
      () => true,
      () => false,
    ),
  )
  t.equal(other.keyId, secondKey)
  t.equal(String(await other.read(AT, second)), 'two')
  other.close()
  t.equal(await served.stop(), 0, 'and stops as it should')
  t.notOk(existsSync(own), 'with its socket')
})

t.test('another enclave than its owner wrote down is an error and never "ok"', async (t) => {
  const other = { ...measurements, PCR0: 'ab'.repeat(48) }
  const elsewhere = join(folder, 'elsewhere', 'kms.sock')
  announce(host, NAME, other)
  const served = await PluginUnderTest.start(['--listen', `unix://${elsewhere}`, ...target, '--poll', '200ms'])
  const asked = new KubeApiserver(elsewhere)
  t.teardown(async () => {
    asked.close()
    await served.stop('SIGKILL')
  })
  for (let i = 0; i < 5; i++)
    await t.rejects(asked.poll(), { code: status.FAILED_PRECONDITION, details: /^ERR_EVIDENCE/ })
  await t.rejects(asked.kms.call('Decrypt', { ciphertext: second.seed, keyId: second.keyId }), {
    code: status.FAILED_PRECONDITION,
    details: /^ERR_EVIDENCE/,
  })
  const preflight = await runCli(['kms-plugin', 'preflight', '--listen', `unix://${elsewhere}`])
  t.not(preflight.code, 0)
  announce(host, NAME, measurements)
  await until(() =>
    asked.poll().then(
      () => true,
      () => false,
    ),
  )
  t.equal(asked.keyId, secondKey, 'the twin: with the right one it is well')
})

t.test('a stopped enclave is an error and never "ok"', async (t) => {
  await host.request({ action: 'terminate-enclave', parameters: { name: NAME } })
  await failing((code) => code === 'UNAVAILABLE')
  for (let i = 0; i < 3; i++) await t.rejects(kube.poll(), { code: status.UNAVAILABLE })
  kube.restart()
  await t.rejects(kube.read(AT, second), { code: status.UNAVAILABLE })
  await launch()
  await polled()
  t.equal(String(await kube.read(AT, second)), 'two', 'the twin: the next one is well')
})
