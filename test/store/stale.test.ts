// A store of which nobody can say that it is the newest is not served: rolled back, emptied, forked, or behind what a client has seen. Owners alone
// come in, see the heads, and may accept the one that lies there.
import t from 'tap'
import { KIND_HEAD } from '../../assembly/abi/channel.ts'
import { PHASE_MEASURED, PHASE_SERVING, PHASE_STALE } from '../../assembly/abi/phase.ts'
import { concat, type PeerFrame, type PeerIdentity, readResponse, readVerdict } from '../kit/channel-peer.ts'
import { fixed, type KernelUnderTest, owner, type PeerSession, secondOwner, user } from '../kit/kernel.ts'
import { NO_HASH, u64 } from '../kit/store-records.ts'
import { STORE_ID, type StoreRequest, StoreWorld } from '../kit/store-world.ts'

type Heads = {
  stale: boolean
  register: { generation: number; head: string }
  offered: { generation: number; head: string; previous: string; records: number }
  tokenGeneration: number
  accepted: {
    generation: number
    offered: { generation: number }
    register: { generation: number }
    lineage: number
  }[]
}

const call = (session: PeerSession, method: string, path: string, body = '') => {
  const frames = session.send(session.peer.request(method, path, Buffer.from(body)))
  const head = frames.find((frame) => (frame.kind & 0x7f) === KIND_HEAD)
  const { status, headers, body: answer } = readResponse(head as PeerFrame)
  return { status, headers: Object.fromEntries(headers), text: answer.toString() }
}
const ask = (session: PeerSession, request: StoreRequest) => call(session, 'POST', '/', JSON.stringify(request))
const put = (session: PeerSession, key: string, value: string) => ask(session, { put: [[key, value]] })
const heads = (session: PeerSession) => JSON.parse(call(session, 'GET', '/.wasmclave/store/heads').text) as Heads
let names = 0
const enter = (under: KernelUnderTest, identity: PeerIdentity = owner, token?: Buffer) =>
  under.handshake(identity, `client ${names++}`, {
    plaintext: (plaintext) => {
      if (token === undefined) return
      plaintext[96] = 1
      plaintext.set(token, 97)
    },
  })
const refusal = (entered: ReturnType<typeof enter>) => (readVerdict(entered.frames[0] as PeerFrame) as unknown[])[0]

function statement(shown: Heads, signer: PeerIdentity): string {
  const { register, offered } = shown
  const signed = concat(
    'wasmclave/accept\0',
    STORE_ID,
    u64(register.generation),
    Buffer.from(register.head, 'hex'),
    u64(offered.generation),
    Buffer.from(offered.head, 'hex'),
  )
  return JSON.stringify({
    offered: offered.head,
    register: register.head,
    signature: signer.sign(signed).toString('hex'),
  })
}

/** A store of three generations, and what the parent had after the first. */
function written() {
  const world = new StoreWorld()
  const session = world.boot().session()
  put(session, 'a', '1')
  const old = world.parent.snapshot()
  put(session, 'a', '2')
  const last = put(session, 'b', '3')
  return { world, old, token: Buffer.from(last.headers['wasmclave-head'] as string, 'base64url') }
}

t.test('a store put back is stale: nobody is served, users are refused, owners see both heads', async (t) => {
  const { world, old } = written()
  const enrolled = enter(world.boot()).session
  t.equal(call(enrolled, 'PUT', `/.wasmclave/users/${user.publicKey.toString('hex')}`).status, 204)
  const good = world.parent.snapshot()
  world.parent.restore(old)
  const under = world.boot()
  t.equal(under.exports.phase(), PHASE_STALE)
  t.equal(refusal(enter(under, user)), 'ERR_KEY_NOT_ADMITTED', 'enrolled later than what lies there')
  const { session } = enter(under)
  t.match(ask(session, { get: ['a'] }).text, /ERR_STORE_STALE/)
  t.match(call(session, 'GET', '/.wasmclave/users').text, /ERR_STORE_STALE/)
  t.equal(under.handled.length, 0)
  const shown = heads(session)
  t.equal(shown.stale, true)
  t.equal(shown.register.generation, 4)
  t.equal(shown.offered.generation, 1)
  t.equal(shown.offered.records, 1)
  world.parent.restore(good)
  t.equal(world.boot().exports.phase(), PHASE_SERVING, 'and the same store, not put back, is served')
})

t.test('an owner accepts: a mark in a new head above the register, versions that never came before', async (t) => {
  const { world, old, token } = written()
  world.parent.restore(old)
  const under = world.boot()
  const { session } = enter(under)
  const shown = heads(session)
  const answer = call(session, 'POST', '/.wasmclave/store/accept', statement(shown, owner))
  t.equal(answer.status, 200)
  t.equal(under.exports.phase(), PHASE_MEASURED)
  world.serve(under)
  t.equal(ask(session, { get: ['a'] }).text, '["1"]')
  const [version] = JSON.parse(put(session, 'a', 'new').text) as number[]
  t.ok((version as number) > 2 ** 32)
  const again = world.boot()
  t.equal(again.exports.phase(), PHASE_SERVING)
  const after = heads(enter(again).session)
  t.same(after.accepted, [
    {
      generation: 4,
      offered: { generation: 1, head: shown.offered.head },
      register: { generation: 3, head: shown.register.head },
      lineage: 1,
    },
  ])
  const head = world.records.openHead(world.parent.stored.head as Buffer)
  t.same(
    head.marks.map(({ generation, offered, register, lineage }) => [generation, offered, register, lineage]),
    [[4, 1, 3, 1]],
  )
  t.equal(refusal(enter(again, owner, token)), 'owner', 'a token of what was given up proves nothing any more')
  t.equal(again.exports.phase(), PHASE_SERVING)
})

t.test('refuses an acceptance that is not signed by that owner, over those heads, now', async (t) => {
  const { world, old } = written()
  world.parent.restore(old)
  const owners = [owner, secondOwner]
  const under = world.boot(world.launchRecords(owners))
  const { session } = enter(under)
  const shown = heads(session)
  const accept = (body: string) => {
    const { status, text } = call(session, 'POST', '/.wasmclave/store/accept', body)
    return `${status} ${JSON.parse(text).error ?? ''}`
  }
  const otherHeads = { ...shown, register: { ...shown.register, generation: shown.register.generation + 1 } }
  t.equal(accept(statement(shown, user)), '403 ERR_STORE_SIGNATURE')
  t.equal(accept(statement(shown, secondOwner)), '403 ERR_STORE_SIGNATURE', 'another owner’s word is not this one’s')
  t.equal(accept(statement(otherHeads, owner)), '403 ERR_STORE_SIGNATURE')
  t.equal(
    accept(statement({ ...shown, offered: { ...shown.offered, head: '00'.repeat(32) } }, owner)),
    '409 ERR_STORE_HEADS',
  )
  t.equal(accept('{}'), '409 ERR_STORE_HEADS')
  t.equal(accept(''), '409 ERR_STORE_HEADS')
  t.equal(under.exports.phase(), PHASE_STALE)
  t.equal(accept(statement(shown, owner)), '200 ')
  world.serve(under)
  t.equal(accept(statement(shown, owner)), '409 ERR_STORE_NOT_STALE')
})

t.test('an acceptance that the store does not take leaves it stale', async (t) => {
  const { world, old } = written()
  world.parent.restore(old)
  const under = world.boot()
  const { session } = enter(under)
  const body = statement(heads(session), owner)
  world.meddle = (frame, answers) => {
    if (frame.type !== 19) return answers
    world.parent.restore(old)
    return [Buffer.concat([(answers[0] as Uint8Array).subarray(0, 9), Buffer.from([1])])]
  }
  t.match(call(session, 'POST', '/.wasmclave/store/accept', body).text, /ERR_STORE_NOT_WRITTEN/)
  t.equal(under.exports.phase(), PHASE_STALE)
  world.meddle = undefined
  t.equal(call(session, 'POST', '/.wasmclave/store/accept', body).status, 200)
})

t.test('an empty store under an existing key is stale, and so is a register that was put back', async (t) => {
  const { world } = written()
  const good = world.parent.snapshot()
  world.parent.restore({ records: new Map(), head: undefined, meta: Buffer.alloc(0) })
  const empty = world.boot()
  t.equal(empty.exports.phase(), PHASE_STALE)
  t.equal(heads(enter(empty).session).offered.generation, 0)
  world.parent.restore(good)
  const state = world.kms.snapshot()
  if (state === undefined) throw new Error('no register')
  world.kms.state = { ...state, generation: 1n, hash: NO_HASH }
  const { session } = enter(world.boot())
  t.equal(heads(session).stale, true)
  t.equal(call(session, 'POST', '/.wasmclave/store/accept', statement(heads(session), owner)).status, 200)
})

t.test('a client that has seen more makes the store stale for everybody, whatever the register says', async (t) => {
  const world = new StoreWorld()
  const first = enter(world.boot()).session
  call(first, 'PUT', `/.wasmclave/users/${user.publicKey.toString('hex')}`)
  const parent = world.parent.snapshot()
  const kms = world.kms.snapshot()
  const token = Buffer.from(put(first, 'a', '1').headers['wasmclave-head'] as string, 'base64url')
  // Store and register, put back together: only the client knows
  world.parent.restore(parent)
  world.kms.state = kms
  const under = world.boot()
  t.equal(under.exports.phase(), PHASE_SERVING)
  const bystander = enter(under).session
  const writer = enter(under).session
  const bad = Buffer.from(token)
  bad[100] = (bad[100] as number) ^ 1
  t.equal(refusal(enter(under, user, bad)), 'ERR_HEAD_TOKEN')
  t.equal(under.exports.phase(), PHASE_SERVING)
  t.equal(refusal(enter(under, user, token)), 'ERR_STORE_STALE')
  t.equal(under.exports.phase(), PHASE_STALE)
  t.throws(() => ask(bystander, { get: ['a'] }))
  t.throws(() => ask(writer, { get: ['a'] }))
  const { session } = enter(under)
  const shown = heads(session)
  t.equal(shown.tokenGeneration, 2)
  t.equal(call(session, 'POST', '/.wasmclave/store/accept', statement(shown, owner)).status, 200)
  t.equal(under.exports.phase(), PHASE_SERVING, 'the workload was there')
  t.equal(ask(session, { get: ['a'] }).text, '[null]')
  t.equal(refusal(enter(under, user, token)), 'user')
})

t.test('a write that is under way when the store becomes stale is not acknowledged', async (t) => {
  const world = new StoreWorld()
  const under = world.boot()
  const first = enter(under).session
  put(first, 'a', '1')
  const records = world.records
  const token = records.token(9, fixed('a head that nobody knows', 32))
  under.store = undefined
  const { session } = enter(under)
  const waiting = session.send(session.peer.request('POST', '/', Buffer.from(JSON.stringify({ put: [['a', '2']] }))))
  t.equal(waiting.length, 0)
  t.equal(refusal(enter(under, owner, token)), 'owner')
  for (const frame of under.storeFrames.splice(0))
    for (const answer of world.answer(frame)) session.read(under.step(answer))
  t.equal(under.exports.phase(), PHASE_STALE)
  t.throws(() => ask(session, { get: ['a'] }), 'its session has ended without an answer')
})

t.test('a token of now, or of before, is welcome', async (t) => {
  const { world, token } = written()
  const under = world.boot()
  t.equal(refusal(enter(under, owner, token)), 'owner')
  put(enter(under).session, 'c', '4')
  t.equal(refusal(enter(under, owner, token)), 'owner')
  t.equal(under.exports.phase(), PHASE_SERVING)
  const fork = world.records.token(4, fixed('another history', 32))
  t.equal(refusal(enter(under, owner, fork)), 'owner')
  t.equal(under.exports.phase(), PHASE_STALE, 'the same generation with another hash is a fork')
})
