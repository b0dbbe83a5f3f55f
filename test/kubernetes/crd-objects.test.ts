// Objects of custom resources: made, read, changed, listed, watched and deleted like others, and what differs.
import t from 'tap'
import {
  CRON_TABS,
  cronTab,
  cronTabs,
  DEFINITIONS,
  GROUP,
  objectSchema,
  withCronTabs,
} from '../kit/custom-resources.ts'
import {
  type Answered,
  events,
  JSON_PATCH,
  KubernetesShell,
  MERGE_PATCH,
  STRATEGIC_PATCH,
  shortEvents,
  TABLE,
} from '../kit/kubernetes.ts'

const NAME = `crontabs.${GROUP}`
const STATUS = { subresources: { status: {} } }

t.test('creates, reads, changes and deletes an object', async (t) => {
  const at = withCronTabs({ size: { type: 'integer' } })
  const made = at.demand(201, 'POST', CRON_TABS, cronTab('a', { size: 1 }))
  t.match(made, { apiVersion: `${GROUP}/v1`, kind: 'CronTab', metadata: { generation: 1, namespace: 'default' } })
  const read = at.ask('GET', `${CRON_TABS}/a`)
  t.same(read.json, made)
  t.ok(read.text.startsWith(`{"apiVersion":"${GROUP}/v1","kind":"CronTab","metadata":{"name":"a"`), read.text)
  t.same(at.demand(200, 'GET', CRON_TABS).items, [made], 'items of a list keep kind and apiVersion')
  made.spec.size = 2
  const put = at.demand(200, 'PUT', `${CRON_TABS}/a`, made)
  t.same([put.spec.size, put.metadata.generation], [2, 2])
  t.equal(at.ask('PUT', `${CRON_TABS}/a`, made).status, 409, 'was read before')
  const deleted = at.demand(200, 'DELETE', `${CRON_TABS}/a`)
  t.match(deleted, { status: 'Success', details: { name: 'a', group: GROUP, kind: 'crontabs' } })
  t.match(at.ask('GET', `${CRON_TABS}/a`).json, { code: 404, message: `${NAME} "a" not found` })
  t.match(at.demand(201, 'POST', CRON_TABS, { ...cronTab(''), metadata: { generateName: 'g-' } }).metadata.name, /^g-/)
})

t.test('wants the version that was read in a PUT, and not in a patch', async (t) => {
  const at = withCronTabs({ size: { type: 'integer' } })
  at.demand(201, 'POST', CRON_TABS, cronTab('a'))
  const { status, json } = at.ask('PUT', `${CRON_TABS}/a`, cronTab('a', { size: 1 }))
  t.same(
    [status, json.message],
    [
      422,
      `CronTab.${GROUP} "a" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update`,
    ],
  )
  t.equal(at.patch(`${CRON_TABS}/a`, MERGE_PATCH, { spec: { size: 1 } }).status, 200)
  const { metadata } = at.demand(200, 'GET', `${CRON_TABS}/a`)
  t.equal(at.ask('PUT', `${CRON_TABS}/a`, { ...cronTab('a'), metadata }).status, 200, 'the twin')
})

t.test('takes merge and JSON patches, and no strategic ones', async (t) => {
  const at = withCronTabs({ list: { type: 'array', items: { type: 'string' } } })
  at.demand(201, 'POST', CRON_TABS, cronTab('a', { list: ['x'] }))
  t.same(at.patch(`${CRON_TABS}/a`, MERGE_PATCH, { spec: { list: ['y'] } }).json.spec, { list: ['y'] })
  t.same(at.patch(`${CRON_TABS}/a`, JSON_PATCH, [{ op: 'add', path: '/spec/list/-', value: 'z' }]).json.spec, {
    list: ['y', 'z'],
  })
  t.match(at.patch(`${CRON_TABS}/a`, STRATEGIC_PATCH, { spec: { list: [] } }).json, {
    code: 415,
    reason: 'UnsupportedMediaType',
    message:
      'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
  })
  t.equal(at.patch(`${CRON_TABS}/a`, MERGE_PATCH, { spec: { list: 'x' } }).status, 422, 'what comes of it is checked')
})

t.test('counts generations by what is wanted alone', async (t) => {
  const at = withCronTabs({ size: { type: 'integer' } }, STATUS)
  const path = `${CRON_TABS}/a`
  at.demand(201, 'POST', CRON_TABS, cronTab('a', { size: 1 }))
  const generation = (path: string, patch: object) => at.patch(path, MERGE_PATCH, patch).json.metadata.generation
  t.equal(generation(path, { metadata: { labels: { a: 'b' }, generation: 7 } }), 1)
  t.equal(generation(`${path}/status`, { status: { ready: true } }), 1)
  t.equal(generation(path, { spec: { size: 2 } }), 2)
  t.equal(generation(path, { spec: { size: 2 } }), 2)
  t.equal(generation(path, { status: { ready: false } }), 2)
})

t.test('writes the status by its subresource, and only by it', async (t) => {
  const at = withCronTabs({ size: { type: 'integer' } }, STATUS)
  const path = `${CRON_TABS}/a`
  const made = at.demand(201, 'POST', CRON_TABS, cronTab('a', { size: 1 }, { status: { ready: true } }))
  t.equal(made.status, undefined)
  const status = at.patch(`${path}/status`, MERGE_PATCH, {
    metadata: { labels: { a: 'b' } },
    spec: { size: 9 },
    status: { ready: true },
  }).json
  t.same([status.spec, status.status, status.metadata.labels], [{ size: 1 }, { ready: true }, undefined])
  const main = at.patch(path, MERGE_PATCH, { spec: { size: 2 }, status: { ready: false } }).json
  t.same([main.spec, main.status], [{ size: 2 }, { ready: true }])
  const put = at.demand(200, 'PUT', `${path}/status`, { ...main, spec: {}, status: { ready: false } })
  t.same([put.spec, put.status], [{ size: 2 }, { ready: false }])
  t.same(at.demand(200, 'GET', `${path}/status`), put)
  const plain = withCronTabs({ size: { type: 'integer' } })
  t.same(plain.demand(201, 'POST', CRON_TABS, cronTab('a', {}, { status: { ready: true } })).status, { ready: true })
  t.equal(plain.ask('GET', `${path}/status`).status, 404, 'without it the status is a member like others')
})

t.test('prunes what no schema knows, and tells of it as fieldValidation asks', async (t) => {
  const at = withCronTabs({
    known: { type: 'string' },
    open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { shut: { type: 'object' } } },
    map: { type: 'object', additionalProperties: { type: 'object', properties: { a: { type: 'string' } } } },
    list: { type: 'array', items: { type: 'object', properties: { a: { type: 'string' } } } },
    whole: {
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      properties: { data: { type: 'object', additionalProperties: { type: 'string' } } },
    },
  })
  const spec = {
    known: 'x',
    unknown: 1,
    open: { any: { thing: [1] }, shut: { b: 1 } },
    map: { k: { a: '1', b: '2' } },
    list: [{ a: '1' }, { c: '3' }],
    whole: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, data: { a: 'b' }, extra: 1 },
  }
  const made = at.ask('POST', CRON_TABS, cronTab('a', spec, { other: 1 }))
  t.same(made.json.spec, {
    known: 'x',
    list: [{ a: '1' }, {}],
    map: { k: { a: '1' } },
    open: { any: { thing: [1] }, shut: {} },
    whole: { apiVersion: 'v1', data: { a: 'b' }, kind: 'ConfigMap', metadata: { name: 'x' } },
  })
  t.equal(made.json.other, undefined)
  const paths = ['other', 'spec.list[1].c', 'spec.map.k.b', 'spec.open.shut.b', 'spec.unknown', 'spec.whole.extra']
  const strict = at.ask('POST', `${CRON_TABS}?fieldValidation=Strict`, cronTab('b', spec, { other: 1 }))
  t.match(strict.json, {
    code: 400,
    message: `CronTab in version "v1" cannot be handled as a CronTab: strict decoding error: ${paths.map((path) => `unknown field "${path}"`).join(', ')}`,
  })
  t.equal(at.ask('POST', `${CRON_TABS}?fieldValidation=Strict`, cronTab('b', { known: 'x' })).status, 201, 'the twin')
  t.match(made.headers.warning, /unknown field \\"/)
  t.equal(at.ask('POST', `${CRON_TABS}?fieldValidation=Ignore`, cronTab('c', spec)).headers.warning, undefined)
  t.match(
    at.ask('POST', CRON_TABS, { ...cronTab('d'), metadata: { name: 'd', labels: { a: 1 } } }).json,
    { code: 400, message: /json: cannot unmarshal number into Go struct field/ },
    'metadata is of its type',
  )
})

t.test('fills in defaults, below what is there and where null may not be', async (t) => {
  const at = withCronTabs({
    plain: { type: 'string', default: 'd' },
    nullable: { type: 'string', nullable: true, default: 'd' },
    nested: {
      type: 'object',
      properties: {
        a: { type: 'integer', default: 1 },
        b: { type: 'object', default: {}, properties: { c: { type: 'boolean', default: true } } },
      },
    },
    list: { type: 'array', items: { type: 'object', properties: { port: { type: 'integer', default: 80 } } } },
  })
  const specOf = (spec: object) => at.demand(201, 'POST', `${CRON_TABS}?dryRun=All`, cronTab('a', spec)).spec
  t.same(specOf({}), { nullable: 'd', plain: 'd' })
  t.same(specOf({ plain: null, nullable: null }), { nullable: null, plain: 'd' })
  t.same(specOf({ nested: {}, list: [{}, { port: 8080 }] }), {
    list: [{ port: 80 }, { port: 8080 }],
    nested: { a: 1, b: { c: true } },
    nullable: 'd',
    plain: 'd',
  })
  t.same(specOf({ plain: 'x', nested: { a: 2, b: { c: false } } }), {
    nested: { a: 2, b: { c: false } },
    nullable: 'd',
    plain: 'x',
  })
})

t.test('reads what was stored before through the schema of now', async (t) => {
  const at = withCronTabs({ a: { type: 'string' }, b: { type: 'string' } })
  at.demand(201, 'POST', CRON_TABS, cronTab('old', { a: 'x', b: 'y' }))
  const definition = at.demand(200, 'GET', `${DEFINITIONS}/${NAME}`)
  definition.spec.versions[0].schema.openAPIV3Schema = objectSchema({
    a: { type: 'string' },
    c: { type: 'integer', default: 3 },
  })
  at.demand(200, 'PUT', `${DEFINITIONS}/${NAME}`, definition)
  t.same(at.demand(200, 'GET', `${CRON_TABS}/old`).spec, { a: 'x', c: 3 })
  t.same(at.demand(200, 'GET', CRON_TABS).items[0].spec, { a: 'x', c: 3 })
})

t.test('shows columns by their types and paths, and an age where none are declared', async (t) => {
  const column = (name: string, type: string, jsonPath: string, priority = 0) => ({ name, type, jsonPath, priority })
  const at = withCronTabs(
    {
      size: { type: 'integer' },
      big: { type: 'number' },
      on: { type: 'boolean' },
      list: { type: 'array', items: { type: 'string' } },
    },
    {
      additionalPrinterColumns: [
        column('Size', 'integer', '.spec.size'),
        column('Big "one"', 'number', '.spec.big', 1),
        column('On', 'boolean', '.spec.on'),
        column('List', 'string', '.spec.list'),
        column('First', 'string', '.spec.list[0]'),
        column('Ready', 'string', '.status.conditions[?(@.type=="Ready")].status'),
        column('Age', 'date', '.metadata.creationTimestamp'),
        column('Wrong', 'integer', '.metadata.name'),
      ],
    },
  )
  const table = (path = CRON_TABS) => at.ask('GET', path, undefined, { accept: TABLE }).json
  const conditions = [
    { type: 'Other', status: 'Unknown' },
    { type: 'Ready', status: 'True' },
  ]
  at.demand(
    201,
    'POST',
    CRON_TABS,
    `{"apiVersion":"${GROUP}/v1","kind":"CronTab","metadata":{"name":"a"},"spec":{"size":9007199254740993,"big":1.50,"on":false,"list":["x","y"]},"status":{"conditions":${JSON.stringify(conditions)}}}`,
  )
  at.shell.timeMs += 90_000n
  const shown = at.ask('GET', `${CRON_TABS}/a`, undefined, { accept: TABLE })
  t.same(shown.json.columnDefinitions.map(({ name, type, priority }: Answered) => [name, type, priority]).slice(1, 3), [
    ['Size', 'integer', 0],
    ['Big "one"', 'number', 1],
  ])
  t.match(
    shown.text,
    '"cells":["a",9007199254740993,1.50,false,"[\\"x\\",\\"y\\"]","x","True","90s",null]',
    'numbers by their text',
  )
  at.demand(201, 'POST', CRON_TABS, cronTab('b'))
  t.same(table().rows[1].cells, ['b', null, null, null, null, null, null, '0s', null])
  const plain = withCronTabs()
  plain.demand(201, 'POST', CRON_TABS, cronTab('a'))
  const { columnDefinitions, rows } = plain.ask('GET', CRON_TABS, undefined, { accept: TABLE }).json
  t.same(
    columnDefinitions.map(({ name }: Answered) => name),
    ['Name', 'Age'],
  )
  t.same(rows[0].cells, ['a', '0s'])
})

t.test('selects by labels, and by the fields that its definition names', async (t) => {
  const at = withCronTabs(
    { color: { type: 'string' }, size: { type: 'integer' } },
    { selectableFields: [{ jsonPath: '.spec.color' }, { jsonPath: '.spec.size' }] },
  )
  for (const [name, color, size] of [
    ['a', 'red', 1],
    ['b', 'blue', 2],
    ['c', 'red', 2],
  ] as const)
    at.demand(201, 'POST', CRON_TABS, { ...cronTab('', { color, size }), metadata: { name, labels: { color } } })
  const names = (query: string) =>
    at.demand(200, 'GET', `${CRON_TABS}?${query}`).items.map(({ metadata }: Answered) => metadata.name)
  t.same(names('labelSelector=color%3Dred'), ['a', 'c'])
  t.same(names('fieldSelector=spec.color%3Dred'), ['a', 'c'])
  t.same(names('fieldSelector=spec.size%3D2,spec.color!%3Dred'), ['b'])
  t.match(at.ask('GET', `${CRON_TABS}?fieldSelector=spec.other%3D1`).json, { code: 400 })
  const watch = at.watch(`${CRON_TABS}?fieldSelector=spec.color%3Dred`)
  events(watch)
  at.patch(`${CRON_TABS}/a`, MERGE_PATCH, { spec: { color: 'blue' } })
  at.patch(`${CRON_TABS}/b`, MERGE_PATCH, { spec: { color: 'red' } })
  t.same(shortEvents(watch), ['DELETED a', 'ADDED b'])
})

t.test('watches from a version on, in every version of the resource', async (t) => {
  const version = (name: string, storage: boolean) => ({
    name,
    served: true,
    storage,
    schema: { openAPIV3Schema: objectSchema({}) },
  })
  const at = withCronTabs({}, {}, { versions: [version('v1', true), version('v2', false)] })
  const { metadata } = at.demand(200, 'GET', CRON_TABS)
  const other = CRON_TABS.replace('/v1/', '/v2/')
  at.demand(201, 'POST', other, { ...cronTab('a'), apiVersion: `${GROUP}/v2` })
  const first = at.watch(`${CRON_TABS}?resourceVersion=${metadata.resourceVersion}`)
  const second = at.watch(`${other}?resourceVersion=${metadata.resourceVersion}`)
  t.match(events(first), [{ type: 'ADDED', object: { apiVersion: `${GROUP}/v1`, metadata: { name: 'a' } } }])
  t.match(events(second), [{ type: 'ADDED', object: { apiVersion: `${GROUP}/v2`, metadata: { name: 'a' } } }])
  at.demand(200, 'DELETE', `${CRON_TABS}/a`)
  t.same([shortEvents(first), shortEvents(second)], [['DELETED a'], ['DELETED a']])
})

t.test('keeps two resources apart whose objects have the same names, and namespaces from the cluster', async (t) => {
  const at = withCronTabs()
  const cluster = { names: { plural: 'worlds', kind: 'World' }, scope: 'Cluster' }
  const world = cronTabs({}, {}, cluster)
  world.metadata = { name: `worlds.${GROUP}` }
  at.demand(201, 'POST', DEFINITIONS, world)
  const WORLDS = `/apis/${GROUP}/v1/worlds`
  at.demand(201, 'POST', CRON_TABS, cronTab('a'))
  at.demand(201, 'POST', WORLDS, { ...cronTab('a'), kind: 'World' })
  t.equal(at.ask('GET', `/apis/${GROUP}/v1/namespaces/default/worlds`).status, 404)
  t.equal(at.demand(200, 'GET', WORLDS).items[0].metadata.namespace, undefined)
  at.demand(200, 'DELETE', `${WORLDS}/a`)
  t.equal(at.ask('GET', `${CRON_TABS}/a`).status, 200)
  t.equal(at.ask('POST', CRON_TABS, { ...cronTab('b'), kind: 'World' }).status, 400)
})

t.test('empties a namespace of custom objects, and deletes collections of them', async (t) => {
  const at = withCronTabs()
  at.demand(201, 'POST', '/api/v1/namespaces', { metadata: { name: 'n' } })
  const path = CRON_TABS.replace('/default/', '/n/')
  for (let i = 0; i < 150; i++) at.demand(201, 'POST', path, cronTab(`c${i}`))
  at.demand(201, 'POST', CRON_TABS, cronTab('stays'))
  at.demand(200, 'DELETE', '/api/v1/namespaces/n')
  at.tick(8)
  t.equal(at.ask('GET', '/api/v1/namespaces/n').status, 404)
  t.same(
    at.demand(200, 'GET', `/apis/${GROUP}/v1/crontabs`).items.map(({ metadata }: Answered) => metadata.name),
    ['stays'],
  )
  t.match(at.demand(200, 'DELETE', CRON_TABS), {
    kind: 'CronTabList',
    items: [{ kind: 'CronTab', metadata: { name: 'stays' } }],
  })
  t.same(at.demand(200, 'GET', CRON_TABS).items, [])
})

t.test('applies by the types of its lists', async (t) => {
  const ports = {
    type: 'object',
    properties: { name: { type: 'string' }, port: { type: 'integer' } },
    required: ['name'],
  }
  const at = withCronTabs({
    ports: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'], items: ports },
    set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    whole: { type: 'array', items: { type: 'string' } },
  })
  const apply = (manager: string, spec: object, force = false) =>
    at.ask('PATCH', `${CRON_TABS}/a?fieldManager=${manager}&force=${force}`, cronTab('a', spec), {
      type: 'application/apply-patch+yaml',
    })
  t.equal(apply('one', { ports: [{ name: 'http', port: 80 }], set: ['a'], whole: ['x'] }).status, 201)
  const both = apply('two', { ports: [{ name: 'https', port: 443 }], set: ['b'] })
  t.same(both.json.spec, {
    ports: [
      { name: 'http', port: 80 },
      { name: 'https', port: 443 },
    ],
    set: ['a', 'b'],
    whole: ['x'],
  })
  const conflict = apply('two', { ports: [{ name: 'http', port: 81 }], whole: ['y'] })
  t.equal(conflict.status, 409)
  t.match(conflict.json.message, /\.spec\.ports\[name="http"\]\.port/)
  t.same(apply('two', { whole: ['y'] }, true).json.spec, {
    ports: [{ name: 'http', port: 80 }],
    set: ['a'],
    whole: ['y'],
  })
  t.match(apply('one', { unknown: 1 }).json.message, /\.spec\.unknown: field not declared in schema/)
})

t.test('begins with ten thousand objects, and pages them', async (t) => {
  const columns = [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }]
  const before = withCronTabs({ size: { type: 'integer' } }, { additionalPrinterColumns: columns })
  before.demand(201, 'POST', CRON_TABS, cronTab('c00000', { size: 7 }))
  const at = new KubernetesShell()
  at.shell.records = before.shell.records
  at.shell.version = before.shell.version
  const [key, record] = [...before.shell.records].find(([key]) => key.endsWith('c00000')) as [
    string,
    { value: Uint8Array },
  ]
  const text = Buffer.from(record.value).toString('latin1')
  const names = Array.from({ length: 10_000 }, (_, i) => `c${String(i).padStart(5, '0')}`)
  for (const name of names) {
    const value = Buffer.from(text.replace('c00000', name), 'latin1')
    at.shell.records.set(key.replace('c00000', name), { version: before.shell.version, value })
  }
  const seen: string[] = []
  let token = ''
  do {
    const page = at.demand(200, 'GET', `${CRON_TABS}?limit=500${token === '' ? '' : `&continue=${token}`}`)
    seen.push(...page.items.map(({ metadata }: Answered) => metadata.name))
    token = page.metadata.continue ?? ''
  } while (token !== '')
  t.same(seen, names)
  const table = at.ask('GET', `${CRON_TABS}?limit=500`, undefined, { accept: TABLE }).json
  t.same(
    table.rows.map(({ cells }: Answered) => cells),
    names.slice(0, 500).map((name) => [name, 7]),
  )
  t.equal(table.metadata.remainingItemCount, names.length - 500)
  t.equal(at.ask('POST', CRON_TABS, cronTab('c00001')).status, 409)
  t.ok(at.shell.memoryBytes < 64 * 1024 * 1024, `${at.shell.memoryBytes} bytes`)
})
