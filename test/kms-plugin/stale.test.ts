// A store that was put back: nobody is served until its owner accepts it, and then a plugin that knows better tells no key_id twice.
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { status } from '@grpc/grpc-js'
import t from 'tap'
import { ownerKey } from '../../host/cli/development.ts'
import { acceptStoreHead, connect, identityFromPem, readStoreHeads } from '../../host/client/index.ts'
import { KmsPlugin } from '../../host/kms-plugin/plugin.ts'
import { HostUnderTest, imageOf, signedMeasurements } from '../kit/host.ts'
import { until } from '../kit/kms-plugin.ts'
import { KubeApiserver } from '../kit/kube-apiserver.ts'

t.setTimeout(300_000)

const NAME = 'kms-provider'
const folder = mkdtempSync(join(tmpdir(), 'wk-'))
const path = join(folder, 'plugin', 'kms.sock')

let host = await HostUnderTest.start()
const data = host.folder.root
/** What the parent keeps, sealed. */
const lmdb = join(host.folder.store, 'records.mdb')
const image = host.sign(imageOf(NAME))
const measurements = signedMeasurements(image)
await host.launch(NAME, image)
const identity = await identityFromPem(ownerKey(host.folder).export({ format: 'pem', type: 'pkcs8' }) as string)
const session = () => connect(`${host.gateway}/enclaves/${NAME}`, host.policy(measurements), identity)
const plugin = new KmsPlugin({
  listen: [`unix://${path}`],
  keyName: 'default',
  connect: session,
  timeoutMs: 10_000,
  appraisalAgeMs: 600_000,
  pollMs: 200,
  statusAgeMs: 2000,
  log: () => {},
})
await plugin.start()
const kube = new KubeApiserver(path)
t.teardown(async () => {
  kube.close()
  await plugin.stop()
  await host.halt()
  rmSync(data, { recursive: true, force: true })
  rmSync(folder, { recursive: true, force: true })
})

const polled = () =>
  until(() =>
    kube.poll().then(
      () => true,
      () => false,
    ),
  )
const failedWith = (pattern: RegExp) =>
  until(() =>
    kube.kms.call('Status', {}).then(
      () => false,
      ({ code, details }) => code === status.FAILED_PRECONDITION && pattern.test(details),
    ),
  )
const again = async () => {
  host = await HostUnderTest.start({}, data)
  await host.launch(NAME, image)
}
/** An enclave that has just begun refuses to, until it has seen what code its keys are of. */
const rotate = () =>
  until(async () => {
    const enclave = await session()
    const answer = await enclave.fetch('/v1/keys/default/rotate', { method: 'POST' })
    enclave.close()
    if (answer.status !== 201 && answer.status !== 503) throw new Error(`${answer.status} ${await answer.text()}`)
    return answer.status === 201
  })

t.test('a store that was put back is an error and never "ok"', async (t) => {
  await polled()
  const first = kube.keyId
  await host.halt()
  const kept = join(folder, 'kept')
  cpSync(lmdb, kept)
  await again()
  await rotate()
  await polled()
  await until(async () => {
    await kube.poll()
    return kube.keyId !== first
  })
  const second = kube.keyId
  await host.halt()
  cpSync(kept, lmdb)
  await again()
  await failedWith(/^ERR_STORE_STALE/)
  await t.rejects(kube.poll(), { code: status.FAILED_PRECONDITION })
  const enclave = await session()
  await acceptStoreHead(enclave, identity, await readStoreHeads(enclave))
  enclave.close()
  await failedWith(/^ERR_KMS_PLUGIN_KEY_ID/)
  await rotate()
  await polled()
  t.notOk([first, second].includes(kube.keyId), 'the twin: after a rotation it is well, with a key_id of its own')
})
