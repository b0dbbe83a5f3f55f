// What is audited, and what an event says: one for each request, whatever became of it, and never a value.
import t from 'tap'
import {
  MAX_AUDIT_AGENT_BYTES,
  MAX_AUDIT_TEXT_BYTES,
  MAX_AUDIT_URI_BYTES,
} from '../../assembly/workloads/kubernetes/limits.ts'
import { configMap, DEFAULT, KubernetesShell, MERGE_PATCH } from '../kit/kubernetes.ts'
import { auditedSince, EVENTS, readAudit } from '../kit/kubernetes-audit.ts'
import { clusterBinding } from '../kit/kubernetes-users.ts'

const USER = { role: 2, key: new Uint8Array(32).fill(0xab) }
const SECRETS = `${DEFAULT}/secrets`
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases'

t.test('tells of each verb once, allowed or refused, who asked for what and what the answer was', async (t) => {
  const secret = (value: string) => ({ metadata: { name: 'a' }, stringData: { value } })
  const rows: [verb: string, method: string, path: string, body: unknown, type: string, code: number][] = [
    ['create', 'POST', SECRETS, secret('1'), 'application/json', 201],
    ['get', 'GET', `${SECRETS}/a`, undefined, 'application/json', 200],
    ['list', 'GET', SECRETS, undefined, 'application/json', 200],
    ['update', 'PUT', `${SECRETS}/a`, secret('2'), 'application/json', 200],
    ['patch', 'PATCH', `${SECRETS}/a`, { metadata: { labels: { a: 'b' } } }, MERGE_PATCH, 200],
    ['watch', 'GET', `${SECRETS}?watch=true`, undefined, 'application/json', 200],
    ['delete', 'DELETE', `${SECRETS}/a`, undefined, 'application/json', 200],
    ['deletecollection', 'DELETE', SECRETS, undefined, 'application/json', 200],
  ]
  const at = new KubernetesShell()
  at.ask('GET', '/readyz')
  let seen = (await readAudit(at)).head.events
  for (const [verb, method, path, body, type, code] of rows) {
    const answers = [
      { options: {}, code, decision: 'allow', groups: ['system:masters', 'system:authenticated'], key: '00' },
      { options: USER, code: 403, decision: 'forbid', groups: ['system:authenticated'], key: 'ab' },
    ]
    for (const { options, code, decision, groups, key } of answers) {
      const response = at.open(method, path, body, { type, headers: { 'user-agent': 'kubectl/v1.35.0' }, ...options })
      t.equal(response.status, code, verb)
      const found = await auditedSince(at, seen)
      seen += 1
      t.equal(found.length, 1, `${verb} ${code}: one event`)
      const [event] = found
      t.same(
        event,
        {
          annotations: { 'authorization.k8s.io/decision': decision, 'authorization.k8s.io/reason': '' },
          apiVersion: 'audit.k8s.io/v1',
          auditID: response.headers['audit-id'],
          kind: 'Event',
          level: 'Metadata',
          objectRef: {
            apiVersion: 'v1',
            // Of what is created the name is known once the body has been read
            ...(path.endsWith('/a') || (verb === 'create' && code !== 403) ? { name: 'a' } : {}),
            namespace: 'default',
            resource: 'secrets',
          },
          requestReceivedTimestamp: event.stageTimestamp,
          requestURI: path,
          responseStatus: {
            code,
            metadata: {},
            ...(code === 403 ? { reason: 'Forbidden', status: 'Failure' } : {}),
          },
          stage: verb === 'watch' && code === 200 ? 'ResponseStarted' : 'ResponseComplete',
          stageTimestamp: event.stageTimestamp,
          user: { groups, username: `ed25519:${key.repeat(32)}` },
          userAgent: 'kubectl/v1.35.0',
          verb,
        },
        `${verb} ${code}`,
      )
      t.equal(event.stageTimestamp, new Date(Number(at.shell.timeMs)).toISOString().replace('Z', '000Z'))
      t.same(Object.keys(event), Object.keys(event).sort(), 'members in alphabetical order')
    }
  }
})

t.test('tells of what failed, was tried, changed nothing or is nowhere, once', async (t) => {
  const at = new KubernetesShell()
  at.create('configmaps', configMap('a'))
  let seen = (await readAudit(at)).head.events
  const rows: [method: string, path: string, body: unknown, expected: object][] = [
    [
      'POST',
      `${DEFAULT}/configmaps`,
      configMap('a'),
      { verb: 'create', responseStatus: { code: 409, reason: 'AlreadyExists' } },
    ],
    ['POST', `${DEFAULT}/configmaps?dryRun=All`, configMap('b'), { verb: 'create', responseStatus: { code: 201 } }],
    ['PUT', `${DEFAULT}/configmaps/a`, configMap('a'), { verb: 'update', responseStatus: { code: 200 } }],
    [
      'GET',
      `${DEFAULT}/configmaps/none`,
      undefined,
      { verb: 'get', responseStatus: { code: 404, reason: 'NotFound' } },
    ],
    ['POST', `${DEFAULT}/configmaps`, '{', { verb: 'create', responseStatus: { code: 400, reason: 'BadRequest' } }],
    [
      'POST',
      LEASES,
      { metadata: { generateName: 'l-' } },
      { verb: 'create', objectRef: { apiGroup: 'coordination.k8s.io', name: /^l-/ } },
    ],
    [
      'PATCH',
      '/api/v1/namespaces/default/status',
      {},
      { objectRef: { resource: 'namespaces', name: 'default', subresource: 'status' } },
    ],
    ['PUT', `${DEFAULT}/configmaps`, {}, { verb: 'put', responseStatus: { code: 405 } }],
    ['GET', '/api/v1/pods', undefined, { verb: 'get', requestURI: '/api/v1/pods', responseStatus: { code: 404 } }],
    ['GET', '/metrics', undefined, { verb: 'get', requestURI: '/metrics', responseStatus: { code: 200 } }],
    [
      'GET',
      `${DEFAULT}/configmaps?watch=true&labelSelector=!`,
      undefined,
      { verb: 'watch', stage: 'ResponseComplete', responseStatus: { code: 400 } },
    ],
  ]
  for (const [method, path, body, expected] of rows) {
    const { status, headers } = at.ask(method, path, body, {
      type: method === 'PATCH' ? MERGE_PATCH : 'application/json',
    })
    const found = await auditedSince(at, seen++)
    t.match(found, [{ ...expected, auditID: headers['audit-id'] }], `${method} ${path} ${status}`)
    t.equal(found.length, 1, `${method} ${path}: one event`)
  }
  for (const path of ['/api', '/apis', '/version', '/readyz', '/openapi/v2']) at.ask('GET', path)
  t.same(await auditedSince(at, seen), [], 'discovery and health have none')
  at.ask('GET', '/metrics', undefined, USER)
  at.ask('GET', '/api/v1/namespaces', undefined, { headers: { authorization: 'Bearer x' } })
  t.match(await auditedSince(at, seen), [
    { requestURI: '/metrics', responseStatus: { code: 403 }, user: { username: /^ed25519:abab/ } },
    {
      requestURI: '/api/v1/namespaces',
      responseStatus: { code: 401, reason: 'Unauthorized' },
      user: { username: undefined },
    },
  ])
})

t.test('tells once that a large collection is being deleted, and once that it is', async (t) => {
  const at = new KubernetesShell()
  for (let i = 0; i < 250; i++) at.create('configmaps', configMap(`c${i}`))
  const seen = (await readAudit(at)).head.events
  const response = at.open('DELETE', `${DEFAULT}/configmaps`)
  t.notOk(response.ended)
  t.match(await auditedSince(at, seen), [{ verb: 'deletecollection', stage: 'ResponseStarted' }])
  at.tick(6)
  t.ok(response.ended)
  const found = await auditedSince(at, seen)
  t.match(found, [
    { stage: 'ResponseStarted' },
    { stage: 'ResponseComplete', auditID: found[0].auditID, responseStatus: { code: 200 } },
  ])
  t.equal(found.length, 2)
})

t.test('says no value: not of a body, an answer or a message', async (t) => {
  const at = new KubernetesShell()
  const canary = 'C4n4ry-of-the-audit'
  const values = {
    metadata: { name: 'a', annotations: { x: canary }, labels: { l: canary } },
    stringData: { value: canary },
  }
  at.demand(201, 'POST', SECRETS, values)
  at.demand(200, 'PUT', `${SECRETS}/a`, { ...values, stringData: { value: `${canary}2` } })
  at.demand(200, 'PATCH', `${SECRETS}/a`, { data: null }, { type: MERGE_PATCH })
  at.ask('GET', `${SECRETS}/a`)
  at.ask('GET', SECRETS)
  at.ask('POST', SECRETS, { metadata: { name: `_${canary}` }, data: { value: canary } })
  at.ask('POST', SECRETS, `{"metadata":{"name":"b"},"data":{"a":"${canary}"`)
  at.ask('POST', SECRETS, { metadata: { name: 'b', resourceVersion: canary } }, USER)
  at.ask('GET', '/api/v1/namespaces', undefined, { headers: { authorization: `Bearer ${canary}`, cookie: canary } })
  const { lines } = await readAudit(at)
  t.equal(lines.length, 9)
  const base64 = Buffer.from(canary).toString('base64').slice(0, 20)
  t.same(
    lines.filter((line) => line.includes(canary) || line.includes(base64)),
    [],
  )
  t.match(lines.join(), 'secrets')
})

t.test('is for owners by a channel of their own, and nobody else', async (t) => {
  const at = new KubernetesShell()
  at.create('configmaps', configMap('a'))
  t.equal(at.open('GET', EVENTS).status, 200)
  const refused = at.ask('GET', EVENTS, undefined, USER)
  t.match(refused.json, { code: 403, message: /owners/ })
  t.equal(at.ask('GET', EVENTS, undefined, { headers: { authorization: 'Bearer x' } }).status, 401)
  t.equal(at.ask('GET', EVENTS, undefined, { headers: { 'impersonate-user': 'system:admin' } }).status, 403)
  t.equal(at.ask('POST', EVENTS, '{}').status, 405)
  t.equal(at.ask('GET', `${EVENTS}?after=x`).status, 400)
  const { events } = await readAudit(at)
  t.match(events.at(-3), { requestURI: EVENTS, responseStatus: { code: 403 } }, 'who is refused is audited')
})

t.test('says who a token or an impersonation stands for, by which role, and lets neither read it', async (t) => {
  const at = new KubernetesShell()
  at.create('serviceaccounts', { metadata: { name: 'robot' } })
  const binding = clusterBinding('robots', 'cluster-admin', ['sa:default/robot'])
  at.demand(201, 'POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', binding)
  const seen = (await readAudit(at)).head.events
  const { version } = at.shell
  const made = at.demand(201, 'POST', `${DEFAULT}/serviceaccounts/robot/token`, {})
  t.equal(at.shell.version, version + 1n, 'a token is not issued before that is durable')
  const { token } = made.status
  const bearer = { headers: { authorization: `Bearer ${token}` } }
  at.demand(404, 'GET', `${SECRETS}/x`, undefined, bearer)
  at.demand(403, 'GET', EVENTS, undefined, bearer)
  at.demand(404, 'GET', `${SECRETS}/x`, undefined, {
    headers: { 'impersonate-user': 'system:serviceaccount:default:robot' },
  })
  const found = await auditedSince(at, seen)
  const robot = {
    username: 'system:serviceaccount:default:robot',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
  }
  const byToken = {
    ...robot,
    uid: /^[0-9a-f-]{36}$/,
    extra: { 'authentication.kubernetes.io/credential-id': [/^JTI=/] },
  }
  const allowed = {
    'authorization.k8s.io/decision': 'allow',
    'authorization.k8s.io/reason': /^RBAC: allowed by ClusterRoleBinding "robots" of ClusterRole "cluster-admin"/,
  }
  t.match(found, [
    {
      verb: 'create',
      objectRef: { resource: 'serviceaccounts', subresource: 'token', name: 'robot' },
      responseStatus: { code: 201 },
    },
    { requestURI: EVENTS, annotations: { 'authorization.k8s.io/decision': 'forbid' }, user: byToken },
    { verb: 'get', user: byToken, impersonatedUser: undefined, annotations: allowed },
    {
      verb: 'get',
      user: { groups: ['system:masters', 'system:authenticated'] },
      impersonatedUser: robot,
      annotations: allowed,
    },
  ])
  t.equal(found.length, 4)
  t.notMatch(JSON.stringify(found), token.split('.')[2], 'no token stands in it')
})

t.test('cuts what is longer than an event may hold, and says so', async (t) => {
  const at = new KubernetesShell()
  at.ask('GET', '/readyz')
  let seen = (await readAudit(at)).head.events
  const event = async (path: string, agent = 'x') => {
    at.ask('GET', path, undefined, { headers: { 'user-agent': agent } })
    const [event] = await auditedSince(at, seen++)
    return { event, cut: event.annotations['audit.k8s.io/truncated'] === 'true' }
  }
  const base = `${DEFAULT}/configmaps/a?x=`
  for (const by of [-1, 0, 1]) {
    const uri = base.padEnd(MAX_AUDIT_URI_BYTES + by, 'y')
    const { event: one, cut } = await event(uri)
    t.equal(one.requestURI, uri.slice(0, MAX_AUDIT_URI_BYTES), `URI ${by}`)
    t.equal(cut, by > 0)
    const agent = 'a'.repeat(MAX_AUDIT_AGENT_BYTES + by)
    const two = await event(base, agent)
    t.equal(two.event.userAgent, agent.slice(0, MAX_AUDIT_AGENT_BYTES), `agent ${by}`)
    t.equal(two.cut, by > 0)
    const name = 'n'.repeat(MAX_AUDIT_TEXT_BYTES + by)
    const three = await event(`${DEFAULT}/configmaps/${name}`)
    t.equal(three.event.objectRef.name, name.slice(0, MAX_AUDIT_TEXT_BYTES), `name ${by}`)
    t.equal(three.cut, by > 0)
  }
  const { event: odd } = await event(`${DEFAULT}/configmaps/%ff%0a%22`, 'a"\\')
  t.match(odd, { objectRef: { name: '%FF%0A"' }, userAgent: 'a"\\' }, 'whatever came, it is one line of JSON')
})
