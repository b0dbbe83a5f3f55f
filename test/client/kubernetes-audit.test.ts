// The chain of a Kubernetes enclave's audit as its owner's client verifies it: what is changed, withheld or put in another order is found.
import t from 'tap'
import { parseAuditBatches, readKubernetesAudit, verifyAuditCopy } from '../../host/client/kubernetes-audit.ts'
import { configMap, DEFAULT, KubernetesShell } from '../kit/kubernetes.ts'
import { EVENTS, enclaveOf, readAudit } from '../kit/kubernetes-audit.ts'

type Page = { head: Record<string, unknown>; batches: string[] }

/** Three batches of two events each. */
async function three(): Promise<{ at: KubernetesShell; page: Page }> {
  const at = new KubernetesShell()
  for (let i = 0; i < 6; i++) {
    at.create('configmaps', configMap(`c${i}`))
    if (i % 2 === 1) await readAudit(at)
  }
  const [head = '', ...rest] = at.open('GET', EVENTS).takeText().split('\n')
  const batches = parseAuditBatches(new TextEncoder().encode(rest.join('\n')))
  return { at, page: { head: JSON.parse(head), batches: batches.map(({ bytes }) => new TextDecoder().decode(bytes)) } }
}

function answering(...pages: Page[]) {
  let turn = 0
  return {
    fetch: () => {
      const { head, batches } = pages[Math.min(turn++, pages.length - 1)] as Page
      return Promise.resolve(new Response(`${JSON.stringify(head)}\n${batches.join('')}`))
    },
  }
}

function read(enclave: Parameters<typeof readKubernetesAudit>[0], question = {}) {
  let events = 0
  return readKubernetesAudit(enclave, question, ({ lines }) => {
    events += lines.length
  }).then((result) => ({ ...result, events }))
}

const HASHES = /[0-9a-f]{64}.*[0-9a-f]{64}/

t.test('accepts what fits, and rejects each thing that does not, with the two hashes that differ', async (t) => {
  const { page } = await three()
  const [a, b, c] = page.batches as [string, string, string]
  t.match(await read(answering(page)), { events: 6, head: { events: 6 }, dropped: { events: 0 }, unchecked: [] })
  const other = 'f'.repeat(64)
  const lines = b.split('\n')
  const rows: [what: string, page: Page, code: string, message: RegExp][] = [
    ['a character of an event', { ...page, batches: [a, b.replace('c2', 'c9'), c] }, 'ERR_AUDIT_CHAIN', HASHES],
    ['of the last one', { ...page, batches: [a, b, c.replace('c5', 'c9')] }, 'ERR_AUDIT_CHAIN', HASHES],
    [
      'events in another order',
      { ...page, batches: [a, [lines[0], lines[2], lines[1], ''].join('\n'), c] },
      'ERR_AUDIT_CHAIN',
      HASHES,
    ],
    ['batches in another order', { ...page, batches: [b, a, c] }, 'ERR_AUDIT_CHAIN', /behind event/],
    ['a batch withheld', { ...page, batches: [a, c] }, 'ERR_AUDIT_CHAIN', /behind event 4 .* behind event 2/],
    [
      'an event withheld',
      { ...page, batches: [a, `${lines[0]?.replace('"events":2', '"events":1')}\n${lines[1]}\n`, c] },
      'ERR_AUDIT_CHAIN',
      /behind event 4 .* behind event 3/,
    ],
    ['the beginning withheld', { ...page, batches: [b, c] }, 'ERR_AUDIT_CHAIN', /behind event 2 .* behind event 0/],
    ['the head’s hash', { ...page, head: { ...page.head, hash: other } }, 'ERR_AUDIT_CHAIN', HASHES],
    ['the hash before the first', { ...page, head: { ...page.head, droppedHash: other } }, 'ERR_AUDIT_CHAIN', HASHES],
  ]
  for (const [what, changed, code, message] of rows) await t.rejects(read(answering(changed)), { code, message }, what)
  const empty = { ...page, batches: [] }
  await t.rejects(
    read(answering({ ...page, batches: [a, b] }, empty)),
    { code: 'ERR_AUDIT_INCOMPLETE' },
    'the end withheld',
  )
  t.match(
    await read(answering({ ...page, batches: [a, b] }, { ...page, batches: [c] })),
    { events: 6 },
    'and its twin, on two pages',
  )
})

t.test('rejects answers that are none', async (t) => {
  const { page } = await three()
  const [a] = page.batches as [string]
  const rows: [what: string, text: string][] = [
    ['nothing', ''],
    ['no JSON', 'x\n'],
    ['null', 'null\n'],
    ['no count', `${JSON.stringify({ ...page.head, events: -1 })}\n`],
    ['no hash', `${JSON.stringify({ ...page.head, hash: 'x' })}\n`],
    ['more dropped than there was', `${JSON.stringify({ ...page.head, dropped: 7 })}\n`],
    ['a batch cut short', `${JSON.stringify(page.head)}\n${a.slice(0, -20)}`],
    ['a batch without events', `${JSON.stringify(page.head)}\n${a.replace('"events":2', '"events":0')}`],
    ['a head without end', 'x'.repeat(5000)],
  ]
  for (const [what, text] of rows)
    await t.rejects(read({ fetch: () => Promise.resolve(new Response(text)) }), { code: 'ERR_AUDIT_ANSWER' }, what)
  await t.rejects(read({ fetch: () => Promise.resolve(new Response('{}', { status: 403 })) }), {
    code: 'ERR_AUDIT_REFUSED',
    message: /403/,
  })
})

t.test('holds an enclave to what was seen before', async (t) => {
  const { at } = await three()
  const first = await readAudit(at)
  at.create('configmaps', configMap('later'))
  const next = await readAudit(at, { after: first.head })
  t.equal(next.events.length, 1, 'what is new, and no more')
  t.equal(next.head.events, 7)
  t.same((await readAudit(at, { points: [first.head] })).head, next.head)
  const hash = '0'.repeat(64)
  await t.rejects(
    readAudit(at, { points: [{ events: 4, hash }] }),
    { code: 'ERR_AUDIT_CHAIN', message: HASHES },
    'within',
  )
  await t.rejects(
    readAudit(at, { after: { events: 7, hash } }),
    { code: 'ERR_AUDIT_CHAIN', message: HASHES },
    'at its end',
  )
  await t.rejects(readAudit(at, { points: [{ events: 3, hash }] }), { code: 'ERR_AUDIT_CHAIN' }, 'between')
  await t.rejects(
    readAudit(at, { points: [{ events: 8, hash }] }),
    { code: 'ERR_AUDIT_BEHIND' },
    'a store that was put back',
  )
  // Another store tells another story, however alike it is
  const fork = await three()
  for (const point of first.batches.map(({ after, lines, hash }) => ({ events: after + lines.length, hash })))
    await t.rejects(read(enclaveOf(fork.at), { points: [point] }), { code: 'ERR_AUDIT_CHAIN', message: HASHES })
})

t.test('verifies a copy by itself', async (t) => {
  const { at } = await three()
  const { batches, head, dropped } = await readAudit(at)
  const copy = Buffer.concat(batches.map(({ bytes }) => bytes))
  t.same(await verifyAuditCopy(copy), { from: dropped, to: head })
  t.same(await verifyAuditCopy(copy.subarray((batches[0] as { bytes: Uint8Array }).bytes.length)), {
    from: { events: 2, hash: batches[0]?.hash },
    to: head,
  })
  t.equal(await verifyAuditCopy(new Uint8Array(0)), undefined)
  const at10 = Buffer.from(copy)
  at10[400] = (at10[400] as number) ^ 1
  await t.rejects(verifyAuditCopy(at10), { code: 'ERR_AUDIT_CHAIN', message: HASHES })
  await t.rejects(verifyAuditCopy(copy.subarray(0, -1)), { code: 'ERR_AUDIT_ANSWER' })
  t.equal(parseAuditBatches(copy).length, 3)
  t.match(JSON.parse(parseAuditBatches(copy)[0]?.lines[0] as string), {
    objectRef: { name: 'c0', namespace: DEFAULT.split('/').at(-1) },
  })
})
