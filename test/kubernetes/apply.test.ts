// Server-side apply: https://kubernetes.io/docs/reference/using-api/server-side-apply. Texts are a kube-apiserver's.
import t from 'tap'
import { MAX_BODY_BYTES, MAX_MANAGER_BYTES, MAX_MANAGERS } from '../../assembly/workloads/kubernetes/limits.ts'
import {
  type Answered,
  APPLY_PATCH,
  configMap,
  DEFAULT,
  JSON_PATCH,
  KubernetesShell,
  MERGE_PATCH,
  owners,
  type Reply,
} from '../kit/kubernetes.ts'

const PATH = `${DEFAULT}/configmaps/a`

function apply(at: KubernetesShell, manager: string, more: object, query = ''): Reply {
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, ...more }
  return at.ask('PATCH', `${PATH}?fieldManager=${manager}${query}`, body, { type: APPLY_PATCH })
}

function applyAccount(at: KubernetesShell, manager: string, more: object, query = ''): Reply {
  const body = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'a' }, ...more }
  return at.ask('PATCH', `${DEFAULT}/serviceaccounts/a?fieldManager=${manager}${query}`, body, { type: APPLY_PATCH })
}

t.test('creates, changes, and leaves alone what is applied', async (t) => {
  const at = new KubernetesShell()
  const created = apply(at, 'm1', { data: { a: '1', b: '2' } })
  t.equal(created.status, 201)
  t.same(owners(created.json), { 'm1 Apply': { 'f:data': { 'f:a': {}, 'f:b': {} } } })
  const again = apply(at, 'm1', { data: { a: '1', b: '2' } })
  t.same([again.status, again.json], [200, created.json], 'no change, no write')
  const changed = apply(at, 'm1', { data: { a: '3', c: '4' } })
  t.same([changed.status, changed.json.data], [200, { a: '3', c: '4' }], 'what it says no more has gone')
  t.not(changed.json.metadata.resourceVersion, created.json.metadata.resourceVersion)
  t.equal(changed.json.metadata.uid, created.json.metadata.uid)
  t.same(apply(at, 'm1', {}).json.data, undefined)
  t.same(owners(at.ask('GET', PATH).json), {}, 'nobody owns anything')
  t.same(apply(at, 'm1', { data: { a: '1' } }).json.data, { a: '1' })
})

t.test('gives a field several owners, and takes it away with the last', async (t) => {
  const at = new KubernetesShell()
  apply(at, 'm1', { data: { a: '1', b: '2' } })
  t.same(owners(apply(at, 'm2', { data: { a: '1' } }).json), {
    'm1 Apply': { 'f:data': { 'f:a': {}, 'f:b': {} } },
    'm2 Apply': { 'f:data': { 'f:a': {} } },
  })
  t.same(apply(at, 'm1', { data: { b: '2' } }).json.data, { a: '1', b: '2' })
  t.same(apply(at, 'm2', {}).json.data, { b: '2' })
  at.patch(PATH, MERGE_PATCH, { data: { c: '3' } })
  t.same(apply(at, 'm1', {}).json.data, { c: '3' }, 'what an update has set stays')
})

t.test('rejects what another owns, unless it is the same or forced', async (t) => {
  const at = new KubernetesShell()
  apply(at, 'm1', { data: { a: '1', b: '2', c: '3' } })
  at.ask('PATCH', `${PATH}?fieldManager=u`, { data: { c: '4' } }, { type: MERGE_PATCH })
  const one = apply(at, 'm2', { data: { c: 'x' } })
  t.match(one.json, {
    code: 409,
    reason: 'Conflict',
    message: 'Apply failed with 1 conflict: conflict with "u" using v1: .data.c',
    details: { causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "u" using v1', field: '.data.c' }] },
  })
  t.equal(
    apply(at, 'm2', { data: { a: 'x', b: 'y', c: 'z' } }).json.message,
    'Apply failed with 3 conflicts: conflicts with "m1":\n- .data.a\n- .data.b\nconflicts with "u" using v1:\n- .data.c',
  )
  t.same(at.ask('GET', PATH).json.data, { a: '1', b: '2', c: '4' }, 'nothing of it has happened')
  t.equal(apply(at, 'm2', { data: { a: '1', c: '4' } }).status, 200, 'its twin: the same values')
  const forced = apply(at, 'm2', { data: { a: 'x', b: 'y' } }, '&force=true')
  t.same([forced.status, forced.json.data], [200, { a: 'x', b: 'y', c: '4' }])
  t.same(owners(forced.json), {
    'm2 Apply': { 'f:data': { 'f:a': {}, 'f:b': {} } },
    'u Update': { 'f:data': { 'f:c': {} } },
  })
  t.equal(apply(at, 'm1', { data: { a: '1' } }, '&force=false').status, 409)
})

t.test('rejects what is no apply, and accepts its twin', async (t) => {
  const at = new KubernetesShell()
  const rows: [query: string, body: unknown, code: number, message: string][] = [
    ['', {}, 422, 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'],
    [
      'fieldManager=',
      {},
      422,
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    ],
    [
      `fieldManager=${'m'.repeat(MAX_MANAGER_BYTES + 1)}`,
      {},
      422,
      `PatchOptions.meta.k8s.io "" is invalid: fieldManager: Too long: must have at most ${MAX_MANAGER_BYTES} bytes`,
    ],
    [
      'fieldManager=a%01b',
      {},
      422,
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Invalid value: "a\\x01b": invalid character U+0001 (at position 1)',
    ],
    [
      'fieldManager=m&dryRun=x',
      {},
      422,
      'PatchOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: []string{"x"}: supported values: "All"',
    ],
    [
      'fieldManager=m',
      'apiVersion: v1\nkind: ConfigMap\n',
      400,
      'error decoding YAML: an apply patch is read here when it is JSON, and this is not: invalid character at offset 0',
    ],
    [
      'fieldManager=m',
      '[]',
      400,
      'error decoding YAML: an apply patch is read here when it is JSON, and this is not: it is no object',
    ],
    [
      'fieldManager=m',
      { metadata: { name: 'a' } },
      400,
      'Incorrect version specified in apply patch. Specified patch version: , expected: v1',
    ],
    [
      'fieldManager=m',
      { apiVersion: 'v2', kind: 'ConfigMap' },
      400,
      'Incorrect version specified in apply patch. Specified patch version: v2, expected: v1',
    ],
    ['fieldManager=m', { apiVersion: 'v1', kind: 'Secret' }, 400, 'invalid object type: v1, Kind=Secret'],
    ['fieldManager=m', { metadata: { name: 'a', managedFields: [] } }, 400, 'metadata.managedFields must be nil'],
    [
      'fieldManager=m',
      { metadata: { name: 'b' } },
      400,
      'the name of the object (b) does not match the name on the URL (a)',
    ],
    [
      'fieldManager=m',
      { metadata: {} },
      400,
      'the name of the object (based on URL) was undeterminable: name must be provided',
    ],
    [
      'fieldManager=m',
      { metadata: { name: 'a', namespace: 'x' } },
      400,
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
    [
      'fieldManager=m',
      { metadata: { name: 'a' }, spec: {}, foo: 1 },
      400,
      'failed to create typed patch object: errors:\n  .spec: field not declared in schema\n  .foo: field not declared in schema',
    ],
    [
      'fieldManager=m',
      { metadata: { name: 'a' }, data: { k: 1 } },
      400,
      'failed to create typed patch object: json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    ],
    [
      'fieldManager=m',
      { metadata: { name: 'a', finalizers: ['x/a', 'x/a'] } },
      400,
      'failed to create typed patch object: duplicate entries for key ["x/a"]',
    ],
    [
      'fieldManager=m',
      { metadata: { name: 'a', uid: 'u' } },
      409,
      'Operation cannot be fulfilled on configmaps "a": Precondition failed: UID in precondition: u, UID in object meta: ',
    ],
    [
      'fieldManager=m',
      { metadata: { name: 'a' }, data: { '..': 'v' } },
      422,
      `ConfigMap "a" is invalid: data[..]: Invalid value: "..": must not be '..'`,
    ],
  ]
  at.create('configmaps', configMap('other'))
  const before = at.stored
  for (const [query, body, code, message] of rows) {
    const whole =
      typeof body === 'string' || 'apiVersion' in (body as object) || (code === 400 && message.startsWith('Incorrect'))
        ? body
        : { apiVersion: 'v1', kind: 'ConfigMap', ...(body as object) }
    const { status, json } = at.ask('PATCH', `${PATH}?${query}`, whole, { type: APPLY_PATCH })
    t.same([status, json.message], [code, message])
  }
  t.same(at.stored, before)
  t.equal(apply(at, 'm'.repeat(MAX_MANAGER_BYTES), { data: { k: 'v' } }).status, 201, 'the twin')
  t.equal(
    apply(at, 'm', { metadata: { name: 'a', finalizers: ['x/a', 'x/b', 'x/a'] } }).status,
    400,
    'also where it is there',
  )
  t.equal(
    at.ask(
      'PATCH',
      `/api/v1/namespaces/nope/configmaps/a?fieldManager=m`,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } },
      { type: APPLY_PATCH },
    ).status,
    404,
  )
})

t.test('keeps the time of an entry whose fields are the same', async (t) => {
  const at = new KubernetesShell()
  const times = (object: Answered) =>
    Object.fromEntries(
      object.metadata.managedFields.map(({ manager, time }: { manager: string; time: string }) => [
        manager,
        time.slice(14, 19),
      ]),
    )
  const later = () => {
    at.shell.timeMs += 60_000n
  }
  const first = times(apply(at, 'm1', { data: { a: '1' } }).json).m1
  later()
  const second = times(apply(at, 'm2', { data: { a: '1' } }).json)
  t.equal(second.m1, first)
  t.not(second.m2, first)
  later()
  const same = apply(at, 'm1', { data: { a: '1' } }).json
  t.same(times(same), second)
  later()
  const put = at.ask('PUT', `${PATH}?fieldManager=u`, { ...same, data: { a: '1', u: '1' } }).json
  t.same({ ...times(put), u: '' }, { ...second, u: '' })
  later()
  t.same(at.ask('PUT', `${PATH}?fieldManager=u`, put).json, put, 'no change, no write')
  t.not(times(at.ask('PUT', `${PATH}?fieldManager=u`, { ...put, data: { a: '1', u: '2' } }).json).u, times(put).u)
})

t.test('merges lists by what they are: sets, maps by a key, or one value', async (t) => {
  const at = new KubernetesShell()
  const owner = (uid: string, more: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', name: uid, uid, ...more })
  const metadata = { name: 'a', finalizers: ['x/b', 'x/a'], ownerReferences: [owner('u1')] }
  const made = applyAccount(at, 'm1', { metadata, secrets: [{ name: 's1' }], imagePullSecrets: [{ name: 'p1' }] })
  t.same(owners(made.json), {
    'm1 Apply': {
      'f:imagePullSecrets': {},
      'f:metadata': {
        'f:finalizers': { 'v:"x/a"': {}, 'v:"x/b"': {} },
        'f:ownerReferences': { 'k:{"uid":"u1"}': {} },
      },
      'f:secrets': { 'k:{"name":"s1"}': {} },
    },
  })
  const other = applyAccount(at, 'm2', {
    metadata: { name: 'a', finalizers: ['x/c', 'x/a'], ownerReferences: [owner('u2', { controller: true })] },
    secrets: [{ name: 's2', namespace: 'n' }],
  })
  t.same(
    other.json.metadata.finalizers,
    ['x/b', 'x/c', 'x/a'],
    "in the configuration's order, the others in their places",
  )
  t.same(
    other.json.metadata.ownerReferences.map(({ uid }: { uid: string }) => uid),
    ['u1', 'u2'],
  )
  t.same(other.json.secrets, [{ name: 's1' }, { namespace: 'n', name: 's2' }])
  t.match(applyAccount(at, 'm2', { secrets: [{ name: 's1', namespace: 'n' }] }).json, {
    code: 409,
    details: { causes: [{ field: '.secrets[name="s1"]' }] },
  })
  t.match(applyAccount(at, 'm2', { imagePullSecrets: [{ name: 'p2' }] }).json, {
    code: 409,
    details: { causes: [{ field: '.imagePullSecrets' }] },
  })
  const gone = applyAccount(at, 'm1', { metadata: { name: 'a', finalizers: ['x/b'] } }).json
  t.same(
    [gone.metadata.finalizers, gone.metadata.ownerReferences.length, gone.secrets.length, gone.imagePullSecrets],
    [['x/b', 'x/c', 'x/a'], 1, 1, undefined],
    'what the other owns too stays',
  )
})

t.test('sets what it says is nothing', async (t) => {
  const at = new KubernetesShell()
  at.create('serviceaccounts', {
    metadata: { name: 'a' },
    imagePullSecrets: [{ name: 'p1' }],
    secrets: [{ name: 's1' }],
  })
  t.equal(applyAccount(at, 'm1', { imagePullSecrets: [] }).json.details?.causes[0].field, '.imagePullSecrets')
  const cleared = applyAccount(at, 'm1', { imagePullSecrets: [], secrets: [] }, '&force=true').json
  t.same(
    [cleared.imagePullSecrets, cleared.secrets],
    [undefined, [{ name: 's1' }]],
    'an empty list of items names none',
  )
  t.same(owners(cleared)['m1 Apply'], { 'f:imagePullSecrets': {} })
  apply(at, 'm1', { data: { a: '1' } })
  const empty = apply(at, 'm2', { data: {} }).json
  t.same([empty.data, owners(empty)['m2 Apply']], [{ a: '1' }, { 'f:data': {} }])
  t.same(apply(at, 'm1', { metadata: { name: 'a', creationTimestamp: null }, data: { a: '1' } }).status, 200)
})

t.test('removes a map with what nobody owns in it, as its last owner goes', async (t) => {
  const at = new KubernetesShell()
  apply(at, 'm1', { data: { a: '1' } })
  const { json } = at.ask('GET', PATH)
  at.demand(200, 'PUT', PATH, {
    ...json,
    metadata: { ...json.metadata, managedFields: [{}] },
    data: { a: '1', b: '2' },
  })
  t.same(owners(at.ask('GET', PATH).json), {}, 'nobody owns any of it')
  // m1 owns a again, as somebody writes it down
  const entry = {
    manager: 'm1',
    operation: 'Apply',
    apiVersion: 'v1',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:data': { 'f:a': {} } },
  }
  at.demand(200, 'PUT', PATH, { ...json, metadata: { name: 'a', managedFields: [entry] }, data: { a: '1', b: '2' } })
  t.same(apply(at, 'm1', {}).json.data, undefined)
})

t.test('owns what of a Secret was said in clear where it will be', async (t) => {
  const at = new KubernetesShell()
  const path = `${DEFAULT}/secrets/s?fieldManager=m1`
  const ask = (more: object) =>
    at.ask('PATCH', path, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, ...more }, { type: APPLY_PATCH })
      .json
  const made = ask({ stringData: { a: 'x', b: 'y' }, data: { c: 'eg==' } })
  t.same([made.data, made.type, made.stringData], [{ a: 'eA==', b: 'eQ==', c: 'eg==' }, 'Opaque', undefined])
  t.same(owners(made)['m1 Apply'], { 'f:data': { 'f:a': {}, 'f:b': {}, 'f:c': {} } })
  t.same(ask({ stringData: { a: 'x' }, data: { c: 'eg==' } }).data, { a: 'eA==', c: 'eg==' })
})

t.test('takes over what client-side apply has left, for kubectl alone', async (t) => {
  const annotation = 'kubectl.kubernetes.io/last-applied-configuration'
  const last = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { a: '1', b: '2' } }
  const made = () => {
    const at = new KubernetesShell()
    at.ask('POST', `${DEFAULT}/configmaps?fieldManager=kubectl-client-side-apply`, {
      ...last,
      metadata: { name: 'a', annotations: { [annotation]: JSON.stringify(last) } },
    })
    return at
  }
  t.equal(apply(made(), 'other', { data: { a: 'x' } }).status, 409)
  const at = made()
  const taken = apply(at, 'kubectl', { data: { a: 'x', b: '2' } })
  t.same([taken.status, taken.json.data], [200, { a: 'x', b: '2' }])
  t.same(
    JSON.parse(taken.json.metadata.annotations[annotation]),
    { ...last, data: { a: 'x', b: '2' } },
    'the annotation follows',
  )
  // What somebody else has changed meanwhile is a conflict
  const edited = made()
  edited.ask('PATCH', `${PATH}?fieldManager=edit`, { data: { a: 'edited' } }, { type: MERGE_PATCH })
  t.equal(
    apply(edited, 'kubectl', { data: { a: 'x' } }).json.message,
    'Apply failed with 1 conflict: conflict with "edit" using v1: .data.a',
  )
  // The rest of what kubectl does to an object of client-side apply
  const live = at.ask('GET', PATH).json
  const annotated = apply(at, 'kubectl-last-applied', {
    metadata: { name: 'a', annotations: { [annotation]: live.metadata.annotations[annotation] } },
  })
  t.equal(annotated.status, 200)
  const entries = annotated.json.metadata.managedFields.filter(
    ({ manager }: { manager: string }) => manager !== 'kubectl-client-side-apply',
  )
  const patched = at.patch(PATH, JSON_PATCH, [
    { op: 'replace', path: '/metadata/managedFields', value: entries },
    { op: 'replace', path: '/metadata/resourceVersion', value: annotated.json.metadata.resourceVersion },
  ])
  t.same([patched.status, Object.keys(owners(patched.json))], [200, ['kubectl Apply', 'kubectl-last-applied Apply']])
  t.same(apply(at, 'kubectl', { data: { a: 'x' } }).json.data, { a: 'x' }, 'and what is left out goes')
})

t.test('owns all that was there before the first apply, where nobody was known to', async (t) => {
  const at = new KubernetesShell()
  at.create('configmaps', configMap('a', { a: '1' }))
  at.patch(PATH, MERGE_PATCH, { metadata: { managedFields: [] } })
  at.patch(PATH, MERGE_PATCH, { data: { b: '2' } })
  t.same(owners(at.ask('GET', PATH).json), {}, 'an object that is not tracked is not by updates')
  t.equal(
    apply(at, 'm1', { data: { b: '3' } }).json.message,
    'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.b',
  )
  t.same(owners(apply(at, 'm1', { data: { b: '2' } }).json), {
    'm1 Apply': { 'f:data': { 'f:b': {} } },
    'before-first-apply Update': { 'f:data': { '.': {}, 'f:a': {}, 'f:b': {} } },
  })
})

t.test('applies to a subresource what is the subresource’s', async (t) => {
  const at = new KubernetesShell()
  const namespace = (more: object) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'n', labels: { a: '1' } },
    ...more,
  })
  const ask = (subresource: string, manager: string, more: object) =>
    at.ask('PATCH', `/api/v1/namespaces/n${subresource}?fieldManager=${manager}`, namespace(more), {
      type: APPLY_PATCH,
    })
  t.equal(ask('/status', 'm1', {}).status, 404, 'it makes nothing')
  t.same(owners(ask('', 'm1', { status: { phase: 'Terminating' } }).json), {
    'm1 Apply': { 'f:metadata': { 'f:labels': { 'f:a': {} } } },
  })
  const condition = { type: 'T', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }
  const status = ask('/status', 'm2', {
    metadata: { name: 'n', labels: { b: '2' } },
    status: { conditions: [condition] },
  }).json
  t.same(status.metadata.labels, { a: '1', 'kubernetes.io/metadata.name': 'n' })
  t.same([status.status.phase, status.status.conditions[0].type], ['Active', 'T'])
  t.same(owners(status)['m2 Apply status'], {
    'f:status': {
      'f:conditions': { 'k:{"type":"T"}': { '.': {}, 'f:lastTransitionTime': {}, 'f:status': {}, 'f:type': {} } },
    },
  })
  t.equal(
    ask('/status', 'm3', { status: { conditions: [{ ...condition, status: 'False' }] } }).json.message,
    'Apply failed with 1 conflict: conflict with "m2" with subresource "status": .status.conditions[type="T"].status',
  )
  t.same(ask('', 'm2', {}).json.status.conditions[0].type, 'T', 'of the same manager, but not of the same write')
})

t.test('tries without doing', async (t) => {
  const at = new KubernetesShell()
  const tried = apply(at, 'm1', { data: { a: '1' } }, '&dryRun=All')
  t.same(
    [tried.status, tried.json.data, owners(tried.json)],
    [201, { a: '1' }, { 'm1 Apply': { 'f:data': { 'f:a': {} } } }],
  )
  t.equal(at.ask('GET', PATH).status, 404)
  const made = apply(at, 'm1', { data: { a: '1' } }).json
  t.same(apply(at, 'm1', { data: { a: '2' } }, '&dryRun=All').json.data, { a: '2' })
  t.same(at.ask('GET', PATH).json, made)
})

t.test('writes under the version that is named, or any', async (t) => {
  const at = new KubernetesShell()
  const { resourceVersion, uid } = apply(at, 'm1', { data: { a: '1' } }).json.metadata
  t.equal(apply(at, 'm1', { metadata: { name: 'a', resourceVersion }, data: { a: '2' } }).status, 200)
  t.equal(apply(at, 'm1', { metadata: { name: 'a', resourceVersion }, data: { a: '3' } }).status, 409)
  t.equal(apply(at, 'm1', { metadata: { name: 'a', uid }, data: { a: '3' } }).status, 200)
  t.equal(apply(at, 'm1', { metadata: { name: 'a', uid: 'other' }, data: { a: '4' } }).status, 409)
})

t.test('tells of names that are there twice', async (t) => {
  const at = new KubernetesShell()
  const body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"1","k":"2"}}'
  const ask = (validation: string) =>
    at.ask('PATCH', `${PATH}?fieldManager=m&fieldValidation=${validation}`, body, { type: APPLY_PATCH })
  t.equal(ask('Strict').json.message, 'strict decoding error: duplicate field "data.k"')
  t.match(ask('Warn').headers.warning, /duplicate field/)
  t.equal(ask('Ignore').headers.warning, undefined)
})

t.test('keeps to its work, and to its number of managers', async (t) => {
  const at = new KubernetesShell()
  const data = (from: number, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${from + i}`, 'v']))
  t.equal(apply(at, 'm1', { data: data(0, 20_000) }).status, 201)
  t.equal(apply(at, 'm1', { data: data(10_000, 20_000) }).status, 200)
  t.same(Object.keys(at.ask('GET', PATH).json.data).length, 20_000)
  const conflicts = apply(at, 'm2', {
    data: Object.fromEntries(Object.keys(data(10_000, 20_000)).map((key) => [key, 'w'])),
  })
  t.match(conflicts.json.message, /^Apply failed with 20000 conflicts: /)
  t.equal(conflicts.json.details.causes.length, 256)
  t.equal(apply(at, 'm1', {}).status, 200)
  const entry = (i: number) => ({
    manager: `m-${i}`,
    operation: 'Apply',
    apiVersion: 'v1',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:data': { 'f:a': {} } },
  })
  const entries = (count: number) => Array.from({ length: count }, (_, i) => entry(i))
  for (const [count, status] of [
    [MAX_MANAGERS - 1, 200],
    [MAX_MANAGERS + 1, 422],
    [MAX_MANAGERS, 200],
  ] as const)
    t.equal(
      at.patch(PATH, MERGE_PATCH, { metadata: { managedFields: entries(count) }, data: { a: '1' } }).status,
      status,
      `${count}`,
    )
  t.equal(apply(at, 'one-more', { data: { b: '1' } }).status, 422)
  t.equal(apply(at, 'm-0', { data: { b: '1' } }).status, 200, 'one that is there')
  t.equal(
    at.patch(PATH, MERGE_PATCH, { data: { c: '1' } }).status,
    200,
    'and an update, as the oldest of those are joined',
  )
  let deep = '1'
  for (let i = 0; i < 300; i++) deep = `{"f:a":${deep}}`
  t.equal(
    at.ask('PATCH', PATH, `{"metadata":{"managedFields":[{"fieldsV1":${deep}}]}}`, { type: MERGE_PATCH }).status,
    400,
  )
})

t.test('survives what is as large as it may be', async (t) => {
  const at = new KubernetesShell()
  const keys = (count: number, value: string) => {
    const entries = Array.from({ length: count }, (_, i) => `"${i.toString(36)}":"${value}"`)
    return `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{${entries.join()}}}`
  }
  const send = (body: string, manager: string) =>
    at.ask('PATCH', `${PATH}?fieldManager=${manager}`, body, { type: APPLY_PATCH })
  const large = keys(Math.floor(MAX_BODY_BYTES / 12), '')
  t.ok(large.length <= MAX_BODY_BYTES && large.length > MAX_BODY_BYTES / 2)
  t.equal(send(large, 'm').status, 413)
  t.equal(send(keys(40_000, ''), 'm').status, 201, 'its twin')
  t.equal(send(large, 'm').status, 413)
  t.equal(at.ask('PUT', PATH, large).status, 413)
  t.equal(send(keys(1, ''), 'm').status, 200)
  // As many managers as there may be, of as many fields as fit
  const sets = Array.from({ length: MAX_MANAGERS }, (_, i) => ({
    manager: `m-${i}`,
    operation: 'Apply',
    apiVersion: 'v1',
    fieldsType: 'FieldsV1',
    fieldsV1: {
      'f:data': Object.fromEntries(Array.from({ length: 100 }, (_, j) => [`f:${(i * 100 + j).toString(36)}`, {}])),
    },
  }))
  const { data } = JSON.parse(keys(MAX_MANAGERS * 100, ''))
  at.demand(200, 'PUT', PATH, { metadata: { name: 'a' }, data })
  at.demand(200, 'PUT', PATH, { metadata: { name: 'a', managedFields: sets }, data })
  const conflict = send(keys(MAX_MANAGERS * 100, 'x'), 'm-0')
  t.match(conflict.json.message, new RegExp(`^Apply failed with ${(MAX_MANAGERS - 1) * 100} conflicts: `))
  const forced = at.ask('PATCH', `${PATH}?fieldManager=m-0&force=true`, keys(MAX_MANAGERS * 100, 'x'), {
    type: APPLY_PATCH,
  })
  t.same([forced.status, Object.keys(owners(forced.json))], [200, ['m-0 Apply']])
  t.ok(at.shell.memoryBytes < 4096 * 65_536, `${at.shell.memoryBytes} bytes of memory`)
})
