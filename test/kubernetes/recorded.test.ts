// A real kube-apiserver's answers (1.20.2 with etcd 3.4), recorded by others, beside this workload's to the same requests in the same order.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { WorkloadShell } from '../kit/workload-shell.ts'

const FILE = join(process.env.WASMCLAVE_VECTORS ?? '../shared/vectors', '../reference/kubernetes-responses-1.20.2.txt')

type Recorded = { body: string; status: number; type: string }
type Ask = {
  name: string
  method: string
  path: string
  body?: unknown
  type?: string
  accept?: string
  /** Where we answer otherwise, and why. `status` and `reason` are ours; the text is not compared. */
  differs?: { status: number; reason?: string; because: string }
}

const NS = '/api/v1/namespaces/default'
const CM = `${NS}/configmaps`
const cm = (name: string | undefined, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: name === undefined ? {} : { name },
  ...more,
})
const secret = (name: string, more: object) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, ...more })
const get = (name: string, path: string, more: Partial<Ask> = {}): Ask => ({ name, method: 'GET', path, ...more })
const post = (name: string, path: string, body: unknown, more: Partial<Ask> = {}): Ask => ({
  name,
  method: 'POST',
  path,
  body,
  ...more,
})
const put = (name: string, path: string, body: unknown, more: Partial<Ask> = {}): Ask => ({
  name,
  method: 'PUT',
  path,
  body,
  ...more,
})
const patch = (name: string, path: string, kind: string, body: unknown, more: Partial<Ask> = {}): Ask => ({
  name,
  method: 'PATCH',
  path,
  body,
  type: `application/${kind}-patch+json`,
  ...more,
})
const apply = (name: string, path: string, body: unknown, more: Partial<Ask> = {}): Ask => ({
  ...patch(name, path, '', body, more),
  type: 'application/apply-patch+yaml',
})
const remove = (name: string, path: string, body?: unknown, more: Partial<Ask> = {}): Ask => ({
  name,
  method: 'DELETE',
  path,
  body,
  ...more,
})
const accident = (because: string) => ({ status: 400, reason: 'BadRequest', because })

/** In the order in which they were recorded: each finds what those before have left. */
const ASKS: Ask[] = [
  get('404 obj', `${NS}/secrets/nope`),
  get('404 path', '/api/v1/nothing'),
  get('404 group', '/apis/nobody.example/v1/things'),
  post('create ok', CM, cm('a', { data: { k: 'v' } })),
  post('409 exists', CM, cm('a', { data: { k: 'v' } })),
  put('409 conflict put', `${CM}/a`, { ...cm('a'), metadata: { name: 'a', resourceVersion: '1' } }),
  put('put no rv (unconditional)', `${CM}/a`, cm('a', { data: { k: 'z' } })),
  put(
    'put uid mismatch',
    `${CM}/a`,
    { ...cm('a'), metadata: { name: 'a', uid: 'zzz' } },
    {
      differs: { status: 409, reason: 'Conflict', because: "the text names etcd's key" },
    },
  ),
  put('put 404', `${CM}/nope`, cm('nope')),
  put('put name mismatch', `${CM}/a`, cm('b')),
  post('post ns mismatch', CM, { ...cm('x'), metadata: { name: 'x', namespace: 'kube-system' } }),
  post('post ns missing', '/api/v1/namespaces/missing/configmaps', cm('x')),
  post('post no name', CM, cm(undefined)),
  post(
    'post with rv',
    CM,
    { ...cm('x'), metadata: { name: 'x', resourceVersion: '5' } },
    {
      differs: accident('500 by accident: no reason, and the same text'),
    },
  ),
  post('post with uid', CM, { ...cm('uidset'), metadata: { name: 'uidset', uid: 'mine' } }),
  post('422 name', CM, cm('A_b')),
  post('422 two causes', CM, cm('A_b', { data: { 'bad key!': 'x' } })),
  post('422 ns name', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a.b' } }),
  post('400 bad json', CM, '{"metadata":', {
    differs: { status: 400, reason: 'BadRequest', because: "the text is of Go's parser, and quotes the body" },
  }),
  post('400 wrong type', CM, '{"metadata":{"name":"a1"},"data":{"k":5}}', {
    differs: { status: 400, reason: 'BadRequest', because: "the text is of Go's parser, and quotes the body" },
  }),
  post('kind mismatch', CM, secret('a1', {}), {
    differs: { status: 400, reason: 'BadRequest', because: 'the text is of newer versions' },
  }),
  post(
    'apiVersion mismatch',
    CM,
    { ...cm('a1'), apiVersion: 'v2' },
    {
      differs: { status: 400, reason: 'BadRequest', because: 'the text names a file of the real server' },
    },
  ),
  post('secret bad b64', `${NS}/secrets`, '{"metadata":{"name":"s1"},"data":{"k":"!!"}}', {
    differs: { status: 400, reason: 'BadRequest', because: 'the text quotes the body, which is secret' },
  }),
  post('secret bad b64 pad', `${NS}/secrets`, '{"metadata":{"name":"s1"},"data":{"k":"YQ"}}', {
    differs: { status: 400, reason: 'BadRequest', because: 'the text quotes the body, which is secret' },
  }),
  post('secret stringData', `${NS}/secrets`, secret('s2', { data: { j: 'Yw==' }, stringData: { k: 'b' } })),
  post('secret tls type missing key', `${NS}/secrets`, secret('s3', { type: 'kubernetes.io/tls' })),
  put('secret type change', `${NS}/secrets/s2`, secret('s2', { type: 'foo', data: { j: 'Yw==', k: 'Yg==' } })),
  patch('immutable set', `${NS}/secrets/s2`, 'merge', { immutable: true }),
  put('immutable change', `${NS}/secrets/s2`, secret('s2', { type: 'Opaque', data: { j: 'eA==' } })),
  post('415', CM, 'x', {
    type: 'text/plain',
    differs: { status: 415, reason: 'UnsupportedMediaType', because: 'we read fewer media types' },
  }),
  patch(
    '415 patch',
    `${CM}/a`,
    'foo',
    {},
    { differs: { status: 415, reason: 'UnsupportedMediaType', because: 'newer versions list what they read' } },
  ),
  get('406', CM, {
    accept: 'application/xml',
    differs: { status: 406, reason: 'NotAcceptable', because: 'newer versions list what they write' },
  }),
  post('405', `${CM}/a`, {}),
  put('405 put list', CM, {}),
  get('bad field selector', `${CM}?fieldSelector=foo%3Dbar`, {
    differs: { status: 400, reason: 'BadRequest', because: 'newer versions say which API it was' },
  }),
  get('bad label selector', `${CM}?labelSelector=a+b`, {
    differs: { status: 400, reason: 'BadRequest', because: 'newer versions know gt and lt' },
  }),
  get('bad rv list', `${CM}?resourceVersion=abc`, { differs: accident('500 by accident') }),
  get('future rv list', `${CM}?resourceVersion=99999999`),
  get('rvm no rv', `${CM}?resourceVersionMatch=NotOlderThan`),
  get('rvm exact 0', `${CM}?resourceVersion=0&resourceVersionMatch=Exact`),
  get('bad continue', `${CM}?continue=zzzz`, {
    differs: { status: 400, reason: 'BadRequest', because: 'tokens are of another form' },
  }),
  get('continue+rv', `${CM}?continue=zzzz&resourceVersion=5`, {
    differs: { status: 400, reason: 'BadRequest', because: 'tokens are of another form' },
  }),
  get('get rv future', `${CM}/a?resourceVersion=99999999`),
  remove('delete precond uid', `${CM}/a`, { preconditions: { uid: 'zzz' } }),
  remove('delete precond rv', `${CM}/a`, { preconditions: { resourceVersion: '1' } }),
  remove('delete bad prop', `${CM}/a`, { propagationPolicy: 'Nope' }),
  remove('delete both', `${CM}/a`, { propagationPolicy: 'Orphan', orphanDependents: true }),
  remove('bad dryRun', `${CM}/a?dryRun=Some`, undefined),
  apply('ssa no mgr', `${CM}/ssa`, cm('ssa')),
  apply('ssa create', `${CM}/ssa?fieldManager=m1`, cm('ssa', { data: { a: '1', b: '2' } })),
  apply('ssa conflict', `${CM}/ssa?fieldManager=m2`, cm('ssa', { data: { a: '3', b: '4' } })),
  apply('ssa managedFields', `${CM}/ssa?fieldManager=m2`, {
    ...cm('ssa'),
    metadata: { name: 'ssa', managedFields: [] },
  }),
  apply('ssa no kind', `${CM}/ssa?fieldManager=m2`, { metadata: { name: 'ssa' } }),
  apply('ssa name mismatch', `${CM}/ssa?fieldManager=m2`, cm('other', { data: { a: '3' } })),
  apply('ssa unknown field', `${CM}/ssa?fieldManager=m2`, cm('ssa', { foo: 1 }), {
    differs: accident('500 by accident: no reason, and the same text'),
  }),
  patch('json patch test fail', `${CM}/a`, 'json', [{ op: 'test', path: '/data/k', value: 'no' }]),
  patch('json patch missing path', `${CM}/a`, 'json', [{ op: 'remove', path: '/data/nope' }]),
  patch('json patch bad', `${CM}/a`, 'json', {}),
  patch('merge patch bad json', `${CM}/a`, 'merge', '{', { differs: accident('500 by accident') }),
  patch('patch rv conflict', `${CM}/a`, 'merge', { metadata: { resourceVersion: '1' }, data: { x: 'y' } }),
  patch('patch name change', `${CM}/a`, 'merge', { metadata: { name: 'b' } }),
  patch('patch 404', `${CM}/nope`, 'merge', { data: {} }),
  remove('delete ns default', '/api/v1/namespaces/default'),
  remove('delete ok', `${CM}/a`),
]
/** What the file has beside these: other users' rights, which are not served yet; pages by tokens of another form;
 * texts that its recorder cut; and metrics. */
const ELSEWHERE = [
  '422 label',
  'table',
  'partial',
  'deletecollection',
  '403 bob',
  '403 bob create',
  '403 impersonate',
  '403 cluster scope',
  '403 nonresource',
  '401',
  'anon',
]

if (!existsSync(FILE)) t.comment('vectors not present: skipped (recorded responses)')
else {
  const recorded = readRecorded()
  t.test('has a request for everything that was recorded, or a reason', async (t) => {
    t.same([...recorded.keys()].sort(), [...ASKS.map(({ name }) => name), ...ELSEWHERE].sort())
  })

  const shell = WorkloadShell.of('kubernetes')
  shell.nowMs = 1_000n
  shell.tick()
  for (const ask of ASKS)
    t.test(`answers as recorded: ${ask.name}`, async (t) => {
      const { method, path, accept = 'application/json', type = 'application/json' } = ask
      const body = ask.body === undefined ? '' : typeof ask.body === 'string' ? ask.body : JSON.stringify(ask.body)
      const headers = { accept, 'user-agent': 'curl/7', ...(body === '' ? {} : { 'content-type': type }) }
      const response = shell.request(method, path, { body, headers })
      const wanted = recorded.get(ask.name) as Recorded
      const text = response.takeText()
      if (ask.differs !== undefined) {
        const { status, reason } = JSON.parse(text) as { status: string; reason: string }
        t.same(
          [response.status, status, reason],
          [ask.differs.status, 'Failure', ask.differs.reason],
          ask.differs.because,
        )
        return
      }
      t.equal(response.status, wanted.status)
      t.equal(response.headers['content-type'], wanted.type)
      if (wanted.type === 'application/json') t.same(normal(JSON.parse(text)), normal(JSON.parse(wanted.body)))
      else t.equal(text.trim(), wanted.body.trim())
    })
}

/** Without what differs from run to run. */
function normal(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, each) => {
      if (key === 'uid' || key === 'time' || key === 'resourceVersion' || key === 'creationTimestamp') return 'some'
      if (typeof each !== 'string') return each
      return each
        .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID')
        .replace(/record \(\d+\)/, 'record (N)')
        .replace(/current: \d+/, 'current: N')
    }),
  )
}

/** Sections `### name`, a body, and `[HTTP status type]` where its recorder wrote it. */
function readRecorded(): Map<string, Recorded> {
  const found = new Map<string, Recorded>()
  // Three bodies have no newline behind them, so that what follows stands on their last line.
  const text = readFileSync(FILE, 'utf8').replace(/(\]|\})### /g, '$1\n### ')
  for (const section of text.split(/^### /m).slice(1)) {
    const end = section.indexOf('\n')
    const rest = section.slice(end + 1)
    const [, status = '0', type = ''] = /^\[HTTP (\d+) (.*)\]$/m.exec(rest) ?? []
    found.set(section.slice(0, end), {
      body: rest.replace(/^\[HTTP .*\]$/m, '').trim(),
      status: Number(status),
      type,
    })
  }
  return found
}
