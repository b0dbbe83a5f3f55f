// A store in etcd opens on a second host, with one KMS; and a host goes on when the member that it asked is gone.
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { FAULT_FENCED } from '../../assembly/abi/fault.ts'
import { EtcdCluster, noEtcd } from '../kit/etcd.ts'
import { HostUnderTest, imageOf, signedMeasurements } from '../kit/host.ts'

t.setTimeout(170_000)

t.test('two hosts, three members', { skip: noEtcd }, async (t) => {
  const cluster = await EtcdCluster.start(3)
  t.teardown(() => cluster.stop())
  const store = { engine: 'etcd', endpoints: cluster.endpoints }
  const first = await HostUnderTest.start({ store })
  t.teardown(() => first.stop())
  const image = first.sign(imageOf('keyvalue'))
  const measurements = signedMeasurements(image)
  await first.launch('keyvalue', image)
  const enclave = await first.connect('keyvalue', measurements)
  t.equal((await enclave.fetch('/v1/a', { method: 'PUT', body: 'one' })).status, 201)

  const leader = await cluster.leader()
  await leader.kill()
  // Refused or not, it is one or the other in the end
  for (;;) {
    const { status } = await enclave.fetch('/v1/a', { method: 'PUT', body: 'two' })
    if (status === 204) break
    t.equal(status, 503)
  }
  t.pass('goes on without the leader')
  await cluster.restart(leader)

  const copy = mkdtempSync(join(tmpdir(), 'wc-'))
  t.teardown(() => rmSync(copy, { recursive: true, force: true }))
  const { root, kmsSocket } = first.folder
  cpSync(root, copy, { recursive: true, filter: (path) => !path.startsWith(join(root, 'store')) })
  const second = await HostUnderTest.start(
    { store, kms: { port: 0, maxDocumentAge: null, storeSocket: kmsSocket } },
    copy,
  )
  t.teardown(() => second.halt())
  await second.launch('keyvalue', image)
  const moved = await second.connect('keyvalue', measurements)
  t.equal(await (await moved.fetch('/v1/a')).text(), 'two', 'what the first host acknowledged')
  t.match(await first.event('ended'), { epitaph: { kind: FAULT_FENCED } }, 'the first one has learnt of it and ended')
  t.equal((await moved.fetch('/v1/a', { method: 'PUT', body: 'three' })).status, 204)
  await second.request({ action: 'terminate-enclave', parameters: { name: 'keyvalue' } })

  await first.launch('keyvalue', image)
  const back = await first.connect('keyvalue', measurements)
  t.equal(await (await back.fetch('/v1/a')).text(), 'three', 'and back again')
})
