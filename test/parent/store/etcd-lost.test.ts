// What a network does to one call: lost, its answer lost, late. And members that are too old or of another cluster.
import t from 'tap'
import { errorCode } from '../../../host/errors.ts'
import type { TxnRequest } from '../../../host/parent/store/etcd/protocol.ts'
import { EtcdEngine } from '../../../host/parent/store/etcd.ts'
import { everything, hashOf, kept, place, source, storeId } from '../../kit/engine-world.ts'
import { EtcdCluster, noEtcd } from '../../kit/etcd.ts'
import { EtcdMiddleman } from '../../kit/etcd-middleman.ts'

const code = async (work: Promise<unknown>) => errorCode(await work.then(() => undefined).catch((error) => error))
const one = [{ place: place(1), record: Buffer.from('one') }]
const two = [{ place: place(2), record: Buffer.from('two') }]
const isCommit = ({ compare = [] }: TxnRequest) => compare.length > 0

t.test('between an engine and etcd', { skip: noEtcd }, async (t) => {
  const cluster = await EtcdCluster.start(1)
  const middleman = await EtcdMiddleman.start(cluster.endpoints[0]?.replace('http://', ''))
  t.teardown(async () => {
    middleman.stop()
    await cluster.stop()
  })
  let fresh = 0
  const prefix = () => `test-${fresh++}/`
  const open = (prefix: string, endpoints = [middleman.endpoint]) =>
    EtcdEngine.open({ engine: 'etcd', endpoints, prefix })
  /** A store with one commit, and an engine that has seen it. */
  const begun = async (at = prefix()) => {
    middleman.fate = () => 'pass'
    const engine = await open(at)
    await engine.commit(storeId(1), undefined, kept(1), one)
    return { engine, at }
  }
  const id = storeId(1)

  await t.test('says that nobody knows when an answer is lost, and finds the commit by the head', async (t) => {
    const { engine } = await begun()
    middleman.fate = (request) => (isCommit(request) ? 'lose-answer' : 'pass')
    t.equal(await code(engine.commit(id, hashOf(kept(1)), kept(2), two)), 'ERR_STORE_UNAVAILABLE')
    middleman.fate = () => 'pass'
    t.same(hashOf(await engine.head(id)), hashOf(kept(2)))
    t.equal((await everything(engine, id)).records.length, 2)
    t.equal(await engine.commit(id, hashOf(kept(2)), kept(3), []), 'durable')
    await engine.close()
  })

  await t.test('says that nobody knows when a commit is lost, and the head is the old one', async (t) => {
    const { engine } = await begun()
    middleman.fate = (request) => (isCommit(request) ? 'lose' : 'pass')
    t.equal(await code(engine.commit(id, hashOf(kept(1)), kept(2), two)), 'ERR_STORE_UNAVAILABLE')
    middleman.fate = () => 'pass'
    t.same(hashOf(await engine.head(id)), hashOf(kept(1)))
    t.equal(await engine.commit(id, hashOf(kept(1)), kept(3), two), 'durable')
    await engine.close()
  })

  await t.test('what the head said once, no late commit changes', async (t) => {
    const { engine } = await begun()
    middleman.fate = (request) => (isCommit(request) ? 'hold' : 'pass')
    t.equal(await code(engine.commit(id, hashOf(kept(1)), kept(2), two)), 'ERR_STORE_UNAVAILABLE')
    middleman.fate = () => 'pass'
    t.same(hashOf(await engine.head(id)), hashOf(kept(1)))
    t.equal((await middleman.release()).succeeded, false, 'it comes, and fails by the fence')
    t.same(hashOf(await engine.head(id)), hashOf(kept(1)))
    t.equal((await everything(engine, id)).records.length, 1)
    await engine.close()
  })

  await t.test('a late commit before anybody asked for the head succeeds', async (t) => {
    const { engine } = await begun()
    middleman.fate = (request) => (isCommit(request) ? 'hold' : 'pass')
    t.equal(await code(engine.commit(id, hashOf(kept(1)), kept(2), two)), 'ERR_STORE_UNAVAILABLE')
    middleman.fate = () => 'pass'
    t.equal((await middleman.release()).succeeded, true)
    t.same(hashOf(await engine.head(id)), hashOf(kept(2)))
    await engine.close()
  })

  await t.test('nor one of a process that is gone, and nor the first of a store', async (t) => {
    for (const first of [true, false]) {
      const at = prefix()
      const engine = first ? await open(at) : (await begun(at)).engine
      const before = first ? undefined : kept(1)
      t.same(hashOf(await engine.head(id)), hashOf(before))
      middleman.fate = (request) => (isCommit(request) ? 'hold' : 'pass')
      t.equal(await code(engine.commit(id, hashOf(before), kept(2), two)), 'ERR_STORE_UNAVAILABLE')
      middleman.fate = () => 'pass'
      await engine.close()
      const next = await open(at)
      t.same(hashOf(await next.head(id)), hashOf(before))
      t.equal((await middleman.release()).succeeded, false)
      t.same(hashOf(await next.head(id)), hashOf(before))
      t.equal(await next.commit(id, hashOf(before), kept(3), two), 'durable')
      await next.close()
    }
  })

  await t.test('a second engine that looks does not stop the first one', async (t) => {
    const { engine, at } = await begun()
    const other = await open(at)
    for (let n = 1; n < 5; n++) {
      t.same(hashOf(await other.head(id)), hashOf(kept(n)))
      t.equal(await engine.commit(id, hashOf(kept(n)), kept(n + 1), one), 'durable')
    }
    t.equal(await other.commit(id, hashOf(kept(4)), kept(9), one), 'conflict')
    t.equal(await other.commit(id, hashOf(kept(5)), kept(6), one), 'durable')
    t.equal(await engine.commit(id, hashOf(kept(5)), kept(9), one), 'conflict')
    await engine.close()
    await other.close()
  })

  await t.test('a replacement whose last answer is lost has happened once', async (t) => {
    const { engine } = await begun()
    let lost = 0
    middleman.fate = (request) => (isCommit(request) && lost++ === 0 ? 'lose-answer' : 'pass')
    await engine.replace(id, kept(7), source([...one, ...two]))
    t.ok(lost > 0)
    t.same(hashOf(await engine.head(id)), hashOf(kept(7)))
    t.equal((await everything(engine, id)).records.length, 2)
    await engine.close()
  })

  await t.test('a replacement that another one swept is refused, and not half there', async (t) => {
    const { engine, at } = await begun()
    async function* slow() {
      yield [...one, ...two]
      // Another process begins to use the store: for it, what lies there is left of a crash.
      const other = await open(at)
      await other.head(id)
      await other.close()
      yield [{ place: place(3), record: Buffer.from('three') }]
    }
    t.equal(await code(engine.replace(id, kept(7), slow())), 'ERR_STORE_UNAVAILABLE')
    t.same(hashOf(await engine.head(id)), hashOf(kept(1)))
    t.equal((await everything(engine, id)).records.length, 1)
    await engine.close()
  })

  await t.test('finds the member that answers, behind one that does not', async (t) => {
    const at = prefix()
    const dead = 'http://127.0.0.1:9'
    const engine = await open(at, [dead, ...cluster.endpoints])
    t.equal(await engine.commit(id, undefined, kept(1), one), 'durable')
    await engine.close()
    t.equal(await code(open(at, [dead])), 'ERR_STORE_UNAVAILABLE')
  })
})

t.test('refuses an etcd that is older than 3.4, naming both, and accepts 3.4', async (t) => {
  const status = (version: string) => EtcdMiddleman.start(undefined, { version, header: { clusterId: '7' } })
  for (const version of ['2.3.8', '3.3.27', 'unknown']) {
    const member = await status(version)
    const error = await EtcdEngine.open({ engine: 'etcd', endpoints: [member.endpoint] }).catch((error) => error)
    t.equal(errorCode(error), 'ERR_STORE_VERSION')
    t.match(error.message, new RegExp(`${version}.*3\\.4`))
    member.stop()
  }
  for (const version of ['3.4.0', '3.10.1', '4.0.0']) {
    const member = await status(version)
    await (await EtcdEngine.open({ engine: 'etcd', endpoints: [member.endpoint] })).close()
    member.stop()
  }
})

t.test('refuses a member of another cluster, and accepts one of the same', async (t) => {
  for (const [clusterId, expected] of [
    ['8', 'ERR_STORE_CLUSTER'],
    ['7', 'ERR_STORE_UNAVAILABLE'],
  ] as const) {
    const first = await EtcdMiddleman.start()
    const second = await EtcdMiddleman.start(undefined, { version: '3.4.23', header: { clusterId } })
    const engine = await EtcdEngine.open({ engine: 'etcd', endpoints: [first.endpoint, second.endpoint] })
    // The first one knows its version and nothing else: the second one is asked.
    t.equal(await code(engine.head(storeId(1))), expected)
    t.ok(second.calls.includes('Status'))
    await engine.close()
    first.stop()
    second.stop()
  }
})
