import t from 'tap'
import type { StoreEngine } from '../../../host/parent/store/engine.ts'
import { EtcdEngine } from '../../../host/parent/store/etcd.ts'
import { EtcdCluster, noEtcd } from '../../kit/etcd.ts'
import { engineSuite } from './engine-suite.ts'

t.test('one member', { skip: noEtcd }, async (t) => {
  const cluster = await EtcdCluster.start(1)
  t.teardown(() => cluster.stop())
  const prefixes = new WeakMap<StoreEngine, string>()
  let fresh = 0
  const open = async (prefix = `test-${fresh++}/`): Promise<EtcdEngine> => {
    const engine = await EtcdEngine.open({ engine: 'etcd', endpoints: cluster.endpoints, prefix })
    prefixes.set(engine, prefix)
    return engine
  }
  await engineSuite(
    t,
    'etcd',
    () => open(),
    async (engine) => {
      await engine.close()
      return open(prefixes.get(engine))
    },
    40,
  )
})
