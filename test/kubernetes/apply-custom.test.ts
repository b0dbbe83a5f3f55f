// Server-side apply of custom resources: lists and maps by what their schema says of them, and the rest as apply has it for all.
import t from 'tap'
import {
  type Answered,
  APPLY_PATCH,
  DEFAULT,
  KubernetesShell,
  MERGE_PATCH,
  owners,
  type Reply,
} from '../kit/kubernetes.ts'

const text = { type: 'string' }
const SPEC = {
  type: 'object',
  properties: {
    size: { type: 'integer', default: 3 },
    note: { type: 'string', nullable: true },
    tags: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
    words: { type: 'array', items: text },
    ports: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['protocol', 'port'],
      items: {
        type: 'object',
        required: ['port', 'protocol'],
        properties: { port: { type: 'integer' }, protocol: text, name: text },
      },
    },
    whole: { type: 'object', 'x-kubernetes-map-type': 'atomic', properties: { a: text, b: text } },
    parts: { type: 'object', properties: { a: text, b: text } },
    map: { type: 'object', additionalProperties: { type: 'object', properties: { x: text, y: text } } },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
}

function withThings(): KubernetesShell {
  const at = new KubernetesShell()
  const version = (name: string, storage: boolean) => ({
    name,
    served: true,
    storage,
    subresources: { status: {} },
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: { spec: SPEC, status: { type: 'object', properties: { phase: text, seen: text } } },
      },
    },
  })
  at.demand(201, 'POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' },
      versions: [version('v1', true), version('v2', false)],
    },
  })
  at.tick()
  return at
}

function apply(at: KubernetesShell, manager: string, more: object, query = '', path = '', version = 'v1'): Reply {
  const body = { apiVersion: `example.com/${version}`, kind: 'Thing', metadata: { name: 'a' }, ...more }
  const url = `/apis/example.com/${version}/namespaces/default/things/a${path}?fieldManager=${manager}${query}`
  return at.ask('PATCH', url, body, { type: APPLY_PATCH })
}
const spec = (at: KubernetesShell, manager: string, more: object, query = ''): Answered =>
  apply(at, manager, { spec: more }, query).json

t.test('owns what was said of a custom object, and none of its defaults', async (t) => {
  const at = withThings()
  const made = apply(at, 'm1', { spec: { note: 'n', free: { deep: { er: 1 }, list: [1] } } })
  t.same([made.status, made.json.spec.size], [201, 3])
  t.same(owners(made.json), {
    'm1 Apply': {
      'f:spec': { 'f:free': { 'f:deep': { '.': {}, 'f:er': {} }, 'f:list': {} }, 'f:note': {} },
    },
  })
  const again = apply(at, 'm1', { spec: { note: 'n', free: { deep: { er: 1 }, list: [1] } } })
  t.same(again.json, made.json, 'no change, no write')
  t.equal(spec(at, 'm2', { size: 4 }).spec.size, 4)
  t.equal(spec(at, 'm2', {}).spec.size, 3, 'a default comes again')
  t.match(spec(at, 'm1', { nope: 1 }), {
    code: 400,
    message: 'failed to create typed patch object: .spec.nope: field not declared in schema',
  })
  t.equal(spec(at, 'm1', { size: 'x' }, '&force=true').code, 422)
})

t.test('merges the lists and maps of a schema by their types', async (t) => {
  const at = withThings()
  const port = (port: number, more: object = {}) => ({ port, protocol: 'TCP', ...more })
  spec(at, 'm1', {
    tags: ['b', 'a'],
    words: ['x'],
    ports: [port(1, { name: 'one' })],
    whole: { a: '1' },
    parts: { a: '1' },
    map: { k: { x: '1' } },
  })
  const both = spec(at, 'm2', { tags: ['c'], ports: [port(2)], parts: { b: '2' }, map: { k: { y: '2' }, l: {} } })
  t.same(both.spec.tags, ['b', 'a', 'c'])
  t.same(
    both.spec.ports.map((each: Answered) => each.port),
    [1, 2],
  )
  t.same(
    [both.spec.parts, both.spec.map],
    [
      { a: '1', b: '2' },
      { k: { x: '1', y: '2' }, l: {} },
    ],
  )
  t.same(owners(both)['m2 Apply'], {
    'f:spec': {
      'f:map': { 'f:k': { '.': {}, 'f:y': {} }, 'f:l': {} },
      'f:parts': { 'f:b': {} },
      'f:ports': { 'k:{"port":2,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {} } },
      'f:tags': { 'v:"c"': {} },
    },
  })
  const conflict = (more: object) => spec(at, 'm2', more).details?.causes.map(({ field }: Answered) => field)
  t.same(conflict({ words: ['y'] }), ['.spec.words'])
  t.same(conflict({ whole: { b: '1' } }), ['.spec.whole'])
  t.same(conflict({ ports: [port(1, { name: 'uno' })] }), ['.spec.ports[port=1,protocol="TCP"].name'])
  t.same(conflict({ ports: [port(1)], whole: { a: '1' }, words: ['x'] }), undefined, 'the twin')
  const left = spec(at, 'm1', {}).spec
  t.same(
    [left.tags, left.ports.length, left.ports[0].name, left.parts, left.map, left.words],
    [undefined, 1, undefined, undefined, undefined, ['x']],
  )
})

t.test('updates of custom objects own what they change', async (t) => {
  const at = withThings()
  const path = '/apis/example.com/v1/namespaces/default/things'
  const made = at.demand(201, 'POST', `${path}?fieldManager=u`, {
    apiVersion: 'example.com/v1',
    kind: 'Thing',
    metadata: { name: 'a' },
    spec: { note: 'n' },
    status: { phase: 'P' },
  })
  t.same(owners(made), { 'u Update': { 'f:spec': { '.': {}, 'f:note': {}, 'f:size': {} } } })
  const url = (sub: string, manager: string) => `${path}/a${sub}?fieldManager=${manager}`
  at.ask('PATCH', url('', 'p'), { spec: { note: 'other' } }, { type: MERGE_PATCH })
  const status = at.ask('PATCH', url('/status', 'p'), { status: { phase: 'Q' } }, { type: MERGE_PATCH }).json
  t.same(owners(status), {
    'u Update': { 'f:spec': { '.': {}, 'f:size': {} } },
    'p Update': { 'f:spec': { 'f:note': {} } },
    'p Update status': { 'f:status': { '.': {}, 'f:phase': {} } },
  })
  const applied = apply(at, 'm', { spec: { note: 'x' }, status: { phase: 'R' } }, '&force=true').json
  t.same([applied.spec.note, applied.status.phase], ['x', 'Q'])
  const by = apply(at, 'm', { spec: { note: 'y' }, status: { seen: 's' } }, '', '/status').json
  t.same([by.spec.note, by.status], ['x', { phase: 'Q', seen: 's' }])
  t.same(owners(by)['m Apply status'], { 'f:status': { 'f:seen': {} } })
  t.equal(
    apply(at, 'm2', { status: { phase: 'S' } }, '', '/status').json.message,
    'Apply failed with 1 conflict: conflict with "p" with subresource "status" using example.com/v1: .status.phase',
  )
})

t.test('knows an applier by another version of the same resource', async (t) => {
  const at = withThings()
  apply(at, 'm1', { spec: { note: 'n', parts: { a: '1' } } })
  const other = apply(at, 'm1', { spec: { note: 'n' } }, '', '', 'v2')
  t.same([other.status, other.json.apiVersion, other.json.spec.parts], [200, 'example.com/v2', undefined])
  t.same(
    other.json.metadata.managedFields.map(({ manager, apiVersion }: Answered) => [manager, apiVersion]),
    [['m1', 'example.com/v2']],
  )
})

t.test('collects custom objects, and what they own', async (t) => {
  const at = withThings()
  const thing = apply(at, 'm1', { spec: { note: 'n' } }).json
  const reference = { apiVersion: 'example.com/v2', kind: 'Thing', name: 'a', uid: thing.metadata.uid }
  const map = at.create('configmaps', { metadata: { name: 'below', ownerReferences: [reference] } })
  const back = { apiVersion: 'v1', kind: 'ConfigMap', name: 'below', uid: map.metadata.uid }
  at.demand(201, 'POST', '/apis/example.com/v1/namespaces/default/things', {
    apiVersion: 'example.com/v1',
    kind: 'Thing',
    metadata: { name: 'last', ownerReferences: [back] },
  })
  at.tick(2)
  t.equal(at.ask('GET', `${DEFAULT}/configmaps/below`).status, 200)
  at.demand(200, 'DELETE', '/apis/example.com/v1/namespaces/default/things/a')
  at.tick(3)
  t.equal(at.ask('GET', `${DEFAULT}/configmaps/below`).status, 404)
  t.equal(at.ask('GET', '/apis/example.com/v1/namespaces/default/things/last').status, 404)
})
