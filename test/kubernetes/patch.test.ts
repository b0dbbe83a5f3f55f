// The three patches: RFC 6902, RFC 7386, and strategic merge patch by the lists and directives of k8s.io/apimachinery.
import t from 'tap'
import { MAX_OPERATIONS } from '../../assembly/workloads/kubernetes/limits.ts'
import { configMap, DEFAULT, JSON_PATCH, KubernetesShell, MERGE_PATCH, STRATEGIC_PATCH } from '../kit/kubernetes.ts'

const PATH = `${DEFAULT}/configmaps/a`
const ACCOUNT = `${DEFAULT}/serviceaccounts/a`
const REJECTED = 'the server rejected our request due to an error in our request'

function withMap(data: Record<string, string>, metadata: object = {}): KubernetesShell {
  const at = new KubernetesShell()
  at.create('configmaps', configMap('a', data, metadata))
  return at
}

t.test('applies each operation of a JSON patch', async (t) => {
  const rows: [patch: object[], data: Record<string, string> | undefined][] = [
    [[{ op: 'add', path: '/data/c', value: '3' }], { a: '1', b: '2', c: '3' }],
    [[{ op: 'add', path: '/data/a', value: '3' }], { a: '3', b: '2' }],
    [[{ op: 'remove', path: '/data/b' }], { a: '1' }],
    [[{ op: 'replace', path: '/data/a', value: 'x' }], { a: 'x', b: '2' }],
    [[{ op: 'move', from: '/data/a', path: '/data/m' }], { b: '2', m: '1' }],
    [[{ op: 'copy', from: '/data/a', path: '/data/m' }], { a: '1', b: '2', m: '1' }],
    [[{ op: 'test', path: '/data', value: { b: '2', a: '1' } }], { a: '1', b: '2' }],
    [[{ op: 'replace', path: '/data', value: {} }], undefined],
    [[], { a: '1', b: '2' }],
  ]
  for (const [patch, data] of rows) {
    const { status, json } = withMap({ a: '1', b: '2' }).patch(PATH, JSON_PATCH, patch)
    t.same([status, json.data], [200, data], JSON.stringify(patch))
  }
})

t.test('reads pointers with escapes, and indices of lists', async (t) => {
  const finalizers = (patch: object[], from = ['x/a', 'x/b', 'x/c']) => {
    const { json } = withMap({}, { finalizers: from, annotations: { 'k/x': '1' } }).patch(PATH, JSON_PATCH, patch)
    return json.metadata.finalizers ?? json.code
  }
  t.same(finalizers([{ op: 'add', path: '/metadata/finalizers/-', value: 'x/d' }]), ['x/a', 'x/b', 'x/c', 'x/d'])
  t.same(finalizers([{ op: 'add', path: '/metadata/finalizers/0', value: 'x/d' }]), ['x/d', 'x/a', 'x/b', 'x/c'])
  t.same(finalizers([{ op: 'add', path: '/metadata/finalizers/3', value: 'x/d' }]), ['x/a', 'x/b', 'x/c', 'x/d'])
  t.same(finalizers([{ op: 'add', path: '/metadata/finalizers/4', value: 'x/d' }]), 422)
  t.same(finalizers([{ op: 'remove', path: '/metadata/finalizers/1' }]), ['x/a', 'x/c'])
  t.same(finalizers([{ op: 'remove', path: '/metadata/finalizers/2' }]), ['x/a', 'x/b'])
  t.same(finalizers([{ op: 'remove', path: '/metadata/finalizers/3' }]), 422)
  t.same(finalizers([{ op: 'remove', path: '/metadata/finalizers/01' }]), 422)
  t.same(finalizers([{ op: 'replace', path: '/metadata/finalizers/1', value: 'x/d' }]), ['x/a', 'x/d', 'x/c'])
  t.same(finalizers([{ op: 'move', from: '/metadata/finalizers/2', path: '/metadata/finalizers/0' }]), [
    'x/c',
    'x/a',
    'x/b',
  ])
  const annotations = (patch: object[]) =>
    withMap({}, { annotations: { 'k/x': '1' } }).patch(PATH, JSON_PATCH, patch).json.metadata?.annotations
  t.same(annotations([{ op: 'replace', path: '/metadata/annotations/k~1x', value: '2' }]), { 'k/x': '2' })
  t.same(
    annotations([
      { op: 'add', path: '/metadata/annotations/~0', value: '2' },
      { op: 'move', from: '/metadata/annotations/~0', path: '/metadata/annotations/k~1y' },
    ]),
    { 'k/x': '1', 'k/y': '2' },
  )
})

t.test('rejects a JSON patch whole when one operation fails', async (t) => {
  const at = withMap({ a: '1' })
  const first = { op: 'add', path: '/data/first', value: 'x' }
  for (const bad of [
    { op: 'test', path: '/data/a', value: '2' },
    { op: 'test', path: '/data/nope', value: '1' },
    { op: 'remove', path: '/data/nope' },
    { op: 'replace', path: '/data/nope', value: '1' },
    { op: 'add', path: '/nope/x', value: '1' },
    { op: 'add', path: 'data/x', value: '1' },
    { op: 'add', path: '/data/x' },
    { op: 'add', path: '/data/~2', value: '1' },
    { op: 'move', from: '/data', path: '/data/x' },
    { op: 'copy', from: '/nope', path: '/data/x' },
    { op: 'frob', path: '/data/a' },
    { path: '/data/a' },
    {},
  ]) {
    const { status, json } = at.patch(PATH, JSON_PATCH, [first, bad])
    t.same([status, json.reason, json.message, json.details], [422, 'Invalid', REJECTED, {}], JSON.stringify(bad))
  }
  t.same(at.ask('GET', PATH).json.data, { a: '1' })
  t.same(
    at.patch(PATH, JSON_PATCH, {}).json.message,
    'json: cannot unmarshal object into Go value of type jsonpatch.Patch',
  )
  t.equal(at.patch(PATH, JSON_PATCH, [first, { op: 'test', path: '/data/a', value: '1' }]).status, 200, 'the twin')
})

t.test('keeps to its limit of operations, and to its work', async (t) => {
  const at = withMap({ a: '1' })
  for (const [count, status] of [
    [MAX_OPERATIONS - 1, 200],
    [MAX_OPERATIONS, 200],
    [MAX_OPERATIONS + 1, 413],
  ] as const)
    t.equal(
      at.patch(PATH, JSON_PATCH, Array(count).fill({ op: 'test', path: '/data/a', value: '1' })).status,
      status,
      `${count}`,
    )
  // Each copy doubles what is there
  const doubling = [
    { op: 'add', path: '/x', value: [1] },
    ...Array.from({ length: 60 }, () => ({ op: 'copy', from: '/x', path: '/x/-' })),
  ]
  t.equal(at.patch(PATH, JSON_PATCH, doubling).status, 422)
  const keys = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, 'v']))
  at.demand(200, 'PUT', PATH, configMap('a', keys(40_000)))
  t.equal(at.patch(PATH, MERGE_PATCH, { data: keys(200_000) }).status, 413)
  t.equal(at.patch(PATH, STRATEGIC_PATCH, { data: keys(200_000) }).status, 400)
  t.equal(
    at.patch(
      PATH,
      JSON_PATCH,
      Array.from({ length: 9000 }, (_, i) => ({ op: 'remove', path: `/data/k${39_999 - i}` })),
    ).status,
    422,
  )
  t.equal(at.patch(PATH, MERGE_PATCH, { data: { k1: null } }).status, 200, 'its twin')
})

t.test('merges as RFC 7386 does', async (t) => {
  const rows: [patch: object, data: object | undefined][] = [
    [{ data: { a: 'x' } }, { a: 'x', b: '2' }],
    [{ data: { a: null } }, { b: '2' }],
    [{ data: { nope: null } }, { a: '1', b: '2' }],
    [{ data: { c: '3' } }, { a: '1', b: '2', c: '3' }],
    [{ data: null }, undefined],
    [{}, { a: '1', b: '2' }],
    [{ data: { a: null, b: null } }, undefined],
  ]
  for (const [patch, data] of rows)
    t.same(withMap({ a: '1', b: '2' }).patch(PATH, MERGE_PATCH, patch).json.data, data, JSON.stringify(patch))
  const at = withMap({ a: '1' }, { finalizers: ['x/a'] })
  t.same(
    at.patch(PATH, MERGE_PATCH, { metadata: { finalizers: ['x/b'] } }).json.metadata.finalizers,
    ['x/b'],
    'a list is replaced',
  )
  for (const bad of ['[]', '1', '"x"', 'null'])
    t.equal(at.ask('PATCH', PATH, bad, { type: MERGE_PATCH }).status, 400, bad)
  t.equal(at.ask('PATCH', PATH, '{"data":', { type: MERGE_PATCH }).status, 400)
  t.equal(at.patch(PATH, MERGE_PATCH, { data: { k: 1 } }).status, 400, 'of a wrong type')
  t.equal(
    at.patch(`${PATH}?fieldValidation=Strict`, MERGE_PATCH, { spec: {} }).json.message,
    'strict decoding error: unknown field "spec"',
  )
})

t.test('merges lists by their keys, strategically', async (t) => {
  const at = new KubernetesShell()
  const account = {
    metadata: { name: 'a', finalizers: ['x/a'] },
    secrets: [{ name: 's1' }, { name: 's2', namespace: 'n' }],
    imagePullSecrets: [{ name: 'p' }],
  }
  at.create('serviceaccounts', account)
  const secrets = (patch: object) => {
    const { json } = at.patch(`${ACCOUNT}?dryRun=All`, STRATEGIC_PATCH, patch)
    return json.code === undefined ? json.secrets : json.code
  }
  t.same(secrets({ secrets: [{ name: 's3' }] }), [{ name: 's1' }, { name: 's2', namespace: 'n' }, { name: 's3' }])
  t.same(
    secrets({ secrets: [{ name: 's2', uid: 'u' }] }),
    [{ name: 's1' }, { name: 's2', namespace: 'n', uid: 'u' }].map((s) =>
      s.name === 's2' ? { namespace: 'n', name: 's2', uid: 'u' } : s,
    ),
  )
  t.same(secrets({ secrets: [{ name: 's1', $patch: 'delete' }] }), [{ namespace: 'n', name: 's2' }])
  t.same(secrets({ secrets: [{ name: 's9' }, { $patch: 'replace' }] }), [{ name: 's9' }])
  t.same(secrets({ secrets: null }), undefined)
  t.same(secrets({ secrets: [{ uid: 'u' }] }), 400, 'without its key')
  t.same(
    secrets({
      secrets: [{ name: 's3' }],
      '$setElementOrder/secrets': [{ name: 's2' }, { name: 's3' }, { name: 's1' }],
    }),
    [{ namespace: 'n', name: 's2' }, { name: 's3' }, { name: 's1' }],
  )
  t.same(secrets({ $patch: 'frob' }), 400)
  t.same(secrets({ $patch: 'merge', secrets: [] }), [{ name: 's1' }, { namespace: 'n', name: 's2' }])
})

t.test('takes sets and directives, strategically', async (t) => {
  const patched = (patch: object) =>
    withMap({ a: '1', b: '2' }, { finalizers: ['x/a', 'x/b'] }).patch(PATH, STRATEGIC_PATCH, patch).json
  t.same(patched({ metadata: { finalizers: ['x/b', 'x/c'] } }).metadata.finalizers, ['x/a', 'x/b', 'x/c'])
  t.same(patched({ metadata: { '$deleteFromPrimitiveList/finalizers': ['x/a'] } }).metadata.finalizers, ['x/b'])
  t.same(patched({ metadata: { '$setElementOrder/finalizers': ['x/b', 'x/a'] } }).metadata.finalizers, ['x/b', 'x/a'])
  t.same(
    patched({ metadata: { '$setElementOrder/finalizers': ['x/c', 'x/b'], finalizers: ['x/c'] } }).metadata.finalizers,
    ['x/c', 'x/a', 'x/b'],
  )
  t.same(patched({ data: { $patch: 'replace', c: '3' } }).data, { c: '3' })
  t.same(patched({ data: { $patch: 'delete' } }).data, undefined)
  t.same(patched({ data: { $retainKeys: ['a', 'c'], c: '3' } }).data, { a: '1', c: '3' })
  t.same(patched({ data: { a: null, c: '3' } }).data, { b: '2', c: '3' })
})

t.test('writes a patch under the version it names, or any', async (t) => {
  const at = withMap({ a: '1' })
  const { resourceVersion, uid } = at.ask('GET', PATH).json.metadata
  t.equal(at.patch(PATH, MERGE_PATCH, { metadata: { resourceVersion }, data: { a: '2' } }).status, 200)
  t.match(at.patch(PATH, MERGE_PATCH, { metadata: { resourceVersion }, data: { a: '3' } }).json, {
    code: 409,
    reason: 'Conflict',
  })
  t.equal(at.patch(PATH, MERGE_PATCH, { metadata: { resourceVersion: null }, data: { a: '3' } }).status, 200)
  t.equal(at.patch(PATH, MERGE_PATCH, { metadata: { uid: 'zzz' } }).status, 409)
  t.equal(
    at.patch(PATH, MERGE_PATCH, { metadata: { name: 'b' } }).json.message,
    'the name of the object (b) does not match the name on the URL (a)',
  )
  t.equal(at.patch(PATH, MERGE_PATCH, { kind: 'Secret' }).status, 400)
  const same = at.patch(PATH, MERGE_PATCH, { data: { a: '3' } }).json.metadata
  t.same(
    [same.uid, same.resourceVersion],
    [uid, at.ask('GET', PATH).json.metadata.resourceVersion],
    'no change, no write',
  )
  t.equal(at.patch(`${DEFAULT}/configmaps/nope`, MERGE_PATCH, {}).status, 404)
})

t.test('rejects patches of other kinds', async (t) => {
  const at = withMap({ a: '1' })
  for (const type of ['application/apply-patch+cbor', 'application/json', 'text/plain', 'application/yaml'])
    t.match(at.patch(PATH, type, {}).json, { code: 415, reason: 'UnsupportedMediaType' }, type)
  t.equal(at.patch(PATH, `${MERGE_PATCH}; charset=utf-8`, {}).status, 200)
  t.equal(at.ask('PATCH', `${PATH}?force=true`, {}, { type: MERGE_PATCH }).status, 422)
})
