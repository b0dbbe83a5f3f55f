// Collections: selectors, pages, versions, and the forms that an answer may take.
import t from 'tap'
import { configMap, DEFAULT, KubernetesShell, TABLE } from '../kit/kubernetes.ts'

const CONFIG_MAPS = `${DEFAULT}/configmaps`
const names = (list: { items: { metadata: { name: string } }[] }) =>
  list.items.map(({ metadata }) => metadata.name).join(' ')

function labelled(): KubernetesShell {
  const at = new KubernetesShell()
  at.demand(200, 'DELETE', CONFIG_MAPS)
  at.create('configmaps', configMap('a', {}, { labels: { app: 'web', tier: '1', 'x.io/y': 'z' } }))
  at.create('configmaps', configMap('b', {}, { labels: { app: 'db', tier: '2' } }))
  at.create('configmaps', configMap('c', {}, { labels: { app: '' } }))
  at.create('configmaps', configMap('d'))
  return at
}

t.test('selects by labels', async (t) => {
  const at = labelled()
  const rows: [selector: string, found: string][] = [
    ['', 'a b c d'],
    ['app=web', 'a'],
    ['app==web', 'a'],
    ['app!=web', 'b c d'],
    ['app', 'a b c'],
    ['!app', 'd'],
    ['app in (web, db)', 'a b'],
    ['app in (web,)', 'a c'],
    ['app notin (web,db)', 'c d'],
    ['app=', 'c'],
    ['app=web,tier=2', ''],
    ['app,tier>1', 'b'],
    ['tier<2', 'a'],
    ['x.io/y=z', 'a'],
    [' app = web , tier ', 'a'],
    ['in', ''],
  ]
  for (const [selector, found] of rows)
    t.equal(
      names(at.demand(200, 'GET', `${CONFIG_MAPS}?labelSelector=${encodeURIComponent(selector)}`)),
      found,
      selector,
    )
  t.equal(names(at.demand(200, 'GET', `${CONFIG_MAPS}?labelSelector=app+in+(web)`)), 'a', 'a plus is a space')
})

t.test('rejects selectors that are none', async (t) => {
  const at = labelled()
  for (const selector of [
    'a b',
    '=',
    'a=b c',
    'a in',
    'a in (',
    'a in (b',
    'a in b',
    ',',
    'a,',
    '(a)',
    'a=b=c',
    '-a=b',
    'a=-b',
    '/a',
    'a/b/c',
    'a>x',
    '!',
    `a=${'x'.repeat(64)}`,
  ])
    t.match(
      at.ask('GET', `${CONFIG_MAPS}?labelSelector=${encodeURIComponent(selector)}`).json,
      { code: 400, reason: 'BadRequest', message: /^unable to parse requirement: / },
      selector,
    )
  t.equal(
    at.ask('GET', `${CONFIG_MAPS}?labelSelector=a%20b`).json.message,
    "unable to parse requirement: found 'b', expected: '=', '!=', '==', 'in', notin'",
  )
  t.equal(
    at.ask('GET', `${CONFIG_MAPS}?fieldSelector=foo%3Dbar`).json.message,
    '"foo" is not a known field selector: only "metadata.name", "metadata.namespace"',
  )
  t.equal(at.ask('GET', `${CONFIG_MAPS}?fieldSelector=foo`).status, 400)
  t.equal(at.ask('GET', `${DEFAULT}/secrets?fieldSelector=foo%3Dbar`).json.message, 'field label not supported: foo')
})

t.test('selects by fields', async (t) => {
  const at = labelled()
  const select = (path: string, selector: string) =>
    names(at.demand(200, 'GET', `${path}?fieldSelector=${encodeURIComponent(selector)}`))
  t.equal(select(CONFIG_MAPS, 'metadata.name=a'), 'a')
  t.equal(select(CONFIG_MAPS, 'metadata.name==a'), 'a')
  t.equal(select(CONFIG_MAPS, 'metadata.name!=a,metadata.name!=b'), 'c d')
  t.equal(select('/api/v1/configmaps', 'metadata.namespace=default,metadata.name=a'), 'a')
  t.equal(select(CONFIG_MAPS, 'metadata.namespace=x'), '')
  at.create('secrets', { metadata: { name: 's1' }, type: 'x/y' })
  at.create('secrets', { metadata: { name: 's2' } })
  t.equal(select(`${DEFAULT}/secrets`, 'type=x/y'), 's1')
  t.equal(select(`${DEFAULT}/secrets`, 'type!=x/y'), 's2')
  at.create('events', {
    metadata: { name: 'e' },
    involvedObject: { kind: 'ConfigMap', name: 'a', namespace: 'default' },
    source: { component: 'me' },
  })
  t.equal(select(`${DEFAULT}/events`, 'involvedObject.name=a,involvedObject.kind=ConfigMap,source=me'), 'e')
  t.equal(select(`${DEFAULT}/events`, 'involvedObject.name=b'), '')
  t.equal(select('/api/v1/namespaces', 'status.phase=Active,metadata.name=default'), 'default')
})

t.test('gives pages that are one state together', async (t) => {
  const at = new KubernetesShell()
  at.demand(200, 'DELETE', CONFIG_MAPS)
  for (let i = 0; i < 25; i++) at.create('configmaps', configMap(`c${String(i).padStart(2, '0')}`))
  const page = (limit: number, token: string) =>
    at.demand(200, 'GET', `${CONFIG_MAPS}?limit=${limit}&continue=${token}`)
  for (const limit of [1, 7, 24, 25, 26]) {
    const found: string[] = []
    let token = ''
    let version: string | undefined
    do {
      const list = page(limit, token)
      found.push(...names(list).split(' '))
      version ??= list.metadata.resourceVersion
      t.equal(list.metadata.resourceVersion, version)
      t.equal(list.metadata.remainingItemCount, found.length < 25 ? 25 - found.length : undefined)
      token = list.metadata.continue ?? ''
    } while (token !== '')
    t.equal(found.join(), Array.from({ length: 25 }, (_, i) => `c${String(i).padStart(2, '0')}`).join(), `by ${limit}`)
  }
  const first = page(10, '')
  at.create('configmaps', configMap('a-before'))
  t.equal(names(page(10, first.metadata.continue)).split(' ')[0], 'c10', 'what changed before the place does no harm')
  at.create('configmaps', configMap('z-behind'))
  const expired = at.ask('GET', `${CONFIG_MAPS}?limit=10&continue=${first.metadata.continue}`)
  t.match(expired.json, {
    code: 410,
    reason: 'Expired',
    message: /^The provided continue parameter is too old/,
    metadata: { continue: String },
  })
  t.equal(
    names(page(30, expired.json.metadata.continue)).split(' ').length,
    16,
    'and its token goes on with the newest',
  )
  t.equal(at.demand(200, 'GET', `${CONFIG_MAPS}?limit=1&labelSelector=!x`).metadata.remainingItemCount, undefined)
})

t.test('rejects tokens that it has not made for this', async (t) => {
  const at = new KubernetesShell()
  at.create('configmaps', configMap('a'))
  at.create('configmaps', configMap('b'))
  at.create('secrets', { metadata: { name: 'a' } })
  at.create('secrets', { metadata: { name: 'b' } })
  const token: string = at.demand(200, 'GET', `${CONFIG_MAPS}?limit=1`).metadata.continue
  const use = (path: string, text: string) => at.ask('GET', `${path}?continue=${text}`).status
  t.equal(use(CONFIG_MAPS, token), 200)
  const bytes = Buffer.from(token, 'base64url')
  for (let i = 0; i < bytes.length; i++) {
    const other = Buffer.from(bytes)
    other[i] = (other[i] as number) ^ 1
    t.equal(use(CONFIG_MAPS, other.toString('base64url')), 400, `byte ${i}`)
  }
  for (const text of [
    'x',
    'AAAA',
    'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MjA3LCJzdGFydCI6ImFcdTAwMDAifQ',
    'A'.repeat(5000),
    token.slice(0, -2),
  ])
    t.equal(use(CONFIG_MAPS, text), 400)
  t.equal(use(`${DEFAULT}/secrets`, token), 400, 'of another collection')
  t.equal(use('/api/v1/configmaps', token), 400)
  t.equal(at.ask('GET', `${CONFIG_MAPS}?continue=${token}&resourceVersion=5`).status, 400)
})

t.test('keeps the rules of resourceVersion', async (t) => {
  const at = new KubernetesShell()
  const version: string = at.create('configmaps', configMap('a')).metadata.resourceVersion
  const list = (query: string) => at.ask('GET', `${CONFIG_MAPS}?${query}`)
  for (const query of [
    '',
    'resourceVersion=0',
    `resourceVersion=${version}`,
    `resourceVersion=${version}&resourceVersionMatch=NotOlderThan`,
    `resourceVersion=${version}&resourceVersionMatch=Exact`,
    'limit=0',
  ])
    t.equal(list(query).status, 200, query)
  t.equal(
    list('resourceVersion=abc').json.message,
    'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax',
  )
  t.equal(list('resourceVersion=abc').status, 400)
  t.match(list('resourceVersion=99999999').json, {
    code: 504,
    reason: 'Timeout',
    message: /^Timeout: Too large resource version: 99999999, current: /,
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  })
  t.equal(
    list('resourceVersionMatch=Exact').json.message,
    'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
  )
  t.equal(
    list('resourceVersionMatch=Exact&resourceVersion=0').json.message,
    'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
  )
  t.equal(list('resourceVersionMatch=Maybe&resourceVersion=1').status, 422)
  t.equal(list('sendInitialEvents=true').status, 422)
  at.create('configmaps', configMap('b'))
  t.equal(list(`resourceVersion=${version}&resourceVersionMatch=Exact`).status, 410, 'a state that is no more')
  const get = (query: string) => at.ask('GET', `${CONFIG_MAPS}/a?resourceVersion=${query}`).status
  t.same(['', '0', version, '99999999', 'x'].map(get), [200, 200, 200, 504, 400])
})

t.test('answers as a Table, and as metadata alone', async (t) => {
  const at = new KubernetesShell()
  at.create('configmaps', configMap('a', { x: '', y: '' }))
  at.shell.timeMs += 125_000n
  const table = at.demand(200, 'GET', `${CONFIG_MAPS}?fieldSelector=metadata.name%3Da`, undefined, { accept: TABLE })
  t.match(table, { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata: { resourceVersion: String } })
  t.same(
    table.columnDefinitions.map(({ name, format }: { name: string; format: string }) => `${name} ${format}`),
    ['Name name', 'Data ', 'Age '],
  )
  t.same(table.rows[0].cells, ['a', 2, '2m5s'])
  t.match(table.rows[0].object, {
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { name: 'a' },
  })
  const one = at.demand(200, 'GET', `${CONFIG_MAPS}/a?includeObject=Object`, undefined, { accept: TABLE })
  t.match(one.rows[0].object, { kind: 'ConfigMap', data: { x: '' } })
  t.equal(
    at.demand(200, 'GET', `${CONFIG_MAPS}/a?includeObject=None`, undefined, { accept: TABLE }).rows[0].object,
    undefined,
  )
  const metadata = at.demand(200, 'GET', CONFIG_MAPS, undefined, {
    accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  })
  t.match(metadata, {
    kind: 'PartialObjectMetadataList',
    apiVersion: 'meta.k8s.io/v1',
    items: [{ kind: 'PartialObjectMetadata', metadata: { name: 'a' } }, {}],
  })
  const empty = at.demand(200, 'GET', `${DEFAULT}/secrets`, undefined, { accept: TABLE })
  t.same([empty.rows, empty.columnDefinitions.length], [[], 4])
})

t.test('shows ages as kubectl does', async (t) => {
  const at = new KubernetesShell()
  at.create('configmaps', configMap('a'))
  const made = at.shell.timeMs
  const rows: [seconds: number, age: string][] = [
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [121, '2m1s'],
    [600, '10m'],
    [10_799, '179m'],
    [10_800, '3h'],
    [10_860, '3h1m'],
    [28_800, '8h'],
    [172_799, '47h'],
    [172_800, '2d'],
    [176_400, '2d1h'],
    [691_200, '8d'],
    [63_072_000, '2y'],
    [63_158_400, '2y1d'],
    [252_288_000, '8y'],
  ]
  for (const [seconds, age] of rows) {
    at.shell.timeMs = made + BigInt(seconds) * 1000n
    t.equal(
      at.demand(200, 'GET', `${CONFIG_MAPS}/a`, undefined, { accept: TABLE }).rows[0].cells[2],
      age,
      `${seconds} s`,
    )
  }
})

t.test('takes the first form of Accept that it has, and rejects the rest', async (t) => {
  const at = new KubernetesShell()
  at.create('configmaps', configMap('a'))
  const kind = (accept: string) => {
    const { status, json } = at.ask('GET', `${CONFIG_MAPS}/a`, undefined, { accept })
    return status === 200 ? json.kind : status
  }
  t.equal(kind('application/vnd.kubernetes.protobuf, application/json'), 'ConfigMap')
  t.equal(kind('application/cbor,application/json;as=Table;g=meta.k8s.io;v=v1'), 'Table')
  t.equal(kind('application/json;as=Table;g=meta.k8s.io;v=v9, */*'), 'ConfigMap')
  for (const accept of ['', '*/*', 'application/*', 'application/json; charset=utf-8'])
    t.equal(kind(accept), 'ConfigMap', accept)
  for (const accept of [
    'application/vnd.kubernetes.protobuf',
    'text/html',
    'application/yaml',
    'application/json;as=Frob;g=meta.k8s.io;v=v1',
  ])
    t.equal(kind(accept), 406, accept)
  t.match(at.ask('GET', CONFIG_MAPS, undefined, { accept: 'text/html' }).json, {
    code: 406,
    reason: 'NotAcceptable',
    message: '406: Not Acceptable',
    details: {},
  })
})

t.test('sends a long list piece by piece, as its reader takes it', async (t) => {
  const at = new KubernetesShell()
  const value = 'x'.repeat(100_000)
  for (let i = 0; i < 30; i++) at.create('configmaps', configMap(`c${i}`, { value }))
  const whole = at.ask('GET', CONFIG_MAPS)
  t.equal(whole.json.items.length, 31)
  at.shell.maxWaitingBytes = 1_000_000
  const slow = at.open('GET', CONFIG_MAPS)
  t.notOk(slow.ended)
  // What is written meanwhile is not in it
  at.create('configmaps', configMap('later'))
  let text = ''
  for (let i = 0; i < 20 && !slow.ended; i++) {
    text += slow.takeText()
    if (i % 2 === 0) at.tick()
    else at.shell.drain(slow)
  }
  text += slow.takeText()
  t.ok(slow.ended)
  t.equal(text, whole.text)
  const gone = at.open('GET', CONFIG_MAPS)
  at.shell.close(gone)
  at.tick()
  t.equal(at.shell.openRequests, 0)
})
