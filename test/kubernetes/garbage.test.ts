// Garbage collection by ownerReferences: https://kubernetes.io/docs/concepts/architecture/garbage-collection
import t from 'tap'
import { MAX_WRITES } from '../../assembly/abi/limits.ts'
import {
  type Answered,
  configMap,
  DEFAULT,
  KubernetesShell,
  MERGE_PATCH,
  owners,
  shortEvents,
} from '../kit/kubernetes.ts'

const CONFIG_MAPS = `${DEFAULT}/configmaps`
const reference = (owner: Answered, more: object = {}) => {
  const { apiVersion, kind, metadata } = owner
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, ...more }
}
const make = (at: KubernetesShell, name: string, metadata: object = {}): Answered =>
  at.create('configmaps', configMap(name, { k: 'v' }, metadata))
const owned = (at: KubernetesShell, name: string, of: object[], metadata: object = {}): Answered =>
  make(at, name, { ownerReferences: of, ...metadata })
const there = (at: KubernetesShell, path = CONFIG_MAPS): string =>
  at
    .ask('GET', path)
    .json.items.map(({ metadata }: Answered) => metadata.name)
    .filter((name: string) => name !== 'kube-root-ca.crt')
    .join(' ')
const remove = (at: KubernetesShell, name: string, propagationPolicy?: string): Answered =>
  at.demand(
    200,
    'DELETE',
    `${CONFIG_MAPS}/${name}`,
    propagationPolicy === undefined ? undefined : { propagationPolicy },
  )

t.test('deletes what depended on an owner that has gone, and what depended on that', async (t) => {
  const at = new KubernetesShell()
  const a = make(at, 'a')
  const b = owned(at, 'b', [reference(a)])
  owned(at, 'c', [reference(b)])
  make(at, 'free')
  at.tick(3)
  t.equal(there(at), 'a b c free', 'as long as it is there')
  const watch = at.watch(CONFIG_MAPS)
  shortEvents(watch)
  remove(at, 'a', 'Background')
  t.equal(there(at), 'b c free')
  at.tick(2)
  t.equal(there(at), 'free')
  t.same(shortEvents(watch), ['DELETED a', 'DELETED b', 'DELETED c'])
})

t.test('keeps what has an owner left, without the reference to the other', async (t) => {
  const at = new KubernetesShell()
  const a = make(at, 'a')
  const b = make(at, 'b')
  owned(at, 'c', [reference(a), reference(b)])
  at.tick()
  remove(at, 'a')
  at.tick(2)
  const { metadata } = at.ask('GET', `${CONFIG_MAPS}/c`).json
  t.same(
    metadata.ownerReferences.map(({ name }: { name: string }) => name),
    ['b'],
  )
  t.same(owners({ metadata })['unknown Update'], {
    'f:data': { '.': {}, 'f:k': {} },
    'f:metadata': { 'f:ownerReferences': { '.': {}, [`k:{"uid":"${b.metadata.uid}"}`]: {} } },
  })
  remove(at, 'b')
  at.tick(2)
  t.equal(there(at), '')
})

t.test('deletes what names an owner that never was, and keeps its twins', async (t) => {
  const at = new KubernetesShell()
  const a = make(at, 'a')
  owned(at, 'other-uid', [reference(a, { uid: 'no-such' })])
  owned(at, 'other-name', [reference(a, { name: 'b' })])
  owned(at, 'right', [reference(a)])
  owned(at, 'unknown-kind', [reference(a, { kind: 'Pod' })])
  owned(at, 'unknown-group', [reference(a, { apiVersion: 'apps/v1' })])
  at.tick(2)
  t.equal(there(at), 'a right unknown-group unknown-kind')
})

t.test('looks for an owner in the namespace of what depends on it, or in none', async (t) => {
  const at = new KubernetesShell()
  const namespace = at.demand(201, 'POST', '/api/v1/namespaces', { metadata: { name: 'n' } })
  const elsewhere = at.demand(201, 'POST', '/api/v1/namespaces/n/configmaps', configMap('far'))
  owned(at, 'of-far', [reference(elsewhere)])
  owned(at, 'of-namespace', [reference(namespace)])
  const cluster = at.demand(201, 'POST', '/api/v1/namespaces', {
    metadata: { name: 'of-object', ownerReferences: [reference(elsewhere)] },
  })
  at.demand(201, 'POST', '/api/v1/namespaces', { metadata: { name: 'below', ownerReferences: [reference(namespace)] } })
  at.tick(2)
  t.equal(there(at), 'of-namespace', 'what is in another namespace is no owner')
  at.demand(200, 'DELETE', '/api/v1/namespaces/n')
  at.tick(12)
  t.equal(there(at), '')
  t.match(
    there(at, '/api/v1/namespaces'),
    /^default .*of-object$/,
    'a namespaced owner of what is in none is never known to be gone',
  )
  t.equal(cluster.metadata.name, 'of-object')
})

t.test('deletes in the foreground: what blocks it first', async (t) => {
  const at = new KubernetesShell()
  const a = make(at, 'a', { finalizers: ['x/own'] })
  owned(at, 'blocks', [reference(a, { blockOwnerDeletion: true })], { finalizers: ['x/held'] })
  owned(at, 'idle', [reference(a)])
  at.tick()
  const marked = remove(at, 'a', 'Foreground')
  t.same(marked.metadata.finalizers, ['x/own', 'foregroundDeletion'])
  t.match(marked.metadata.deletionTimestamp, /Z$/)
  at.tick(3)
  t.equal(there(at), 'a blocks')
  t.ok(at.ask('GET', `${CONFIG_MAPS}/blocks`).json.metadata.deletionTimestamp)
  t.same(at.ask('GET', `${CONFIG_MAPS}/a`).json.metadata.finalizers, ['x/own', 'foregroundDeletion'])
  at.patch(`${CONFIG_MAPS}/blocks`, MERGE_PATCH, { metadata: { finalizers: null } })
  at.tick(2)
  t.same(at.ask('GET', `${CONFIG_MAPS}/a`).json.metadata.finalizers, ['x/own'])
  at.patch(`${CONFIG_MAPS}/a`, MERGE_PATCH, { metadata: { finalizers: null } })
  t.equal(there(at), '')
  make(at, 'alone')
  remove(at, 'alone', 'Foreground')
  at.tick()
  t.equal(there(at), '', 'whom nothing depends on')
})

t.test('deletes in the foreground down the generations, also in a circle', async (t) => {
  const at = new KubernetesShell()
  const blocks = { blockOwnerDeletion: true }
  const a = make(at, 'a')
  const b = owned(at, 'b', [reference(a, blocks)])
  const c = owned(at, 'c', [reference(b, blocks)], { finalizers: ['x/held'] })
  at.tick()
  remove(at, 'a', 'Foreground')
  at.tick(4)
  t.equal(there(at), 'a b c', 'none before what is below it')
  at.patch(`${CONFIG_MAPS}/c`, MERGE_PATCH, { metadata: { finalizers: null } })
  at.tick(5)
  t.equal(there(at), '')
  const d = make(at, 'd')
  const e = owned(at, 'e', [reference(d, blocks)])
  at.patch(`${CONFIG_MAPS}/d`, MERGE_PATCH, {
    metadata: { ownerReferences: [reference(e, blocks), reference(d, blocks)] },
  })
  at.tick()
  t.equal(there(at), 'd e')
  remove(at, 'd', 'Foreground')
  at.tick(6)
  t.equal(there(at), '', c.metadata.uid)
})

t.test('leaves orphans where it is to', async (t) => {
  for (const body of [{ propagationPolicy: 'Orphan' }, { orphanDependents: true }]) {
    const at = new KubernetesShell()
    const a = make(at, 'a')
    const b = make(at, 'b')
    owned(at, 'c', [reference(a), reference(b)])
    owned(at, 'd', [reference(a, { blockOwnerDeletion: true })])
    at.tick()
    const marked = at.demand(200, 'DELETE', `${CONFIG_MAPS}/a`, body)
    t.same(marked.metadata.finalizers, ['orphan'])
    at.tick(2)
    t.equal(there(at), 'b c d')
    const refers = (name: string) =>
      at.ask('GET', `${CONFIG_MAPS}/${name}`).json.metadata.ownerReferences?.map((each: Answered) => each.name)
    t.same([refers('c'), refers('d')], [['b'], undefined])
  }
  const at = new KubernetesShell()
  const a = make(at, 'a')
  owned(at, 'c', [reference(a)])
  at.demand(200, 'DELETE', `${CONFIG_MAPS}/a`, { orphanDependents: false })
  at.tick(2)
  t.equal(there(at), '', 'the twin')
})

t.test('deletes a collection by the policy that it is given', async (t) => {
  const at = new KubernetesShell()
  const labels = { all: 'y' }
  for (const name of ['a', 'b']) owned(at, `of-${name}`, [reference(make(at, name, { labels }))])
  at.tick()
  at.demand(200, 'DELETE', `${CONFIG_MAPS}?labelSelector=all`, { propagationPolicy: 'Orphan' })
  t.equal(there(at), 'a b of-a of-b')
  at.tick(3)
  t.equal(there(at), 'of-a of-b')
})

t.test('waits with a namespace both for its content and for what depends on it', async (t) => {
  for (const policy of ['Foreground', 'Orphan']) {
    const at = new KubernetesShell()
    const namespace = at.demand(201, 'POST', '/api/v1/namespaces', { metadata: { name: 'n' } })
    at.demand(201, 'POST', '/api/v1/namespaces/n/configmaps', configMap('in', {}, { finalizers: ['x/held'] }))
    owned(at, 'of', [reference(namespace, { blockOwnerDeletion: true })])
    at.tick()
    const marked = at.demand(200, 'DELETE', '/api/v1/namespaces/n', { propagationPolicy: policy })
    t.same([marked.status.phase, marked.metadata.finalizers.length], ['Terminating', 1])
    at.tick(8)
    t.equal(there(at), policy === 'Orphan' ? 'of' : '')
    t.equal(at.ask('GET', '/api/v1/namespaces/n').status, 200, 'its content holds it')
    at.patch('/api/v1/namespaces/n/configmaps/in', MERGE_PATCH, { metadata: { finalizers: null } })
    at.tick(8)
    t.equal(at.ask('GET', '/api/v1/namespaces/n').status, 404)
  }
})

t.test('survives many owners, and what is large', async (t) => {
  const at = new KubernetesShell()
  const large = at.create('configmaps', configMap('large', { k: 'x'.repeat(900_000) }))
  const references = Array.from({ length: 1000 }, (_, i) => reference(large, { name: 'large', uid: `no-${i}` }))
  owned(at, 'held', [reference(large), ...references.slice(1)])
  owned(at, 'lost', references)
  at.tick(3)
  t.equal(there(at), 'held large')
  t.equal(at.ask('GET', `${CONFIG_MAPS}/held`).json.metadata.ownerReferences.length, 1)
  t.ok(at.shell.memoryBytes < 128 * 1024 * 1024, `${at.shell.memoryBytes} bytes of memory`)
})

t.test('goes on after a restart, from what is stored alone', async (t) => {
  const at = new KubernetesShell()
  const a = make(at, 'a')
  const f = make(at, 'f')
  const o = make(at, 'o')
  owned(at, 'of-a', [reference(a)])
  owned(at, 'of-f', [reference(f, { blockOwnerDeletion: true })])
  owned(at, 'of-o', [reference(o)])
  at.tick()
  remove(at, 'a')
  remove(at, 'f', 'Foreground')
  remove(at, 'o', 'Orphan')
  const again = new KubernetesShell()
  again.shell.records = at.shell.records
  again.shell.version = at.shell.version
  t.equal(there(again), 'f o of-a of-f of-o')
  again.tick(4)
  t.equal(there(again), 'of-o')
})

t.test('tries again where others were writing, and after what came to nothing', async (t) => {
  const at = new KubernetesShell()
  const a = make(at, 'a')
  for (let i = 0; i < 5; i++) owned(at, `of-${i}`, [reference(a)])
  at.tick()
  remove(at, 'a')
  at.shell.writesUntilAgain = 2
  at.tick()
  t.equal(there(at).split(' ').length, 5, 'a transaction is whole or not at all')
  at.shell.writesUntilAgain = Number.POSITIVE_INFINITY
  at.shell.lost = at.shell.version
  at.tick(2)
  t.equal(there(at), '')
})

t.test('waits with what is not durable yet', async (t) => {
  const at = new KubernetesShell()
  const a = make(at, 'a')
  owned(at, 'b', [reference(a)])
  at.tick()
  const before = at.shell.version
  remove(at, 'a')
  const { version } = at.shell
  Object.defineProperty(at.shell, 'version', { value: before, writable: true, configurable: true })
  at.tick(2)
  t.equal(at.stored.filter((key) => key.endsWith('/b')).length, 1)
  at.shell.version = version
  at.tick(2)
  t.equal(at.stored.filter((key) => key.endsWith('/b')).length, 0)
})

t.test('does a share of it in each tick', async (t) => {
  const at = new KubernetesShell()
  const a = make(at, 'a')
  const count = 3 * MAX_WRITES
  for (let i = 0; i < count; i++) owned(at, `of-${i}`, [reference(a)])
  at.tick()
  remove(at, 'a')
  const steps = []
  for (let left = count; left > 0 && steps.length < 10; steps.push(left)) {
    at.tick()
    const now = there(at) === '' ? 0 : there(at).split(' ').length
    t.ok(left - now <= MAX_WRITES && left > now, `${left} to ${now}`)
    left = now
  }
  t.ok(steps.length >= 3)
})

t.test('does nothing where nothing has owners', async (t) => {
  const at = new KubernetesShell()
  for (let i = 0; i < 20; i++) make(at, `a-${i}`)
  at.tick(3)
  const before = { ...at.shell.calls }
  at.tick(5)
  remove(at, 'a-0')
  at.tick(5)
  for (const name of ['get', 'scan', 'put'] as const)
    t.ok((at.shell.calls[name] ?? 0) - (before[name] ?? 0) <= 1, `${name}: none but the DELETE's`)
})
