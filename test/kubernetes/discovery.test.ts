// What a client finds out before it asks for an object: groups and resources in both forms, version, OpenAPI, health.
import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import { buildKubernetes } from '../kit/kubernetes-probe.ts'
import { type ShellResponse, WorkloadShell } from '../kit/workload-shell.ts'

const V2 = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
const V2_BETA = 'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList'
/** What kubectl sends, reference section 1. */
const KUBECTL = `${V2},${V2_BETA},application/json`

type Kind = { group: string; version: string; kind: string }
type Discovered = {
  resource: string
  responseKind: Kind
  scope: string
  singularResource: string
  verbs: string[]
  shortNames?: string[]
  subresources?: { subresource: string; responseKind: Kind; verbs: string[] }[]
}
type Aggregated = {
  kind: string
  apiVersion: string
  items: { metadata: { name?: string }; versions: { version: string; freshness: string; resources: Discovered[] }[] }[]
}
type Listed = {
  name: string
  singularName: string
  namespaced: boolean
  kind: string
  verbs: string[]
  shortNames?: string[]
  storageVersionHash?: string
}
type OpenApi = {
  openapi: string
  paths: Record<string, Record<string, { parameters?: { name: string }[]; 'x-kubernetes-group-version-kind': Kind }>>
  components: {
    schemas: Record<string, { properties: Record<string, unknown>; 'x-kubernetes-group-version-kind'?: Kind[] }>
  }
}

const shell = WorkloadShell.of('kubernetes')
const get = (path: string, accept?: string, headers: Record<string, string> = {}, from = shell): ShellResponse =>
  from.request('GET', path, { headers: { ...(accept === undefined ? {} : { accept }), ...headers } })
const json = <T>(path: string, accept?: string, from = shell): T => get(path, accept, {}, from).takeJson() as T

const core = json<Aggregated>('/api?timeout=32s', KUBECTL)
const named = json<Aggregated>('/apis?timeout=32s', KUBECTL)
const discovered = [...core.items, ...named.items].flatMap(({ metadata, versions }) =>
  versions.flatMap(({ version, resources }) =>
    resources.map((each) => ({ ...each, group: metadata.name ?? '', version })),
  ),
)

const isReview = ({ responseKind: { group } }: Discovered): boolean => /^auth\w+\.k8s\.io$/.test(group)

t.test('lists all resources in aggregated form, under the type that clients go by', async (t) => {
  for (const [path, list] of [
    ['/api', core],
    ['/apis', named],
  ] as const) {
    const response = get(path, KUBECTL)
    t.equal(response.status, 200)
    t.equal(response.headers['content-type'], V2)
    t.equal(response.headers.vary, 'Accept')
    t.equal(response.headers['cache-control'], 'public')
    t.match(response.headers.etag, /^"[0-9a-f]{64}"$/)
    t.equal(list.kind, 'APIGroupDiscoveryList')
    t.equal(list.apiVersion, 'apidiscovery.k8s.io/v2')
  }
  t.same(
    core.items.map(({ metadata }) => metadata),
    [{}],
    'the core group has no name',
  )
  const names = discovered.map(({ resource, group }) => (group === '' ? resource : `${resource}.${group}`))
  for (const name of ['configmaps', 'events', 'namespaces', 'secrets', 'serviceaccounts', 'leases.coordination.k8s.io'])
    t.ok(names.includes(name), name)
  t.equal(new Set(names).size, names.length)
  for (const each of discovered) {
    t.same([each.responseKind.group, each.responseKind.version], [each.group, each.version])
    if (isReview(each)) t.same(each.verbs, ['create'], `${each.resource} is asked and not kept`)
    else t.ok(each.verbs.includes('get') && each.verbs.includes('watch'), each.resource)
  }
  const namespaces = discovered.find(({ resource }) => resource === 'namespaces')
  t.equal(namespaces?.scope, 'Cluster')
  t.same(
    namespaces?.subresources?.map(({ subresource }) => subresource),
    ['finalize', 'status'],
  )
  t.same(discovered.find(({ resource }) => resource === 'configmaps')?.shortNames, ['cm'])
})

t.test('gives the older lists to whom aggregation is not acceptable or known', async (t) => {
  for (const accept of [undefined, 'application/json', '*/*', 'application/json, */*', `${V2_BETA},application/json`])
    for (const [path, kind] of [
      ['/api', 'APIVersions'],
      ['/apis', 'APIGroupList'],
    ] as const) {
      const response = get(path, accept)
      t.equal(response.headers['content-type'], 'application/json')
      t.equal((response.takeJson() as { kind: string }).kind, kind, `${path} ${accept}`)
    }
  t.equal(get('/api', `application/json,${V2}`).headers['content-type'], 'application/json', 'the first that is served')
  t.equal(get('/api', `application/cbor,${V2},application/json`).headers['content-type'], V2)
})

t.test('lists the same in both forms', async (t) => {
  const groups = json<{ groups: { name: string; versions: { groupVersion: string }[]; preferredVersion: object }[] }>(
    '/apis',
  )
  t.same(
    groups.groups.map(({ name }) => name),
    named.items.map(({ metadata }) => metadata.name),
  )
  for (const group of groups.groups) {
    t.same(json(`/apis/${group.name}`), { kind: 'APIGroup', apiVersion: 'v1', ...group })
    t.same(group.preferredVersion, group.versions[0])
  }
  const paths = [
    '/api/v1',
    ...groups.groups.flatMap(({ versions }) => versions.map((each) => `/apis/${each.groupVersion}`)),
  ]
  let listed = 0
  for (const path of paths) {
    const list = json<{ kind: string; groupVersion: string; resources: Listed[] }>(path)
    t.equal(list.kind, 'APIResourceList')
    const group = list.groupVersion.includes('/') ? (list.groupVersion.split('/')[0] as string) : ''
    const version = list.groupVersion.split('/').at(-1) as string
    const theirs = discovered.filter((each) => each.group === group && each.version === version)
    for (const each of theirs) {
      const ours = list.resources.find(({ name }) => name === each.resource)
      t.match(ours, {
        singularName: each.singularResource,
        namespaced: each.scope === 'Namespaced',
        kind: each.responseKind.kind,
        verbs: each.verbs,
      })
      const hash = createHash('sha256').update(`${group}/${version}/${each.responseKind.kind}`).digest().subarray(0, 8)
      t.equal(ours?.storageVersionHash, isReview(each) ? undefined : hash.toString('base64'), each.resource)
      for (const part of each.subresources ?? [])
        t.same(list.resources.find(({ name }) => name === `${each.resource}/${part.subresource}`)?.verbs, part.verbs)
      listed += 1 + (each.subresources?.length ?? 0)
    }
    t.equal(
      list.resources.length,
      theirs.reduce((sum, each) => sum + 1 + (each.subresources?.length ?? 0), 0),
    )
  }
  t.ok(listed >= 8)
  t.equal(
    json<{ resources: Listed[] }>('/api/v1').resources.find(({ name }) => name === 'configmaps')?.storageVersionHash,
    'qFsyl6wFWjQ=',
    'as the real server has it',
  )
})

t.test('answers 304 to who has the document, and the document to who has another', async (t) => {
  const paths = ['/api', '/apis', '/openapi/v2', '/openapi/v3', '/openapi/v3/api/v1']
  for (const path of paths) {
    const { etag = '' } = get(path, KUBECTL).headers
    const known = get(path, KUBECTL, { 'if-none-match': etag })
    t.equal(known.status, 304, path)
    t.equal(known.takeText(), '')
    t.equal(known.headers.etag, etag)
    const other = get(path, KUBECTL, { 'if-none-match': '"00"' })
    t.equal(other.status, 200)
    t.equal(createHash('sha256').update(other.take()).digest('hex'), etag.replaceAll('"', ''), 'a hash of the bytes')
  }
})

t.test('says which release it is', async (t) => {
  const version = json<Record<string, string>>('/version?timeout=32s', 'application/json, */*')
  t.match(version.gitVersion, /^v1\.\d+\.\d+(\+[a-z]+)?$/, 'SemVer that is no pre-release')
  t.equal(version.gitVersion?.split('.')[1], version.minor)
  const required = [
    'major',
    'minor',
    'gitVersion',
    'gitCommit',
    'gitTreeState',
    'buildDate',
    'goVersion',
    'compiler',
    'platform',
  ]
  t.same(Object.keys(version), required)
})

t.test('has an OpenAPI v2 of nothing, in the bytes and under the type that Go can read', async (t) => {
  const response = get('/openapi/v2?timeout=32s', 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf')
  t.equal(response.headers['content-type'], 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf')
  t.equal(response.take().toString('hex'), '0a03322e3012150a0a4b756265726e65746573120776312e33352e3042004a00')
  t.match(json('/openapi/v2', 'application/json'), { swagger: '2.0', paths: {} })
})

t.test('has an OpenAPI v3 for each version, at a URL with its hash', async (t) => {
  const { paths } = json<{ paths: Record<string, { serverRelativeURL: string }> }>(
    '/openapi/v3?timeout=32s',
    'application/json, */*',
  )
  t.same(Object.keys(paths), [
    'api/v1',
    'apis/apiextensions.k8s.io/v1',
    'apis/authentication.k8s.io/v1',
    'apis/authorization.k8s.io/v1',
    'apis/coordination.k8s.io/v1',
    'apis/rbac.authorization.k8s.io/v1',
  ])
  for (const [path, { serverRelativeURL }] of Object.entries(paths)) {
    const named = get(`${serverRelativeURL}&timeout=32s`, 'application/json')
    t.equal(named.status, 200)
    t.equal(named.headers['cache-control'], 'public, immutable')
    t.equal(get(`/openapi/v3/${path}`).headers['cache-control'], 'no-cache, private')
    const old = get(`/openapi/v3/${path}?hash=00`)
    t.equal(old.status, 301)
    t.equal(old.headers.location, serverRelativeURL)
    const document = named.takeJson() as OpenApi
    for (const each of discovered.filter(({ group, version }) =>
      path.endsWith(group === '' ? `api/${version}` : `/${group}/${version}`),
    ))
      checkOpenApi(t, document, each, path)
    const references = JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)
    for (const [, name = ''] of references) t.ok(document.components.schemas[name], name)
  }
  t.equal(get('/openapi/v3/apis/nobody.example/v1').status, 404)
})

function checkOpenApi(
  t: Test,
  document: OpenApi,
  each: Discovered & { group: string; version: string },
  path: string,
): void {
  const { kind } = each.responseKind
  const scope = each.scope === 'Namespaced' ? 'namespaces/{namespace}/' : ''
  const review = isReview(each)
  const item = document.paths[`/${path}/${scope}${each.resource}${review ? '' : '/{name}'}`]
  t.same(Object.keys(item ?? {}).sort(), review ? ['post'] : ['delete', 'get', 'patch', 'put'], kind)
  for (const method of review ? ['post'] : ['put', 'patch']) {
    t.same(item?.[method]?.['x-kubernetes-group-version-kind'], each.responseKind)
    t.ok(
      item?.[method]?.parameters?.some(({ name }) => name === 'fieldValidation'),
      `${kind}: the server validates`,
    )
  }
  const schemas = Object.entries(document.components.schemas).filter(([, schema]) =>
    schema['x-kubernetes-group-version-kind']?.some((known) => known.kind === kind && known.group === each.group),
  )
  t.equal(schemas.length, 1, `${kind} can be explained`)
  const properties = schemas[0]?.[1].properties ?? {}
  for (const name of ['apiVersion', 'kind', 'metadata']) t.ok(name in properties, `${kind}.${name}`)
}

t.test('answers health as text, and each check when asked', async (t) => {
  for (const path of ['/healthz', '/livez', '/readyz']) {
    t.equal(get(path).takeText(), 'ok')
    t.equal(get(path).headers['content-type'], 'text/plain; charset=utf-8')
    t.equal(get(`${path}?verbose`).takeText(), `[+]ping ok\n${path.slice(1)} check passed\n`)
  }
})

t.test('refuses other methods, forms that it does not have, and paths of nobody', async (t) => {
  for (const path of ['/api', '/apis', '/api/v1', '/version', '/openapi/v2', '/openapi/v3', '/healthz']) {
    const refused = shell.request('POST', path, { body: '{}' })
    t.equal(refused.status, 405, path)
    t.match(refused.takeJson(), { kind: 'Status', reason: 'MethodNotAllowed', code: 405 })
    t.equal(shell.request('HEAD', path).status, 200)
  }
  for (const path of ['/api', '/apis', '/api/v1', '/version']) {
    t.equal(get(path, 'application/vnd.kubernetes.protobuf').status, 406, path)
    t.equal(get(path, 'application/json;as=Table;v=v1;g=meta.k8s.io').status, 406)
    t.equal(get(path, 'application/vnd.kubernetes.protobuf,application/json').status, 200)
  }
  for (const path of [
    '/',
    '/ap',
    '/apix',
    '/apis/',
    '/apis/nobody.example',
    '/apis/nobody.example/v1',
    '/api/v2',
    '/openapi',
    '/openapi/v4',
    '/healthzz',
    '/version/x',
  ]) {
    const response = get(path)
    if (path === '/apis/') t.equal(response.status, 200, 'a slash at the end is no segment')
    else {
      t.equal(response.status, 404, path)
      t.equal(response.takeText(), '404 page not found\n')
    }
  }
})

t.test('changes hashes with what is served, and only those', async (t) => {
  const changed = new WorkloadShell(
    buildKubernetes('resources/table.ts', "configMaps.shortNames = ['cm']", "configMaps.verbs = ['get']"),
  )
  const tag = (path: string, from: WorkloadShell) => get(path, KUBECTL, {}, from).headers.etag
  for (const path of ['/api', '/openapi/v3', '/openapi/v3/api/v1']) t.not(tag(path, changed), tag(path, shell), path)
  for (const path of ['/apis', '/openapi/v2', '/openapi/v3/apis/coordination.k8s.io/v1'])
    t.equal(tag(path, changed), tag(path, shell), path)
})
