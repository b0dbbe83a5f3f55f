// Who may do what, and what no path or method is.
import t from 'tap'
import { configMap, DEFAULT, KubernetesShell } from '../kit/kubernetes.ts'

const USER = { role: 2, key: new Uint8Array(32).fill(0xab) }
const NAME = `ed25519:${'ab'.repeat(32)}`

t.test('lets owners do all, and others nothing but find out what is there', async (t) => {
  const at = new KubernetesShell()
  at.create('configmaps', configMap('a'))
  const before = at.storedVersions
  const rows: [method: string, path: string, message: string][] = [
    [
      'GET',
      `${DEFAULT}/secrets`,
      `secrets is forbidden: User "${NAME}" cannot list resource "secrets" in API group "" in the namespace "default"`,
    ],
    [
      'GET',
      `${DEFAULT}/secrets?watch=true`,
      `secrets is forbidden: User "${NAME}" cannot watch resource "secrets" in API group "" in the namespace "default"`,
    ],
    [
      'GET',
      `${DEFAULT}/configmaps/a`,
      `configmaps "a" is forbidden: User "${NAME}" cannot get resource "configmaps" in API group "" in the namespace "default"`,
    ],
    [
      'POST',
      `${DEFAULT}/configmaps`,
      `configmaps is forbidden: User "${NAME}" cannot create resource "configmaps" in API group "" in the namespace "default"`,
    ],
    [
      'DELETE',
      `${DEFAULT}/configmaps/a`,
      `configmaps "a" is forbidden: User "${NAME}" cannot delete resource "configmaps" in API group "" in the namespace "default"`,
    ],
    [
      'GET',
      '/api/v1/namespaces',
      `namespaces is forbidden: User "${NAME}" cannot list resource "namespaces" in API group "" at the cluster scope`,
    ],
    [
      'GET',
      '/api/v1/namespaces/default/status',
      `namespaces "default" is forbidden: User "${NAME}" cannot get resource "namespaces/status" in API group "" in the namespace "default"`,
    ],
    [
      'GET',
      '/apis/coordination.k8s.io/v1/leases',
      `leases.coordination.k8s.io is forbidden: User "${NAME}" cannot list resource "leases" in API group "coordination.k8s.io" at the cluster scope`,
    ],
    ['GET', '/metrics', `forbidden: User "${NAME}" cannot get path "/metrics"`],
  ]
  for (const [method, path, message] of rows) {
    const { status, json } = at.ask(method, path, method === 'POST' ? configMap('b') : undefined, USER)
    t.same([status, json.reason, json.message], [403, 'Forbidden', message], `${method} ${path}`)
  }
  t.same(at.storedVersions, before)
  for (const path of ['/api', '/apis', '/version', '/readyz'])
    t.equal(at.ask('GET', path, undefined, USER).status, 200, path)
  t.equal(at.ask('GET', `${DEFAULT}/configmaps/a`).status, 200, 'the owner, the same')
})

t.test('takes no header of a front for who asks', async (t) => {
  const at = new KubernetesShell()
  for (const name of ['x-remote-user', 'x-remote-group', 'x-forwarded-user', 'wasmclave-user']) {
    t.equal(at.ask('GET', '/metrics', undefined, { ...USER, headers: { [name]: 'system:masters' } }).status, 403, name)
    t.equal(at.ask('GET', '/metrics', undefined, { headers: { [name]: 'nobody' } }).status, 200, name)
  }
})

t.test('rejects whatever is sent as Authorization and is no token, an owner or not', async (t) => {
  const at = new KubernetesShell()
  for (const authorization of ['Bearer x', 'bearer x', 'Bearer ', 'Bearer', '', 'Basic YTpi', 'Bearer a.b.c'])
    for (const path of ['/api/v1/namespaces', '/metrics', '/version', '/readyz', '/nope']) {
      const { status, json, headers } = at.ask('GET', path, undefined, { headers: { authorization } })
      t.same([status, json.reason, json.message], [401, 'Unauthorized', 'Unauthorized'], `${authorization} ${path}`)
      t.equal(headers['www-authenticate'], 'Bearer realm="wasmclave enclave"')
    }
  t.equal(at.ask('GET', '/api/v1/namespaces').status, 200, 'the owner, without')
})

t.test('answers paths that are not there, and methods that they do not take', async (t) => {
  const at = new KubernetesShell()
  const notFound = {
    kind: 'Status',
    code: 404,
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
    details: {},
  }
  for (const path of [
    '/api/v1/pods',
    `${DEFAULT}/pods`,
    '/api/v1/configmaps/a',
    `${DEFAULT}/configmaps/a/status`,
    `${DEFAULT}/configmaps/a/b/c`,
    '/apis/coordination.k8s.io/v1/configmaps',
    '/api/v1/namespaces/default/namespaces',
  ])
    t.match(at.ask('GET', path).json, notFound, path)
  for (const path of [
    '/',
    '/x',
    '/api/v2',
    '/api/v2/configmaps',
    '/apis/x.io/v1/things',
    '/api/v1/namespaces/a%2Fb/configmaps',
    '/api//v1',
    '/api/v1/configmaps%',
    '/API/v1/configmaps',
  ]) {
    const { status, text, headers } = at.ask('GET', path)
    t.same([status, text, headers['content-type']], [404, '404 page not found\n', 'text/plain; charset=utf-8'], path)
  }
  for (const [method, path] of [
    ['PUT', `${DEFAULT}/configmaps`],
    ['PATCH', `${DEFAULT}/configmaps`],
    ['POST', `${DEFAULT}/configmaps/a`],
    ['POST', '/api/v1/configmaps'],
    ['DELETE', '/api/v1/secrets'],
    ['OPTIONS', `${DEFAULT}/configmaps`],
    ['DELETE', '/api/v1/namespaces'],
    ['DELETE', '/api/v1/namespaces/default/status'],
    ['POST', '/api/v1/namespaces/default/finalize'],
  ] as const)
    t.match(
      at.ask(method, path).json,
      {
        code: 405,
        reason: 'MethodNotAllowed',
        message: 'the server does not allow this method on the requested resource',
        details: {},
      },
      `${method} ${path}`,
    )
  t.equal(at.ask('GET', `${DEFAULT}/configmaps/`).status, 200, 'a slash at the end is none')
})

t.test('rejects bodies of other media types, and accepts their twins', async (t) => {
  const at = new KubernetesShell()
  const post = (type: string) => at.ask('POST', `${DEFAULT}/configmaps`, { metadata: { generateName: 'x-' } }, { type })
  for (const type of ['application/yaml', 'text/plain', 'application/cbor', 'application/jsonp'])
    t.match(
      post(type).json,
      { code: 415, reason: 'UnsupportedMediaType', message: /^the body of the request was in an unknown format/ },
      type,
    )
  for (const type of ['application/json', 'application/json; charset=utf-8', 'application/json;stream=watch'])
    t.equal(post(type).status, 201, type)
})

t.test('heads every answer as a kube-apiserver does', async (t) => {
  const at = new KubernetesShell()
  const seen = new Set<string>()
  for (const [method, path] of [
    ['GET', '/api/v1/namespaces'],
    ['GET', '/nope'],
    ['GET', '/version'],
    ['POST', `${DEFAULT}/configmaps`],
    ['GET', '/metrics'],
  ] as const) {
    const { headers } = at.ask(method, path)
    t.match(headers['audit-id'], /^[0-9a-f-]{36}$/, path)
    t.equal(headers['cache-control'], 'no-cache, private', path)
    seen.add(headers['audit-id'] as string)
  }
  t.equal(seen.size, 5)
})

t.test('counts what was asked and what is kept, for the owner', async (t) => {
  const at = new KubernetesShell()
  at.create('secrets', { metadata: { name: 's' }, stringData: { k: 'canary' } })
  at.ask('GET', `${DEFAULT}/secrets/nope`)
  at.ask('GET', `${DEFAULT}/secrets/s`, undefined, USER)
  const { text, headers } = at.ask('GET', '/metrics')
  t.match(headers['content-type'], /^text\/plain; version=0\.0\.4/)
  for (const line of [
    'apiserver_request_total{code="201",resource="secrets",verb="create"} 1',
    'apiserver_request_total{code="404",resource="secrets",verb="get"} 1',
    'apiserver_request_total{code="403",resource="secrets",verb="get"} 1',
    'apiserver_storage_objects{resource="secrets"} 1',
    'apiserver_storage_objects{resource="namespaces"} 4',
  ])
    t.ok(text.includes(`${line}\n`), line)
  t.notMatch(text, /canary/)
})
