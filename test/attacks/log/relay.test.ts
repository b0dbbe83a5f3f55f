// A parent between the command line and a real host that drops, repeats, alters, delays and forges: what is asked is refused, or done and
// answered with its proof; and of each request the log holds all or nothing.
import { readFileSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { AdminSession, developmentSigner } from '../../../host/cli/running-host.ts'
import { Audit, type ReadPage } from '../../../host/client/log/audit.ts'
import { HOST } from '../../../host/log/proofs/entry.ts'
import { dataFolder } from '../../../host/nitro/data-folder.ts'
import { Daemon } from '../../kit/daemon.ts'
import { runCli } from '../../kit/host.ts'
import { type Lie, LyingParent } from '../../kit/lying-parent.ts'

// Each row is a process or two.
t.setTimeout(175_000)

const daemon = await Daemon.start()
const parent = new LyingParent(daemon.ready.gateway)
t.teardown(async () => {
  parent.close()
  await daemon.stop()
})
const { data } = daemon
const honest = parent.lie
const hostFile = `${data}/host.json`
const running = JSON.parse(readFileSync(hostFile, 'utf8'))
writeFileSync(hostFile, JSON.stringify({ ...running, gateway: await parent.listen() }))

// biome-ignore lint/suspicious/noExplicitAny: what a parent does to a message has no type
type Loose = any
/** An action that has an effect without an enclave. */
const ASK = ['admin', 'lift-quarantine', '--enclave-name', 'ghost']
const AUDIT = ['audit', '--enclave-name', 'host', '--auditor', '--json']
const STATUS = ['admin', 'status', '--json']

async function under(lie: Lie, args: string[]) {
  parent.lie = lie
  const { code, stdout, stderr } = await runCli([...args, '--data', data])
  parent.lie = honest
  return { code, stdout, refusal: /\b(ERR_\w+)/.exec(stderr)?.[1] }
}

/** What the log says, by the gateway itself: how often the action was done, each time by a request of its own. */
async function done(t: Test): Promise<number> {
  const host = { gateway: daemon.ready.gateway, folder: dataFolder(data) }
  const session = new AdminSession(host, developmentSigner(host.folder, 'auditor'))
  const { reading } = (await session.request({ action: 'read-log', parameters: { subject: HOST } })) as {
    reading: string
  }
  const read: ReadPage = (query) => session.read({ reading, ...query })
  const entries = (await new Audit(session.log, HOST, read, undefined).catchUp()).map(({ entry }) => entry)
  session.close()
  const of = (kind: string) =>
    entries.flatMap((each) =>
      each.kind === kind && 'action' in each && each.action === 'lift-quarantine' && 'request' in each
        ? [each.request]
        : [],
    )
  t.equal(new Set(of('intent')).size, of('intent').length, 'no request took effect twice')
  t.same(of('outcome').sort(), of('intent').sort(), 'nothing is half done')
  return of('intent').length
}

const edited = (message: Buffer, edit: (json: Loose) => void): Buffer => {
  const json = JSON.parse(message.toString('utf8'))
  edit(json)
  return Buffer.from(JSON.stringify(json))
}
/** Another character in the middle of base64. */
const flipped = (text: string) => {
  const at = text.length >> 1
  return text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
}
const onAnswer =
  (edit: (json: Loose) => void): Lie =>
  (from, _index, message) => ({
    on: [from === 'enclave' ? edited(message, edit) : message],
  })
const forge =
  (body: object): Lie =>
  (from, _index, message) => ({
    back: from === 'client' ? [Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, ...body }))] : [],
    on: from === 'client' ? [] : [message],
  })

t.test('is done and proven through a parent that only relays, or only delays', async (t) => {
  const before = await done(t)
  const plain = await under(honest, ASK)
  t.same([plain.code, JSON.parse(plain.stdout)], [0, { EnclaveName: 'ghost', Quarantined: false }])
  const late = await under((_from, _index, message) => ({ on: [message], afterMs: 300 }), ASK)
  t.equal(late.code, 0)
  t.equal(await done(t), before + 2)
})

let earlier: Buffer | undefined
const rows: [name: string, lie: Lie, refusal: string, done: number][] = [
  ['the request dropped', (from) => (from === 'client' ? 'cut' : {}), 'ERR_ADMIN_CONNECTION', 0],
  [
    'the answer dropped',
    (from, _i, message) => (from === 'client' ? { on: [message] } : 'cut'),
    'ERR_ADMIN_CONNECTION',
    1,
  ],
  [
    'the request altered',
    (from, _i, message) => ({
      on: [from === 'client' ? edited(message, ({ params }) => (params.jws = flipped(params.jws))) : message],
    }),
    '',
    0,
  ],
  [
    'an answer forged',
    forge({ result: { value: { EnclaveName: 'ghost', Quarantined: false } } }),
    'ERR_ADMIN_ANSWER',
    0,
  ],
  ['the result altered', onAnswer(({ result }) => (result.value.Quarantined = true)), 'ERR_ADMIN_ANSWER', 1],
  ['the proof withheld', onAnswer(({ result }) => delete result.proof), 'ERR_ADMIN_ANSWER', 1],
  [
    'the checkpoint altered',
    onAnswer(({ result }) => (result.proof.checkpoint = result.proof.checkpoint.replace(/\n\d+\n/, '\n999999\n'))),
    'ERR_LOG_SIGNATURE',
    1,
  ],
  [
    'an earlier answer in its place',
    (from, _i, message) => ({ on: [from === 'enclave' ? (earlier as Buffer) : message] }),
    'ERR_ADMIN_ANSWER',
    1,
  ],
]

t.test('is refused where the parent drops, alters or forges, and never half done', async (t) => {
  let count = await done(t)
  earlier = parent.seen.findLast(({ message }) => message.includes('"Quarantined"'))?.message
  t.ok(earlier)
  for (const [name, lie, refusal, takes] of rows) {
    const result = await under(lie, ASK)
    // nitro-cli's E11 is a connection that ended
    t.equal(result.code, refusal === 'ERR_ADMIN_CONNECTION' ? 11 : 1, name)
    t.match(result.refusal, refusal === '' ? /^ERR_ADMIN_/ : refusal, name)
    t.equal(result.stdout, '', `${name}: nothing is shown as true`)
    const now = await done(t)
    t.equal(now - count, takes, `${name}: in the log`)
    count = now
  }
})

/** Sends a call that the parent has kept, as often as it likes. */
async function sendAgain(call: Buffer): Promise<Loose> {
  const socket = new WebSocket(`${daemon.ready.gateway}/admin`)
  try {
    return await new Promise((resolve, reject) => {
      socket.on('error', reject)
      socket.on('open', () => socket.send(call.toString('utf8')))
      socket.on('message', (answer) => resolve(JSON.parse(String(answer))))
    })
  } finally {
    socket.terminate()
  }
}

t.test('takes effect once when the parent repeats it, at once, later, or after it was held back', async (t) => {
  const before = await done(t)
  const twice = await under((from, _i, message) => ({ on: from === 'client' ? [message, message] : [message] }), ASK)
  t.ok(
    twice.code === 0 || twice.refusal === 'ERR_ADMIN_CONNECTION',
    'the second call ends the connection, sooner or later',
  )
  t.equal(await done(t), before + 1)
  const sent = parent.seen.findLast(({ from, message }) => from === 'client' && message.includes('"jws"'))
  t.equal((await sendAgain(sent?.message as Buffer)).error.data.code, 'ERR_ADMIN_REPLAY')
  let held: Buffer | undefined
  await under((from, _i, message) => {
    if (from === 'client') held = message
    return 'cut'
  }, ASK)
  t.equal(await done(t), before + 1, 'held back')
  t.match(await sendAgain(held as Buffer), { result: { value: { Quarantined: false } } }, 'and late')
  t.equal((await sendAgain(held as Buffer)).error.data.code, 'ERR_ADMIN_REPLAY')
  t.equal(await done(t), before + 2)
})

t.test('audit and status show nothing that a parent made of them', async (t) => {
  const page = (edit: (result: Loose) => void) => onAnswer(({ result }) => result.statement && edit(result))
  const audits: [name: string, lie: Lie, refusal: string][] = [
    ['an entry withheld', page((result) => result.entries.splice(1, 1)), 'ERR_AUDIT_INCOMPLETE'],
    ['an entry twice', page((result) => result.entries.push(result.entries.at(-1))), 'ERR_AUDIT_INCOMPLETE'],
    ['an entry altered', page(({ entries }) => (entries[1].entry = flipped(entries[1].entry))), 'ERR_LOG_INCLUSION'],
    [
      'another count',
      page((result) => (result.statement = result.statement.replace(/"hostEntries":\d+/, '"hostEntries":1'))),
      'ERR_LOG_SIGNATURE',
    ],
  ]
  for (const [name, lie, refusal] of audits) {
    const audit = await under(lie, AUDIT)
    t.same([audit.code, audit.refusal], [1, refusal], name)
    t.notMatch(audit.stdout, /"complete":true/, name)
  }
  const lie = onAnswer(({ result }) => {
    if (result.value?.requests !== undefined) result.value.requests.refused++
  })
  const status = await under(lie, STATUS)
  t.same([status.code, status.refusal, status.stdout], [1, 'ERR_ADMIN_ANSWER', ''])
  t.equal((await under(honest, STATUS)).code, 0, 'the twins')
  await done(t)
})
