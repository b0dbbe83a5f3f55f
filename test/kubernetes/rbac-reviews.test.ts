// Questions about who may what, and speaking for others.
import t from 'tap'
import { DEFAULT, KubernetesShell, TABLE } from '../kit/kubernetes.ts'
import { binding, clusterBinding, type PolicyRule, RBAC_PATH, role, userOf } from '../kit/kubernetes-users.ts'
import { encodeObject, fieldListPresent } from '../kit/protobuf-encoder.ts'

const BOB = userOf(0xb0)
const IN_DEFAULT = `${RBAC_PATH}/namespaces/default`
const AUTHORIZATION = '/apis/authorization.k8s.io/v1'
const AUTHENTICATION = '/apis/authentication.k8s.io/v1'
const SELF = `${AUTHORIZATION}/selfsubjectaccessreviews`
const ANY = `${AUTHORIZATION}/subjectaccessreviews`
const LOCAL = `${AUTHORIZATION}/namespaces/default/localsubjectaccessreviews`
const RULES = `${AUTHORIZATION}/selfsubjectrulesreviews`
const WHOAMI = `${AUTHENTICATION}/selfsubjectreviews`

/** Bob may read ConfigMaps in `default`. */
function cluster(): KubernetesShell {
  const at = new KubernetesShell()
  at.demand(
    201,
    'POST',
    `${IN_DEFAULT}/roles`,
    role('r', [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }]),
  )
  at.demand(201, 'POST', `${IN_DEFAULT}/rolebindings`, binding('b', 'Role', 'r', [BOB.name]))
  return at
}

const GET = { namespace: 'default', verb: 'get', resource: 'configmaps' }

t.test('answers what somebody may, and why', async (t) => {
  const at = cluster()
  const before = at.storedVersions
  const self = (spec: object, options: object = BOB) => at.demand(201, 'POST', SELF, { spec }, options).status
  t.same(self({ resourceAttributes: GET }), {
    allowed: true,
    reason: `RBAC: allowed by RoleBinding "b/default" of Role "r" to User "${BOB.name}"`,
  })
  for (const [what, change] of Object.entries({
    verb: { verb: 'list' },
    star: { verb: '*' },
    resource: { resource: 'secrets' },
    subresource: { subresource: 'status' },
    group: { group: 'apps' },
    namespace: { namespace: 'kube-system' },
    'all namespaces': { namespace: '' },
  }))
    t.same(self({ resourceAttributes: { ...GET, ...change } }), { allowed: false }, what)
  t.equal(self({ nonResourceAttributes: { path: '/version', verb: 'get' } }).allowed, true)
  t.equal(self({ nonResourceAttributes: { path: '/metrics', verb: 'get' } }).allowed, false)
  t.same(self({ resourceAttributes: { ...GET, resource: 'anything', verb: '*' } }, {}), { allowed: true }, 'the owner')
  const any = (path: string, spec: object, options: object = {}) => at.ask('POST', path, { spec }, options)
  const about = { resourceAttributes: GET, user: BOB.name }
  t.equal(any(ANY, about).json.status.allowed, true)
  t.equal(any(LOCAL, about).json.status.allowed, true)
  t.equal(any(ANY, { ...about, user: 'eve' }).json.status.allowed, false)
  t.equal(any(ANY, { ...about, user: 'eve', groups: ['system:masters'] }).json.status.allowed, true)
  t.equal(any(ANY, { resourceAttributes: GET, groups: ['system:masters'] }).json.status.allowed, true)
  t.equal(any(ANY, about, BOB).status, 403, 'Bob asks of himself alone')
  t.equal(any(LOCAL, about, BOB).status, 403)
  t.same(at.storedVersions, before, 'nothing is stored')
})

t.test('lists what somebody may', async (t) => {
  const at = cluster()
  const { status } = at.demand(201, 'POST', RULES, { spec: { namespace: 'default' } }, BOB)
  t.equal(status.incomplete, false)
  t.ok(
    status.resourceRules.some(
      (each: PolicyRule) => JSON.stringify(each) === '{"verbs":["get"],"apiGroups":[""],"resources":["configmaps"]}',
    ),
  )
  t.ok(status.nonResourceRules.some(({ nonResourceURLs }: PolicyRule) => nonResourceURLs?.includes('/apis')))
  const elsewhere = at.demand(201, 'POST', RULES, { spec: { namespace: 'kube-system' } }, BOB).status.resourceRules
  t.notOk(elsewhere.some(({ resources }: PolicyRule) => resources?.includes('configmaps')))
  const owners = at.demand(201, 'POST', RULES, { spec: { namespace: 'default' } }).status
  t.same(owners.resourceRules[0], { verbs: ['*'], apiGroups: ['*'], resources: ['*'] })
  t.equal(at.ask('POST', RULES, { spec: {} }).status, 400)
})

t.test('rejects questions that are none, and accepts their twins', async (t) => {
  const at = cluster()
  const path = { path: '/x', verb: 'get' }
  const rows: [path: string, body: object, code: number, message: RegExp][] = [
    [SELF, { spec: {} }, 422, /exactly one of nonResourceAttributes or resourceAttributes/],
    [
      SELF,
      { spec: { resourceAttributes: GET, nonResourceAttributes: path } },
      422,
      /cannot be specified in combination/,
    ],
    [SELF, { metadata: { name: 'x' }, spec: { resourceAttributes: GET } }, 422, /must be empty/],
    [SELF, { spec: { resourceAttributes: 'x' } }, 400, /cannot unmarshal string/],
    [SELF, { kind: 'Role', spec: { resourceAttributes: GET } }, 400, /Role/],
    [ANY, { spec: { resourceAttributes: GET } }, 422, /at least one of user or group/],
    [LOCAL, { spec: { nonResourceAttributes: path, user: 'x' } }, 422, /disallowed on this kind/],
    [LOCAL, { spec: { resourceAttributes: { ...GET, namespace: 'other' }, user: 'x' } }, 422, /must match/],
  ]
  for (const [to, body, code, message] of rows) t.match(at.ask('POST', to, body).json, { code, message }, to)
  t.equal(at.ask('POST', SELF, { spec: { resourceAttributes: GET } }).status, 201)
  t.equal(at.ask('POST', ANY, { spec: { resourceAttributes: GET, user: 'x' } }).status, 201)
  t.equal(at.ask('POST', LOCAL, { spec: { resourceAttributes: GET, user: 'x' } }).status, 201)
  for (const to of [SELF, WHOAMI])
    t.equal(
      at.ask('POST', to, { spec: { resourceAttributes: GET } }, { accept: TABLE.split(',')[0] as string }).status,
      406,
    )
  for (const method of ['GET', 'DELETE', 'PUT', 'PATCH']) t.equal(at.ask(method, SELF).status, 405, method)
  t.equal(at.ask('GET', `${SELF}/x`).status, 405)
})

t.test('takes questions and roles in protobuf, as clients send them', { skip: !fieldListPresent }, async (t) => {
  const at = cluster()
  const post = (path: string, object: Record<string, unknown>, options: object = {}) =>
    at.ask('POST', path, encodeObject(object), { type: 'application/vnd.kubernetes.protobuf', ...options })
  const api = (kind: string, group: string, rest: object) => ({ kind, apiVersion: `${group}.k8s.io/v1`, ...rest })
  const can = api('SelfSubjectAccessReview', 'authorization', { spec: { resourceAttributes: GET } })
  t.equal(post(SELF, can, BOB).json.status.allowed, true)
  t.equal(post(RULES, api('SelfSubjectRulesReview', 'authorization', { spec: { namespace: 'default' } })).status, 201)
  t.equal(post(WHOAMI, api('SelfSubjectReview', 'authentication', {}), BOB).json.status.userInfo.username, BOB.name)
  const rules = [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }]
  const made = post(`${IN_DEFAULT}/roles`, api('Role', 'rbac.authorization', { metadata: { name: 'p' }, rules }))
  t.same([made.status, made.json.rules], [201, rules])
  const bound = {
    metadata: { name: 'p' },
    subjects: [{ kind: 'User', name: 'x' }],
    roleRef: { kind: 'Role', name: 'p' },
  }
  const { json } = post(`${IN_DEFAULT}/rolebindings`, api('RoleBinding', 'rbac.authorization', bound))
  t.same(json.subjects, [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'x' }])
})

t.test('says who asks', async (t) => {
  const at = cluster()
  const who = (options: object) => at.demand(201, 'POST', WHOAMI, {}, options).status.userInfo
  t.same(who(BOB), { username: BOB.name, groups: ['system:authenticated'] })
  const key = new Uint8Array(32).fill(7)
  t.same(who({ role: 1, key }), {
    username: `ed25519:${'07'.repeat(32)}`,
    groups: ['system:masters', 'system:authenticated'],
  })
  const headers = {
    'impersonate-user': 'system:serviceaccount:default:x',
    'impersonate-uid': 'u-1',
    'impersonate-extra-example.com%2fScopes': 'a "b"',
  }
  t.same(who({ headers }), {
    username: 'system:serviceaccount:default:x',
    uid: 'u-1',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
    extra: { 'example.com/scopes': ['a "b"'] },
  })
  t.same(who({ headers: { 'impersonate-user': 'x', 'impersonate-group': 'g' } }).groups, ['g', 'system:authenticated'])
  const anonymous = { 'impersonate-user': 'system:anonymous' }
  t.equal(at.ask('POST', WHOAMI, {}, { headers: anonymous }).status, 403, 'who is nobody is not authenticated')
  const groups = who({ headers: { ...anonymous, 'impersonate-group': 'system:masters' } }).groups
  t.same(groups, ['system:masters', 'system:unauthenticated'])
})

t.test('lets somebody speak for those whom a rule names, and for nobody else', async (t) => {
  const at = cluster()
  const may = (rules: PolicyRule[]) => {
    at.ask('DELETE', `${RBAC_PATH}/clusterroles/speak`)
    at.demand(201, 'POST', `${RBAC_PATH}/clusterroles`, role('speak', rules))
  }
  const speak = (resource: string, names?: string[], group = ''): PolicyRule => ({
    apiGroups: [group],
    resources: [resource],
    verbs: ['impersonate'],
    ...(names && { resourceNames: names }),
  })
  at.demand(201, 'POST', `${RBAC_PATH}/clusterrolebindings`, clusterBinding('speak', 'speak', ['eve', BOB.name]))
  const as = (headers: Record<string, string>) => at.ask('POST', WHOAMI, {}, { ...BOB, headers })
  const refused = (text: string) => ({ code: 403, reason: 'Forbidden', message: text })
  may([])
  const cannot = `User "${BOB.name}" cannot impersonate resource`
  t.match(
    as({ 'impersonate-user': 'admin' }).json,
    refused(`users "admin" is forbidden: ${cannot} "users" in API group "" at the cluster scope`),
  )
  may([speak('users', ['alice'])])
  t.equal(as({ 'impersonate-user': 'alice' }).json.status.userInfo.username, 'alice')
  t.equal(as({ 'impersonate-user': 'admin' }).status, 403)
  t.equal(as({ 'impersonate-user': '' }).status, 400)
  t.match(
    as({ 'impersonate-user': 'alice', 'impersonate-group': 'system:masters' }).json,
    refused(`groups "system:masters" is forbidden: ${cannot} "groups" in API group "" at the cluster scope`),
  )
  t.match(
    as({ 'impersonate-user': 'alice', 'impersonate-uid': 'u' }).json,
    refused(
      `uids.authentication.k8s.io "u" is forbidden: ${cannot} "uids" in API group "authentication.k8s.io" at the cluster scope`,
    ),
  )
  t.match(
    as({ 'impersonate-user': 'alice', 'impersonate-extra-k': 'v' }).json,
    refused(
      `userextras.authentication.k8s.io "v" is forbidden: ${cannot} "userextras/k" in API group "authentication.k8s.io" at the cluster scope`,
    ),
  )
  const account = { 'impersonate-user': 'system:serviceaccount:default:x' }
  t.match(
    as(account).json,
    refused(`serviceaccounts "x" is forbidden: ${cannot} "serviceaccounts" in API group "" in the namespace "default"`),
  )
  may([
    speak('users'),
    speak('groups', ['dev']),
    speak('uids', undefined, 'authentication.k8s.io'),
    speak('userextras/k', ['v'], 'authentication.k8s.io'),
  ])
  t.equal(
    as({ 'impersonate-user': 'x', 'impersonate-group': 'dev', 'impersonate-uid': 'u', 'impersonate-extra-k': 'v' })
      .status,
    201,
  )
  t.equal(as({ 'impersonate-user': 'x', 'impersonate-group': 'ops' }).status, 403)
  t.equal(as({ 'impersonate-user': 'x', 'impersonate-extra-k': 'w' }).status, 403)
  t.equal(as({ 'impersonate-user': 'x', 'impersonate-extra-l': 'v' }).status, 403)
  t.equal(as(account).status, 403, 'users are no ServiceAccounts')
  t.equal(as({ 'impersonate-user': 'system:serviceaccount:default:x:y' }).status, 201, 'which that is not')
  may([speak('serviceaccounts', ['x'])])
  t.equal(as(account).json.status.userInfo.username, 'system:serviceaccount:default:x')
  may([speak('groups', ['dev'])])
  for (const name of ['impersonate-group', 'impersonate-uid', 'impersonate-extra-k', 'impersonate-other'])
    t.match(as({ [name]: 'dev' }).json, { code: 400, message: /without impersonating a user/ }, name)
  // Who is spoken for does not speak in turn, and is judged by their own rules
  const eve = { headers: { 'impersonate-user': 'eve', 'impersonate-group': 'dev' } }
  t.equal(at.ask('GET', '/metrics', undefined, eve).status, 403)
  t.equal(at.ask('GET', `${DEFAULT}/secrets`, undefined, { headers: { 'impersonate-user': BOB.name } }).status, 403)
  t.equal(
    at.ask('GET', `${DEFAULT}/configmaps/kube-root-ca.crt`, undefined, { headers: { 'impersonate-user': BOB.name } })
      .status,
    200,
  )
})
