// Watches: every event once and in order, or a 410 that says that some are missing.
import t from 'tap'
import { MAX_EVENTS } from '../../assembly/workloads/kubernetes/limits.ts'
import { configMap, DEFAULT, events, KubernetesShell, shortEvents, TABLE, type WatchEvent } from '../kit/kubernetes.ts'

const CONFIG_MAPS = `${DEFAULT}/configmaps`
const version = (at: KubernetesShell): string => at.ask('GET', CONFIG_MAPS).json.metadata.resourceVersion

function empty(): KubernetesShell {
  const at = new KubernetesShell()
  at.demand(200, 'DELETE', CONFIG_MAPS)
  return at
}

t.test('tells what is added, modified and deleted, with the version of each', async (t) => {
  const at = empty()
  const watch = at.watch(`${CONFIG_MAPS}?resourceVersion=${version(at)}`)
  t.same([watch.status, watch.headers['content-type'], watch.takeText()], [200, 'application/json', ''])
  const added = at.create('configmaps', configMap('a'))
  const modified = at.demand(200, 'PUT', `${CONFIG_MAPS}/a`, configMap('a', { k: 'v' }))
  at.create('secrets', { metadata: { name: 'other' } })
  at.demand(200, 'DELETE', `${CONFIG_MAPS}/a`)
  const seen = events(watch)
  t.same(
    seen.map(({ type }) => type),
    ['ADDED', 'MODIFIED', 'DELETED'],
  )
  t.same(seen[0]?.object, added)
  t.same(seen[1]?.object, modified)
  const { resourceVersion, ...metadata } = (seen[2] as WatchEvent).object.metadata
  t.same({ ...metadata, resourceVersion: modified.metadata.resourceVersion }, modified.metadata)
  t.ok(BigInt(resourceVersion) > BigInt(modified.metadata.resourceVersion))
  t.same(seen[2]?.object.data, { k: 'v' })
})

t.test('begins with what is there, or where it is told to', async (t) => {
  const at = empty()
  at.create('configmaps', configMap('a'))
  const from = version(at)
  at.create('configmaps', configMap('b'))
  at.demand(200, 'DELETE', `${CONFIG_MAPS}/a`)
  t.same(shortEvents(at.watch(CONFIG_MAPS)), ['ADDED b'])
  t.same(shortEvents(at.watch(`${CONFIG_MAPS}?resourceVersion=0`)), ['ADDED b'])
  t.same(shortEvents(at.watch(`${CONFIG_MAPS}?resourceVersion=${from}`)), ['ADDED b', 'DELETED a'])
  t.same(shortEvents(at.watch(`${CONFIG_MAPS}?resourceVersion=${version(at)}`)), [])
  t.same(shortEvents(at.watch(`/api/v1/configmaps?resourceVersion=${from}&fieldSelector=metadata.name%3Db`)), [
    'ADDED b',
  ])
  t.equal(at.ask('GET', `${CONFIG_MAPS}?watch=true&resourceVersion=99999999`).status, 504)
  t.equal(at.ask('GET', `${CONFIG_MAPS}?watch=true&resourceVersion=x`).status, 400)
})

t.test('says ADDED and DELETED of what begins and ceases to match', async (t) => {
  const at = empty()
  const web = at.watch(`${CONFIG_MAPS}?labelSelector=app%3Dweb&resourceVersion=${version(at)}`)
  const put = (labels: object, data = {}) => at.demand(200, 'PUT', `${CONFIG_MAPS}/a`, configMap('a', data, { labels }))
  at.create('configmaps', configMap('a', { n: '0' }))
  put({ app: 'web' }, { n: '1' })
  put({ app: 'web' }, { n: '2' })
  const last = put({ app: 'db' }, { n: '3' })
  put({ app: 'db' }, { n: '4' })
  put({ app: 'web' }, { n: '5' })
  at.demand(200, 'DELETE', `${CONFIG_MAPS}/a`)
  const seen = events(web)
  t.same(
    seen.map(({ type, object }) => `${type} ${object.data.n}`),
    ['ADDED 1', 'MODIFIED 2', 'DELETED 2', 'ADDED 5', 'DELETED 5'],
  )
  t.same(
    [seen[2]?.object.metadata.labels, seen[2]?.object.metadata.resourceVersion],
    [{ app: 'web' }, last.metadata.resourceVersion],
    'as it was, with the version of the change',
  )
})

t.test('tells each of what one transaction wrote, under versions of their own', async (t) => {
  const at = empty()
  for (let i = 0; i < 5; i++) at.create('configmaps', configMap(`c${i}`))
  const watch = at.watch(`${CONFIG_MAPS}?resourceVersion=${version(at)}`)
  at.demand(200, 'DELETE', CONFIG_MAPS)
  const versions = events(watch).map(({ object }) => BigInt(object.metadata.resourceVersion))
  t.equal(versions.length, 5)
  for (const [i, each] of versions.entries()) {
    t.ok(i === 0 || each > (versions[i - 1] as bigint))
    t.equal(
      shortEvents(at.watch(`${CONFIG_MAPS}?resourceVersion=${each}`)).length,
      4 - i,
      'and resumes behind any of them',
    )
  }
})

t.test('sends bookmarks to who wants them, and ends when it is time', async (t) => {
  const at = empty()
  const watch = at.watch(`${CONFIG_MAPS}?resourceVersion=${version(at)}&allowWatchBookmarks=true&timeoutSeconds=100`)
  const other = at.watch(`${CONFIG_MAPS}?resourceVersion=${version(at)}&timeoutSeconds=100`)
  at.create('secrets', { metadata: { name: 's' } })
  at.tick(59)
  t.equal(watch.takeText(), '')
  at.tick(2)
  const [bookmark] = events(watch)
  t.match(bookmark, {
    type: 'BOOKMARK',
    object: {
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { resourceVersion: version(at), creationTimestamp: null },
    },
  })
  at.create('configmaps', configMap('a'))
  t.same(shortEvents(at.watch(`${CONFIG_MAPS}?resourceVersion=${bookmark?.object.metadata.resourceVersion}`)), [
    'ADDED a',
  ])
  at.tick(60)
  t.ok(watch.ended && other.ended)
  t.same(
    events(watch).map(({ type }) => type),
    ['ADDED', 'BOOKMARK'],
  )
  t.same(shortEvents(other), ['ADDED a'])
})

t.test('sends the present state and its end as a watch-list', async (t) => {
  const at = empty()
  at.create('configmaps', configMap('a'))
  const query = 'sendInitialEvents=true&allowWatchBookmarks=true'
  const watch = at.watch(`${CONFIG_MAPS}?${query}&resourceVersionMatch=NotOlderThan`)
  const seen = events(watch)
  t.same(
    seen.map(({ type }) => type),
    ['ADDED', 'BOOKMARK'],
  )
  t.match(seen[1]?.object.metadata, {
    resourceVersion: version(at),
    annotations: { 'k8s.io/initial-events-end': 'true' },
  })
  at.create('configmaps', configMap('b'))
  t.same(shortEvents(watch), ['ADDED b'])
  t.equal(at.ask('GET', `${CONFIG_MAPS}?watch=true&${query}`).status, 422)
  t.equal(at.ask('GET', `${CONFIG_MAPS}?watch=true&resourceVersionMatch=NotOlderThan`).status, 422)
  t.same(
    shortEvents(
      at.watch(
        `${CONFIG_MAPS}?sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=${version(at)}`,
      ),
    ),
    [],
  )
})

t.test('sends Tables, with columns once', async (t) => {
  const at = empty()
  at.create('configmaps', configMap('a'))
  const watch = at.open('GET', `${CONFIG_MAPS}?watch=true`, undefined, { accept: TABLE })
  at.create('configmaps', configMap('b', { k: 'v' }))
  const seen = events(watch)
  t.same(
    seen.map(({ object }) => [object.kind, object.columnDefinitions?.length ?? 0, object.rows[0].cells[0]]),
    [
      ['Table', 3, 'a'],
      ['Table', 0, 'b'],
    ],
  )
})

t.test('gives a slow reader what it missed, in order, or says that it cannot', async (t) => {
  const at = empty()
  at.shell.maxWaitingBytes = 20_000
  const watch = at.watch(`${CONFIG_MAPS}?resourceVersion=${version(at)}`)
  const fast = at.watch(`${CONFIG_MAPS}?resourceVersion=${version(at)}`)
  const seen: string[] = []
  const value = 'x'.repeat(3000)
  let told = 0
  for (let i = 0; i < 100; i++) {
    at.create('configmaps', configMap(`c${i}`, { value }))
    told += shortEvents(fast).length
  }
  t.equal(told, 100, 'who takes them has them at once')
  for (let i = 0; i < 200 && seen.length < 100; i++) {
    seen.push(...shortEvents(watch))
    at.tick()
  }
  t.same(
    seen,
    Array.from({ length: 100 }, (_, i) => `ADDED c${i}`),
  )
  at.create('configmaps', configMap('end'))
  t.same(shortEvents(watch), ['ADDED end'], 'and is with the others again')
})

t.test('ends with 410 whose events are no more, and answers so to who asks for them', async (t) => {
  const at = empty()
  const from = version(at)
  at.shell.maxWaitingBytes = 1000
  const slow = at.watch(`${CONFIG_MAPS}?resourceVersion=${from}`)
  const lease = '/apis/coordination.k8s.io/v1/namespaces/default/leases'
  // The second finds no room
  at.create('configmaps', configMap('zero', { value: 'x'.repeat(500) }))
  at.create('configmaps', configMap('first', { value: 'x'.repeat(500) }))
  at.demand(201, 'POST', lease, { metadata: { name: 'l' } })
  // All but one of what the history holds; then the one
  for (let i = 0; i < MAX_EVENTS - 3; i++)
    at.demand(200, 'PUT', `${lease}/l`, { metadata: { name: 'l' }, spec: { leaseTransitions: i } })
  t.same(
    shortEvents(at.watch(`${CONFIG_MAPS}?resourceVersion=${from}`)),
    ['ADDED zero'],
    `${MAX_EVENTS} events are kept`,
  )
  at.tick()
  t.notOk(slow.ended)
  for (const holder of ['x', 'y'])
    at.demand(200, 'PUT', `${lease}/l`, { metadata: { name: 'l' }, spec: { holderIdentity: holder } })
  t.same(shortEvents(slow), ['ADDED zero'])
  at.tick()
  t.ok(slow.ended)
  t.match(events(slow), [
    { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', status: 'Failure' } },
  ])
  const late = at.watch(`${CONFIG_MAPS}?resourceVersion=${from}`)
  t.ok(late.ended)
  t.equal(late.status, 200)
  t.match(events(late), [
    {
      type: 'ERROR',
      object: { code: 410, reason: 'Expired', message: new RegExp(`^too old resource version: ${from} \\(\\d+\\)$`) },
    },
  ])
})

t.test('leaves no event of a call that is taken back, and none of one that comes to nothing', async (t) => {
  const at = empty()
  const from = version(at)
  const watch = at.watch(`${CONFIG_MAPS}?resourceVersion=${from}`)
  at.create('configmaps', configMap('a'))
  t.same(shortEvents(watch), ['ADDED a'])
  for (const writes of [0, 1, 2]) {
    at.shell.writesUntilAgain = writes
    t.equal(
      at.ask('POST', '/api/v1/namespaces', { metadata: { name: 'n' } }).status,
      500,
      'the shell runs it no second time',
    )
    t.equal(at.ask('DELETE', CONFIG_MAPS).status, 500)
    at.tick()
    at.shell.writesUntilAgain = Number.POSITIVE_INFINITY
    t.equal(at.ask('GET', '/api/v1/namespaces/n').status, 404)
    t.same(shortEvents(watch), [])
  }
  t.equal(at.ask('GET', `${CONFIG_MAPS}/a`).status, 200)
  // The store did not take it, as the kernel would say: the record is gone, its version is among the lost
  at.shell.lost = at.shell.version
  for (const key of at.shell.records.keys()) if (key.endsWith('/a')) at.shell.records.delete(key)
  at.tick()
  const again = at.watch(`${CONFIG_MAPS}?resourceVersion=${from}`)
  t.match(events(again), [{ type: 'ERROR', object: { code: 410 } }], 'nobody hears of it from the history')
  t.same(shortEvents(at.watch(`${CONFIG_MAPS}?resourceVersion=${version(at)}`)), [])
  t.ok(at.ask('GET', CONFIG_MAPS).json.items.length === 0)
})

t.test('forgets watches whose clients have gone', async (t) => {
  const at = empty()
  const watches = Array.from({ length: 20 }, () => at.watch(CONFIG_MAPS))
  const count = () => /apiserver_longrunning_requests\{verb="WATCH"\} (\d+)/.exec(at.ask('GET', '/metrics').text)?.[1]
  t.equal(count(), '20')
  for (const watch of watches.slice(0, 10)) at.shell.close(watch)
  for (const watch of watches.slice(10)) at.shell.vanish(watch)
  at.create('configmaps', configMap('a'))
  t.equal(count(), '0')
  t.equal(at.shell.openRequests, 0)
})
