// Namespaces: those that are there, what each begins with, and how they end.
import t from 'tap'
import { configMap, events, KubernetesShell } from '../kit/kubernetes.ts'

const NAMESPACES = '/api/v1/namespaces'

t.test('begins with four namespaces, each with an account and a root', async (t) => {
  const at = new KubernetesShell()
  const { items } = at.demand(200, 'GET', NAMESPACES)
  const names = items.map((item: { metadata: { name: string } }) => item.metadata.name)
  t.same(names, ['default', 'kube-node-lease', 'kube-public', 'kube-system'])
  for (const item of items)
    t.match(item, {
      metadata: { labels: { 'kubernetes.io/metadata.name': item.metadata.name } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    })
  for (const name of names) {
    t.equal(at.ask('GET', `${NAMESPACES}/${name}/serviceaccounts/default`).status, 200)
    t.equal(at.ask('GET', `${NAMESPACES}/${name}/configmaps/kube-root-ca.crt`).status, 200)
  }
})

t.test('forces the label of its name, and lets nobody set its status or finalizers', async (t) => {
  const at = new KubernetesShell()
  const made = at.demand(201, 'POST', NAMESPACES, {
    metadata: { name: 'n', labels: { 'kubernetes.io/metadata.name': 'x', a: 'b' } },
    spec: { finalizers: [] },
    status: { phase: 'Terminating' },
  })
  t.match(made, {
    metadata: { labels: { 'kubernetes.io/metadata.name': 'n', a: 'b' } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  })
  const put = at.demand(200, 'PUT', `${NAMESPACES}/n`, {
    metadata: { name: 'n' },
    spec: { finalizers: ['x/y'] },
    status: { phase: 'Terminating' },
  })
  t.match(put, {
    metadata: { labels: { 'kubernetes.io/metadata.name': 'n' } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  })
  const status = at.demand(
    200,
    'PATCH',
    `${NAMESPACES}/n/status`,
    { metadata: { labels: { z: 'z' } }, status: { conditions: [{ type: 'T', status: 'True' }] } },
    { type: 'application/merge-patch+json' },
  )
  t.match(status.status, { phase: 'Active', conditions: [{ type: 'T', status: 'True' }] })
  t.equal(status.metadata.labels.z, undefined)
  const finalize = (finalizers: string[]) =>
    at.demand(200, 'PUT', `${NAMESPACES}/n/finalize`, { metadata: { name: 'n' }, spec: { finalizers } }).spec.finalizers
  t.same(finalize(['x/y']), ['x/y', 'kubernetes'], 'its content holds it')
  t.same(finalize([]), ['kubernetes'])
})

t.test('protects the namespaces that it needs', async (t) => {
  const at = new KubernetesShell()
  for (const name of ['default', 'kube-public', 'kube-system'])
    t.same(
      at.ask('DELETE', `${NAMESPACES}/${name}`).json.message,
      `namespaces "${name}" is forbidden: this namespace may not be deleted`,
    )
  t.equal(at.ask('DELETE', NAMESPACES).status, 405)
})

t.test('empties a namespace in ticks before it goes', async (t) => {
  const at = new KubernetesShell()
  at.demand(201, 'POST', NAMESPACES, { metadata: { name: 'n' } })
  at.demand(201, 'POST', NAMESPACES, { metadata: { name: 'n-other' } })
  for (let i = 0; i < 230; i++) at.demand(201, 'POST', `${NAMESPACES}/n/configmaps`, configMap(`c${i}`))
  at.demand(201, 'POST', `${NAMESPACES}/n-other/configmaps`, configMap('stays'))
  const watch = at.watch(NAMESPACES)
  events(watch)
  const gone = at.demand(200, 'DELETE', `${NAMESPACES}/n`)
  t.match(gone, { kind: 'Namespace', status: { phase: 'Terminating' }, metadata: { deletionTimestamp: String } })
  const refused = at.ask('POST', `${NAMESPACES}/n/configmaps`, configMap('late'))
  t.match(refused.json, {
    code: 403,
    reason: 'Forbidden',
    message:
      'configmaps "late" is forbidden: unable to create new content in namespace n because it is being terminated',
    details: { causes: [{ reason: 'NamespaceTerminating' }] },
  })
  t.equal(at.ask('POST', `${NAMESPACES}/n-other/configmaps`, configMap('late')).status, 201, 'its twin')
  t.equal(at.ask('GET', `${NAMESPACES}/n`).status, 200, 'and is there until then')
  at.tick(8)
  t.equal(at.ask('GET', `${NAMESPACES}/n`).status, 404)
  t.equal(at.ask('GET', `${NAMESPACES}/n/configmaps`).json.items.length, 0)
  t.same(
    at.stored.filter((key) => key.slice(1).startsWith('n/')),
    [],
  )
  t.equal(at.ask('GET', `${NAMESPACES}/n-other/configmaps/stays`).status, 200)
  t.same(
    events(watch).map(({ type }) => type),
    ['MODIFIED', 'DELETED'],
  )
})

t.test('empties a namespace of all that is not held, however much is', async (t) => {
  const at = new KubernetesShell()
  at.demand(201, 'POST', NAMESPACES, { metadata: { name: 'n' } })
  for (let i = 0; i < 250; i++) {
    const held = i < 150 ? { finalizers: ['x/y'] } : {}
    at.demand(201, 'POST', `${NAMESPACES}/n/configmaps`, configMap(`c${String(i).padStart(3, '0')}`, {}, held))
  }
  at.demand(200, 'DELETE', `${NAMESPACES}/n`)
  at.tick(8)
  const { items } = at.ask('GET', `${NAMESPACES}/n/configmaps`).json
  t.equal(items.length, 150)
  t.ok(
    items.every((item: { metadata: { deletionTimestamp?: string } }) => item.metadata.deletionTimestamp !== undefined),
  )
  t.equal(at.ask('GET', `${NAMESPACES}/n`).status, 200)
})

t.test('waits for objects with finalizers, and for its own', async (t) => {
  const at = new KubernetesShell()
  at.demand(201, 'POST', NAMESPACES, { metadata: { name: 'n', finalizers: ['x/mine'] } })
  at.demand(201, 'POST', `${NAMESPACES}/n/configmaps`, configMap('held', {}, { finalizers: ['x/y'] }))
  at.demand(200, 'DELETE', `${NAMESPACES}/n`)
  at.tick(4)
  t.match(at.ask('GET', `${NAMESPACES}/n/configmaps/held`).json.metadata.deletionTimestamp, String)
  at.demand(
    200,
    'PATCH',
    `${NAMESPACES}/n/configmaps/held`,
    { metadata: { finalizers: null } },
    { type: 'application/merge-patch+json' },
  )
  at.tick(4)
  t.match(at.ask('GET', `${NAMESPACES}/n`).json, {
    spec: {},
    status: { phase: 'Terminating' },
    metadata: { finalizers: ['x/mine'] },
  })
  at.demand(
    200,
    'PATCH',
    `${NAMESPACES}/n`,
    { metadata: { finalizers: null } },
    { type: 'application/merge-patch+json' },
  )
  t.equal(at.ask('GET', `${NAMESPACES}/n`).status, 404)
})
