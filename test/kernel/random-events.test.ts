// The kernel under random events: clients, a parent, a workload and an NSM that do what they should not, in any order. Whatever comes,
// it never traps, never blames itself, and blames nobody who kept to the protocol. WASMCLAVE_SEED repeats the group of a seed.
import t from 'tap'
import { KIND_DATA, KIND_END, KIND_HEAD, KIND_RESET, KIND_WINDOW } from '../../assembly/abi/channel.ts'
import { BLAME_NITRO, BLAME_PARENT, BLAME_WORKLOAD, FAULT_BASE } from '../../assembly/abi/fault.ts'
import { MAX_RELAY_PAYLOAD } from '../../assembly/abi/limits.ts'
import { RELAY_CLOSED, RELAY_MESSAGE, RELAY_NUDGE, RELAY_OPENED } from '../../assembly/abi/wire.ts'
import { EnclaveFault } from '../../host/enclave/kernel.ts'
import { encodeCbor } from '../../host/wire/cbor.ts'
import { encodeFrame } from '../../host/wire/frame.ts'
import { ChannelPeer, concat, u16, u32 } from '../kit/channel-peer.ts'
import { KernelUnderTest, owner, type PeerSession, stranger, user } from '../kit/kernel.ts'
import { firstSeed, Seeded } from '../kit/seeded.ts'

/** Seeds that share a kernel while none of them ends it: making one takes longer than a run. */
const GROUP = 40
const SEEDS = 10_400
const EVENTS = 12

t.setTimeout(175_000)

type Run = { random: Seeded; under: KernelUnderTest; session: PeerSession | undefined; ids: number[]; name: string }
/** An event, and whom a fault of it may blame; nobody where the kernel must take it. */
type Event = [name: string, weight: number, blame: number, run: (run: Run) => void]

const NOTHING = new Uint8Array(0)
const someId = ({ random, ids }: Run): number =>
  ids.length > 0 && random.chance(85) ? random.pick(ids) : random.below(2 ** 32)
const hello = (run: Run, versions = [1]) => new ChannelPeer(owner, run.random.bytes(32), versions).m1
/** A message as a client might spoil it. */
const spoiled = (random: Seeded, message: Buffer): Buffer => {
  const copy = Buffer.from(message)
  if (random.chance(40)) return copy.subarray(0, random.below(copy.length + 1))
  for (let i = 1 + random.below(3); i > 0; i--) copy[random.below(copy.length)] = random.below(256)
  return random.chance(20) ? concat(copy, random.bytes(1 + random.below(40))) : copy
}

const events: Event[] = [
  // Of a parent and clients that keep to the framing
  ['open', 20, 0, (run) => run.ids.push(run.under.open())],
  ['close', 8, 0, (run) => run.under.close(someId(run))],
  ['nudge', 4, 0, ({ under }) => under.step(encodeFrame(RELAY_NUDGE, 0, NOTHING))],
  ['tick', 6, 0, ({ under, random }) => under.tick(under.now + random.pick([0, 1, 100, 5001, 10_001]))],
  ['hello', 12, 0, (run) => run.under.message(someId(run), hello(run))],
  ['spoiled hello', 8, 0, (run) => run.under.message(someId(run), spoiled(run.random, hello(run)))],
  [
    'other versions',
    2,
    0,
    (run) => run.under.message(someId(run), hello(run, run.random.pick([[], [0], [2, 3], [1, 1]]))),
  ],
  ['noise', 8, 0, (run) => run.under.message(someId(run), run.random.bytes(run.random.below(200)))],
  ['attest', 4, 0, (run) => run.under.message(someId(run), attest(run))],
  [
    'keys of nobody',
    6,
    0,
    (run) =>
      run.under.message(
        someId(run),
        concat(Buffer.from([3]), encodeCbor([run.random.bytes(32), run.random.bytes(272)])),
      ),
  ],
  [
    'signature',
    14,
    0,
    ({ under, random }) => under.signing.length > 0 && under.sign(random.below(under.signing.length)),
  ],
  ['refused signature', 4, 0, refuseSignature],
  ['handshake', 2, 0, handshake],
  ['request', 12, 0, (run) => send(run, (session) => [request(run, session)])],
  ['body in parts', 6, 0, (run) => send(run, (session) => parts(run, session))],
  ['spoiled frame', 4, 0, (run) => send(run, (session) => [spoiled(run.random, request(run, session))])],
  ['odd frame', 8, 0, (run) => send(run, (session) => [oddFrame(run, session)])],
  [
    'twice',
    1,
    0,
    (run) =>
      send(run, (session) => {
        const frame = request(run, session)
        return [frame, frame]
      }),
  ],
  // Of a workload that breaks its ABI
  [
    'answer out of turn',
    1,
    BLAME_WORKLOAD,
    (run) => checked(run, run.under.respond(run.random.below(100), 200, '', NOTHING)),
  ],
  [
    'stream out of turn',
    1,
    BLAME_WORKLOAD,
    (run) => checked(run, run.under.stream(run.random.below(100), run.random.bytes(9))),
  ],
  // Of a parent that does not keep to the framing
  ['cut frame', 1, BLAME_PARENT, (run) => run.under.step(frames(run).subarray(0, -1 - run.random.below(8)))],
  [
    'unknown type',
    1,
    BLAME_PARENT,
    (run) => run.under.step(frames(run), encodeFrame(run.random.pick([0, 5, 6, 7, 255]), someId(run), NOTHING)),
  ],
  [
    'old session',
    1,
    BLAME_PARENT,
    (run) => run.under.step(encodeFrame(RELAY_OPENED, run.random.pick([0, ...run.ids]), NOTHING)),
  ],
  [
    'bytes behind a word',
    1,
    BLAME_PARENT,
    (run) =>
      run.under.step(encodeFrame(run.random.pick([RELAY_NUDGE, RELAY_CLOSED]), someId(run), run.random.bytes(3))),
  ],
  [
    'oversized',
    1,
    BLAME_PARENT,
    (run) => {
      const frame = encodeFrame(RELAY_MESSAGE, someId(run), NOTHING)
      new DataView(frame.buffer).setUint32(0, run.random.pick([MAX_RELAY_PAYLOAD + 1, 0x7fffffff, 0xffffffff]))
      run.under.step(frame)
    },
  ],
  // Of an NSM that says what nobody asked
  ['answer to nobody', 1, BLAME_NITRO, ({ under, random }) => under.answer(1_000_000 + random.below(1000), 'LockPCR')],
  ['answer to no question', 1, BLAME_NITRO, ({ under }) => under.answer(0, 'LockPCR')],
  ['pending for nothing', 1, BLAME_NITRO, (run) => checked(run, run.under.exports.pending(run.random.below(2 ** 31)))],
]
/** What ends a kernel happens in one run of so many, so that the others get far. */
const HOSTILE = 6
const calm = events.filter(([, , blame]) => blame === 0)

function choose(random: Seeded, from: Event[]): Event {
  let left = random.below(from.reduce((sum, [, weight]) => sum + weight, 0))
  for (const event of from) {
    left -= event[1]
    if (left < 0) return event
  }
  throw new RangeError('weights')
}

function checked({ under }: Run, status: number): void {
  under.kernel.check(status)
  under.run()
}

const frames = (run: Run) =>
  Buffer.concat([encodeFrame(RELAY_NUDGE, 0, NOTHING), encodeFrame(RELAY_MESSAGE, someId(run), run.random.bytes(12))])

function attest({ random }: Run): Buffer {
  const field = () => random.pick([null, random.bytes(random.below(40)), random.bytes(random.below(2000))])
  return concat(Buffer.from([5]), encodeCbor([field(), field(), null]))
}

function refuseSignature({ under, random }: Run): void {
  const [asked] = under.signing.splice(0, 1)
  if (asked === undefined) return
  under.answer(
    asked.ticket,
    random.pick([
      new Map([['Error', 'InternalError']]),
      'LockPCR',
      [1, 2],
      new Map([['Attestation', new Map([['document', 7]])]]),
    ]),
  )
}

function handshake(run: Run): void {
  if (run.under.signing.length > 4) return
  const identity = run.random.pick([owner, owner, owner, user, stranger])
  const { session, frames } = run.under.handshake(identity, run.name)
  if (session.closed === undefined && frames.length > 0) {
    run.session = session
    run.ids.push(session.id)
  }
}

function send(run: Run, make: (session: PeerSession) => Buffer[]): void {
  const { session } = run
  if (session === undefined || session.closed !== undefined) return
  session.send(...make(session))
}

function request({ random }: Run, { peer }: PeerSession): Buffer {
  const path = random.pick([
    '/',
    '/x?y',
    '/.wasmclave/users',
    `/.wasmclave/users/${user.publicKey.toString('hex')}`,
    '/ no',
    '',
  ])
  return peer.request(random.pick(['GET', 'PUT', 'DELETE', 'b d']), path, random.bytes(random.below(300)), [
    ['a', 'b\u0007'.slice(0, 1 + random.below(2))],
  ])
}

function parts(run: Run, { peer }: PeerSession): Buffer[] {
  const { random } = run
  const sent = [peer.request('POST', '/', random.bytes(random.below(100)), [], false)]
  for (let i = random.below(4); i > 0; i--)
    sent.push(
      peer.outgoing.seal(peer.lastStream, KIND_DATA | (i === 1 ? KIND_END : 0), random.bytes(random.below(3000))),
    )
  return sent
}

function oddFrame({ random }: Run, { peer }: PeerSession): Buffer {
  const stream = random.pick([0, peer.lastStream, peer.lastStream + 1, random.below(2 ** 32)])
  const kind = random.pick([KIND_HEAD, KIND_DATA, KIND_RESET, KIND_WINDOW, KIND_HEAD | KIND_END, random.below(256)])
  const body = random.pick([
    NOTHING,
    u16(random.below(4)),
    u32(random.pick([0, 1, 65_536, 2 ** 32 - 1])),
    random.bytes(random.below(80)),
  ])
  return peer.outgoing.seal(stream, kind, body, random.chance(10) ? stream + 1 : stream)
}

/** A workload that answers, fails, streams and leaves open. */
function behave(under: KernelUnderTest, random: Seeded): void {
  under.handle = ({ id, body }) => {
    if (random.chance(15)) return -1 - random.below(8)
    if (random.chance(20)) {
      under.kernel.check(under.respond(id, 200, 'a: b\n', NOTHING, false))
      for (let i = random.below(3); i > 0; i--) under.stream(id, random.bytes(random.below(2000)), random.chance(30))
      return 0
    }
    return random.chance(5) ? 0 : { status: 200, headers: 'x: y\n', body }
  }
}

t.test('never traps and never blames whom it should not', async (t) => {
  const first = firstSeed(1)
  t.comment(`seeds ${first} to ${first + SEEDS - 1}`)
  const counts = new Map<string, number>()
  let faults = 0
  let sealed = 0
  let under: KernelUnderTest | undefined
  let run: Run | undefined
  for (let seed = first; seed < first + SEEDS; seed++) {
    const fresh = under === undefined || run === undefined || (seed - first) % GROUP === 0
    if (fresh) under = KernelUnderTest.serving()
    const random = new Seeded(seed)
    const current: Run = {
      random,
      under: under as KernelUnderTest,
      session: fresh ? undefined : run?.session,
      ids: fresh ? [] : (run as Run).ids,
      name: `seed ${seed}`,
    }
    run = current
    behave(current.under, random)
    for (let i = 0; i < EVENTS; i++) {
      const [name, , blame, happen] = choose(random, seed % HOSTILE === 0 ? events : calm)
      counts.set(name, (counts.get(name) ?? 0) + 1)
      try {
        happen(current)
      } catch (error) {
        if (!(error instanceof EnclaveFault))
          return t.fail(
            `seed ${seed} (group from ${seed - ((seed - first) % GROUP)}), ${name}: ${String((error as Error).stack)}`,
          )
        if (blame === 0 || error.blame !== blame)
          return t.fail(`seed ${seed}, ${name}: fault ${error.kind} blames ${error.blame}, not ${blame}`)
        faults++
        const { exports } = current.under
        for (const status of [
          exports.step(0, 0),
          exports.tick(0),
          exports.workloadReady(),
          exports.pending(1),
          exports.callGet(0, 0),
        ])
          if (status > FAULT_BASE) return t.fail(`seed ${seed}: a dead kernel answers ${status}`)
        if (exports.nextRequest() !== 0 || exports.nextNotice() !== 0)
          return t.fail(`seed ${seed}: a dead kernel has work`)
        under = undefined
        break
      }
    }
    if (current.session !== undefined) sealed++
    current.ids.splice(0, Math.max(0, current.ids.length - 20)).forEach((id) => {
      if (under !== undefined) current.under.close(id)
    })
  }
  t.ok(faults > 300, `${faults} faults, each blamed on whom it should be`)
  t.ok(sealed > SEEDS / 5, `${sealed} runs had a session`)
  for (const [name] of events) t.ok((counts.get(name) ?? 0) > 30, `${name}: ${counts.get(name)}`)
})
