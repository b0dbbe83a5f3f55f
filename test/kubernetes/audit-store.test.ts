// How the audit lies in the store: with the write it tells of or not at all, bounded in memory and in the store, and what happens where the
// store takes nothing.
import t from 'tap'
import { MAX_AUDIT_BYTES, MAX_AUDIT_WAITING_BYTES } from '../../assembly/workloads/kubernetes/limits.ts'
import { configMap, DEFAULT, KubernetesShell } from '../kit/kubernetes.ts'
import { auditedSince, readAudit, restarted } from '../kit/kubernetes-audit.ts'

const USER = { role: 2, key: new Uint8Array(32).fill(0xab) }
const CONFIG_MAPS = `${DEFAULT}/configmaps`

function audited(at: KubernetesShell, kind: string): [key: string, bytes: number][] {
  return [...at.shell.records]
    .filter(([key]) => key.startsWith(`\0a${kind}`))
    .map(([key, { value }]) => [key, value?.length ?? 0])
}
const entries = (at: KubernetesShell) => audited(at, 'e').length

t.test(
  'stores a write and its event in one transaction: whenever it ends, the next start finds both or neither',
  async (t) => {
    const at = new KubernetesShell()
    at.create('configmaps', configMap('first'))
    const steps: [method: string, path: string, body?: unknown][] = []
    for (let i = 0; i < 70; i++) steps.push(['POST', CONFIG_MAPS, configMap(`c${i}`)])
    for (let i = 0; i < 70; i += 7) steps.push(['PUT', `${CONFIG_MAPS}/c${i}`, configMap(`c${i}`, { a: 'b' })])
    for (let i = 0; i < 70; i += 5) steps.push(['DELETE', `${CONFIG_MAPS}/c${i}`])
    let done = (await readAudit(restarted(at, new KubernetesShell()))).head.events
    for (const [method, path, body] of steps) {
      const { version } = at.shell
      at.ask(method, path, body)
      t.equal(at.shell.version, version + 1n, 'one transaction')
      const after = restarted(at, new KubernetesShell())
      const { head, events } = await readAudit(after)
      t.equal(head.events, ++done)
      const { verb, objectRef, responseStatus } = events.at(-1)
      const name = objectRef.name as string
      t.equal(responseStatus.code, verb === 'create' ? 201 : 200)
      t.equal(after.ask('GET', `${CONFIG_MAPS}/${name}`).status, verb === 'delete' ? 404 : 200, `${verb} ${name}`)
    }
  },
)

t.test('chains nothing that came to nothing, and all that did not', async (t) => {
  for (const lose of ['write', 'refusal', 'reads', 'batch'] as const) {
    const at = new KubernetesShell()
    at.create('configmaps', configMap('a'))
    const before = await readAudit(at)
    const write = (name: string) => at.demand(201, 'POST', CONFIG_MAPS, configMap(name))
    if (lose === 'batch') for (let i = 0; i < 63; i++) write(`b${i}`)
    if (lose === 'reads') at.ask('GET', `${CONFIG_MAPS}/a`)
    const kept = new Map(at.shell.records)
    const { version } = at.shell
    if (lose === 'refusal') at.ask('GET', CONFIG_MAPS, undefined, USER)
    else if (lose === 'reads') at.tick()
    else write('lost')
    t.equal(at.shell.version, version + 1n, `${lose} has written`)
    // The store did not take it
    at.shell.records = kept
    at.shell.lost = at.shell.version
    write('next')
    at.ask('GET', `${CONFIG_MAPS}/next`)
    const { events, head } = await readAudit(at, { points: [before.head] })
    const told = events.slice(before.head.events).map(({ verb, objectRef }) => `${verb} ${objectRef.name ?? ''}`)
    const expected = {
      write: [],
      refusal: [],
      reads: ['get a'],
      batch: Array.from({ length: 63 }, (_, i) => `create b${i}`),
    }
    t.same(told.sort(), [...expected[lose], 'create next', 'get next'].sort(), lose)
    t.same(
      (await readAudit(restarted(at, new KubernetesShell()), { after: head })).events,
      [],
      'the same after a start',
    )
  }
})

t.test('survives that a store loses a batch and most of what was in it', async (t) => {
  const at = new KubernetesShell()
  const write = (name: string) => at.demand(201, 'POST', CONFIG_MAPS, configMap(name))
  write('first')
  const { head } = await readAudit(at)
  const kept = new Map(at.shell.records)
  for (let i = 0; i < 70; i++) write(`b${i}`)
  at.shell.records = kept
  at.shell.lost = at.shell.version
  for (let i = 0; i < 70; i++) write(`c${i}`)
  const { events } = await readAudit(at, { after: head })
  t.same(
    events.map(({ objectRef }) => objectRef.name),
    Array.from({ length: 70 }, (_, i) => `c${i}`),
  )
})

t.test('makes what conflicts run again, and tells of it once', async (t) => {
  const at = new KubernetesShell()
  at.create('configmaps', configMap('a'))
  const seen = (await readAudit(at)).head.events
  for (const writes of [0, 1]) {
    at.shell.writesUntilAgain = writes
    t.equal(at.ask('PUT', `${CONFIG_MAPS}/a`, configMap('a', { w: `${writes}` })).status, 500)
    at.shell.writesUntilAgain = Number.POSITIVE_INFINITY
    t.equal(at.ask('PUT', `${CONFIG_MAPS}/a`, configMap('a', { w: `${writes}` })).status, 200)
  }
  t.match(await auditedSince(at, seen), [{ verb: 'update' }, { verb: 'update' }])
})

t.test(
  'stores reads together: by a tick, by a read a second later, and by the one that is too much for memory',
  async (t) => {
    const at = new KubernetesShell()
    at.create('configmaps', configMap('a'))
    const { head } = await readAudit(at)
    const get = () => at.ask('GET', `${CONFIG_MAPS}/a`)
    get()
    const length = ((await readAudit(at, { after: head })).lines[0] as string).length + 1
    const most = Math.floor(MAX_AUDIT_WAITING_BYTES / length)
    for (const by of [-1, 0, 1]) {
      const before = (await readAudit(at)).head.events
      for (let i = 0; i < most + by; i++) get()
      const durable = async () => (await readAudit(restarted(at, new KubernetesShell()))).head.events - before
      t.equal(await durable(), by > 0 ? most : 0, `${most + by} reads`)
      at.tick()
      t.equal(await durable(), most + by, 'and the rest by the tick')
    }
    await readAudit(at)
    const { version } = at.shell
    get()
    at.shell.nowMs += 999n
    get()
    t.equal(at.shell.version, version)
    at.shell.nowMs += 1n
    get()
    t.equal(at.shell.version, version + 1n)
  },
)

t.test('takes no more memory under a flood of reads, and loses none', async (t) => {
  const at = new KubernetesShell()
  at.create('configmaps', configMap('a'))
  const seen = (await readAudit(at)).head.events
  const get = () => at.ask('GET', `${CONFIG_MAPS}/a`)
  for (let i = 0; i < 1000; i++) get()
  const { memoryBytes } = at.shell
  for (let i = 0; i < 9000; i++) get()
  t.equal(at.shell.memoryBytes, memoryBytes)
  t.ok(entries(at) < 10, `${entries(at)} entries: batches were made, and slots used again`)
  const { head, events } = await readAudit(at)
  t.equal(head.events, seen + 10_000)
  t.equal(new Set(events.map(({ auditID }) => auditID)).size, events.length)
})

t.test('keeps to its size: the oldest segments go, and the rest still verifies', async (t) => {
  const at = new KubernetesShell()
  at.create('configmaps', configMap('a'))
  const first = (await readAudit(at)).head
  const uri = `${CONFIG_MAPS}/a?x=`.padEnd(4000, 'x')
  const held = () => audited(at, 's').reduce((sum, [, bytes]) => sum + bytes, 0)
  let most = 0
  for (let i = 0; i < 9000; i++) {
    at.ask('GET', uri)
    if (i % 50 === 0) most = Math.max(most, held())
  }
  t.ok(most <= MAX_AUDIT_BYTES, `${most} bytes`)
  t.ok(most > MAX_AUDIT_BYTES - 4 * MAX_AUDIT_WAITING_BYTES, `${most} bytes`)
  t.ok(audited(at, 's').every(([, bytes]) => bytes <= MAX_AUDIT_WAITING_BYTES + 8192))
  const { head, dropped, events, unchecked } = await readAudit(at, { points: [first] })
  t.ok(dropped.events > 0)
  t.equal(head.events, first.events + 9000)
  t.equal(events.length, head.events - dropped.events)
  t.same(unchecked, [first], 'what lies before what is held cannot be compared any more')
  await t.rejects(readAudit(at, { after: first }), { code: 'ERR_AUDIT_GAP' })
  t.same((await readAudit(at, { after: dropped })).head, head)
  t.same((await readAudit(restarted(at, new KubernetesShell()))).events.length, events.length)
})

t.test('does not answer what it cannot tell of, where the store is full, and lets deletions make room', async (t) => {
  const at = new KubernetesShell()
  at.create('configmaps', configMap('a'))
  for (let i = 0; i < 20; i++) at.create('configmaps', configMap(`large${i}`, { value: 'x'.repeat(10_000) }))
  at.shell.maxSpaceBytes =
    [...at.shell.records].reduce((sum, [key, { value }]) => sum + key.length + (value?.length ?? 0), 0) + 100_000
  const create = (name: string) => at.ask('POST', CONFIG_MAPS, configMap(name))
  let made = 0
  while (create(`f${made}`).status === 201) made++
  t.ok(made > 50)
  const stored = new Map(at.shell.records)
  const refused = create('more')
  t.match(refused.json, { code: 500, message: /the store is full/ })
  t.same([...at.shell.records.keys()], [...stored.keys()], 'nothing half done')
  t.equal(at.ask('GET', `${CONFIG_MAPS}/more`).status, 404)
  t.equal(at.ask('GET', CONFIG_MAPS, undefined, USER).status, 500, 'a refusal that nobody could hear of')
  // The reserve
  t.match(at.ask('DELETE', `${CONFIG_MAPS}/f0`).json, { code: 429, details: { retryAfterSeconds: 1 } })
  at.tick()
  t.equal(create('more').status, 500, 'room for deletions alone')
  for (let i = 0; i < 60; i++) at.demand(200, 'DELETE', `${CONFIG_MAPS}/f${i}`)
  at.tick(2)
  t.equal(create('more').status, 500, 'not before there is a reserve again')
  at.demand(200, 'DELETE', CONFIG_MAPS)
  at.tick(3)
  t.equal(create('more').status, 201)
  const { events } = await readAudit(at)
  t.equal(
    events.filter(({ verb, responseStatus }) => verb === 'create' && responseStatus.code === 201).length,
    made + 22,
  )
  t.equal(events.filter(({ verb, responseStatus }) => verb === 'delete' && responseStatus.code === 200).length, 60)
})
