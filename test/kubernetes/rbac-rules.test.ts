// What a rule allows, letter by letter; and that what was allowed is not a moment longer than the binding is there.
import t from 'tap'
import { DEFAULT, KubernetesShell } from '../kit/kubernetes.ts'
import { binding, clusterBinding, type PolicyRule, RBAC_PATH, role, userOf } from '../kit/kubernetes-users.ts'

const BOB = userOf(0xb0)
const IN_DEFAULT = `${RBAC_PATH}/namespaces/default`

/** With these rules for Bob, at the cluster scope or in `default`. */
function granted(rules: PolicyRule[], isWide = false): KubernetesShell {
  const at = new KubernetesShell()
  const base = isWide ? RBAC_PATH : IN_DEFAULT
  at.demand(201, 'POST', `${base}/${isWide ? 'clusterroles' : 'roles'}`, role('r', rules))
  const bound = isWide ? clusterBinding('b', 'r', [BOB.name]) : binding('b', 'Role', 'r', [BOB.name])
  at.demand(201, 'POST', `${base}/${isWide ? 'clusterrolebindings' : 'rolebindings'}`, bound)
  return at
}

const status = (at: KubernetesShell, method: string, path: string, body?: unknown, user: object = BOB) =>
  at.ask(method, path, body, { ...user, ...(method === 'PATCH' && { type: 'application/merge-patch+json' }) }).status

const core = (verbs: string[], resources: string[], resourceNames?: string[]): PolicyRule => ({
  apiGroups: [''],
  resources,
  verbs,
  ...(resourceNames && { resourceNames }),
})

t.test('goes by verbs, groups, resources and subresources as they are written', async (t) => {
  const CONFIG_MAPS = `${DEFAULT}/configmaps`
  const TOKEN = `${DEFAULT}/serviceaccounts/default/token`
  const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases'
  const rows: [rule: PolicyRule, method: string, path: string, may: boolean][] = [
    [core(['list'], ['configmaps']), 'GET', CONFIG_MAPS, true],
    [core(['get'], ['configmaps']), 'GET', CONFIG_MAPS, false],
    [core(['watch'], ['configmaps']), 'GET', CONFIG_MAPS, false],
    [core(['*'], ['configmaps']), 'GET', CONFIG_MAPS, true],
    [core(['LIST'], ['configmaps']), 'GET', CONFIG_MAPS, false],
    [core(['lis'], ['configmaps']), 'GET', CONFIG_MAPS, false],
    [core(['list*'], ['configmaps']), 'GET', CONFIG_MAPS, false],
    [core(['list'], ['configmap']), 'GET', CONFIG_MAPS, false],
    [core(['list'], ['cm']), 'GET', CONFIG_MAPS, false],
    [core(['list'], ['*']), 'GET', CONFIG_MAPS, true],
    [core(['list'], ['config*']), 'GET', CONFIG_MAPS, false],
    [core(['list'], ['configmaps/status']), 'GET', CONFIG_MAPS, false],
    [core(['list'], ['*/configmaps']), 'GET', CONFIG_MAPS, false],
    [{ ...core(['list'], ['configmaps']), apiGroups: ['apps'] }, 'GET', CONFIG_MAPS, false],
    [{ ...core(['list'], ['configmaps']), apiGroups: ['*'] }, 'GET', CONFIG_MAPS, true],
    [{ ...core(['list'], ['leases']), apiGroups: ['coordination.k8s.io'] }, 'GET', LEASES, true],
    [core(['list'], ['leases']), 'GET', LEASES, false],
    [core(['create'], ['serviceaccounts/token']), 'POST', TOKEN, true],
    [core(['create'], ['serviceaccounts']), 'POST', TOKEN, false],
    [core(['create'], ['*/token']), 'POST', TOKEN, true],
    [core(['create'], ['*/tok']), 'POST', TOKEN, false],
    [core(['create'], ['*/*']), 'POST', TOKEN, false],
    [core(['create'], ['*']), 'POST', TOKEN, true],
    [core(['create'], ['*/token']), 'POST', `${DEFAULT}/serviceaccounts`, false],
  ]
  for (const [rule, method, path, may] of rows) {
    const at = granted([rule])
    const body = method === 'POST' ? {} : undefined
    const is = status(at, method, path, body)
    t.equal(is !== 403, may, `${JSON.stringify(rule)} ${method} ${path}: ${is}`)
    t.equal(status(at, method, path.replace('default', 'kube-public'), body), 403, 'in another namespace')
  }
})

t.test('goes by names where a rule has some, also for lists of one', async (t) => {
  const at = granted([core(['*'], ['configmaps'], ['a', 'b'])])
  for (const name of ['a', 'c']) at.create('configmaps', { metadata: { name } })
  const only = (selector: string) => `${DEFAULT}/configmaps?fieldSelector=${encodeURIComponent(selector)}`
  const rows: [method: string, path: string, may: boolean][] = [
    ['GET', `${DEFAULT}/configmaps/a`, true],
    ['GET', `${DEFAULT}/configmaps/c`, false],
    ['GET', `${DEFAULT}/configmaps`, false],
    ['GET', only('metadata.name=a'), true],
    ['GET', `${only('metadata.name=a')}&watch=true&timeoutSeconds=1`, true],
    ['GET', only('metadata.name==b'), true],
    ['GET', only('metadata.name=c'), false],
    ['GET', only('metadata.name!=c'), false],
    ['GET', only('metadata.namespace=default'), false],
    ['GET', only('metadata.name=a,metadata.name=c'), true],
    ['GET', only('metadata.name='), false],
    ['GET', only('nonsense'), false],
    ['PATCH', `${DEFAULT}/configmaps/a`, true],
    ['PATCH', `${DEFAULT}/configmaps/c`, false],
    ['DELETE', `${only('metadata.name=c')}`, false],
    ['DELETE', `${DEFAULT}/configmaps`, false],
    ['DELETE', `${only('metadata.name=a')}`, true],
  ]
  for (const [method, path, may] of rows) {
    const response = at.open(method, path, method === 'PATCH' ? {} : undefined, {
      ...BOB,
      ...(method === 'PATCH' && { type: 'application/merge-patch+json' }),
    })
    t.equal(response.status !== 403, may, `${method} ${path}: ${response.status}`)
  }
  const { json } = at.ask('GET', only('metadata.name=a,metadata.name=c'), undefined, BOB)
  t.same(json.items, [], 'nothing is both')
  t.equal(status(at, 'POST', `${DEFAULT}/configmaps`, { metadata: { name: 'b' } }), 403, 'what is made has no name yet')
  t.equal(at.ask('GET', `${DEFAULT}/configmaps/c`).status, 200, 'nobody has deleted it')
})

t.test('goes by paths that are no resource, with a star at the end', async (t) => {
  const rows: [url: string, path: string, may: boolean][] = [
    ['/metrics', '/metrics', true],
    ['/metric', '/metrics', false],
    ['/metr*', '/metrics', true],
    ['/m*s', '/metrics', false],
    ['*', '/metrics', true],
    ['/logs/*', '/logs/a', true],
    ['/logs/*', '/logs', false],
    ['/logs/**', '/logs/a', true],
    ['', '/metrics', false],
  ]
  for (const [url, path, may] of rows) {
    const at = granted([{ nonResourceURLs: [url], verbs: ['get'] }], true)
    t.equal(status(at, 'GET', path) !== 403, may, `${url} ${path}`)
    t.equal(status(at, 'POST', path), 403, 'by another method')
  }
})

t.test('knows users, groups and accounts apart, and letters of every alphabet', async (t) => {
  const at = new KubernetesShell()
  at.demand(201, 'POST', `${IN_DEFAULT}/roles`, role('r', [core(['list'], ['configmaps'])]))
  const subjects = ['šá', 'group:a', 'sa:default/robot', BOB.name.slice(0, -1)]
  at.demand(201, 'POST', `${IN_DEFAULT}/rolebindings`, binding('b', 'Role', 'r', subjects))
  // The shell writes headers as latin1, a channel as UTF-8
  const utf8 = (text: string) => Buffer.from(text).toString('latin1')
  const as = (name: string, groups: string[] = []) => {
    const headers: Record<string, string> = { 'impersonate-user': utf8(name) }
    if (groups.length > 0) headers['impersonate-group'] = utf8(groups[0] as string)
    return status(at, 'GET', `${DEFAULT}/configmaps`, undefined, { headers })
  }
  t.equal(as('šá'), 200)
  // Their low bytes are those letters
  t.equal(as('aá'), 403)
  t.equal(as('a'), 403, 'a user of a group\u2019s name')
  t.equal(as('x', ['a']), 200)
  t.equal(as('x', ['šá']), 403, 'a group of a user\u2019s name')
  t.equal(as('system:serviceaccount:default:robot'), 200)
  t.equal(as('system:serviceaccount:kube-system:robot'), 403)
  t.equal(as('robot'), 403)
  t.equal(status(at, 'GET', `${DEFAULT}/configmaps`), 403, 'a name that only begins so')
})

t.test('forgets at once what was taken away, and learns at once what was given', async (t) => {
  const at = granted([core(['list'], ['configmaps'])])
  const may = () => status(at, 'GET', `${DEFAULT}/configmaps`) === 200
  t.ok(may())
  at.demand(200, 'PUT', `${IN_DEFAULT}/roles/r`, role('r', [core(['list'], ['secrets'])]))
  t.notOk(may(), 'the role has changed')
  at.demand(200, 'PUT', `${IN_DEFAULT}/roles/r`, role('r', [core(['list'], ['configmaps'])]))
  t.ok(may())
  at.demand(200, 'DELETE', `${IN_DEFAULT}/roles/r`)
  t.notOk(may(), 'the role has gone')
  at.demand(201, 'POST', `${IN_DEFAULT}/roles`, role('r', [core(['list'], ['configmaps'])]))
  t.ok(may(), 'and come again')
  at.demand(200, 'PUT', `${IN_DEFAULT}/rolebindings/b`, binding('b', 'Role', 'r', ['eve']))
  t.notOk(may(), 'the subject has')
  at.demand(200, 'PUT', `${IN_DEFAULT}/rolebindings/b`, binding('b', 'Role', 'r', [BOB.name, 'eve']))
  t.ok(may())
  at.demand(200, 'DELETE', `${IN_DEFAULT}/rolebindings`)
  t.notOk(may(), 'the binding has')
})

t.test('allows nothing by what came to nothing', async (t) => {
  const at = granted([core(['list'], ['configmaps'])])
  const may = () => status(at, 'GET', `${DEFAULT}/configmaps`) === 200
  const [key = ''] = [...at.shell.records.keys()].filter((each) => each.includes('default/b'))
  t.ok(may())
  // The store did not take it, as the kernel would say: the record is gone, its version is among the lost
  const kept = at.shell.records.get(key)
  at.shell.records = new Map([...at.shell.records].filter(([each]) => each !== key))
  at.shell.lost = at.shell.version
  t.notOk(may())
  at.shell.records = new Map([...at.shell.records, [key, kept as never]])
  at.shell.lost += 1n
  t.ok(may(), 'an owner has accepted a state that has it')
})

t.test('runs a request again that meets another\u2019s write, and allows no more by it', async (t) => {
  const at = granted([core(['list'], ['configmaps'])])
  t.equal(status(at, 'GET', `${DEFAULT}/configmaps`), 200)
  at.shell.writesUntilAgain = 0
  t.equal(status(at, 'DELETE', `${IN_DEFAULT}/rolebindings/b`, undefined, {}), 500, 'the shell runs it no second time')
  at.shell.writesUntilAgain = Number.POSITIVE_INFINITY
  t.equal(status(at, 'GET', `${DEFAULT}/configmaps`), 200, 'it was not deleted')
  at.demand(200, 'DELETE', `${IN_DEFAULT}/rolebindings/b`)
  t.equal(status(at, 'GET', `${DEFAULT}/configmaps`), 403)
})

t.test('allows nothing to users, and all to owners, where roles are more than can be held', async (t) => {
  const at = granted([core(['list'], ['configmaps'])])
  const names = Array.from({ length: 1000 }, (_, i) => `${'x'.repeat(1000)}${i}`)
  const large = (name: string) => ({
    metadata: { name },
    subjects: names.map((each) => ({ kind: 'User', name: each })),
    roleRef: { kind: 'ClusterRole', name: 'view' },
  })
  let made = 0
  for (; made < 20 && status(at, 'GET', `${DEFAULT}/configmaps`) === 200; made++)
    at.demand(201, 'POST', `${RBAC_PATH}/clusterrolebindings`, large(`large${made}`))
  t.ok(made > 2 && made < 20, `${made} MiB`)
  const { json } = at.ask('GET', `${DEFAULT}/configmaps`, undefined, BOB)
  t.match(json.message, /: roles and bindings take more than the \d+ bytes that can be held$/)
  t.equal(at.ask('GET', `${DEFAULT}/configmaps`).status, 200, 'the owner')
  for (let i = 0; i < made; i++) at.demand(200, 'DELETE', `${RBAC_PATH}/clusterrolebindings/large${i}`)
  t.equal(status(at, 'GET', `${DEFAULT}/configmaps`), 200)
})
