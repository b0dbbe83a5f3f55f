/** 6. What operators do is visible to the customer in the audit log. */
import { errorCode } from '../../errors.ts'
import { type Attempt, type Finding, impossible, refused, sharedTwin, through } from '../attempt.ts'
import type { Claim } from '../claim.ts'
import { askAndName, type Wish } from '../doors.ts'
import { type Lie, readLog } from '../reading.ts'
import type { Signer, Target } from '../target.ts'

/** What somebody does, allowed or not, and hopes that the customer will not see. */
const DEEDS: [what: string, signer: Signer, wish: (target: Target) => Wish][] = [
  [
    'the operator looks at what runs',
    'operator',
    () => ({ action: 'describe-enclaves', parameters: { metadata: true } }),
  ],
  ['the operator looks at the host', 'operator', () => ({ action: 'describe-host', parameters: {} })],
  ['the operator looks at health', 'operator', () => ({ action: 'describe-health', parameters: {} })],
  [
    'the operator ends an enclave that is not there',
    'operator',
    () => ({ action: 'terminate-enclave', parameters: { name: 'no-such-enclave' } }),
  ],
  [
    'an approver tries to end the enclave',
    'approver-1',
    (t) => ({ action: 'terminate-enclave', parameters: { name: t.enclave } }),
  ],
  [
    'an approver tries to restart the enclave',
    'approver-2',
    (t) => ({ action: 'restart', parameters: { name: t.enclave } }),
  ],
  [
    'the operator tries to rotate its keys alone',
    'operator',
    (t) => ({ action: 'rotate-store-keys', parameters: { name: t.enclave } }),
  ],
  [
    'the operator tries an action that there is not',
    'operator',
    (t) => ({ action: 'exec', parameters: { name: t.enclave } }),
  ],
  [
    'the operator tries fields that there are not',
    'operator',
    () => ({ action: 'describe-enclaves', parameters: { content: true } }),
  ],
  [
    'the operator tries to read the customer’s log',
    'operator',
    (t) => ({ action: 'read-log', parameters: { subject: t.enclave } }),
  ],
]

const LIES: [what: string, lie: Lie, asks?: number][] = [
  ['withholds the first entry', (page) => ({ ...page, entries: page.entries.slice(1) })],
  ['withholds the last entry', (page) => ({ ...page, entries: page.entries.slice(0, -1) })],
  [
    'withholds one in the middle',
    (page) => ({ ...page, entries: page.entries.filter((_, i) => i !== page.entries.length >> 1) }),
  ],
  ['withholds all', (page) => ({ ...page, entries: [] })],
  [
    'shows two in the wrong order',
    (page) => ({
      ...page,
      entries: [...page.entries.slice(1, 2), ...page.entries.slice(0, 1), ...page.entries.slice(2)],
    }),
  ],
  ['shows one twice', (page) => ({ ...page, entries: [...page.entries.slice(0, 1), ...page.entries] })],
  [
    'says that another key did it',
    (page) => altered(page, /"kid":"./, (text) => `${text.slice(0, -1)}${text.endsWith('A') ? 'B' : 'A'}`),
  ],
  [
    'says that it was another action',
    (page) => altered(page, /"action":"describe-[a-z]+"/, () => '"action":"describe-nothing"'),
  ],
  ['says that it was refused', (page) => altered(page, /"code":null/, () => '"code":"ERR_ADMIN_ROLE"')],
  [
    'moves an entry to another place',
    (page) => ({
      ...page,
      entries: page.entries.map((each, i) => (i === 0 ? { ...each, index: each.index + 1 } : each)),
    }),
  ],
  [
    'cuts a proof short',
    (page) => ({ ...page, entries: page.entries.map((each) => ({ ...each, inclusion: each.inclusion.slice(1) })) }),
  ],
  [
    'says that there are fewer entries',
    (page) => ({ ...page, statement: page.statement.replace(/"hostEntries":\d+/, '"hostEntries":1') }),
  ],
  ['signs the statement itself', (page) => ({ ...page, signature: Buffer.alloc(64, 1).toString('base64') })],
  ['answers with what it answered before', (_, before) => before, 2],
  [
    'shows the log as it was before',
    (page, before) => ({ ...page, statement: before.statement, signature: before.signature }),
    2,
  ],
]

export const visibleActions: Claim = {
  number: 6,
  statement: 'What operators do is visible to the customer in the audit log',
  attempts: (target) => [...deeds(target), ...lies(target)],
}

function deeds(target: Target): Attempt[] {
  const twin = sharedTwin('a request that was never made is not found there', async () =>
    (await isLogged(target, '0'.repeat(64))) ? refused('found') : through('not found'),
  )
  return DEEDS.map(([what, signer, wish]) => ({
    what: `unseen: ${what}`,
    attack: async () => {
      const { digest, code, text } = await askAndName(target, signer, wish(target))
      if (text === '') return impossible(`no answer: ${code}`)
      const said = code ?? 'done'
      return (await isLogged(target, digest))
        ? refused(`${said}; the customer finds it in the log`)
        : through(`${said}, and nothing of it in the log`)
    },
    twin,
  }))
}

async function isLogged(target: Target, digest: string): Promise<boolean> {
  return (await readLog(target)).some(({ entry }) => 'request' in entry && entry.request === digest)
}

function lies(target: Target): Attempt[] {
  const twin = sharedTwin('the same reader, and nothing changed on the way', () => believed(target, (page) => page, 2))
  return LIES.map(([what, lie, asks]) => ({
    what: `the parent ${what}`,
    attack: () => believed(target, lie, asks),
    twin,
  }))
}

/** @returns through where the reader believes it all */
async function believed(target: Target, lie: Lie, asks = 1): Promise<Finding> {
  try {
    const entries = await readLog(target, lie, asks)
    return entries.length === 0 ? impossible('there are no entries') : through(`${entries.length} entries, believed`)
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined) throw error
    return refused(code)
  }
}

/** Changes the newest entry that has such a place. */
function altered(page: Parameters<Lie>[0], place: RegExp, change: (found: string) => string): Parameters<Lie>[0] {
  let done = false
  const entries = page.entries.toReversed().map((each) => {
    const text = Buffer.from(each.entry, 'base64').toString('utf8')
    if (done || !place.test(text)) return each
    done = true
    return { ...each, entry: Buffer.from(text.replace(place, change)).toString('base64') }
  })
  // Nothing to change: the lie would be none, and be believed.
  return { ...page, entries: entries.toReversed() }
}
