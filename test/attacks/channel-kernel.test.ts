// Rows of group D against the kernel itself, where a relay cannot reach: versions (D09), keys that are none (D10), the end of a sequence
// (D12) and requests that come twice (D21).
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { KIND_ACCEPTED } from '../../assembly/abi/channel.ts'
import { CLOSE_HANDSHAKE, CLOSE_PROTOCOL, RELAY_CLOSE, RELAY_MESSAGE } from '../../assembly/abi/wire.ts'
import { encodeCbor } from '../../host/wire/cbor.ts'
import type { Frame } from '../../host/wire/frame.ts'
import { ChannelPeer, concat, readResponse } from '../kit/channel-peer.ts'
import { fixed, KernelUnderTest, launchRecords, owner } from '../kit/kernel.ts'

t.setTimeout(170_000)
const closed = (frames: Frame[]) => frames.find((frame) => frame.type === RELAY_CLOSE)?.payload[0]

t.test('D09: speaks version 1 where it is offered, in any company, and nothing else', async (t) => {
  for (const versions of [[1], [1, 2], [2, 1], [9, 1, 7]]) {
    const under = KernelUnderTest.serving()
    const session = under.open()
    const peer = new ChannelPeer(owner, fixed('nonce', 32), versions)
    under.message(session, peer.m1)
    const [m2] = under.sign()
    t.equal(peer.receiveEvidence((m2 as Frame).payload).version, 1, `of ${versions.join()}`)
    peer.makeKeys(fixed('ephemeral', 32))
    t.equal(closed(under.message(session, peer.m3)), undefined)
  }
  for (const versions of [[], [0], [2], [2, 3], [1 + 2 ** 32]]) {
    const under = KernelUnderTest.serving()
    const m1 = new ChannelPeer(owner, fixed('nonce', 32), versions).m1
    t.equal(closed(under.message(under.open(), m1)), CLOSE_HANDSHAKE, `of ${versions.join() || 'none'}`)
    t.equal(under.signing.length, 0, 'and nothing was signed')
  }
})

t.test('D09: a list of versions that was changed on the way is another transcript', async (t) => {
  // The parent takes version 2 out; the client's M1 still names it, so t1 and all behind it differ.
  const under = KernelUnderTest.serving()
  const session = under.open()
  const peer = new ChannelPeer(owner, fixed('nonce', 32), [1, 2])
  under.message(session, new ChannelPeer(owner, fixed('nonce', 32), [1]).m1)
  const named = under.signing[0]?.userData as Buffer
  const [m2] = under.sign()
  peer.receiveEvidence((m2 as Frame).payload)
  t.notOk(named.equals(concat('wasmclave/channel\0', peer.t1)), 'the document names another hello')
  peer.makeKeys(fixed('ephemeral', 32))
  t.equal(closed(under.message(session, peer.m3)), CLOSE_HANDSHAKE, 'and the keys do not meet')
})

t.test('D09: refuses a hello with a field more, less or of another kind', async (t) => {
  const nonce = fixed('nonce', 32)
  const hello = (value: Parameters<typeof encodeCbor>[0]) => concat(Buffer.from([1]), encodeCbor(value))
  const rows: [string, Buffer][] = [
    ['a field more', hello([[1], nonce, null])],
    ['a field less', hello([[1]])],
    ['a nonce too short', hello([[1], nonce.subarray(1)])],
    ['a nonce too long', hello([[1], concat(nonce, Buffer.of(0))])],
    ['a version as text', hello([['1'], nonce])],
    ['a map', hello(new Map([['versions', [1]]]))],
    ['a byte behind', concat(hello([[1], nonce]), Buffer.of(0))],
    ['seventeen versions', hello([Array(17).fill(1), nonce])],
  ]
  for (const [name, message] of rows) {
    const under = KernelUnderTest.serving()
    t.equal(closed(under.message(under.open(), message)), CLOSE_HANDSHAKE, name)
  }
  const under = KernelUnderTest.serving()
  t.equal(closed(under.message(under.open(), hello([Array(16).fill(1), nonce]))), undefined, 'sixteen versions')
})

// RFC 7748 section 7 and the list of Cremers and Jackson: u-coordinates of small order, canonical and not.
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000080',
]

t.test('D10: refuses a share of small order, by the one reason that all refusals have', async (t) => {
  for (const enc of SMALL_ORDER) {
    const under = KernelUnderTest.serving()
    const { session, frames } = under.handshake(owner, 'peer', { enc: Buffer.from(enc, 'hex') })
    t.same([session.closed, frames], [CLOSE_HANDSHAKE, []], enc.slice(0, 16))
  }
  const twin = KernelUnderTest.serving().handshake()
  t.equal(twin.frames[0]?.kind, KIND_ACCEPTED)
})

t.test('D21: the number of a stream comes once, whatever becomes of its request', async (t) => {
  const under = KernelUnderTest.serving()
  under.handle = ({ body }) => ({ status: 200, body })
  const session = under.session()
  const { peer } = session
  const first = session.send(peer.request('POST', '/', Buffer.from('first')))
  t.equal(readResponse(first[0] as never).body.toString(), 'first')
  const head = encodeCbor(['POST', '/', []])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(head.length)
  session.send(peer.outgoing.seal(1, 3 | 0x80, concat(length, head, 'again')))
  t.equal(session.closed, CLOSE_PROTOCOL)
  t.equal(under.handled.length, 1, 'the workload saw it once')

  const open = KernelUnderTest.serving()
  const waiting = open.session()
  waiting.send(waiting.peer.request('POST', '/', Buffer.from('part'), [], false))
  waiting.send(waiting.peer.outgoing.seal(1, 3 | 0x80, concat(length, head, 'again')))
  t.equal(waiting.closed, CLOSE_PROTOCOL, 'also while the first is under way')
  t.equal(open.handled.length, 0)
})

t.test('D12: moves its key on at the end of a sequence, both ways, and keeps no old one', async (t) => {
  const MASK = 7n
  const folder = mkdtempSync(join(tmpdir(), 'wc-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const output = join(folder, 'kernel.wasm')
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--no-warnings', 'host/build.ts', '--variant', output, `TEST_REKEY_MASK=${MASK}`],
    { encoding: 'utf8' },
  )
  t.equal(status, 0, stderr)
  const wasm = new Uint8Array(readFileSync(output))
  const under = KernelUnderTest.serving(launchRecords(), wasm)
  const session = under.session(owner, 'peer', MASK + 1n)
  const keys = new Set([session.peer.outgoing.key.toString('hex')])
  for (let i = 0; i < 100; i++) {
    const [answer] = session.send(session.peer.request('POST', '/', Buffer.from(`call ${i}`)))
    if (answer === undefined || readResponse(answer).body.toString() !== `call ${i}`) return t.fail(`call ${i}`)
    keys.add(session.peer.outgoing.key.toString('hex'))
  }
  t.equal(keys.size, 1 + Math.floor(99 / 8), 'a key for each eight frames')

  const stuck = KernelUnderTest.serving(launchRecords(), wasm).session(owner, 'stuck')
  let served = 0
  for (; stuck.closed === undefined && served < 20; served++) {
    try {
      if (stuck.send(stuck.peer.request('POST', '/')).length === 0) break
    } catch {
      break // its answer is under a key that this peer does not have
    }
  }
  t.ok(served >= 6 && served <= 8, `a peer that keeps its key is served ${served} times`)
})

t.test('a message for a session that is none does nothing', async (t) => {
  const under = KernelUnderTest.serving()
  t.same(under.message(77, Buffer.from([1, 2, 3])), [])
  t.same(
    under.step().filter((frame) => frame.type === RELAY_MESSAGE),
    [],
  )
})
