// Objects: created, read, replaced, deleted, each as a kube-apiserver answers it (the texts are recorded ones).
import t from 'tap'
import { MAX_ANNOTATION_BYTES, MAX_DATA_BYTES, MAX_ITEMS } from '../../assembly/workloads/kubernetes/limits.ts'
import { configMap, DEFAULT, KubernetesShell } from '../kit/kubernetes.ts'

const CONFIG_MAPS = `${DEFAULT}/configmaps`
const SECRETS = `${DEFAULT}/secrets`

t.test('creates what was asked for, with an identity of its own', async (t) => {
  const at = new KubernetesShell()
  const created = at.create('configmaps', {
    data: { b: '2', a: '1' },
    metadata: {
      name: 'a',
      uid: 'mine',
      creationTimestamp: '2001-01-01T00:00:00Z',
      generation: 7,
      selfLink: '/x',
      managedFields: [],
    },
  })
  t.match(created.metadata.uid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  t.equal(created.metadata.creationTimestamp, new Date(Number(at.shell.timeMs)).toISOString().replace('.000', ''))
  t.match(created.metadata.resourceVersion, /^[1-9][0-9]*$/)
  const { uid, resourceVersion, creationTimestamp } = created.metadata
  const text = `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","namespace":"default","uid":"${uid}","resourceVersion":"${resourceVersion}","creationTimestamp":"${creationTimestamp}","managedFields":[{"manager":"unknown","operation":"Update","apiVersion":"v1","time":"${creationTimestamp}","fieldsType":"FieldsV1","fieldsV1":{"f:data":{".":{},"f:a":{},"f:b":{}}}}]},"data":{"a":"1","b":"2"}}`
  t.equal(at.ask('GET', `${CONFIG_MAPS}/a`).text, text, 'in the order of the Go type, maps sorted')
  t.not(at.create('configmaps', configMap('b')).metadata.uid, uid)
})

t.test('gives each write a resourceVersion above all before', async (t) => {
  const at = new KubernetesShell()
  let last = 0n
  const above = (text: string) => {
    t.ok(BigInt(text) > last, `${text} > ${last}`)
    last = BigInt(text)
  }
  above(at.ask('GET', CONFIG_MAPS).json.metadata.resourceVersion)
  above(at.create('configmaps', configMap('a')).metadata.resourceVersion)
  above(at.create('secrets', { metadata: { name: 'a' } }).metadata.resourceVersion)
  above(at.demand(200, 'PUT', `${CONFIG_MAPS}/a`, configMap('a', { k: 'v' })).metadata.resourceVersion)
  at.demand(200, 'DELETE', `${CONFIG_MAPS}/a`)
  above(at.ask('GET', CONFIG_MAPS).json.metadata.resourceVersion)
  // A namespace and what it begins with are one transaction, and three versions
  const namespace = at.demand(201, 'POST', '/api/v1/namespaces', { metadata: { name: 'n' } })
  const account = at.ask('GET', '/api/v1/namespaces/n/serviceaccounts/default').json
  const root = at.ask('GET', '/api/v1/namespaces/n/configmaps/kube-root-ca.crt').json
  t.equal(new Set([namespace, account, root].map((each) => each.metadata.resourceVersion)).size, 3)
})

t.test('takes a name made from generateName', async (t) => {
  const at = new KubernetesShell()
  const names = Array.from(
    { length: 20 },
    () => at.create('configmaps', { metadata: { generateName: 'base-' } }).metadata.name,
  )
  for (const name of names) t.match(name, /^base-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
  t.equal(new Set(names).size, names.length)
  const long = at.create('configmaps', { metadata: { generateName: 'x'.repeat(100) } }).metadata.name
  t.equal(long.length, 63)
})

t.test('rejects a create with the recorded answer, and accepts its twin', async (t) => {
  const at = new KubernetesShell()
  at.create('configmaps', configMap('there'))
  const rows: [body: unknown, code: number, reason: string | undefined, message: string, path?: string][] = [
    [configMap('there'), 409, 'AlreadyExists', 'configmaps "there" already exists'],
    [
      { data: {} },
      422,
      'Invalid',
      'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    ],
    [
      configMap('A_b'),
      422,
      'Invalid',
      `ConfigMap "A_b" is invalid: metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
    ],
    [
      configMap('a', {}, { namespace: 'other' }),
      400,
      'BadRequest',
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
    [
      configMap('a', {}, { resourceVersion: '7' }),
      400,
      'BadRequest',
      'resourceVersion should not be set on objects to be created',
    ],
    [configMap('a'), 404, 'NotFound', 'namespaces "missing" not found', '/api/v1/namespaces/missing/configmaps'],
    [
      { kind: 'Secret', metadata: { name: 'a' } },
      400,
      'BadRequest',
      'Secret in version "" cannot be handled as a ConfigMap: converting (.Secret) to (core.ConfigMap): unknown conversion',
    ],
    [
      { kind: 'Secret', apiVersion: 'v1', metadata: { name: 'a' } },
      400,
      'BadRequest',
      'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion',
    ],
    [
      { kind: 'ConfigMap', apiVersion: 'v2', metadata: { name: 'a' } },
      400,
      'BadRequest',
      'ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2" in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"',
    ],
    [
      { metadata: { name: 'a' }, data: { k: 5 } },
      400,
      'BadRequest',
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    ],
    [
      configMap('a', { '..': 'x' }),
      422,
      'Invalid',
      `ConfigMap "a" is invalid: data[..]: Invalid value: "..": must not be '..'`,
    ],
    [
      configMap('a', {}, { finalizers: ['x'] }),
      422,
      'Invalid',
      'ConfigMap "a" is invalid: metadata.finalizers[0]: Invalid value: "x": name is neither a standard finalizer name nor is it fully qualified',
    ],
  ]
  const before = at.stored
  for (const [body, code, reason, message, path] of rows) {
    const { status, json } = at.ask('POST', path ?? CONFIG_MAPS, body)
    t.same(
      [status, json.kind, json.status, json.code, json.reason, json.message],
      [code, 'Status', 'Failure', code, reason, message],
    )
  }
  t.same(at.stored, before, 'nothing of what was refused stays')
  t.equal(
    at.ask('POST', CONFIG_MAPS, configMap('a', { k: 'v' }, { namespace: 'default', finalizers: ['x/y'] })).status,
    201,
    'the twin',
  )
})

t.test('names all that is wrong at once', async (t) => {
  const at = new KubernetesShell()
  const { json } = at.ask('POST', CONFIG_MAPS, configMap('A_b', { 'bad key!': 'v' }))
  t.same(
    json.details.causes.map(({ reason, field }: { reason: string; field: string }) => [reason, field]),
    [
      ['FieldValueInvalid', 'metadata.name'],
      ['FieldValueInvalid', 'data[bad key!]'],
    ],
  )
  t.same([json.details.name, json.details.kind], ['A_b', 'ConfigMap'])
  t.match(json.message, /^ConfigMap "A_b" is invalid: \[metadata\.name: .*, data\[bad key!\]: .*\]$/)
})

t.test('prunes unknown fields, tells of them or refuses them', async (t) => {
  const at = new KubernetesShell()
  const body = { metadata: { name: 'u', foo: 1 }, spec: { x: [{ y: 1 }] } }
  const strict = at.ask('POST', `${CONFIG_MAPS}?fieldValidation=Strict`, body)
  t.same(
    [strict.status, strict.json.message],
    [
      400,
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "metadata.foo", unknown field "spec"',
    ],
  )
  const warned = at.ask('POST', `${CONFIG_MAPS}?dryRun=All`, body)
  t.same([warned.status, warned.headers.warning], [201, '299 - "unknown field \\"spec\\""'])
  const ignored = at.ask('POST', `${CONFIG_MAPS}?fieldValidation=Ignore`, body)
  t.same(
    [ignored.status, ignored.headers.warning, ignored.json.spec, ignored.json.metadata.foo],
    [201, undefined, undefined, undefined],
  )
  t.equal(at.ask('POST', `${CONFIG_MAPS}?fieldValidation=Maybe`, body).status, 422)
})

t.test('replaces under a precondition, or without one', async (t) => {
  const at = new KubernetesShell()
  const { metadata } = at.create('configmaps', configMap('a', { k: '1' }))
  const put = (object: object) => at.ask('PUT', `${CONFIG_MAPS}/a`, object)
  const second = put(configMap('a', { k: '2' }))
  t.same(
    [second.status, second.json.metadata.uid, second.json.metadata.creationTimestamp],
    [200, metadata.uid, metadata.creationTimestamp],
  )
  const stale = put(configMap('a', { k: '3' }, { resourceVersion: metadata.resourceVersion }))
  t.same(
    [stale.status, stale.json.message, stale.json.details],
    [
      409,
      'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
      { name: 'a', kind: 'configmaps' },
    ],
  )
  t.equal(
    put(configMap('a', { k: '3' }, { resourceVersion: second.json.metadata.resourceVersion })).status,
    200,
    'its twin',
  )
  t.equal(put(configMap('a', { k: '3' }, { uid: 'zzz' })).status, 409)
  t.equal(put(configMap('a', { k: '3' }, { uid: metadata.uid })).status, 200)
  t.same(put(configMap('b')).json.message, 'the name of the object (b) does not match the name on the URL (a)')
  t.equal(put({ data: {} }).status, 400, 'without a name')
  t.equal(put(configMap('a', {}, { resourceVersion: 'abc' })).status, 400)
  t.equal(put(configMap('a', {}, { creationTimestamp: '2001-01-01T00:00:00Z' })).status, 422)
  t.same(at.ask('PUT', `${CONFIG_MAPS}/nope`, configMap('nope')).json.message, 'configmaps "nope" not found')
})

t.test('changes nothing where nothing changes', async (t) => {
  const at = new KubernetesShell()
  const { metadata } = at.create('configmaps', configMap('a', { b: '2', a: '1' }))
  const watch = at.watch(`${CONFIG_MAPS}?resourceVersion=${metadata.resourceVersion}`)
  const same = at.ask('PUT', `${CONFIG_MAPS}/a`, `{ "data": {"a":"\\u0031","b":"2"}, "metadata": {"name":"a"} }`)
  t.same([same.status, same.json.metadata.resourceVersion], [200, metadata.resourceVersion])
  t.equal(watch.takeText(), '')
})

t.test('tries a write without making it', async (t) => {
  const at = new KubernetesShell()
  at.create('configmaps', configMap('a'))
  const before = at.shell.version
  t.equal(at.ask('POST', `${CONFIG_MAPS}?dryRun=All`, configMap('b')).status, 201)
  t.equal(at.ask('PUT', `${CONFIG_MAPS}/a?dryRun=All`, configMap('a', { k: 'v' })).json.data.k, 'v')
  t.equal(at.ask('DELETE', `${CONFIG_MAPS}/a?dryRun=All`).status, 200)
  t.equal(at.ask('DELETE', `${CONFIG_MAPS}/a`, { dryRun: ['All'] }).status, 200)
  t.equal(at.ask('DELETE', `${CONFIG_MAPS}?dryRun=All`).status, 200)
  t.equal(at.ask('POST', `${CONFIG_MAPS}?dryRun=All`, configMap('a')).status, 409)
  t.equal(at.ask('POST', `${CONFIG_MAPS}?dryRun=Some`, configMap('b')).status, 422)
  t.same([at.shell.version, at.ask('GET', `${CONFIG_MAPS}/b`).status], [before, 404])
})

t.test('deletes under preconditions and by policy', async (t) => {
  const at = new KubernetesShell()
  const { metadata } = at.create('configmaps', configMap('a'))
  const remove = (body: unknown) => at.ask('DELETE', `${CONFIG_MAPS}/a`, body)
  t.same(remove({ preconditions: { uid: 'zzz' } }).json, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (zzz) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    reason: 'Conflict',
    details: { name: 'a', kind: 'ConfigMap' },
    code: 409,
  })
  t.match(
    remove({ preconditions: { resourceVersion: '1' } }).json.message,
    /the ResourceVersion in the precondition \(1\) does not match/,
  )
  t.match(
    remove({ propagationPolicy: 'Nope' }).json.message,
    /supported values: "Foreground", "Background", "Orphan", "nil"$/,
  )
  t.equal(remove({ propagationPolicy: 'Orphan', orphanDependents: true }).status, 422)
  t.equal(remove({ dryRun: ['Some'] }).status, 422)
  t.same(
    remove({
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      propagationPolicy: 'Background',
      preconditions: { uid: metadata.uid },
    }).json,
    {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'a', kind: 'configmaps', uid: metadata.uid },
    },
  )
  t.equal(remove({}).status, 404)
})

t.test('keeps what has finalizers until the last has gone', async (t) => {
  const at = new KubernetesShell()
  at.create('configmaps', configMap('a', {}, { finalizers: ['x/one', 'x/two'] }))
  const first = at.ask('DELETE', `${CONFIG_MAPS}/a`)
  t.same([first.status, first.json.kind, first.json.metadata.deletionGracePeriodSeconds], [200, 'ConfigMap', 0])
  t.ok(first.json.metadata.deletionTimestamp)
  const version = at.shell.version
  t.same([at.ask('DELETE', `${CONFIG_MAPS}/a`).status, at.shell.version], [200, version], 'again: nothing changes')
  const added = at.ask('PUT', `${CONFIG_MAPS}/a`, configMap('a', {}, { finalizers: ['x/one', 'x/two', 'x/three'] }))
  t.same(
    [added.status, added.json.message],
    [
      422,
      'ConfigMap "a" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x/three"}',
    ],
  )
  t.equal(at.ask('PUT', `${CONFIG_MAPS}/a`, configMap('a', {}, { finalizers: ['x/two'] })).status, 200)
  t.equal(at.ask('GET', `${CONFIG_MAPS}/a`).status, 200)
  t.equal(at.ask('PUT', `${CONFIG_MAPS}/a`, configMap('a')).status, 200)
  t.equal(at.ask('GET', `${CONFIG_MAPS}/a`).status, 404)
})

t.test('deletes a collection, however large, as far as it matches', async (t) => {
  const at = new KubernetesShell()
  for (let i = 0; i < 250; i++) at.create('configmaps', configMap(`c${i}`, {}, { labels: { odd: `${i % 2}` } }))
  const odd = at.open('DELETE', `${CONFIG_MAPS}?labelSelector=odd%3D1`)
  at.tick(3)
  t.ok(odd.ended)
  const answer = odd.takeJson() as { kind: string; items: { metadata: { name: string } }[] }
  t.same(
    [answer.kind, answer.items.length, new Set(answer.items.map((item) => item.metadata.name)).size],
    ['ConfigMapList', 125, 125],
  )
  t.equal(at.ask('GET', CONFIG_MAPS).json.items.length, 126, 'with kube-root-ca.crt')
  const few = at.demand(200, 'DELETE', `${CONFIG_MAPS}?fieldSelector=metadata.name%3Dc0`)
  t.same(
    few.items.map((item: { metadata: { name: string } }) => item.metadata.name),
    ['c0'],
  )
  t.equal(at.ask('DELETE', '/api/v1/configmaps').status, 405)
})

t.test('keeps Secrets in canonical form, by type', async (t) => {
  const at = new KubernetesShell()
  const made = at.create('secrets', {
    metadata: { name: 's' },
    data: { a: 'YQ==', b: 'Yg==', c: 'Y\nQ=\r\n=' },
    stringData: { b: 'c' },
  })
  t.same([made.data, made.stringData, made.type], [{ a: 'YQ==', b: 'Yw==', c: 'YQ==' }, undefined, 'Opaque'])
  const stored = (text: string) =>
    at.ask('POST', SECRETS, { metadata: { generateName: 'x-' }, data: { k: text } }).json.data?.k ?? ''
  for (let length = 0; length < 40; length++) {
    const text = Buffer.alloc(length, 0xfb).toString('base64')
    t.equal(stored(text), text, 'canonical already')
  }
  for (const [text, canonical] of [
    ['YR==', 'YQ=='],
    ['YWK=', 'YWI='],
    ['\nYQ==', 'YQ=='],
    ['YWJj\r\nYWJj', 'YWJjYWJj'],
  ] as const)
    t.equal(stored(text), canonical)
  for (const [text, place] of [
    ['!!', 0],
    ['YQ', 0],
    ['YQ=', 0],
    ['YWJj!', 4],
    ['YQ==YQ==', 4],
  ] as const) {
    const { status, json } = at.ask('POST', SECRETS, { metadata: { name: 'x' }, data: { k: text } })
    t.equal(status, 400, text)
    t.match(json.message, `illegal base64 data at input byte ${place}`)
  }
  const typed = (type: string, data: Record<string, string>) =>
    at.ask('POST', SECRETS, { metadata: { generateName: 'x-' }, type, stringData: data })
  for (const [type, bad, good] of [
    ['kubernetes.io/tls', { 'tls.crt': '' }, { 'tls.crt': '', 'tls.key': '' }],
    ['kubernetes.io/dockerconfigjson', { '.dockerconfigjson': '{' }, { '.dockerconfigjson': '{}' }],
    ['kubernetes.io/dockercfg', {}, { '.dockercfg': '{}' }],
    ['kubernetes.io/basic-auth', { x: '' }, { username: '' }],
    ['kubernetes.io/ssh-auth', { 'ssh-privatekey': '' }, { 'ssh-privatekey': 'k' }],
  ] as [string, Record<string, string>, Record<string, string>][]) {
    t.equal(typed(type, bad).status, 422, type)
    t.equal(typed(type, good).status, 201, type)
  }
  t.same(
    at.ask('PUT', `${SECRETS}/s`, { metadata: { name: 's' }, type: 'foo' }).json.message,
    'Secret "s" is invalid: type: Invalid value: "foo": field is immutable',
  )
  t.equal(at.ask('PUT', `${SECRETS}/s`, { metadata: { name: 's' }, stringData: { k: 'v' } }).json.type, 'Opaque')
})

t.test('changes nothing of what is immutable but its metadata', async (t) => {
  const at = new KubernetesShell()
  at.create('secrets', { metadata: { name: 's' }, immutable: true, data: { k: 'YQ==' } })
  const put = (object: object) => at.ask('PUT', `${SECRETS}/s`, { metadata: { name: 's' }, ...object })
  t.same(
    put({ data: { k: 'Yg==' } }).json.message,
    'Secret "s" is invalid: [immutable: Forbidden: field is immutable when `immutable` is set, data: Forbidden: field is immutable when `immutable` is set]',
  )
  t.equal(put({ immutable: true, data: { k: 'YQ==' }, metadata: { name: 's', labels: { a: 'b' } } }).status, 200)
  at.create('configmaps', { metadata: { name: 'c' }, immutable: true, binaryData: { k: 'YQ==' } })
  t.equal(at.ask('PUT', `${CONFIG_MAPS}/c`, { metadata: { name: 'c' }, immutable: true }).status, 422)
  t.equal(
    at.ask('PUT', `${CONFIG_MAPS}/c`, { metadata: { name: 'c' }, immutable: true, binaryData: { k: 'YQ==' } }).status,
    200,
  )
})

t.test('keeps to its limits of data, annotations and finalizers', async (t) => {
  const at = new KubernetesShell()
  const around = (n: number) =>
    [
      [n - 1, 201],
      [n, 201],
      [n + 1, 422],
    ] as const
  for (const [bytes, status] of around(MAX_DATA_BYTES)) {
    t.equal(
      at.ask('POST', CONFIG_MAPS, { metadata: { generateName: 'x-' }, data: { k: 'x'.repeat(bytes) } }).status,
      status,
      `ConfigMap of ${bytes}`,
    )
    // A Secret of a megabyte is one of 1.4 in base64, and larger than a transaction: that is told, and not written
    const secret = at.ask('POST', SECRETS, {
      metadata: { generateName: 'x-' },
      data: { k: Buffer.alloc(bytes).toString('base64') },
    })
    t.equal(secret.status, status === 422 ? 422 : 201, `Secret of ${bytes}`)
  }
  for (const [bytes, status] of around(MAX_ANNOTATION_BYTES))
    t.equal(
      at.ask(
        'POST',
        CONFIG_MAPS,
        configMap('', {}, { name: undefined, generateName: 'x-', annotations: { k: 'x'.repeat(bytes - 1) } }),
      ).status,
      status,
      `annotations of ${bytes}`,
    )
  for (const [count, status] of around(MAX_ITEMS))
    t.equal(
      at.ask(
        'POST',
        CONFIG_MAPS,
        configMap(
          '',
          {},
          { name: undefined, generateName: 'x-', finalizers: Array.from({ length: count }, (_, i) => `x/f${i}`) },
        ),
      ).status,
      status,
      `${count} finalizers`,
    )
  for (const [length, status] of [
    [252, 201],
    [253, 201],
    [254, 422],
  ] as const)
    t.equal(at.ask('POST', CONFIG_MAPS, configMap('x'.repeat(length))).status, status, `a name of ${length}`)
  for (const [length, status] of [
    [62, 201],
    [63, 201],
    [64, 422],
  ] as const) {
    t.equal(
      at.ask('POST', '/api/v1/namespaces', { metadata: { name: 'x'.repeat(length) } }).status,
      status,
      `a namespace of ${length}`,
    )
    t.equal(
      at.ask(
        'POST',
        CONFIG_MAPS,
        configMap('', {}, { name: undefined, generateName: 'x-', labels: { a: 'x'.repeat(length) } }),
      ).status,
      status,
      `a label of ${length}`,
    )
  }
})

t.test('keeps Leases and Events as their types are', async (t) => {
  const at = new KubernetesShell()
  const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases'
  const lease = at.demand(201, 'POST', leases, {
    metadata: { name: 'l' },
    spec: {
      holderIdentity: '',
      leaseDurationSeconds: 15,
      acquireTime: '2026-11-25T16:00:00.5+02:00',
      leaseTransitions: 0,
    },
  })
  t.same(lease.spec, {
    holderIdentity: '',
    leaseDurationSeconds: 15,
    acquireTime: '2026-11-25T14:00:00.500000Z',
    leaseTransitions: 0,
  })
  t.equal(lease.apiVersion, 'coordination.k8s.io/v1')
  t.match(at.ask('POST', leases, { metadata: { name: 'm' }, spec: { leaseDurationSeconds: 0 } }).json, {
    code: 422,
    message:
      'Lease.coordination.k8s.io "m" is invalid: spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
    details: { group: 'coordination.k8s.io', kind: 'Lease' },
  })
  t.match(at.ask('GET', `${leases}/nope`).json, {
    message: 'leases.coordination.k8s.io "nope" not found',
    details: { name: 'nope', group: 'coordination.k8s.io', kind: 'leases' },
  })
  for (const time of ['2026-11-25', '2026-02-29T00:00:00Z', '2026-11-25T24:00:00Z', '2026-11-25T00:00:00', 'x'])
    t.equal(at.ask('POST', leases, { metadata: { name: 'm' }, spec: { renewTime: time } }).status, 400, time)
  const event = at.create('events', {
    metadata: { name: 'e' },
    involvedObject: { kind: 'ConfigMap', namespace: 'default', name: 'a' },
    reason: 'R',
    count: 0,
  })
  t.same(
    [event.source, event.firstTimestamp, event.eventTime, event.reportingComponent, event.count],
    [{}, null, null, '', undefined],
  )
  t.equal(
    at.ask('POST', `${DEFAULT}/events`, { metadata: { name: 'f' }, involvedObject: { namespace: 'other' } }).status,
    422,
  )
})
