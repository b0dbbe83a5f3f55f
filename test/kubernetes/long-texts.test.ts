// Texts of a megabyte wherever an answer would repeat them: whoever may write anything may send them, and they must not end the enclave.
import t from 'tap'
import { DEFAULT, KubernetesShell } from '../kit/kubernetes.ts'
import { binding, RBAC_PATH, role, userOf } from '../kit/kubernetes-users.ts'

const EVE = userOf(0xee)
const IN_DEFAULT = `${RBAC_PATH}/namespaces/default`
const LONG = 1_000_000
const MANY = 20_000
/** Beside the text itself, in a message and in its details. */
const BOUND_BYTES = 200_000
const long = (c: string) => c.repeat(LONG)
const many = <T>(make: (i: number) => T) => Array.from({ length: MANY }, (_, i) => make(i))

const at = new KubernetesShell()
at.demand(
  201,
  'POST',
  `${IN_DEFAULT}/roles`,
  role('writes', [
    {
      apiGroups: ['', 'rbac.authorization.k8s.io', 'coordination.k8s.io'],
      resources: ['*'],
      verbs: ['create', 'patch', 'update', 'get'],
    },
  ]),
)
at.demand(201, 'POST', `${IN_DEFAULT}/rolebindings`, binding('writes', 'Role', 'writes', [EVE.name]))

const meta = (change: object) => ({ metadata: { name: 'x', ...change } })
const rule = (change: object) => ({
  ...meta({}),
  rules: [{ verbs: ['get'], apiGroups: [''], resources: ['x'], ...change }],
})
const subject = (change: object) => ({
  ...meta({}),
  subjects: [{ kind: 'User', name: 'u', ...change }],
  roleRef: { kind: 'Role', name: 'writes' },
})
const roleRef = (change: object) => ({ ...meta({}), roleRef: { kind: 'Role', name: 'writes', ...change } })
const CONFIG_MAPS = `${DEFAULT}/configmaps`
const ROLES = `${IN_DEFAULT}/roles`
const BINDINGS = `${IN_DEFAULT}/rolebindings`
const REVIEW = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'

const ROWS: [what: string, path: string, body: unknown][] = [
  ['a name', CONFIG_MAPS, meta({ name: long('A') })],
  ['a name of quotation marks', CONFIG_MAPS, meta({ name: long('"') })],
  ['a name to be generated', CONFIG_MAPS, { metadata: { generateName: long('A') } }],
  ['a label', CONFIG_MAPS, meta({ labels: { [long('k')]: '!' } })],
  ['a value of a label', CONFIG_MAPS, meta({ labels: { k: long('\u{1f511}') } })],
  ['many labels', CONFIG_MAPS, meta({ labels: Object.fromEntries(many((i) => [`-${i}`, '!'])) })],
  ['an annotation', CONFIG_MAPS, meta({ annotations: { [long('k')]: '' } })],
  ['a finalizer', CONFIG_MAPS, meta({ finalizers: [long('f')] })],
  ['a field', `${CONFIG_MAPS}?fieldValidation=Strict`, { ...meta({}), [long('f')]: 1 }],
  [
    'many fields',
    `${CONFIG_MAPS}?fieldValidation=Strict`,
    { ...meta({}), ...Object.fromEntries(many((i) => [`f${'x'.repeat(40)}${i}`, 1])) },
  ],
  ['a key of data', CONFIG_MAPS, { ...meta({}), data: { [long('/')]: 'x' } }],
  [
    'many keys of data',
    CONFIG_MAPS,
    { ...meta({}), data: Object.fromEntries(many((i) => [`/${'x'.repeat(40)}${i}`, ''])) },
  ],
  ['a type of a Secret', `${DEFAULT}/secrets`, { ...meta({}), type: 'kubernetes.io/tls', data: { [long('%')]: '' } }],
  ['a kind', CONFIG_MAPS, { ...meta({}), kind: long('K') }],
  ['a version', CONFIG_MAPS, { ...meta({}), apiVersion: long('v') }],
  ['a namespace', CONFIG_MAPS, meta({ namespace: long('n') })],
  ['a number', CONFIG_MAPS, `{"metadata":{"name":"x","generation":${long('9')}}}`],
  ['a name of a role', ROLES, { ...rule({}), ...meta({ name: long('%') }) }],
  ['a verb that is not held', ROLES, rule({ verbs: [long('v')] })],
  ['many verbs that are not held', ROLES, rule({ verbs: many((i) => `v${i}`) })],
  ['many resources that are not held', ROLES, rule({ resources: many((i) => `r${i}`), apiGroups: ['x'] })],
  ['paths in a namespace', ROLES, rule({ nonResourceURLs: [long('/')] })],
  ['many paths', ROLES, rule({ nonResourceURLs: many((i) => `/${i}`) })],
  [
    'many rules that are not held',
    ROLES,
    { ...meta({}), rules: many((i) => ({ verbs: ['get'], apiGroups: ['x'], resources: [`r${i}`] })) },
  ],
  ['many rules that are none', ROLES, { ...meta({}), rules: many(() => ({})) }],
  ['a kind of a subject', BINDINGS, subject({ kind: long('K') })],
  ['a group of a subject', BINDINGS, subject({ apiGroup: long('g') })],
  ['a name of an account', BINDINGS, subject({ kind: 'ServiceAccount', name: long('A') })],
  ['a kind of a role', BINDINGS, roleRef({ kind: long('K') })],
  ['a name of a role that is bound', BINDINGS, roleRef({ name: long('/') })],
  ['a role that is not there', BINDINGS, roleRef({ name: 'x'.repeat(253) })],
  ['an audience', `${DEFAULT}/serviceaccounts/default/token`, { spec: { audiences: [long('a')] } }],
  [
    'a Secret to be bound to',
    `${DEFAULT}/serviceaccounts/default/token`,
    { spec: { boundObjectRef: { kind: long('K'), name: 'x' } } },
  ],
  [
    'the name of one',
    `${DEFAULT}/serviceaccounts/default/token`,
    { spec: { boundObjectRef: { kind: 'Secret', apiVersion: 'v1', name: long('s') } } },
  ],
]

t.test('rejects long texts and long lists, and says so shortly', async (t) => {
  for (const [what, path, body] of ROWS) {
    const { status, text } = at.ask('POST', path, body, EVE)
    t.ok(status >= 400 && status < 500, `${what}: ${status}`)
    t.ok(text.length < 2 * LONG + BOUND_BYTES, `${what}: ${text.length} bytes`)
  }
  t.equal(at.ask('POST', CONFIG_MAPS, meta({}), EVE).status, 201, 'the enclave is there')
})

t.test('answers questions about what is long', async (t) => {
  const about = { verb: long('v'), resource: long('r'), namespace: 'default', name: long('n') }
  const ask = (spec: object) => at.ask('POST', REVIEW, { spec }, EVE).status
  t.equal(ask({ resourceAttributes: about }), 201)
  t.equal(ask({ nonResourceAttributes: { path: long('/'), verb: 'get' } }), 201)
})
