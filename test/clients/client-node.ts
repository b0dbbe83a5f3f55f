/** @kubernetes/client-node: objects, patches, pages, an informer, and a leader elected on a Lease. */
import { type CoreApi, type KubeObject, type Library, loadLibrary, statusOf } from './library.ts'
import { sleep } from './server.ts'
import type { Tally } from './tally.ts'

const SUITE = 'client-node'
const NAMESPACE = 'client-node'
const namespace = NAMESPACE

export async function clientNodeSuite(path: string, kubeconfig: string, tally: Tally): Promise<void> {
  const library = await loadLibrary(path)
  const config = new library.KubeConfig()
  config.loadFromFile(kubeconfig)
  const core = config.makeApiClient(library.CoreV1Api)
  await core.createNamespace({ body: { metadata: { name: NAMESPACE } } })
  await objects(library, core, tally)
  await pages(core, tally)
  await informer(library, core, kubeconfig, tally)
  await customInformer(library, kubeconfig, tally)
  await election(library, kubeconfig, tally)
  await core.deleteNamespace({ name: NAMESPACE })
  let status: number | undefined
  for (let i = 0; i < 200 && status !== 404; i++) {
    await sleep(100)
    status = await core.readNamespace({ name: NAMESPACE }).then(() => 200, statusOf)
  }
  tally.equal(status, 404, SUITE, 'a deleted namespace goes')
}

async function objects(library: Library, core: CoreApi, tally: Tally): Promise<void> {
  const made = await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'a' }, data: { k: '1' } } })
  tally.equal(made.data, { k: '1' }, SUITE, 'creates')
  const twice = core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'a' } } })
  tally.equal(await twice.then(() => 0, statusOf), 409, SUITE, 'does not create twice')
  const body = { ...made, data: { k: '2' } }
  const replaced = await core.replaceNamespacedConfigMap({ namespace, name: 'a', body })
  tally.equal(replaced.data, { k: '2' }, SUITE, 'replaces')
  const stale = core.replaceNamespacedConfigMap({ namespace, name: 'a', body })
  tally.equal(await stale.then(() => 0, statusOf), 409, SUITE, 'does not replace what has changed')
  for (const [kind, patch] of [
    ['MergePatch', { data: { m: '3' } }],
    ['StrategicMergePatch', { data: { s: '4' } }],
    ['JsonPatch', [{ op: 'add', path: '/data/j', value: '5' }]],
  ] as const) {
    const type = library.setHeaderOptions('Content-Type', library.PatchStrategy[kind])
    await core.patchNamespacedConfigMap({ namespace, name: 'a', body: patch }, type)
  }
  const read = await core.readNamespacedConfigMap({ namespace, name: 'a' })
  tally.equal(read.data, { j: '5', k: '2', m: '3', s: '4' }, SUITE, 'patches in three ways')
  const applied = library.setHeaderOptions('Content-Type', library.PatchStrategy.ServerSideApply)
  const configuration = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied' }, data: { k: '1' } }
  const apply = (fieldManager: string, data: object, force = false) =>
    core.patchNamespacedConfigMap(
      { namespace, name: 'applied', fieldManager, force, body: { ...configuration, data } },
      applied,
    )
  tally.equal((await apply('one', { k: '1' })).data, { k: '1' }, SUITE, 'applies what is not there yet')
  tally.equal(await apply('two', { k: '2' }).then(() => 0, statusOf), 409, SUITE, 'does not apply against another')
  tally.equal((await apply('two', { k: '2' }, true)).data, { k: '2' }, SUITE, 'unless it is forced')
  await core.deleteNamespacedConfigMap({ namespace, name: 'applied' })
  const secret = await core.createNamespacedSecret({
    namespace,
    body: { metadata: { generateName: 's-' }, stringData: { a: 'b' } },
  })
  tally.equal([secret.data, secret.metadata.name.length], [{ a: 'Yg==' }, 7], SUITE, 'makes up a name')
  await core.deleteNamespacedConfigMap({ namespace, name: 'a' })
  const gone = core.readNamespacedConfigMap({ namespace, name: 'a' })
  tally.equal(await gone.then(() => 0, statusOf), 404, SUITE, 'deletes')
}

async function pages(core: CoreApi, tally: Tally): Promise<void> {
  const names = Array.from({ length: 25 }, (_, i) => `page-${String(i).padStart(2, '0')}`)
  await Promise.all(
    names.map((name) =>
      core.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels: { page: 'y' } } } }),
    ),
  )
  const found: string[] = []
  let token: string | undefined
  const remaining: (number | undefined)[] = []
  do {
    const list = await core.listNamespacedConfigMap({
      namespace,
      limit: 10,
      ...(token === undefined ? {} : { _continue: token }),
    })
    found.push(...list.items.map(({ metadata }) => metadata.name))
    remaining.push(list.metadata.remainingItemCount)
    token = list.metadata._continue
  } while (token !== undefined && token !== '')
  tally.equal(
    found.filter((name) => name.startsWith('page-')),
    names,
    SUITE,
    'lists in pages, in order',
  )
  tally.equal(remaining, [16, 6, null], SUITE, 'says how many are left')
  await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: 'page=y' })
  const left = await core.listNamespacedConfigMap({ namespace, labelSelector: 'page=y' })
  tally.equal(left.items.length, 0, SUITE, 'deletes a collection')
}

async function informer(library: Library, core: CoreApi, kubeconfig: string, tally: Tally): Promise<void> {
  const config = new library.KubeConfig()
  config.loadFromFile(kubeconfig)
  const path = `/api/v1/namespaces/${namespace}/configmaps`
  const informed = library.makeInformer(config, path, () => core.listNamespacedConfigMap({ namespace }))
  const events: string[] = []
  const note = (event: string) => (object: KubeObject) => {
    if (object.metadata.name.startsWith('inf-')) events.push(`${event} ${object.metadata.name}`)
  }
  informed.on('add', note('add'))
  informed.on('update', note('update'))
  informed.on('delete', note('delete'))
  await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'inf-0' }, data: { n: '0' } } })
  await informed.start()
  await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'inf-1' }, data: { n: '0' } } })
  await core.replaceNamespacedConfigMap({
    namespace,
    name: 'inf-1',
    body: { metadata: { name: 'inf-1' }, data: { n: '1' } },
  })
  await core.deleteNamespacedConfigMap({ namespace, name: 'inf-0' })
  const wanted = ['add inf-0', 'add inf-1', 'update inf-1', 'delete inf-0']
  for (let i = 0; i < 100 && events.length < wanted.length; i++) await sleep(100)
  tally.equal(events, wanted, SUITE, 'an informer sees what is there and what becomes of it')
  const cached = informed.list(namespace).map(({ metadata }) => metadata.name)
  tally.equal(
    cached.filter((name) => name.startsWith('inf-')),
    ['inf-1'],
    SUITE,
    'and remembers it',
  )
  await informed.stop()
}

/** Custom objects, whose types no library knows. */
async function customInformer(library: Library, kubeconfig: string, tally: Tally): Promise<void> {
  const config = new library.KubeConfig()
  config.loadFromFile(kubeconfig)
  const group = 'client-node.example.com'
  const kind = { group, version: 'v1', plural: 'widgets', namespace }
  const definition = { name: `widgets.${group}` }
  const definitions = config.makeApiClient(library.ApiextensionsV1Api)
  const objects = config.makeApiClient(library.CustomObjectsApi)
  const schema = {
    type: 'object',
    properties: { spec: { type: 'object', properties: { size: { type: 'integer', _default: 1 } } } },
  }
  await definitions.createCustomResourceDefinition({
    body: {
      metadata: definition,
      spec: {
        group,
        scope: 'Namespaced',
        names: { plural: 'widgets', kind: 'Widget' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
      },
    },
  })
  const widget = (name: string, spec: object = {}) => ({
    apiVersion: `${group}/v1`,
    kind: 'Widget',
    metadata: { name },
    spec,
  })
  await objects.createNamespacedCustomObject({ ...kind, body: widget('w-0') })
  const list = () => objects.listNamespacedCustomObject(kind)
  const informed = library.makeInformer(config, `/apis/${group}/v1/namespaces/${namespace}/widgets`, list)
  const events: string[] = []
  for (const event of ['add', 'update', 'delete'] as const)
    informed.on(event, ({ metadata, spec }) => events.push(`${event} ${metadata.name} ${spec?.size}`))
  await informed.start()
  const made = await objects.createNamespacedCustomObject({ ...kind, body: widget('w-1', { size: 2 }) })
  await objects.replaceNamespacedCustomObject({ ...kind, name: 'w-1', body: { ...made, spec: { size: 3 } } })
  await objects.deleteNamespacedCustomObject({ ...kind, name: 'w-0' })
  const wanted = ['add w-0 1', 'add w-1 2', 'update w-1 3', 'delete w-0 1']
  for (let i = 0; i < 100 && events.length < wanted.length; i++) await sleep(100)
  tally.equal(events, wanted, SUITE, 'an informer sees custom objects and what becomes of them')
  const refused = objects.createNamespacedCustomObject({ ...kind, body: widget('w-2', { size: 'x' }) })
  tally.equal(await refused.then(() => 0, statusOf), 422, SUITE, 'an object that its schema does not take is refused')
  await informed.stop()
  await definitions.deleteCustomResourceDefinition(definition)
  let status: number | undefined
  for (let i = 0; i < 200 && status !== 404; i++) {
    await sleep(100)
    status = await list().then(() => 200, statusOf)
  }
  tally.equal(status, 404, SUITE, 'a deleted definition goes with its objects')
}

/** Candidates that follow the Lease as client-go's leader election does: whoever's write succeeds leads, until it lets it expire. */
async function election(library: Library, kubeconfig: string, tally: Tally): Promise<void> {
  const config = new library.KubeConfig()
  config.loadFromFile(kubeconfig)
  const leases = config.makeApiClient(library.CoordinationV1Api)
  const spec = (holder: string, transitions: number) => ({
    holderIdentity: holder,
    leaseDurationSeconds: 2,
    acquireTime: new library.V1MicroTime(Date.now()),
    renewTime: new library.V1MicroTime(Date.now()),
    leaseTransitions: transitions,
  })
  const tryCreate = (holder: string) =>
    leases.createNamespacedLease({ namespace, body: { metadata: { name: 'leader' }, spec: spec(holder, 0) } }).then(
      () => holder,
      (error: unknown) => statusOf(error),
    )
  const first = await Promise.all(['x', 'y', 'z'].map(tryCreate))
  tally.equal(first.filter((each) => each === 409).length, 2, SUITE, 'one of three candidates gets a new Lease')
  const held = await leases.readNamespacedLease({ namespace, name: 'leader' })
  tally.equal(
    held.spec?.holderIdentity,
    first.find((each) => typeof each === 'string'),
    SUITE,
    'and it is the holder',
  )
  const renew = (holder: string) =>
    leases.replaceNamespacedLease({ namespace, name: 'leader', body: { ...held, spec: spec(holder, 1) } }).then(
      () => holder,
      (error: unknown) => statusOf(error),
    )
  const second = await Promise.all(['x', 'y', 'z'].map(renew))
  tally.equal(second.filter((each) => each === 409).length, 2, SUITE, 'one of three that read the same takes it over')
  const now = await leases.readNamespacedLease({ namespace, name: 'leader' })
  tally.equal(
    [now.spec?.leaseTransitions, now.spec?.holderIdentity],
    [1, second.find((each) => typeof each === 'string')],
    SUITE,
    'with its write',
  )
}
