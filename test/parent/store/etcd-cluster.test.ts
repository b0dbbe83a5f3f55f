// Three members on loopback, under load: what happens to machines and networks, and what must be true afterwards.
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { EtcdEngine } from '../../../host/parent/store/etcd.ts'
import { changesOf, numberOfHead } from '../../kit/engine-child.ts'
import { hashOf, kept, storeId } from '../../kit/engine-world.ts'
import { faultsOf, Writer } from '../../kit/engine-writer.ts'
import { EtcdCluster, noEtcd } from '../../kit/etcd.ts'

/** Longer than an election, and than the engine's patience with a commit. */
const FAULT_MS = 2_500
const GOES_ON_MS = 20_000

t.test('three members under load', { skip: noEtcd }, async (t) => {
  const cluster = await EtcdCluster.start(3)
  t.teardown(() => cluster.stop())
  const open = () => EtcdEngine.open({ engine: 'etcd', endpoints: cluster.endpoints })
  const engine = await open()
  const rival = await open()
  const stores = [1, 2, 3]

  /** Store 3 has two writers, by two engines: they get into each other's way, and never both win. */
  async function underLoad(t: Test, fault: () => Promise<void>) {
    const writers = [...stores.map((store) => new Writer(engine, store)), new Writer(rival, 3)].map((writer) =>
      writer.start(),
    )
    let going = false
    try {
      await wait(300)
      await fault()
      await cluster.healthy()
      const before = writers.map((writer) => writer.acknowledged.length)
      for (const until = Date.now() + GOES_ON_MS; !going && Date.now() < until; await wait(100))
        going = writers.slice(0, 2).every((writer, n) => writer.acknowledged.length > (before[n] as number))
    } finally {
      await Promise.all(writers.map((writer) => writer.stop()))
    }
    for (const [index, store] of stores.entries())
      t.same(
        await faultsOf(engine, store, store === 3 ? writers.slice(2) : [writers[index] as Writer]),
        [],
        `store ${store}`,
      )
    t.ok(going, 'it goes on afterwards')
    const sum = (of: (writer: Writer) => number) => writers.reduce((total, writer) => total + of(writer), 0)
    t.comment(
      `${sum((w) => w.acknowledged.length)} commits, ${sum((w) => w.doubts)} in doubt, ${sum((w) => w.conflicts)} conflicts`,
    )
  }

  await t.test('no acknowledged commit is lost when the leader is killed', (t) =>
    underLoad(t, async () => {
      const leader = await cluster.leader()
      await leader.kill()
      await wait(FAULT_MS)
      await cluster.restart(leader)
    }),
  )

  await t.test('nor when the leader is paused', (t) =>
    underLoad(t, async () => {
      const leader = await cluster.leader()
      leader.process?.kill('SIGSTOP')
      await wait(FAULT_MS)
      leader.process?.kill('SIGCONT')
    }),
  )

  await t.test('nor when the leader is cut off from the others, and still reached by clients', (t) =>
    underLoad(t, async () => {
      const leader = await cluster.leader()
      cluster.cutOff(leader)
      await wait(FAULT_MS)
      await cluster.leader(leader)
      cluster.join()
    }),
  )

  await t.test('nor when all are killed and started again', (t) =>
    underLoad(t, async () => {
      await cluster.killAll()
      await cluster.startAll()
    }),
  )

  await t.test('nor when one loses its disk and comes again as a new one', (t) =>
    underLoad(t, () => cluster.wipe(cluster.members[1] as (typeof cluster.members)[number])),
  )

  await t.test('an old snapshot of all of them shows by its head', async (t) => {
    const id = storeId(1)
    await cluster.killAll()
    cluster.copyTo('yesterday')
    await cluster.startAll()
    const old = numberOfHead(await engine.head(id))
    for (let n = old + 1; n <= old + 3; n++)
      t.equal(await engine.commit(id, hashOf(kept(n - 1)), kept(n), changesOf(1, n)), 'durable')
    await cluster.killAll()
    cluster.restoreFrom('yesterday')
    await cluster.startAll()
    t.equal(numberOfHead(await engine.head(id)), old)
    t.equal(
      await engine.commit(id, hashOf(kept(old + 3)), kept(old + 4), []),
      'conflict',
      'nobody goes on as if nothing was',
    )
    t.equal(await engine.commit(id, hashOf(kept(old)), kept(old + 1), changesOf(1, old + 1)), 'durable')
    t.same(await faultsOf(engine, 1, []), [])
  })

  await engine.close()
  await rival.close()
})
