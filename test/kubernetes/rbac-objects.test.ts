// Roles and bindings as objects: what is refused of them, how they are shown, the ones that are there, and those that gather their rules.
import t from 'tap'
import { KubernetesShell, TABLE } from '../kit/kubernetes.ts'
import { binding, clusterBinding, RBAC, RBAC_PATH, role, userOf } from '../kit/kubernetes-users.ts'

const IN_DEFAULT = `${RBAC_PATH}/namespaces/default`
const ROLES = `${IN_DEFAULT}/roles`
const BINDINGS = `${IN_DEFAULT}/rolebindings`
const WIDE_ROLES = `${RBAC_PATH}/clusterroles`
const WIDE_BINDINGS = `${RBAC_PATH}/clusterrolebindings`
const RULE = { verbs: ['get'], apiGroups: [''], resources: ['secrets'] }
const user = (name: string) => ({ kind: 'User', apiGroup: RBAC, name })
const toView = { apiGroup: RBAC, kind: 'ClusterRole', name: 'view' }

t.test('refuses what a role or binding cannot be, and takes its twin', async (t) => {
  const at = new KubernetesShell()
  const bound = (change: object) => ({ metadata: { name: 'x' }, subjects: [user('u')], roleRef: toView, ...change })
  const gather = (clusterRoleSelectors: object[]) => ({ ...role('x', []), aggregationRule: { clusterRoleSelectors } })
  const rows: [path: string, object: object, message: RegExp][] = [
    [
      ROLES,
      role('x', [{ ...RULE, verbs: [] }]),
      /rules\[0\]\.verbs: Required value: verbs must contain at least one value/,
    ],
    [
      ROLES,
      role('x', [RULE, { ...RULE, apiGroups: [] }]),
      /rules\[1\]\.apiGroups: Required value: resource rules must supply/,
    ],
    [
      ROLES,
      role('x', [{ ...RULE, resources: [] }]),
      /rules\[0\]\.resources: Required value: resource rules must supply/,
    ],
    [
      ROLES,
      role('x', [{ verbs: ['get'], nonResourceURLs: ['/x'] }]),
      /namespaced rules cannot apply to non-resource URLs/,
    ],
    [
      WIDE_ROLES,
      role('x', [{ ...RULE, nonResourceURLs: ['/x'] }]),
      /cannot apply to both regular resources and non-resource URLs/,
    ],
    [WIDE_ROLES, role('x', [{ ...RULE, verbs: ['get', 1] as never }]), /cannot unmarshal number/],
    [WIDE_ROLES, { metadata: { name: 'x' }, rules: RULE }, /cannot unmarshal object/],
    [WIDE_ROLES, gather([]), /aggregationRule\.clusterRoleSelectors: Required value/],
    [WIDE_ROLES, gather([{ matchLabels: { '-': 'x' } }]), /clusterRoleSelectors\[0\]\.matchLabels: Invalid value: "-"/],
    [WIDE_ROLES, gather([{ matchExpressions: [{ key: 'a', operator: 'Is' }] }]), /not a valid selector operator/],
    [
      WIDE_ROLES,
      gather([{ matchExpressions: [{ key: 'a', operator: 'In' }] }]),
      /values: Required value: must be specified when/,
    ],
    [
      WIDE_ROLES,
      gather([{ matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] }]),
      /may not be specified when/,
    ],
    [
      BINDINGS,
      bound({ roleRef: { ...toView, kind: 'Rule' } }),
      /roleRef\.kind: Unsupported value: "Rule": supported values: "ClusterRole", "Role"/,
    ],
    [
      WIDE_BINDINGS,
      bound({ roleRef: { ...toView, kind: 'Role' } }),
      /roleRef\.kind: Unsupported value: "Role": supported values: "ClusterRole"/,
    ],
    [BINDINGS, bound({ roleRef: { ...toView, apiGroup: 'x' } }), /roleRef\.apiGroup: Unsupported value: "x"/],
    [BINDINGS, bound({ roleRef: { ...toView, name: '' } }), /roleRef\.name: Required value/],
    [
      BINDINGS,
      bound({ roleRef: { ...toView, name: 'a/b' } }),
      /roleRef\.name: Invalid value: "a\/b": may not contain '\/'/,
    ],
    [BINDINGS, bound({ roleRef: undefined }), /roleRef\.kind: Unsupported value/],
    [BINDINGS, bound({ subjects: [{ ...user(''), name: '' }] }), /subjects\[0\]\.name: Required value/],
    [
      BINDINGS,
      bound({ subjects: [{ ...user('u'), kind: 'Robot' }] }),
      /subjects\[0\]\.kind: Unsupported value: "Robot"/,
    ],
    [
      BINDINGS,
      bound({ subjects: [user('u'), { ...user('u'), apiGroup: 'x' }] }),
      /subjects\[1\]\.apiGroup: Unsupported value: "x"/,
    ],
    [
      BINDINGS,
      bound({ subjects: [{ kind: 'ServiceAccount', name: 'A', namespace: 'x' }] }),
      /subjects\[0\]\.name: Invalid value: "A"/,
    ],
    [
      BINDINGS,
      bound({ subjects: [{ kind: 'ServiceAccount', name: 'a', apiGroup: RBAC }] }),
      /subjects\[0\]\.apiGroup: Unsupported value/,
    ],
    [
      WIDE_BINDINGS,
      bound({ subjects: [{ kind: 'ServiceAccount', name: 'a' }] }),
      /subjects\[0\]\.namespace: Required value/,
    ],
  ]
  for (const name of ['.', '..', 'a%b', 'x'.repeat(254)])
    rows.push([ROLES, role(name, [RULE]), /metadata\.name: Invalid value/])
  for (const [path, object, message] of rows) {
    const { status, json } = at.ask('POST', path, object)
    t.ok(status === 422 || status === 400, `${status} ${message}`)
    t.match(json.message, message)
  }
  for (const name of ['a', 'System:Role_1', 'x'.repeat(253), 'a b'])
    t.equal(at.ask('POST', ROLES, role(name, [RULE])).status, 201, name)
  t.equal(at.ask('GET', `${ROLES}/System:Role_1`).status, 200)
  t.equal(at.ask('GET', `${ROLES}/a%20b`).status, 200)
  t.equal(at.ask('POST', WIDE_ROLES, role('x', [{ verbs: ['get'], nonResourceURLs: ['/x'] }])).status, 201)
  t.equal(at.ask('POST', WIDE_ROLES, gather([{ matchLabels: { a: 'x' } }])).status, 409, 'that name is taken')
  t.equal(at.ask('POST', BINDINGS, bound({ subjects: undefined })).status, 201, 'nobody')
  t.equal(at.ask('POST', WIDE_BINDINGS, bound({})).status, 201)
})

t.test('fills in groups that go without saying, and keeps the role of a binding', async (t) => {
  const at = new KubernetesShell()
  const subjects = [
    { kind: 'User', name: 'u' },
    { kind: 'ServiceAccount', name: 'a' },
  ]
  const object = { metadata: { name: 'b' }, subjects, roleRef: { kind: 'ClusterRole', name: 'view' } }
  const made = at.demand(201, 'POST', BINDINGS, object)
  t.same([made.subjects, made.roleRef], [[user('u'), subjects[1]], toView])
  const path = `${BINDINGS}/b`
  const other = at.ask('PUT', path, { ...object, roleRef: { kind: 'ClusterRole', name: 'edit' } })
  t.match(other.json, { code: 422, message: /roleRef: Invalid value: .*cannot change roleRef/ })
  t.equal(at.patch(path, 'application/merge-patch+json', { roleRef: { kind: 'Role' } }).status, 422)
  t.equal(at.ask('PUT', path, { ...object, subjects: [] }).status, 200, 'subjects may change')
  t.match(at.ask('POST', ROLES, { metadata: { name: 'r' } }).json, { rules: null })
  const strict = at.ask('POST', `${ROLES}?fieldValidation=Strict`, role('s', [{ ...RULE, verb: 'get' } as never]))
  t.match(strict.json, { code: 400, message: /unknown field "rules\[0\]\.verb"/ })
})

t.test('shows roles and bindings in tables', async (t) => {
  const at = new KubernetesShell()
  at.demand(201, 'POST', BINDINGS, binding('b', 'Role', 'r', ['u', 'v', 'group:g', 'sa:ns/a']))
  const { rows, columnDefinitions } = at.ask('GET', BINDINGS, undefined, { accept: TABLE }).json
  t.same(rows[0].cells, ['b', 'Role/r', '0s', 'u, v', 'g', 'ns/a'])
  t.same(
    columnDefinitions.map((each: { name: string; priority: number }) => [each.name, each.priority]),
    [
      ['Name', 0],
      ['Role', 0],
      ['Age', 0],
      ['Users', 1],
      ['Groups', 1],
      ['ServiceAccounts', 1],
    ],
  )
  at.demand(201, 'POST', ROLES, role('r', [RULE]))
  const [row] = at.ask('GET', ROLES, undefined, { accept: TABLE }).json.rows
  t.match(row.cells, ['r', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/])
})

t.test(
  'has the roles of every cluster from the first moment on, and again at a start where one is missing',
  async (t) => {
    const at = new KubernetesShell()
    const names = (path: string) =>
      at.demand(200, 'GET', path).items.map((each: { metadata: { name: string } }) => each.metadata.name)
    const all = names(WIDE_ROLES)
    for (const name of [
      'cluster-admin',
      'admin',
      'edit',
      'view',
      'system:basic-user',
      'system:discovery',
      'system:public-info-viewer',
    ])
      t.ok(all.includes(name), name)
    t.ok(names(WIDE_BINDINGS).includes('cluster-admin'))
    const before = at.demand(200, 'GET', `${WIDE_ROLES}/admin`)
    at.tick(3)
    t.same(at.demand(200, 'GET', `${WIDE_ROLES}/admin`), before, 'it had all its rules at once')
    at.demand(200, 'DELETE', `${WIDE_ROLES}/view`)
    const again = new KubernetesShell()
    again.shell.records = at.shell.records
    again.shell.version = at.shell.version
    t.equal(again.ask('GET', `${WIDE_ROLES}/view`).status, 200)
    t.same(
      again.demand(200, 'GET', `${WIDE_ROLES}/edit`).metadata.uid,
      at.demand(200, 'GET', `${WIDE_ROLES}/edit`).metadata.uid,
    )
  },
)

t.test('gathers rules of all ClusterRoles that match, and lets them go', async (t) => {
  const at = new KubernetesShell()
  const eve = userOf(0xee)
  const rule = (resource: string) => ({ verbs: ['get'], apiGroups: ['example.com'], resources: [resource] })
  const rules = (name: string) => at.demand(200, 'GET', `${WIDE_ROLES}/${name}`).rules
  const selectors = [
    { matchLabels: { team: 'a' } },
    {
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['x', 'y'] },
        { key: 'off', operator: 'DoesNotExist' },
      ],
    },
  ]
  at.demand(201, 'POST', WIDE_ROLES, { ...role('all', []), aggregationRule: { clusterRoleSelectors: selectors } })
  at.demand(201, 'POST', WIDE_BINDINGS, clusterBinding('all', 'all', [eve.name]))
  const add = (name: string, labels: object) => at.demand(201, 'POST', WIDE_ROLES, role(name, [rule(name)], { labels }))
  add('two', { team: 'a' })
  add('one', { team: 'a', tier: 'x' })
  add('three', { tier: 'y' })
  add('no', { tier: 'y', off: '1' })
  add('nor', { team: 'b' })
  at.tick()
  t.same(rules('all'), [rule('one'), rule('two'), rule('three')], 'selector by selector, by name, each once')
  at.demand(200, 'DELETE', `${WIDE_ROLES}/two`)
  at.patch(`${WIDE_ROLES}/three`, 'application/merge-patch+json', { metadata: { labels: { off: '1' } } })
  at.tick()
  t.same(rules('all'), [rule('one')])
  at.demand(200, 'PUT', `${WIDE_ROLES}/all`, {
    ...role('all', [rule('mine')]),
    aggregationRule: { clusterRoleSelectors: selectors },
  })
  at.tick()
  t.same(rules('all'), [rule('one')], 'what is written into it does not stay')
  const before = at.storedVersions
  at.tick(5)
  t.same(at.storedVersions, before, 'nothing more is written')
  at.demand(
    201,
    'POST',
    WIDE_ROLES,
    role('paths', [{ verbs: ['get'], nonResourceURLs: ['/metrics'] }], { labels: { team: 'a' } }),
  )
  t.equal(at.ask('GET', '/metrics', undefined, eve).status, 403, 'not yet')
  at.tick()
  t.equal(at.ask('GET', '/metrics', undefined, eve).status, 200)
})

t.test('gathers rules of roles that gather theirs', async (t) => {
  const at = new KubernetesShell()
  const label = { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' }
  const things = { verbs: ['get', 'list'], apiGroups: ['example.com'], resources: ['things'] }
  at.demand(201, 'POST', WIDE_ROLES, role('things', [things], { labels: label }))
  at.tick(4)
  for (const name of ['view', 'edit', 'admin'])
    t.ok(
      at
        .demand(200, 'GET', `${WIDE_ROLES}/${name}`)
        .rules.some((each: object) => JSON.stringify(each) === JSON.stringify(things)),
      name,
    )
})
