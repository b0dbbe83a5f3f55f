// Nobody grants what they do not hold: attacks of a namespace's admin, and of users with a few rights, on their own limits.
import t from 'tap'
import { KubernetesShell } from '../kit/kubernetes.ts'
import { binding, clusterBinding, type PolicyRule, RBAC, RBAC_PATH, role, userOf } from '../kit/kubernetes-users.ts'

const EVE = userOf(0xee)
const IN_DEFAULT = `${RBAC_PATH}/namespaces/default`
const rbac = (verbs: string[], resources: string[], resourceNames?: string[]): PolicyRule => ({
  apiGroups: [RBAC],
  resources,
  verbs,
  ...(resourceNames && { resourceNames }),
})
const WRITE = ['create', 'update', 'patch', 'delete', 'get', 'list']
const WRITE_ROLES = rbac(WRITE, ['roles', 'clusterroles', 'rolebindings', 'clusterrolebindings'])
const READ_MAPS: PolicyRule = { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] }

/** Eve may write all roles and bindings, and what these rules say. */
function withRules(...rules: PolicyRule[]): KubernetesShell {
  const at = new KubernetesShell()
  at.demand(201, 'POST', `${RBAC_PATH}/clusterroles`, role('eve', [WRITE_ROLES, ...rules]))
  at.demand(201, 'POST', `${RBAC_PATH}/clusterrolebindings`, clusterBinding('eve', 'eve', [EVE.name]))
  return at
}

const ask = (at: KubernetesShell, method: string, path: string, body: unknown, type = 'application/merge-patch+json') =>
  at.ask(method, path, body, { ...EVE, ...(method === 'PATCH' && { type }) })

t.test('lets roles be written with rules that the writer has, and with no others', async (t) => {
  const rows: [held: PolicyRule, wanted: PolicyRule, may: boolean][] = [
    [READ_MAPS, READ_MAPS, true],
    [READ_MAPS, { ...READ_MAPS, verbs: ['get'] }, true],
    [READ_MAPS, { ...READ_MAPS, verbs: ['get', 'delete'] }, false],
    [READ_MAPS, { ...READ_MAPS, verbs: ['*'] }, false],
    [READ_MAPS, { ...READ_MAPS, resources: ['secrets'] }, false],
    [READ_MAPS, { ...READ_MAPS, resources: ['*'] }, false],
    [READ_MAPS, { ...READ_MAPS, resources: ['configmaps/status'] }, false],
    [READ_MAPS, { ...READ_MAPS, apiGroups: ['*'] }, false],
    [READ_MAPS, { ...READ_MAPS, apiGroups: ['', 'apps'] }, false],
    [READ_MAPS, { ...READ_MAPS, resourceNames: ['a'] }, true],
    [{ ...READ_MAPS, resourceNames: ['a', 'b'] }, { ...READ_MAPS, resourceNames: ['b'] }, true],
    [{ ...READ_MAPS, resourceNames: ['a'] }, { ...READ_MAPS, resourceNames: ['a', 'b'] }, false],
    [{ ...READ_MAPS, resourceNames: ['a'] }, READ_MAPS, false],
    [{ ...READ_MAPS, verbs: ['*'] }, { ...READ_MAPS, verbs: ['*'] }, true],
    [{ ...READ_MAPS, resources: ['*'] }, { ...READ_MAPS, resources: ['secrets', 'configmaps/x'] }, true],
    [{ ...READ_MAPS, resources: ['*/status'] }, { ...READ_MAPS, resources: ['configmaps/status'] }, true],
    [{ ...READ_MAPS, resources: ['*/status'] }, { ...READ_MAPS, resources: ['configmaps'] }, false],
    [{ ...READ_MAPS, apiGroups: ['*'] }, { ...READ_MAPS, apiGroups: ['', 'apps'] }, true],
    [{ nonResourceURLs: ['/a/*'], verbs: ['get'] }, { nonResourceURLs: ['/a/b', '/a/*'], verbs: ['get'] }, true],
    [{ nonResourceURLs: ['/a/*'], verbs: ['get'] }, { nonResourceURLs: ['/a*'], verbs: ['get'] }, false],
    [{ nonResourceURLs: ['/a/*'], verbs: ['get'] }, { nonResourceURLs: ['/a/b'], verbs: ['post'] }, false],
    [{ nonResourceURLs: ['/a/*'], verbs: ['get'] }, { nonResourceURLs: ['*'], verbs: ['get'] }, false],
  ]
  for (const [held, wanted, may] of rows) {
    const at = withRules(held)
    const before = at.storedVersions
    const { status, json } = ask(at, 'POST', `${RBAC_PATH}/clusterroles`, role('new', [wanted]))
    t.equal(status, may ? 201 : 403, `${JSON.stringify(held)} -> ${JSON.stringify(wanted)}: ${json.message ?? ''}`)
    if (may) continue
    t.same(at.storedVersions, before, 'nothing is written')
    t.match(
      json.message,
      /^clusterroles\.rbac.* "new" is forbidden: user "ed25519:\w+" \(groups=\["system:authenticated"\]\) is attempting to grant RBAC permissions not currently held:\n\{/,
    )
  }
})

t.test('puts together what several rules give, and names what is missing', async (t) => {
  const list = { ...READ_MAPS, verbs: ['list'] }
  const at = withRules({ ...READ_MAPS, verbs: ['get'] }, list, { ...list, resources: ['secrets'] })
  const both: PolicyRule = { ...READ_MAPS, resources: ['configmaps', 'secrets'] }
  const { json } = ask(at, 'POST', `${IN_DEFAULT}/roles`, role('r', [both]))
  t.match(json.message, /not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}$/)
  t.equal(ask(at, 'POST', `${IN_DEFAULT}/roles`, role('r', [READ_MAPS])).status, 201, 'get and list by two rules')
})

t.test('is asked by every way to write: PUT, patches and apply', async (t) => {
  const at = withRules(READ_MAPS)
  const more = role('r', [{ ...READ_MAPS, resources: ['secrets'] }])
  const path = `${IN_DEFAULT}/roles/r`
  at.demand(201, 'POST', `${IN_DEFAULT}/roles`, role('r', [READ_MAPS]))
  const whole = { ...more, kind: 'Role', apiVersion: `${RBAC}/v1` }
  const ways: [method: string, path: string, body: unknown, type?: string][] = [
    ['PUT', path, more],
    ['PATCH', path, more],
    ['PATCH', path, more, 'application/strategic-merge-patch+json'],
    ['PATCH', path, [{ op: 'replace', path: '/rules/0/resources/0', value: 'secrets' }], 'application/json-patch+json'],
    ['PATCH', `${path}?fieldManager=m&force=true`, whole, 'application/apply-patch+yaml'],
    [
      'PATCH',
      `${IN_DEFAULT}/roles/n?fieldManager=m`,
      { ...whole, metadata: { name: 'n' } },
      'application/apply-patch+yaml',
    ],
    ['POST', `${IN_DEFAULT}/roles?dryRun=All`, role('x', [{ ...READ_MAPS, resources: ['secrets'] }])],
  ]
  for (const [method, at_, body, type] of ways) {
    const { status, json } = ask(at, method, at_, body, type)
    t.equal(status, 403, `${method} ${type}`)
    t.match(json.message, /not currently held/, `${method} ${type}`)
  }
  const labels = { metadata: { name: 'r', labels: { a: 'b' } } }
  t.equal(ask(at, 'PATCH', path, labels).status, 200, 'its rules are held')
  at.demand(200, 'PUT', path, more)
  t.equal(ask(at, 'PATCH', path, { metadata: { labels: { a: 'c' } } }).status, 403, 'they are no longer')
  t.equal(ask(at, 'PATCH', path, { metadata: { finalizers: ['a/b'] } }).status, 200, 'what a collector may')
  t.equal(ask(at, 'DELETE', path, undefined).status, 200, 'to take away is not to grant')
})

t.test('needs `create` beside `patch` where apply makes something', async (t) => {
  const at = new KubernetesShell()
  const patch: PolicyRule = { apiGroups: [''], resources: ['configmaps'], verbs: ['patch'] }
  at.demand(201, 'POST', `${IN_DEFAULT}/roles`, role('r', [patch]))
  at.demand(201, 'POST', `${IN_DEFAULT}/rolebindings`, binding('b', 'Role', 'r', [EVE.name]))
  const path = '/api/v1/namespaces/default/configmaps/new?fieldManager=m'
  const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'new' } }
  const apply = () => ask(at, 'PATCH', path, object, 'application/apply-patch+yaml')
  t.match(apply().json, { code: 403, message: /cannot create resource "configmaps"/ })
  at.demand(200, 'PUT', `${IN_DEFAULT}/roles/r`, role('r', [{ ...patch, verbs: ['patch', 'create'] }]))
  t.equal(apply().status, 201)
  at.demand(200, 'PUT', `${IN_DEFAULT}/roles/r`, role('r', [patch]))
  t.equal(apply().status, 200, 'what is there')
})

t.test('lets roles be bound whose rules the binder has, or that they may bind, and no others', async (t) => {
  const at = withRules(READ_MAPS)
  at.demand(201, 'POST', `${RBAC_PATH}/clusterroles`, role('reads', [READ_MAPS]))
  at.demand(201, 'POST', `${IN_DEFAULT}/roles`, role('reads', [READ_MAPS]))
  at.demand(201, 'POST', `${IN_DEFAULT}/roles`, role('all', [{ ...READ_MAPS, verbs: ['*'] }]))
  const bind = (path: string, body: object) => ask(at, 'POST', path, body)
  t.equal(bind(`${IN_DEFAULT}/rolebindings`, binding('a', 'ClusterRole', 'reads', ['x'])).status, 201)
  t.equal(bind(`${IN_DEFAULT}/rolebindings`, binding('b', 'Role', 'reads', ['x'])).status, 201)
  t.equal(bind(`${RBAC_PATH}/clusterrolebindings`, clusterBinding('c', 'reads', ['x'])).status, 201)
  for (const body of [
    binding('d', 'Role', 'all', [EVE.name]),
    binding('d', 'ClusterRole', 'cluster-admin', [EVE.name]),
  ])
    t.match(bind(`${IN_DEFAULT}/rolebindings`, body).json, { code: 403, message: /not currently held/ })
  const wide = clusterBinding('d', 'cluster-admin', [EVE.name])
  t.match(bind(`${RBAC_PATH}/clusterrolebindings`, wide).json, { code: 403 })
  t.match(bind(`${IN_DEFAULT}/rolebindings`, binding('d', 'Role', 'nobody', ['x'])).json, {
    code: 404,
    message: 'roles.rbac.authorization.k8s.io "nobody" not found',
  })
  // Subjects alone are as good a way to take a role
  at.demand(201, 'POST', `${IN_DEFAULT}/rolebindings`, binding('owners', 'ClusterRole', 'admin', ['x']))
  const take = { subjects: [{ kind: 'User', apiGroup: RBAC, name: EVE.name }] }
  t.equal(ask(at, 'PATCH', `${IN_DEFAULT}/rolebindings/owners`, take).status, 403)
  const may = rbac(['bind'], ['clusterroles'], ['admin'])
  at.demand(200, 'PUT', `${RBAC_PATH}/clusterroles/eve`, role('eve', [WRITE_ROLES, READ_MAPS, may]))
  t.equal(ask(at, 'PATCH', `${IN_DEFAULT}/rolebindings/owners`, take).status, 200, 'who may bind it')
  t.match(bind(`${RBAC_PATH}/clusterrolebindings`, wide).json, { code: 403 }, 'it and no other')
})

t.test('holds at the cluster scope only what was granted there', async (t) => {
  const at = withRules()
  at.demand(201, 'POST', `${IN_DEFAULT}/roles`, role('local', [READ_MAPS]))
  at.demand(201, 'POST', `${IN_DEFAULT}/rolebindings`, binding('local', 'Role', 'local', [EVE.name]))
  t.equal(ask(at, 'POST', `${IN_DEFAULT}/roles`, role('r', [READ_MAPS])).status, 201)
  t.equal(ask(at, 'POST', `${RBAC_PATH}/clusterroles`, role('r', [READ_MAPS])).status, 403)
  t.equal(ask(at, 'POST', `${RBAC_PATH}/namespaces/kube-public/roles`, role('r', [READ_MAPS])).status, 403)
})

t.test('lets those escalate who may, and aggregate who may do all', async (t) => {
  const all: PolicyRule[] = [
    { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
    { nonResourceURLs: ['*'], verbs: ['*'] },
  ]
  const gather = {
    ...role('g', []),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] },
  }
  const escalate = withRules(rbac(['escalate'], ['clusterroles']))
  t.equal(ask(escalate, 'POST', `${RBAC_PATH}/clusterroles`, role('r', all)).status, 201)
  t.equal(ask(escalate, 'POST', `${IN_DEFAULT}/roles`, role('r', [READ_MAPS])).status, 403, 'of ClusterRoles alone')
  t.match(ask(escalate, 'POST', `${RBAC_PATH}/clusterroles`, gather).json, {
    code: 403,
    message: /must have cluster-admin privileges to use the aggregationRule/,
  })
  t.equal(ask(withRules(...all), 'POST', `${RBAC_PATH}/clusterroles`, gather).status, 201)
  t.equal(ask(withRules(all[0] as PolicyRule), 'POST', `${RBAC_PATH}/clusterroles`, gather).status, 403, 'paths too')
})

t.test('gives up on roles whose comparison would never end', async (t) => {
  const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`)
  const at = withRules({ apiGroups: names('g', 90), resources: names('r', 90), verbs: names('v', 90) })
  const wanted = { apiGroups: [...names('g', 90), 'x'], resources: names('r', 90), verbs: names('v', 90) }
  const started = performance.now()
  t.match(ask(at, 'POST', `${RBAC_PATH}/clusterroles`, role('r', [wanted])).json, {
    code: 403,
    message: /too many to be compared/,
  })
  t.comment(`${Math.round(performance.now() - started)} ms`)
  const same = { ...wanted, apiGroups: names('g', 90) }
  t.equal(ask(at, 'POST', `${RBAC_PATH}/clusterroles`, role('r', [same])).status, 201)
})
