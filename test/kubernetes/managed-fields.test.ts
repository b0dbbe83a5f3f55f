// metadata.managedFields as create, update and patch leave them, and as users write them.
import t from 'tap'
import { MAX_MANAGER_BYTES, MAX_SUBRESOURCE_BYTES } from '../../assembly/workloads/kubernetes/limits.ts'
import {
  type Answered,
  configMap,
  DEFAULT,
  JSON_PATCH,
  KubernetesShell,
  MERGE_PATCH,
  owners,
  STRATEGIC_PATCH,
} from '../kit/kubernetes.ts'

const CONFIG_MAPS = `${DEFAULT}/configmaps`
const PATH = `${CONFIG_MAPS}/a`
const entry = (more: object = {}) => ({
  manager: 'm',
  operation: 'Update',
  apiVersion: 'v1',
  time: '2026-01-01T00:00:00Z',
  fieldsType: 'FieldsV1',
  fieldsV1: { 'f:data': { 'f:a': {} } },
  ...more,
})
const list = (object: Answered): Answered[] => object.metadata.managedFields ?? []

t.test('names who writes by fieldManager, or by User-Agent up to its slash', async (t) => {
  const at = new KubernetesShell()
  const rows: [query: string, agent: string | undefined, manager: string][] = [
    ['?fieldManager=asked', 'curl/7', 'asked'],
    ['?fieldManager=a%20%22b%22+c', undefined, 'a "b" c'],
    ['?fieldManager=', 'curl/7', 'curl'],
    ['', 'kubectl/v1.35.0 (linux/amd64)', 'kubectl'],
    ['', 'no slash', 'no slash'],
    ['', '/only', 'unknown'],
    ['', 'x'.repeat(300), 'x'.repeat(MAX_MANAGER_BYTES)],
    ['', undefined, 'unknown'],
  ]
  for (const [i, [query, agent, manager]] of rows.entries()) {
    const headers: Record<string, string> = agent === undefined ? {} : { 'user-agent': agent }
    const { json } = at.ask('POST', `${CONFIG_MAPS}${query}`, configMap(`c${i}`, { k: 'v' }), { headers })
    t.same(
      list(json).map((each) => each.manager),
      [manager],
    )
  }
  for (const [method, body, type] of [
    ['POST', configMap('x'), 'application/json'],
    ['PUT', configMap('c0'), 'application/json'],
    ['PATCH', {}, MERGE_PATCH],
  ] as const) {
    const path = method === 'POST' ? CONFIG_MAPS : `${CONFIG_MAPS}/c0`
    const tooLong = at.ask(method, `${path}?fieldManager=${'m'.repeat(MAX_MANAGER_BYTES + 1)}`, body, { type })
    t.equal(tooLong.status, 422, method)
    const fits = at.ask(method, `${path}?fieldManager=${'m'.repeat(MAX_MANAGER_BYTES)}`, body, { type })
    t.ok(fits.status < 300, `${method}, its twin`)
  }
})

t.test('owns what it makes: maps with a mark of their own, types’ empty fields not', async (t) => {
  const at = new KubernetesShell()
  const made = (resource: string, object: object, path = DEFAULT) =>
    Object.values(owners(at.demand(201, 'POST', `${path}/${resource}?fieldManager=m`, object)))
  const metadata = { name: 'a', labels: { l: '1' }, annotations: { n: '1' }, generateName: 'g', finalizers: ['x/y'] }
  t.same(made('configmaps', { metadata, data: { k: 'v' }, binaryData: { b: '' }, immutable: false }), [
    {
      'f:binaryData': { '.': {}, 'f:b': {} },
      'f:data': { '.': {}, 'f:k': {} },
      'f:immutable': {},
      'f:metadata': {
        'f:annotations': { '.': {}, 'f:n': {} },
        'f:finalizers': { '.': {}, 'v:"x/y"': {} },
        'f:generateName': {},
        'f:labels': { '.': {}, 'f:l': {} },
      },
    },
  ])
  t.same(made('serviceaccounts', { metadata: { name: 'a' } }), [], 'who says nothing owns nothing')
  t.same(
    made('serviceaccounts', { metadata: { name: 'b' }, secrets: [{ name: 's' }], imagePullSecrets: [{ name: 'p' }] }),
    [{ 'f:imagePullSecrets': {}, 'f:secrets': { '.': {}, 'k:{"name":"s"}': {} } }],
  )
  t.same(
    made(
      'leases',
      { metadata: { name: 'a' }, spec: { holderIdentity: 'h' } },
      '/apis/coordination.k8s.io/v1/namespaces/default',
    ),
    [{ 'f:spec': { 'f:holderIdentity': {} } }],
  )
  const event = {
    metadata: { name: 'e' },
    involvedObject: { namespace: 'default', name: 'x' },
    reason: 'R',
    source: { component: 'c' },
  }
  t.same(made('events', event), [{ 'f:involvedObject': {}, 'f:reason': {}, 'f:source': { 'f:component': {} } }])
  t.same(made('namespaces', { metadata: { name: 'n' } }, '/api/v1'), [
    { 'f:metadata': { 'f:labels': { '.': {}, 'f:kubernetes.io/metadata.name': {} } } },
  ])
})

t.test('moves what is changed to who changes it, by each kind of write', async (t) => {
  for (const [type, patch] of [
    [MERGE_PATCH, { data: { a: 'x', c: null } }],
    [STRATEGIC_PATCH, { data: { a: 'x', c: null } }],
    [
      JSON_PATCH,
      [
        { op: 'replace', path: '/data/a', value: 'x' },
        { op: 'remove', path: '/data/c' },
      ],
    ],
    ['application/json', configMap('a', { a: 'x', b: '2' })],
  ] as const) {
    const at = new KubernetesShell()
    at.ask('POST', `${CONFIG_MAPS}?fieldManager=one`, configMap('a', { a: '1', b: '2', c: '3' }))
    const method = type === 'application/json' ? 'PUT' : 'PATCH'
    const { json } = at.ask(method, `${PATH}?fieldManager=two`, patch, { type })
    t.same(
      owners(json),
      { 'one Update': { 'f:data': { '.': {}, 'f:b': {} } }, 'two Update': { 'f:data': { 'f:a': {} } } },
      type,
    )
    const removed = at.ask('PUT', `${PATH}?fieldManager=two`, configMap('a')).json
    t.same(owners(removed), {}, 'what is gone nobody owns')
  }
})

t.test('joins the oldest of more than ten updates', async (t) => {
  const at = new KubernetesShell()
  at.ask('POST', `${CONFIG_MAPS}?fieldManager=m0`, configMap('a', { k0: 'v' }))
  const set = (i: number): Answered => {
    at.shell.timeMs += 1000n
    return at.ask('PATCH', `${PATH}?fieldManager=m${i}`, { data: { [`k${i}`]: 'v' } }, { type: MERGE_PATCH }).json
  }
  for (let i = 1; i < 10; i++) t.equal(list(set(i)).length, i + 1)
  const names = (object: Answered) =>
    list(object)
      .map((each) => each.manager)
      .join(' ')
  const eleventh = set(10)
  t.equal(names(eleventh), 'ancient-changes m2 m3 m4 m5 m6 m7 m8 m9 m10')
  t.same(list(eleventh)[0].fieldsV1, { 'f:data': { '.': {}, 'f:k0': {}, 'f:k1': {} } })
  t.equal(
    list(eleventh)[0].time,
    list(eleventh)[1].time.replace(/(\d\d)Z/, (_: string, s: string) => `${String(Number(s) - 1).padStart(2, '0')}Z`),
    'as old as the newest of it',
  )
  const next = set(11)
  t.equal(names(next), 'ancient-changes m3 m4 m5 m6 m7 m8 m9 m10 m11')
  t.same(list(next)[0].fieldsV1, { 'f:data': { '.': {}, 'f:k0': {}, 'f:k1': {}, 'f:k2': {} } })
  t.equal(list(set(3)).length, 10, 'one that is there')
})

t.test('heeds what a user writes of it', async (t) => {
  const at = new KubernetesShell()
  at.ask('POST', `${CONFIG_MAPS}?fieldManager=first`, configMap('a', { a: '1', b: '2' }))
  const write = (managedFields: unknown, data: object = {}) =>
    at.ask('PATCH', `${PATH}?fieldManager=writer`, { metadata: { managedFields }, data }, { type: MERGE_PATCH })
  const messy = {
    'f:data': { 'f:b': {}, 'f:a': {}, '.': {} },
    'f:metadata': { 'f:finalizers': { 'v: "x/y"': {} }, 'f:x': { 'k:{ "b" : 1, "a":"2"}': {}, 'i:0': {} } },
  }
  t.same(list(write([entry({ fieldsV1: messy })]).json), [
    entry({
      fieldsV1: {
        'f:data': { '.': {}, 'f:a': {}, 'f:b': {} },
        'f:metadata': { 'f:finalizers': { 'v:"x/y"': {} }, 'f:x': { 'i:0': {}, 'k:{"a":"2","b":1}': {} } },
      },
    }),
  ])
  const now = at.ask('GET', PATH).json
  t.same(at.ask('PUT', PATH, now).json, now, 'what is read can be written back')
  t.same(write([entry({ time: '2026-02-02T00:00:00Z', fieldsV1: messy })]).json, now, 'a time alone is no change')
  t.same(owners(write([entry(), entry({ manager: 'n', operation: 'Apply' })], { b: '3' }).json), {
    'n Apply': { 'f:data': { 'f:a': {} } },
    'm Update': { 'f:data': { 'f:a': {} } },
    'writer Update': { 'f:data': { 'f:b': {} } },
  })
  const before = list(at.ask('GET', PATH).json)
  for (const bad of [
    entry({ operation: 'Frob' }),
    entry({ operation: undefined }),
    entry({ apiVersion: '' }),
    entry({ fieldsType: 'FieldsV2' }),
    entry({ fieldsType: undefined }),
    entry({ fieldsV1: [] }),
    entry({ fieldsV1: { data: {} } }),
    entry({ fieldsV1: { 'f:data': 1 } }),
    entry({ fieldsV1: { 'x:data': {} } }),
    entry({ fieldsV1: { 'k:data': {} } }),
    entry({ fieldsV1: { 'k:1': {} } }),
    entry({ fieldsV1: { 'v:{}': {} } }),
    entry({ fieldsV1: { 'v:': {} } }),
    entry({ fieldsV1: { 'i:x': {} } }),
    entry({ fieldsV1: { 'i:': {} } }),
    entry({ fieldsV1: { '.': [] } }),
  ])
    t.same(list(write([entry({ manager: 'good' }), bad]).json), before, `not heeded: ${JSON.stringify(bad)}`)
  t.same(list(at.ask('PUT', PATH, configMap('a', { a: '1', b: '3' })).json), before, 'nor where there is none')
  for (const [field, most] of [
    ['manager', MAX_MANAGER_BYTES],
    ['subresource', MAX_SUBRESOURCE_BYTES],
  ] as const)
    for (const [length, status] of [
      [most - 1, 200],
      [most + 1, 422],
      [most, 200],
    ] as const)
      t.equal(write([entry({ [field]: 'x'.repeat(length) })]).status, status, `${field} of ${length}`)
})

t.test('forgets who owns what, where a user says so', async (t) => {
  for (const nothing of [[], [{}]]) {
    const at = new KubernetesShell()
    at.create('configmaps', configMap('a', { a: '1' }))
    const { json } = at.patch(PATH, MERGE_PATCH, { metadata: { managedFields: nothing } })
    t.same([list(json), json.data], [[], { a: '1' }])
    at.patch(PATH, MERGE_PATCH, { data: { a: '2' } })
    t.same(list(at.ask('GET', PATH).json), [], 'and does not begin again by itself')
  }
  const at = new KubernetesShell()
  at.create('configmaps', configMap('a', { a: '1' }))
  t.same(list(at.patch(PATH, JSON_PATCH, [{ op: 'replace', path: '/metadata/managedFields', value: [] }]).json), [])
  t.same(
    Object.keys(owners(at.create('configmaps', { metadata: { name: 'b', managedFields: [] }, data: { a: '1' } }))),
    ['unknown Update'],
    'one that is new has an owner',
  )
})

t.test('lets nobody say it by a subresource, and says who wrote by one', async (t) => {
  const at = new KubernetesShell()
  const namespace = '/api/v1/namespaces/default'
  const before = list(at.ask('GET', namespace).json)
  at.shell.timeMs += 1000n
  const body = {
    metadata: { managedFields: [{}] },
    status: { conditions: [{ type: 'T', status: 'True', reason: 'R' }] },
  }
  const { json } = at.ask('PATCH', `${namespace}/status?fieldManager=s`, body, { type: MERGE_PATCH })
  t.same(list(json).slice(0, before.length), before)
  t.same(list(json).at(-1).subresource, 'status')
  t.same(Object.keys(list(json).at(-1)), [
    'manager',
    'operation',
    'apiVersion',
    'time',
    'fieldsType',
    'fieldsV1',
    'subresource',
  ])
  t.same(list(json).at(-1).fieldsV1, {
    'f:status': {
      'f:conditions': { '.': {}, 'k:{"type":"T"}': { '.': {}, 'f:reason': {}, 'f:status': {}, 'f:type': {} } },
    },
  })
})

t.test('shows it where metadata is shown, and in watches', async (t) => {
  const at = new KubernetesShell()
  const watch = at.watch(CONFIG_MAPS)
  watch.takeLines()
  const made = at.create('configmaps', configMap('a', { a: '1' }))
  const [event] = watch.takeLines() as Answered[]
  t.same(event.object.metadata.managedFields, list(made))
  const accept = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json'
  t.same(list(at.ask('GET', PATH, undefined, { accept }).json), list(made))
})
