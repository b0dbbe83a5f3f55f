// Tokens of ServiceAccounts: what is issued, whom one stands for, and everything that is none.
import { createHmac } from 'node:crypto'
import t from 'tap'
import { MAX_TOKEN_SECONDS, MIN_TOKEN_SECONDS } from '../../assembly/workloads/kubernetes/limits.ts'
import { configMap, DEFAULT, KubernetesShell, type Reply } from '../kit/kubernetes.ts'
import { binding, clusterBinding, RBAC_PATH, userOf } from '../kit/kubernetes-users.ts'

const TOKEN = `${DEFAULT}/serviceaccounts/robot/token`
const REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews'
const ISSUER = 'https://kubernetes.default.svc'
const STRANGER = userOf(0x57)

/** With a ServiceAccount `robot` that may view `default`. */
function cluster(): KubernetesShell {
  const at = new KubernetesShell()
  at.create('serviceaccounts', { metadata: { name: 'robot' } })
  at.create('configmaps', configMap('c'))
  const viewer = binding('robot', 'ClusterRole', 'view', ['sa:default/robot'])
  at.demand(201, 'POST', `${RBAC_PATH}/namespaces/default/rolebindings`, viewer)
  return at
}

const issue = (at: KubernetesShell, spec: object = {}, path = TOKEN) =>
  at.demand(201, 'POST', path, { spec }).status.token as string

function bear(at: KubernetesShell, token: string, path = `${DEFAULT}/configmaps/c`, options: object = {}): Reply {
  return at.ask('GET', path, undefined, { headers: { authorization: `Bearer ${token}` }, ...options })
}

const part = (token: string, index: number) =>
  JSON.parse(Buffer.from(token.split('.')[index] as string, 'base64url').toString())

t.test('issues a token with the claims of Kubernetes, and answers its review', async (t) => {
  const at = cluster()
  const made = at.demand(201, 'POST', TOKEN, {})
  const now = Number(at.shell.timeMs / 1000n)
  const { uid } = at.demand(200, 'GET', `${DEFAULT}/serviceaccounts/robot`).metadata
  t.match(made, {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name: 'robot', namespace: 'default' },
    spec: { audiences: [ISSUER], expirationSeconds: 3600 },
  })
  t.equal(Date.parse(made.status.expirationTimestamp), (now + 3600) * 1000)
  t.same(part(made.status.token, 0), { alg: 'HS256', typ: 'JWT' })
  const claims = part(made.status.token, 1)
  t.match(claims.jti, /^[0-9a-f-]{36}$/)
  t.same(claims, {
    aud: [ISSUER],
    exp: now + 3600,
    iat: now,
    iss: ISSUER,
    jti: claims.jti,
    'kubernetes.io': { namespace: 'default', serviceaccount: { name: 'robot', uid } },
    nbf: now,
    sub: 'system:serviceaccount:default:robot',
  })
  const user = {
    username: 'system:serviceaccount:default:robot',
    uid,
    groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
    extra: { 'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti}`] },
  }
  const review = (token: string, audiences?: string[]) =>
    at.demand(201, 'POST', REVIEWS, { spec: { token, ...(audiences && { audiences }) } }).status
  t.same(review(made.status.token), { authenticated: true, user, audiences: [ISSUER] })
  t.same(review(made.status.token, ['other', ISSUER]).audiences, [ISSUER])
  const none = { user: {}, error: 'invalid bearer token' }
  t.same(review(made.status.token, ['other']), none)
  t.same(review(`${made.status.token}x`), none)
  t.same(review(issue(at, { audiences: ['vault'] }), ['vault']).audiences, ['vault'])
  t.same(review(issue(at, { audiences: ['vault'] })), none)
  const whoami = at.ask(
    'POST',
    '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    {},
    {
      headers: { authorization: `Bearer ${made.status.token}` },
    },
  )
  t.same(whoami.json.status.userInfo, user)
})

t.test('judges who bears a token by the token alone, whoever opened the channel', async (t) => {
  const at = cluster()
  const token = issue(at)
  for (const channel of [{}, { ...STRANGER }]) {
    t.equal(bear(at, token, undefined, channel).status, 200, 'what its role lets it see')
    const refused = bear(at, token, `${DEFAULT}/secrets`, channel)
    t.equal(refused.status, 403, 'an owner too, who could without')
    t.match(refused.json.message, /^secrets is forbidden: User "system:serviceaccount:default:robot" cannot list/)
    t.equal(bear(at, token, '/metrics', channel).status, 403)
    t.equal(bear(at, `${token.slice(0, -1)}`, undefined, channel).status, 401)
  }
  t.equal(at.ask('GET', `${DEFAULT}/configmaps/c`, undefined, STRANGER).status, 403, 'the stranger without')
  t.equal(at.ask('GET', `${DEFAULT}/secrets`).status, 200, 'the owner without')
})

t.test('rejects what was altered, is foreign, for others, or not yet or no longer good', async (t) => {
  const at = cluster()
  const token = issue(at)
  const [head = '', payload = '', signature = ''] = token.split('.')
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = (key: string, header: object, claims: object) => {
    const text = `${encode(header)}.${encode(claims)}`
    return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
  }
  const claims = part(token, 1)
  const other = { ...claims, sub: 'system:serviceaccount:kube-system:default' }
  const rows: [what: string, token: string][] = [
    ['nothing', ''],
    ['no JWT', 'x'],
    ['one part less', `${head}.${payload}`],
    ['one part more', `${token}.`],
    ['no signature', `${head}.${payload}.`],
    ['another payload', `${head}.${encode(other)}.${signature}`],
    ['alg none', `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`],
    ['alg none, signed', `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.${signature}`],
    ['another algorithm', `${encode({ alg: 'HS512', typ: 'JWT' })}.${payload}.${signature}`],
    ['an empty key', signed('', { alg: 'HS256', typ: 'JWT' }, claims)],
    ['a key of zeros', signed('\0'.repeat(32), { alg: 'HS256', typ: 'JWT' }, claims)],
    ['the issuer as key', signed(ISSUER, { alg: 'HS256', typ: 'JWT' }, claims)],
    ['padding', `${token}=`],
    ['a space inside', `${head}. ${payload}.${signature}`],
    ['a line end as base64 has them', `${head}.${payload}\\n.${signature}`],
    ['longer than any', `${head}.${'A'.repeat(9000)}.${signature}`],
    ['of another cluster', issue(cluster())],
    ['for another audience', issue(at, { audiences: ['vault'] })],
  ]
  for (let i = 0; i < token.length; i += 7) {
    const c = token[i] === 'A' ? 'B' : 'A'
    rows.push([`character ${i} changed`, token.slice(0, i) + c + token.slice(i + 1)])
  }
  // Two bits of the last character stand for nothing: there must not be four texts of one token
  const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  for (let i = 1; i < 4; i++)
    rows.push([`spare bits ${i}`, token.slice(0, -1) + last[last.indexOf(token.at(-1) as string) ^ i]])
  for (const [what, each] of rows) {
    const { status, json, headers } = bear(at, each)
    t.same([status, json.message], [401, 'Unauthorized'], what)
    t.equal(headers['www-authenticate'], 'Bearer realm="wasmclave enclave"')
  }
  t.equal(bear(at, token).status, 200, 'its twin')
  at.shell.timeMs += 3599_000n
  t.equal(bear(at, token).status, 200, 'a second before its end')
  at.shell.timeMs += 1000n
  t.equal(bear(at, token).status, 401, 'at its end')
  at.shell.timeMs -= 3700_000n
  t.equal(bear(at, token).status, 401, 'long before it was issued')
})

t.test('binds a token to its ServiceAccount and Secret, not to their names', async (t) => {
  const at = cluster()
  at.create('secrets', { metadata: { name: 's' } })
  const boundObjectRef = { kind: 'Secret', apiVersion: 'v1', name: 's' }
  const free = issue(at)
  const bound = issue(at, { boundObjectRef })
  const { uid } = at.demand(200, 'GET', `${DEFAULT}/secrets/s`).metadata
  t.same(part(bound, 1)['kubernetes.io'].secret, { name: 's', uid })
  t.equal(bear(at, bound).status, 200)
  at.demand(200, 'DELETE', `${DEFAULT}/secrets/s`)
  t.equal(bear(at, bound).status, 401, 'the Secret has gone')
  at.create('secrets', { metadata: { name: 's' } })
  t.equal(bear(at, bound).status, 401, 'another of its name')
  t.equal(bear(at, free).status, 200, 'one that is not bound')
  at.demand(200, 'DELETE', `${DEFAULT}/serviceaccounts/robot`)
  t.equal(bear(at, free).status, 401, 'the account has gone')
  at.create('serviceaccounts', { metadata: { name: 'robot' } })
  t.equal(bear(at, free).status, 401, 'another of its name')
  t.equal(bear(at, issue(at)).status, 200, 'with its own token')
})

t.test('rejects requests for tokens out of bounds, and accepts those within', async (t) => {
  const at = cluster()
  const ask = (spec: object, path = TOKEN) => at.ask('POST', path, { spec })
  for (const expirationSeconds of [MIN_TOKEN_SECONDS, MIN_TOKEN_SECONDS + 1, MAX_TOKEN_SECONDS - 1, MAX_TOKEN_SECONDS])
    t.equal(ask({ expirationSeconds }).status, 201, `${expirationSeconds}`)
  for (const expirationSeconds of [-1, 0, MIN_TOKEN_SECONDS - 1, MAX_TOKEN_SECONDS + 1])
    t.match(
      ask({ expirationSeconds }).json,
      { code: 422, message: /may not specify a duration/ },
      `${expirationSeconds}`,
    )
  t.match(ask({}, `${DEFAULT}/serviceaccounts/nobody/token`).json, {
    code: 404,
    message: 'serviceaccounts "nobody" not found',
  })
  const to = (reference: object) => ask({ boundObjectRef: reference }).json
  t.match(to({ kind: 'Secret', apiVersion: 'v1', name: 'no' }), { code: 404, message: 'secrets "no" not found' })
  t.match(to({ kind: 'Pod', apiVersion: 'v1', name: 'p' }), {
    code: 400,
    message: /cannot bind token to object of type/,
  })
  at.create('secrets', { metadata: { name: 's' } })
  const { uid } = at.demand(200, 'GET', `${DEFAULT}/secrets/s`).metadata
  t.match(to({ kind: 'Secret', apiVersion: 'v1', name: 's', uid: 'x' }), { code: 409, reason: 'Conflict' })
  t.match(to({ kind: 'Secret', apiVersion: 'v1', name: 's', uid }), { kind: 'TokenRequest' })
  t.match(at.ask('POST', TOKEN, { metadata: { name: 'other' } }).json, { code: 400 })
  t.match(at.ask('POST', TOKEN, { metadata: { name: 'robot' } }).json, { kind: 'TokenRequest' })
  t.match(at.ask('POST', TOKEN, { kind: 'Secret', apiVersion: 'v1' }).json, { code: 400 })
  t.match(ask({ audiences: ['x'.repeat(9000)] }).json, { code: 400, message: 'the token would be too long' })
  t.match(at.ask('POST', REVIEWS, { spec: {} }).json, { code: 400, message: /^token is required/ })
  t.equal(at.ask('GET', TOKEN).status, 405)
})

t.test('keeps the key in the store: a token outlives the enclave that issued it', async (t) => {
  const at = cluster()
  const token = issue(at)
  const again = new KubernetesShell()
  again.shell.records = at.shell.records
  again.shell.version = at.shell.version
  t.equal(bear(again, token).status, 200)
  const stored = [...at.shell.records.entries()].filter(([key]) => key === '\0t')
  t.equal(stored.length, 1)
  t.equal(stored[0]?.[1].value?.length, 32)
})

t.test('lets only those review tokens who may', async (t) => {
  const at = cluster()
  const token = issue(at)
  const ask = () => at.ask('POST', REVIEWS, { spec: { token } }, STRANGER).status
  t.equal(ask(), 403)
  const delegator = clusterBinding('d', 'system:auth-delegator', [STRANGER.name])
  at.demand(201, 'POST', `${RBAC_PATH}/clusterrolebindings`, delegator)
  t.equal(ask(), 201)
})
