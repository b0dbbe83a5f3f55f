// Commits: nothing is acknowledged before it is durable at the parent and named by the register; what is not answered is read back.
import t from 'tap'
import { KIND_HEAD } from '../../assembly/abi/channel.ts'
import { FAULT_FENCED, FAULT_STORE } from '../../assembly/abi/fault.ts'
import {
  RELAY_KMS,
  RELAY_KMS_ANSWER,
  RELAY_STORE_COMMIT,
  RELAY_STORE_COMMITTED,
  RELAY_STORE_HEAD,
} from '../../assembly/abi/wire.ts'
import { EnclaveFault } from '../../host/enclave/kernel.ts'
import { encodeFrame, type Frame } from '../../host/wire/frame.ts'
import { type PeerFrame, readResponse } from '../kit/channel-peer.ts'
import { type KernelUnderTest, owner, type PeerSession } from '../kit/kernel.ts'
import { refused } from '../kit/store-kms.ts'
import { type StoreRequest, StoreWorld } from '../kit/store-world.ts'

const DURABLE = Buffer.from([0])
const FAILED = Buffer.from([1])

/** A kernel whose frames for the store wait until the test answers them. */
class Held {
  readonly world: StoreWorld
  readonly under: KernelUnderTest
  readonly session: PeerSession
  /** Responses by stream, as they come. */
  readonly responses = new Map<number, { status: number; headers: [string, string][]; body: string }>()
  #outputs: Frame[] = []

  constructor(world = new StoreWorld(), before?: (session: PeerSession) => void) {
    this.world = world
    this.under = world.boot()
    this.session = this.under.session(owner, `session ${Math.random()}`)
    before?.(this.session)
    this.under.store = undefined
  }

  /** @returns the stream */
  ask(request: StoreRequest): number {
    const { session } = this
    const frame = session.peer.request('POST', '/', Buffer.from(JSON.stringify(request)))
    this.#read(this.under.message(session.id, frame))
    return session.peer.lastStream
  }

  status(stream: number): number | undefined {
    return this.responses.get(stream)?.status
  }

  /** The oldest frame of a type that waits. */
  next(type: number): Frame {
    const at = this.under.storeFrames.findIndex((frame) => frame.type === type)
    if (at < 0) throw new Error(`no frame of type ${type} waits`)
    return this.under.storeFrames.splice(at, 1)[0] as Frame
  }

  waits(type: number): number {
    return this.under.storeFrames.filter((frame) => frame.type === type).length
  }

  /** Commits what waits at the played parent, and answers so. */
  commit(answer: Buffer | null = DURABLE, durable = true): void {
    let answers: Uint8Array[] = []
    while (this.under.storeFrames.some(({ type }) => type < RELAY_STORE_COMMIT && type > 17)) {
      const part = this.next(18)
      if (durable) this.world.parent.receive(part)
    }
    const frame = this.next(RELAY_STORE_COMMIT)
    if (durable) answers = this.world.parent.receive(frame)
    if (answer === null) return
    this.step(
      answers.length > 0 && answer === DURABLE
        ? (answers[0] as Uint8Array)
        : encodeFrame(RELAY_STORE_COMMITTED, frame.id, answer),
    )
  }

  register(): void {
    const frame = this.next(RELAY_KMS)
    this.step(encodeFrame(RELAY_KMS_ANSWER, frame.id, this.world.kms.receive(frame.payload)))
  }

  head(): void {
    const frame = this.next(RELAY_STORE_HEAD)
    for (const answer of this.world.parent.receive(frame)) this.step(answer)
  }

  step(...frames: Uint8Array[]): void {
    this.#read(this.under.step(...frames))
  }

  tick(ms: number): void {
    this.#read(this.under.tick(this.under.now + ms))
  }

  #read(outputs: Frame[]): void {
    this.#outputs.push(...outputs)
    for (const frame of this.session.read(outputs)) {
      if ((frame.kind & 0x7f) !== KIND_HEAD) continue
      const { status, headers, body } = readResponse(frame as PeerFrame)
      this.responses.set(frame.stream, { status, headers, body: body.toString() })
    }
  }
}

const faultOf = (run: () => void): number | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof EnclaveFault) return error.kind
    throw error
  }
}

t.test(
  'acknowledges a write after parent and register, and not before; reads see the last durable state and wait for nobody',
  async (t) => {
    const held = new Held()
    const write = held.ask({ put: [['a', '1']] })
    const read = held.ask({ get: ['a'] })
    t.equal(held.status(write), undefined)
    t.same(held.responses.get(read)?.body, '[null]')
    held.commit()
    t.equal(held.status(write), undefined, 'durable, and not registered')
    t.same(held.responses.get(held.ask({ get: ['a'] }))?.body, '[null]')
    held.register()
    t.equal(held.status(write), 200)
    t.same(held.responses.get(held.ask({ get: ['a'] }))?.body, '["1"]')
  },
)

t.test('what is written while a commit is under way goes into the next one, together', async (t) => {
  const held = new Held()
  const first = held.ask({ put: [['a', '1']] })
  const others = ['b', 'c', 'd'].map((key) => held.ask({ put: [[key, key]] }))
  t.equal(held.waits(RELAY_STORE_COMMIT), 1)
  held.commit()
  held.register()
  t.equal(held.status(first), 200)
  t.same(
    others.map((each) => held.status(each)),
    [undefined, undefined, undefined],
  )
  held.commit()
  held.register()
  t.same(
    others.map((each) => held.status(each)),
    [200, 200, 200],
  )
  t.equal(held.world.kms.state?.generation, 2n)
})

t.test('a request that would overwrite what is in flight, or has read it, runs again behind it', async (t) => {
  const held = new Held()
  const first = held.ask({ put: [['a', '1']] })
  const second = held.ask({ put: [['a', '2']] })
  const reader = held.ask({ get: ['a'], put: [['b', 'b']] })
  t.equal(held.under.handled.length, 3)
  held.commit()
  held.register()
  t.equal(held.status(first), 200)
  t.equal(held.status(second), undefined)
  held.commit()
  held.register()
  t.equal(held.status(second), 200)
  for (let i = 0; i < 2 && held.status(reader) === undefined; i++) {
    held.commit()
    held.register()
  }
  t.equal(held.status(reader), 200)
  t.same(held.responses.get(held.ask({ get: ['a', 'b'] }))?.body, '["2","b"]')
})

t.test('holds the answers of other streams in their order, and drops them with the write', async (t) => {
  for (const written of [true, false]) {
    const held = new Held()
    let watcher = 0
    const play = held.under.handle
    const line = (text: string) => held.under.stream(watcher, Buffer.from(text))
    held.under.handle = (request) => {
      if (request.path === '/watch') {
        watcher = request.id
        return { status: 200, end: false }
      }
      const answer = play(request)
      // Written: an event that waits for the commit. Only read: one that must not overtake it
      line(request.body.includes('put') ? 'written;' : 'read;')
      return answer
    }
    const { session } = held
    session.read(held.under.message(session.id, session.peer.request('GET', '/watch')))
    const seen: string[] = []
    const read = session.read.bind(session)
    session.read = (outputs) => {
      const frames = read(outputs)
      for (const frame of frames) if ((frame.kind & 0x7f) === 4) seen.push(frame.plaintext.toString())
      return frames
    }
    const write = held.ask({ put: [['a', '1']] })
    const reading = held.ask({ get: ['a'] })
    t.same(seen, [])
    t.equal(held.status(reading), 200)
    if (written) {
      held.commit()
      held.register()
      t.same(seen, ['written;', 'read;'])
    } else {
      held.commit(FAILED, false)
      held.head()
      t.same(seen, ['read;'])
    }
    t.equal(held.status(write), written ? 200 : 503)
  }
})

t.test('a failed commit is read back: the old head is answered as not written', async (t) => {
  const held = new Held()
  const lost = held.ask({ put: [['a', '1']] })
  held.commit(FAILED, false)
  t.equal(held.status(lost), undefined)
  held.head()
  t.equal(held.status(lost), 503)
  t.match(held.responses.get(lost)?.body, /ERR_STORE_NOT_WRITTEN/)
  const again = held.ask({ put: [['a', '2']] })
  held.commit()
  held.register()
  t.equal(held.status(again), 200)
  t.same(held.responses.get(held.ask({ get: ['a'] }))?.body, '["2"]')
})

t.test('settled tells a workload what is known of its writes: pending, durable, or lost', async (t) => {
  const held = new Held()
  const { exports } = held.under
  const settled = () => {
    t.equal(exports.callSettled(), 16)
    const words = Buffer.from(exports.memory.buffer, exports.result() >>> 0, 16)
    return [words.readBigUInt64LE(0), words.readBigUInt64LE(8)]
  }
  const [before = 0n] = settled()
  held.ask({ put: [['a', '1']] })
  t.same(settled(), [before, 0n], 'on its way')
  held.commit()
  t.same(settled(), [before, 0n], 'durable at the parent alone')
  held.register()
  t.same(settled(), [before + 1n, 0n])
  held.ask({ put: [['a', '2']] })
  held.commit(FAILED, false)
  t.same(settled(), [before + 1n, 0n], 'nobody knows yet')
  held.head()
  t.same(settled(), [before + 2n, before + 2n], 'lost')
  held.ask({ put: [['a', '3']] })
  held.commit()
  held.register()
  t.same(settled(), [before + 3n, before + 2n], 'and what was lost is remembered')
})

t.test('failed and yet persisted, or never answered: the new head is found, and acknowledged', async (t) => {
  for (const answer of [FAILED, null]) {
    const held = new Held()
    const write = held.ask({ put: [['a', '1']] })
    held.commit(answer, true)
    if (answer === null) held.tick(5000)
    held.head()
    t.equal(held.status(write), undefined)
    while (held.waits(RELAY_KMS) > 0 && held.status(write) === undefined) held.register()
    t.equal(held.status(write), 200)
  }
})

t.test('a head that is neither ends the enclave: with another that holds the store, as fenced', async (t) => {
  const held = new Held()
  held.ask({ put: [['a', '1']] })
  const other = held.world.boot()
  other.session()
  const session = other.session(owner, 'other')
  session.send(session.peer.request('POST', '/', Buffer.from(JSON.stringify({ put: [['a', 'theirs']] }))))
  held.commit()
  held.head()
  t.equal(
    faultOf(() => held.register()),
    FAULT_FENCED,
  )

  const alone = new Held()
  alone.ask({ put: [['a', '1']] })
  alone.commit()
  alone.register()
  alone.ask({ put: [['a', '2']] })
  alone.world.parent.stored.head = Buffer.from('somebody wrote this')
  alone.commit()
  alone.head()
  t.equal(
    faultOf(() => alone.register()),
    FAULT_STORE,
  )
})

t.test('a fenced enclave dies at its next commit before it acknowledges, or at its next heartbeat', async (t) => {
  const held = new Held()
  const write = held.ask({ put: [['a', '1']] })
  held.commit()
  held.world.boot()
  t.equal(
    faultOf(() => held.register()),
    FAULT_FENCED,
  )
  t.equal(held.status(write), undefined)

  const idle = new Held()
  idle.tick(1000)
  idle.register()
  idle.world.boot()
  idle.tick(1000)
  t.equal(
    faultOf(() => idle.register()),
    FAULT_FENCED,
  )
})

t.test(
  'a lost or refused answer of the register is asked for again, and a conflict that names the new head is success',
  async (t) => {
    const held = new Held()
    const write = held.ask({ put: [['a', '1']] })
    held.commit()
    // Advanced, and the answer lost
    held.world.kms.receive(held.next(RELAY_KMS).payload)
    held.tick(1000)
    const unavailable = held.next(RELAY_KMS)
    held.step(encodeFrame(RELAY_KMS_ANSWER, unavailable.id, refused(14)))
    t.equal(held.status(write), undefined)
    held.tick(1000)
    held.register()
    t.equal(held.status(write), 200)
  },
)

t.test('a KMS that was put back under a running enclave ends it before it acknowledges', async (t) => {
  for (const putBack of [false, true]) {
    const held = new Held()
    const write = (value: string) => held.ask({ put: [['a', value]] })
    write('1')
    held.commit()
    held.register()
    const before = held.world.kms.snapshot()
    const second = write('2')
    held.commit()
    held.register()
    t.equal(held.status(second), 200)
    if (putBack) held.world.kms.state = before
    const third = write('3')
    held.commit()
    t.equal(
      faultOf(() => held.register()),
      putBack ? FAULT_STORE : undefined,
    )
    t.equal(held.status(third), putBack ? undefined : 200)
  }
})

t.test('an answer that is not the KMS’s is none', async (t) => {
  const held = new Held()
  const write = held.ask({ put: [['a', '1']] })
  held.commit()
  const frame = held.next(RELAY_KMS)
  const honest = held.world.kms.receive(frame.payload)
  for (let bit = 0; bit < honest.length * 8; bit++) {
    const forged = Buffer.from(honest)
    forged[bit >> 3] = (forged[bit >> 3] as number) ^ (1 << (bit & 7))
    // A forged refusal may end an enclave: see STORE.md. Its first byte is what makes it one
    if (bit < 8) continue
    held.step(encodeFrame(RELAY_KMS_ANSWER, frame.id, forged))
    if (held.status(write) !== undefined) t.fail(`bit ${bit} is believed`)
  }
  held.step(encodeFrame(RELAY_KMS_ANSWER, frame.id + 1, honest))
  t.equal(held.status(write), undefined)
  held.step(encodeFrame(RELAY_KMS_ANSWER, frame.id, honest))
  t.equal(held.status(write), 200)
})

t.test('serves nothing while nobody has said for 5 s that it is the newest', async (t) => {
  const held = new Held()
  t.equal(held.status(held.ask({ get: ['a'] })), 200)
  for (let i = 0; i < 6; i++) held.tick(1000)
  const waiting = held.ask({ get: ['a'] })
  t.equal(held.status(waiting), undefined)
  while (held.waits(RELAY_KMS) > 0) held.register()
  t.equal(held.status(waiting), 200)
})

t.test('takes a wrapping that the KMS has made anew, and opens by it', async (t) => {
  const world = new StoreWorld()
  const under = world.boot()
  const session = under.session()
  const write = (n: string) =>
    session.send(session.peer.request('POST', '/', Buffer.from(JSON.stringify({ put: [['a', n]] }))))
  write('1')
  const before = world.kms.state?.wrapped
  if (world.kms.state !== undefined) world.kms.state.rewrapDue = true
  under.tick(under.now + 1000)
  under.tick(under.now + 1000)
  t.equal(world.kms.asked.rewrap, 1)
  t.notSame(world.kms.state?.wrapped, before)
  // Not stored yet: the old wrapping is refused, and the KMS's own asked for
  t.equal(world.boot().exports.counter(2), 1)
  const again = world.boot().session(owner, 'again')
  again.send(again.peer.request('POST', '/', Buffer.from(JSON.stringify({ put: [['a', '2']] }))))
  t.same(world.parent.stored.meta.subarray(0, 65), world.kms.state?.wrapped)
  const releases = world.kms.asked.release as number
  world.boot()
  t.equal(world.kms.asked.release, releases + 1)
})

t.test('users are kept in the store, and a dismissed one is gone once that is durable', async (t) => {
  const { user } = await import('../kit/kernel.ts')
  const world = new StoreWorld()
  const path = `/.wasmclave/users/${user.publicKey.toString('hex')}`
  const session = world.boot().session()
  session.send(session.peer.request('PUT', path))
  const under = world.boot()
  const theirs = under.session(user, 'user')
  const owners = under.session(owner, 'owner')
  under.store = undefined
  owners.send(owners.peer.request('DELETE', path))
  t.equal(theirs.closed, undefined)
  under.store = (frame) => world.answer(frame)
  const frames: Frame[] = []
  for (const frame of under.storeFrames.splice(0))
    for (const answer of world.answer(frame)) frames.push(...under.step(answer))
  theirs.read(frames)
  t.equal(theirs.closed, 1)
  t.throws(() => world.boot().session(user, 'once more'))
})
