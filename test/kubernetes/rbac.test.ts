// Who may what: five users of different roles, call by call, as the roles that every cluster has say it.
import t from 'tap'
import { configMap, KubernetesShell, type Reply } from '../kit/kubernetes.ts'
import { binding, clusterBinding, RBAC_PATH, role, type User, userOf } from '../kit/kubernetes-users.ts'

const OWNER: User = { role: 1, key: new Uint8Array(32).fill(1), name: 'owner' }
const ADMIN = userOf(0xa1)
const EDIT = userOf(0xed)
const VIEW = userOf(0x51)
const NONE = userOf(0x00)
const USERS = { owner: OWNER, admin: ADMIN, edit: EDIT, view: VIEW, none: NONE }
type Name = keyof typeof USERS

const HOME = '/api/v1/namespaces/home'
const AWAY = '/api/v1/namespaces/away'
const HOME_ROLES = `${RBAC_PATH}/namespaces/home`

/** A namespace `home` in which admin, edit and view are bound, and one, `away`, in which nobody is. */
function cluster(): KubernetesShell {
  const at = new KubernetesShell()
  for (const name of ['home', 'away']) at.demand(201, 'POST', '/api/v1/namespaces', { metadata: { name } })
  for (const name of ['admin', 'edit', 'view'] as const)
    at.demand(201, 'POST', `${HOME_ROLES}/rolebindings`, binding(name, 'ClusterRole', name, [USERS[name].name]))
  for (const base of [HOME, AWAY]) {
    at.demand(201, 'POST', `${base}/configmaps`, configMap('c'))
    at.demand(201, 'POST', `${base}/secrets`, { metadata: { name: 's' }, stringData: { k: 'v' } })
  }
  return at
}

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/home/leases'
const object = (name: string) => ({ metadata: { name } })
const merge = { metadata: { labels: { a: 'b' } } }
const emptyRole = role('r', [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }])
const OWNERS: Name[] = ['owner']
const ADMINS: Name[] = [...OWNERS, 'admin']
const EDITORS: Name[] = [...ADMINS, 'edit']
const READERS: Name[] = [...EDITORS, 'view']
const ALL: Name[] = [...READERS, 'none']

const ROWS: [method: string, path: string, body: unknown, may: Name[]][] = [
  ['GET', `${HOME}/configmaps/c`, undefined, READERS],
  ['GET', `${HOME}/configmaps`, undefined, READERS],
  ['GET', `${HOME}/configmaps?watch=true&timeoutSeconds=1`, undefined, READERS],
  ['POST', `${HOME}/configmaps`, object('new'), EDITORS],
  ['PUT', `${HOME}/configmaps/c`, configMap('c', { x: 'y' }), EDITORS],
  ['PATCH', `${HOME}/configmaps/c`, merge, EDITORS],
  ['DELETE', `${HOME}/configmaps/c`, undefined, EDITORS],
  ['DELETE', `${HOME}/configmaps`, undefined, EDITORS],
  ['GET', `${HOME}/secrets/s`, undefined, EDITORS],
  ['GET', `${HOME}/secrets`, undefined, EDITORS],
  ['POST', `${HOME}/secrets`, object('new'), EDITORS],
  ['GET', `${HOME}/serviceaccounts/default`, undefined, READERS],
  ['POST', `${HOME}/serviceaccounts/default/token`, {}, EDITORS],
  ['GET', LEASES, undefined, EDITORS],
  ['POST', LEASES, object('l'), EDITORS],
  ['GET', HOME, undefined, READERS],
  ['GET', `${HOME}/status`, undefined, READERS],
  ['DELETE', HOME, undefined, OWNERS],
  ['GET', '/api/v1/namespaces', undefined, OWNERS],
  ['POST', '/api/v1/namespaces', object('third'), OWNERS],
  ['GET', '/api/v1/configmaps', undefined, OWNERS],
  ['GET', `${AWAY}/configmaps/c`, undefined, OWNERS],
  ['GET', `${AWAY}/secrets`, undefined, OWNERS],
  ['PATCH', `${AWAY}/configmaps/c`, merge, OWNERS],
  ['GET', AWAY, undefined, OWNERS],
  ['GET', `${HOME_ROLES}/rolebindings`, undefined, ADMINS],
  ['GET', `${HOME_ROLES}/rolebindings/view`, undefined, ADMINS],
  ['POST', `${HOME_ROLES}/roles`, emptyRole, ADMINS],
  ['POST', `${HOME_ROLES}/rolebindings`, binding('more', 'ClusterRole', 'view', ['x']), ADMINS],
  ['POST', `${HOME_ROLES}/rolebindings`, binding('more', 'ClusterRole', 'cluster-admin', ['x']), OWNERS],
  ['DELETE', `${HOME_ROLES}/rolebindings/view`, undefined, ADMINS],
  ['GET', `${RBAC_PATH}/clusterroles`, undefined, OWNERS],
  ['POST', `${RBAC_PATH}/clusterroles`, emptyRole, OWNERS],
  ['POST', `${RBAC_PATH}/clusterrolebindings`, clusterBinding('x', 'view', ['x']), OWNERS],
  ['GET', '/metrics', undefined, OWNERS],
  ['GET', '/logs', undefined, OWNERS],
  ['GET', '/version', undefined, ALL],
  ['GET', '/readyz', undefined, ALL],
  ['GET', '/apis', undefined, ALL],
  ['GET', '/openapi/v3', undefined, ALL],
]

function ask(at: KubernetesShell, method: string, path: string, body: unknown, user: User): Reply {
  const type = method === 'PATCH' ? { type: 'application/merge-patch+json' } : {}
  const response = at.open(method, path, body, { ...user, ...type })
  const text = response.takeText()
  const isOne = text.startsWith('{') && !path.includes('watch=true')
  const json = isOne || response.status === 403 ? JSON.parse(text) : null
  return { status: response.status, json, text, headers: response.headers }
}

t.test('lets each of five users do what their role says, and nothing else', async (t) => {
  let refused = 0
  for (const [method, path, body, may] of ROWS) {
    const at = cluster()
    // Those who may not come first: what they would have changed is then still there for those who may
    const names = (Object.keys(USERS) as Name[]).sort((a, b) => Number(may.includes(a)) - Number(may.includes(b)))
    for (const name of names) {
      const before = at.storedVersions
      const user = USERS[name]
      const { status, json } = ask(at, method, path, body, user)
      const what = `${name} ${method} ${path}`
      if (may.includes(name)) {
        if (path !== '/logs') t.ok([200, 201, 404, 409].includes(status), `${what}: ${status}`)
        else t.equal(status, 404, what)
        continue
      }
      refused++
      t.same([status, json?.reason], [403, 'Forbidden'], what)
      t.match(json?.message, new RegExp(`is forbidden: [Uu]ser "${user.name}"|^forbidden: User "${user.name}"`), what)
      t.same(at.storedVersions, before, `${what} writes nothing`)
    }
    // The first of those who may has found it as it was
    const first = USERS[may[0] as Name]
    const { status } = ask(cluster(), method, path, body, first)
    t.ok(path === '/logs' ? status === 404 : status === 200 || status === 201, `${may[0]} ${method} ${path}`)
  }
  t.ok(refused > 80, `${refused} were refused`)
})

t.test('lets owners do all, whatever roles and bindings are left', async (t) => {
  const at = cluster()
  for (const resource of ['clusterrolebindings', 'clusterroles'])
    at.demand(200, 'DELETE', `${RBAC_PATH}/${resource}`, undefined, OWNER)
  t.equal(at.ask('GET', `${HOME}/secrets/s`, undefined, OWNER).status, 200)
  t.equal(
    at.ask('GET', `${HOME}/configmaps/c`, undefined, VIEW).status,
    403,
    'the role that the binding names has gone',
  )
  t.equal(at.ask('GET', '/version', undefined, VIEW).status, 403)
})
