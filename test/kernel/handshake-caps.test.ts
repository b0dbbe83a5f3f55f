// PROTOCOLS 4: an enclave keeps so many handshakes and asks for so many signatures at a time, whoever comes and goes.
import t from 'tap'
import { MESSAGE_ATTEST } from '../../assembly/abi/channel.ts'
import { HANDSHAKE_MS, MAX_HANDSHAKES, MAX_HANDSHAKES_SIGNING } from '../../assembly/abi/limits.ts'
import { CLOSE_LIMIT, RELAY_CLOSE, RELAY_MESSAGE } from '../../assembly/abi/wire.ts'
import { encodeCbor } from '../../host/wire/cbor.ts'
import type { Frame } from '../../host/wire/frame.ts'
import { ChannelPeer, concat } from '../kit/channel-peer.ts'
import { fixed, KernelUnderTest, owner } from '../kit/kernel.ts'

const hello = (name: string) => new ChannelPeer(owner, fixed(name, 32)).m1
const attest = concat(Buffer.from([MESSAGE_ATTEST]), encodeCbor([fixed('auditor', 32), null, null]))
const turnedAway = (frames: Frame[]) =>
  frames.filter((frame) => frame.type === RELAY_CLOSE && frame.payload[0] === CLOSE_LIMIT).length

/** Opens sessions that say this and nothing more. @returns how many were turned away */
function flood(under: KernelUnderTest, count: number, message: (i: number) => Uint8Array) {
  const sessions: number[] = []
  let refused = 0
  for (let i = 0; i < count; i++) {
    const session = under.open()
    sessions.push(session)
    refused += turnedAway(under.message(session, message(i)))
  }
  return { sessions, refused }
}

for (const [what, message] of [
  ['handshakes', (i: number) => hello(`peer ${i}`)],
  ["auditors' requests", () => attest],
] as const)
  t.test(`keeps so many ${what} and turns the next away`, async (t) => {
    for (const count of [MAX_HANDSHAKES - 1, MAX_HANDSHAKES, MAX_HANDSHAKES + 1]) {
      const under = KernelUnderTest.serving()
      t.equal(flood(under, count, message).refused, Math.max(0, count - MAX_HANDSHAKES), `${count}`)
    }
  })

t.test('asks for so many signatures at a time, and for the next when one comes', async (t) => {
  for (const count of [MAX_HANDSHAKES_SIGNING - 1, MAX_HANDSHAKES_SIGNING, MAX_HANDSHAKES_SIGNING + 1]) {
    const under = KernelUnderTest.serving()
    flood(under, count, (i) => hello(`peer ${i}`))
    t.equal(under.signing.length, Math.min(count, MAX_HANDSHAKES_SIGNING), `of ${count}`)
  }
  const under = KernelUnderTest.serving()
  flood(under, MAX_HANDSHAKES, (i) => hello(`peer ${i}`))
  let answered = 0
  for (; under.signing.length > 0; answered++) {
    t.ok(under.signing.length <= MAX_HANDSHAKES_SIGNING)
    const sent = under.sign().filter((frame) => frame.type === RELAY_MESSAGE)
    if (sent.length !== 1) t.fail(`${sent.length} messages for one signature`)
  }
  t.equal(answered, MAX_HANDSHAKES, 'each had its turn')
})

t.test('a client that leaves takes nobody else its signature, and frees no more than it held', async (t) => {
  const under = KernelUnderTest.serving()
  const left = flood(under, MAX_HANDSHAKES_SIGNING, (i) => hello(`leaves ${i}`)).sessions
  for (const session of left) under.close(session)
  flood(under, 3 * MAX_HANDSHAKES_SIGNING, (i) => hello(`stays ${i}`))
  t.equal(under.signing.length, MAX_HANDSHAKES_SIGNING, "those under way are the NSM's until it answers")
  for (let i = 0; i < MAX_HANDSHAKES_SIGNING; i++)
    t.same(
      under.sign().filter((frame) => frame.type === RELAY_MESSAGE),
      [],
      'nobody is there for it',
    )
  t.equal(under.signing.length, MAX_HANDSHAKES_SIGNING)
  let offers = 0
  while (under.signing.length > 0) offers += under.sign().filter((frame) => frame.type === RELAY_MESSAGE).length
  t.equal(offers, 3 * MAX_HANDSHAKES_SIGNING)
})

t.test('those who wait for a turn and leave cost no signature', async (t) => {
  const under = KernelUnderTest.serving()
  const { sessions } = flood(under, MAX_HANDSHAKES, (i) => hello(`peer ${i}`))
  for (const session of sessions.slice(MAX_HANDSHAKES_SIGNING)) under.close(session)
  for (let i = 0; i < MAX_HANDSHAKES_SIGNING; i++) under.sign()
  t.equal(under.signing.length, 0)
})

t.test('has room again after a handshake is done, has left, or took too long', async (t) => {
  const full = () => {
    const under = KernelUnderTest.serving()
    const { session, peer } = under.offered(owner, 'first')
    const { sessions } = flood(under, MAX_HANDSHAKES - 1, (i) => hello(`peer ${i}`))
    t.equal(flood(under, 1, () => hello('one more')).refused, 1, 'there is none now')
    return { under, session, peer, sessions }
  }
  const done = full()
  done.under.message(done.session, done.peer.m3)
  t.equal(flood(done.under, 1, () => hello('after done')).refused, 0)
  const left = full()
  left.under.close(left.sessions.at(-1) as number)
  t.equal(flood(left.under, 1, () => hello('after left')).refused, 0)
  const late = full()
  late.under.tick(late.under.now + HANDSHAKE_MS)
  t.equal(flood(late.under, 1, () => hello('on time')).refused, 1, 'its time is not over')
  late.under.tick(late.under.now + 1)
  t.equal(flood(late.under, 1, () => hello('after late')).refused, 0)
})

t.test('an open session answers while all handshakes are taken', async (t) => {
  const under = KernelUnderTest.serving()
  const session = under.session()
  t.equal(flood(under, MAX_HANDSHAKES + 20, (i) => hello(`peer ${i}`)).refused, 20)
  session.send(session.peer.request('GET', '/'))
  t.equal(under.handled.length, 1)
})
