// Group F for whoever reads the log through a parent that withholds, alters, repeats and delays, and for a log that rewrites itself.
import t, { type Test } from 'tap'
import { ContradictionError } from '../../../host/client/log/checkpoints.ts'
import type { Page } from '../../../host/control/readings.ts'
import { HOST } from '../../../host/log/proofs/entry.ts'
import { type Lie, LogUnderTest } from '../../kit/reader.ts'

// Every durable step waits for the disk, and for whoever else waits for it.
t.setTimeout(170_000)

async function filled(t: Test, ...subjects: string[]): Promise<LogUnderTest> {
  const under = await new LogUnderTest().fill(...subjects)
  t.teardown(() => under.close())
  return under
}

const SUBJECTS = [HOST, 'echo', 'other', 'echo', HOST, 'echo', 'other']

t.test('reads a subject and the host without a gap, over many pages, and what comes later', async (t) => {
  const under = await filled(t, ...SUBJECTS)
  const reader = under.reader('echo')
  const entries = await reader.catchUp()
  t.same(
    entries.map(({ index }) => index),
    [0, 1, 2, 3, 6, 7, 8, 9, 10, 11],
  )
  t.same(await reader.catchUp(), [])
  await under.crowd(800, 'echo')
  t.equal((await reader.catchUp()).length, 800)
  t.equal((await under.reader('echo').catchUp()).length, 810)
  t.equal((await under.reader(HOST).catchUp()).length, 4)
})

t.test('names the number that is withheld, whichever it is', async (t) => {
  const under = await filled(t, ...SUBJECTS)
  const all = await under.reader('echo').catchUp()
  for (const { index, entry } of all) {
    const withheld: Lie = (page) => ({ ...page, entries: page.entries.filter((each) => each.index !== index) })
    const message = `incomplete: number ${entry.subjectSequence} of ${entry.subject} is missing`
    await t.rejects(under.reader('echo', withheld).catchUp(), { code: 'ERR_AUDIT_INCOMPLETE', message })
  }
  const none: Lie = (page) => ({ ...page, entries: [] })
  await t.rejects(under.reader('echo', none).catchUp(), { message: 'incomplete: number 0 of echo is missing' })
  const later: Lie = (page, _query, count) => (count === 0 ? { ...page, entries: page.entries.slice(0, 3) } : page)
  t.equal((await under.reader('echo', later).catchUp()).length, all.length, 'the twin: shorter pages are no lie')
})

const rows: [name: string, code: string, lie: Lie][] = [
  ['two entries in another order', 'ERR_AUDIT_INCOMPLETE', (page) => ({ ...page, entries: page.entries.toReversed() })],
  ['an entry twice', 'ERR_AUDIT_INCOMPLETE', (page) => ({ ...page, entries: [page.entries[0], ...page.entries] })],
  ['an entry altered', 'ERR_LOG_INCLUSION', (page) => first(page, (e) => ({ ...e, entry: altered(e.entry) }))],
  ['an entry of another place', 'ERR_LOG_INCLUSION', (page) => first(page, (e) => ({ ...e, index: e.index + 1 }))],
  ['an index that is none', 'ERR_LOG_INCLUSION', (page) => first(page, (e) => ({ ...e, index: -1 }))],
  ['no proof', 'ERR_LOG_INCLUSION', (page) => first(page, (e) => ({ ...e, inclusion: [] }))],
  ['a longer proof', 'ERR_LOG_INCLUSION', (page) => first(page, (e) => ({ ...e, inclusion: [...e.inclusion, HASH] }))],
  [
    'another hash',
    'ERR_LOG_INCLUSION',
    (page) => first(page, (e) => ({ ...e, inclusion: e.inclusion.map(() => HASH) })),
  ],
  [
    'a proof of 65 hashes',
    'ERR_ADMIN_ANSWER',
    (page) => first(page, (e) => ({ ...e, inclusion: Array(65).fill(HASH) })),
  ],
  [
    'another count',
    'ERR_LOG_SIGNATURE',
    (page) => ({ ...page, statement: page.statement.replace('"hostEntries":4', '"hostEntries":2') }),
  ],
  ['another signature', 'ERR_LOG_SIGNATURE', (page) => ({ ...page, signature: altered(page.signature) })],
  ['257 entries', 'ERR_ADMIN_ANSWER', (page) => ({ ...page, entries: Array(257).fill(page.entries[0]) })],
  ['no page', 'ERR_ADMIN_ANSWER', () => null],
  ['a list for a page', 'ERR_ADMIN_ANSWER', () => []],
]
const HASH = Buffer.alloc(32, 7).toString('base64')
const altered = (base64: string) => {
  const bytes = Buffer.from(base64, 'base64')
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1
  return bytes.toString('base64')
}
const first = (page: Page, change: (entry: Page['entries'][number]) => unknown) => ({
  ...page,
  entries: page.entries.map((entry, i) => (i === 0 ? change(entry) : entry)),
})

t.test('refuses a page that was tampered with', async (t) => {
  const under = await filled(t, ...SUBJECTS)
  for (const [name, code, lie] of rows) await t.rejects(under.reader('echo', lie).catchUp(), { code }, name)
  t.equal((await under.reader('echo').catchUp()).length, 10, 'the twin of all of them')
})

t.test('refuses what was said earlier, to others, or of another subject', async (t) => {
  const under = await filled(t, ...SUBJECTS)
  const seen: Page[] = []
  const reader = under.reader('echo', (page) => {
    seen.push(page)
    return page
  })
  await reader.catchUp()
  await under.fill('echo')
  const stale: Lie = () => seen[0]
  await t.rejects(under.reader('echo', stale).catchUp(), { code: 'ERR_LOG_STATEMENT' }, 'the nonce is of another')
  const of = (subject: string): Lie => {
    const reading = under.readings.open(1, { subject })
    return (_page, query) => under.readings.read(1, JSON.stringify({ ...query, reading }))
  }
  await t.rejects(under.reader('echo', of('other')).catchUp(), { code: 'ERR_LOG_STATEMENT' })
  t.equal((await under.reader('echo', of('echo')).catchUp()).length, 12, 'the twin')
})

t.test('F01: notices entries cut off, by any number, against whatever was seen later', async (t) => {
  const under = await filled(t, 'echo', HOST, 'echo')
  const reader = under.reader('echo')
  await reader.catchUp()
  for (let length = 1; length <= 3; length++) {
    const cut = await new LogUnderTest(under.key).fill(...['echo', HOST, 'echo'].slice(0, length))
    t.teardown(() => cut.close())
    const rolledBack = cut.reader('echo', undefined, reader.checkpoint)
    if (length === 3) {
      await t.rejects(rolledBack.catchUp(), { code: 'ERR_LOG_CONSISTENCY' }, 'the same length, written at another time')
      continue
    }
    const error = await rolledBack.catchUp().catch((e) => e)
    t.equal(error.code, 'ERR_LOG_ROLLBACK')
    t.ok(error instanceof ContradictionError)
    t.same(error.older, reader.checkpoint, 'both notes are evidence')
    t.match(Buffer.from(error.newer).toString(), /^wasmclave\/log\//)
  }
  t.same((await under.reader('echo', undefined, reader.checkpoint).catchUp()).length, 6, 'the twin')
})

t.test('F02, F03: notices a fork, at the same size and later', async (t) => {
  const under = await filled(t, 'echo', HOST)
  const fork = await new LogUnderTest(under.key).fill('other', HOST)
  t.teardown(() => fork.close())
  const reader = under.reader('echo')
  await reader.catchUp()
  const code = { code: 'ERR_LOG_CONSISTENCY' }
  await t.rejects(fork.reader('echo', undefined, reader.checkpoint).catchUp(), code)
  await fork.fill('echo', 'echo')
  await t.rejects(fork.reader('echo', undefined, reader.checkpoint).catchUp(), code)
  await t.rejects(fork.reader('echo').continues(reader.checkpoint as Uint8Array), code, 'as the one in PCR17')
  await under.fill('echo')
  await under.reader('echo').continues(reader.checkpoint as Uint8Array)
  t.equal((await under.reader('echo', undefined, reader.checkpoint).catchUp()).length, 6, 'the twin')
})

t.test('believes no growth without its proof', async (t) => {
  const under = await filled(t, 'echo')
  const reader = under.reader('echo')
  await reader.catchUp()
  await under.fill('echo')
  const without: Lie = (page) => ({ ...page, consistency: null })
  const wrong: Lie = (page) => ({ ...page, consistency: (page.consistency ?? []).map(() => HASH) })
  for (const lie of [without, wrong])
    await t.rejects(under.reader('echo', lie, reader.checkpoint).catchUp(), { code: 'ERR_LOG_CONSISTENCY' })
  t.equal((await reader.catchUp()).length, 2, 'the twin')
})

t.test('catches up a long absence by one proof of consistency', async (t) => {
  const under = await filled(t, 'echo')
  const reader = under.reader('echo')
  await reader.catchUp()
  await under.crowd(5000, HOST)
  let longest = 0
  const measured = under.reader(
    'echo',
    (page, query) => {
      if (query.since === 2) longest = Math.max(longest, page.consistency?.length ?? 0)
      return page
    },
    reader.checkpoint,
  )
  t.equal((await measured.catchUp()).length, 5002)
  t.ok(longest > 0 && longest <= 2 * Math.ceil(Math.log2(5002)), `${longest} hashes for 5,000 entries`)
})

t.test('ends readings with their connection, and keeps them to it', async (t) => {
  const under = await filled(t, 'echo')
  const reading = under.readings.open(7, { subject: 'echo' })
  const query = JSON.stringify({ reading, nonce: '0'.repeat(64), from: 0, hostFrom: 0, since: 0 })
  t.equal((await under.readings.read(7, query)).entries.length, 2)
  await t.rejects(under.readings.read(8, query), { code: 'ERR_READING_ENDED' })
  under.readings.closed(7)
  await t.rejects(under.readings.read(7, query), { code: 'ERR_READING_ENDED' })
  for (let i = 0; i < 256; i++) under.readings.open(1, { subject: 'echo' })
  t.throws(() => under.readings.open(1, { subject: 'echo' }), { code: 'ERR_READING_BUSY' })
  for (const odd of [
    '',
    'x',
    '[]',
    'null',
    '{}',
    query.replace('"from":0', '"from":-1'),
    `${query}${' '.repeat(1024)}`,
  ])
    await t.rejects(under.readings.read(7, odd), { code: 'ERR_READING_QUERY' }, odd.slice(0, 20))
})
