// The parent's half of STORE-RECORDS.md, frame by frame, over the model of an engine: bounds, order, refusals, and what a backend's trouble becomes.
import t from 'tap'
import { MAX_COMMIT_BYTES, MAX_COMMIT_RECORDS, MAX_RELAY_PAYLOAD } from '../../assembly/abi/limits.ts'
import { REFUSED_UNAVAILABLE, STORE_REFUSED } from '../../assembly/abi/store.ts'
import {
  RELAY_KMS,
  RELAY_KMS_ANSWER,
  RELAY_STORE_COMMIT,
  RELAY_STORE_COMMITTED,
  RELAY_STORE_HEAD,
  RELAY_STORE_HEAD_IS,
  RELAY_STORE_LOAD,
  RELAY_STORE_LOADED,
  RELAY_STORE_PART,
  RELAY_STORE_RECORDS,
} from '../../assembly/abi/wire.ts'
import { UnavailableError } from '../../host/errors.ts'
import { Counts } from '../../host/parent/counts.ts'
import type { KmsRelay } from '../../host/parent/kms-relay.ts'
import { headHash } from '../../host/parent/store/engine.ts'
import { StoreFrames } from '../../host/parent/store-frames.ts'
import { MemoryEngine } from '../kit/memory-engine.ts'

const ID = Buffer.alloc(32, 7)
const META = Buffer.from('wrapping and commitment')
const u32 = (n: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(n)
  return bytes
}
const lp = (bytes: Uint8Array) => Buffer.concat([u32(bytes.length), bytes])
const place = (n: number) => Buffer.concat([Buffer.alloc(28), u32(n)])
const put = (n: number, record: Uint8Array) => Buffer.concat([Buffer.of(1), place(n), lp(record)])
const remove = (n: number) => Buffer.concat([Buffer.of(2), place(n), u32(0)])
const commit = (expected: Uint8Array | undefined, head: Uint8Array, id = ID) =>
  Buffer.concat([id, expected ?? Buffer.alloc(32), lp(META), lp(head)])
const soon = () => new Promise((resolve) => setTimeout(resolve, 5))

type Sent = { type: number; ticket: number; payload: Buffer }

function slot(engine = new MemoryEngine(), answer: (message: Uint8Array) => Promise<Uint8Array> = async (m) => m) {
  const sent: Sent[] = []
  const troubles: unknown[] = []
  let room = Promise.resolve()
  const frames = new StoreFrames({
    engine,
    kms: { ask: answer } as KmsRelay,
    counts: new Counts(),
    send: (type, ticket, payload) => sent.push({ type, ticket, payload: Buffer.from(payload) }),
    room: () => room,
    onTrouble: (error) => troubles.push(error),
  })
  const receive = (type: number, id: number, payload: Uint8Array) => frames.receive({ type, id, payload })
  return {
    engine,
    frames,
    sent,
    troubles,
    receive,
    hold: () => {
      let release!: () => void
      room = new Promise((resolve) => {
        release = resolve
      })
      return release
    },
    /** Sends a batch and gives its answer. */
    async write(ticket: number, parts: Uint8Array[], payload: Uint8Array): Promise<number | undefined> {
      for (const part of parts) receive(RELAY_STORE_PART, ticket, part)
      receive(RELAY_STORE_COMMIT, ticket, payload)
      await soon()
      return sent.find((each) => each.type === RELAY_STORE_COMMITTED && each.ticket === ticket)?.payload[0]
    },
  }
}
const assigned = (...args: Parameters<typeof slot>) => {
  const made = slot(...args)
  made.frames.assign(ID)
  return made
}

t.test('tells of no head, takes a commit in parts, and gives back head and records of one moment', async (t) => {
  const s = assigned()
  s.receive(RELAY_STORE_HEAD, 1, ID)
  await soon()
  const limits = Buffer.concat([u32(s.engine.limits.records), u32(s.engine.limits.bytes - 4096)])
  t.same(s.sent, [{ type: RELAY_STORE_HEAD_IS, ticket: 1, payload: Buffer.concat([Buffer.of(0), limits]) }])
  const batch = Buffer.concat([put(1, Buffer.from('one')), put(2, Buffer.from('two')), put(3, Buffer.from('three'))])
  t.equal(await s.write(2, [batch.subarray(0, 50), batch.subarray(50)], commit(undefined, Buffer.from('head 1'))), 0)
  const one = headHash(Buffer.from('head 1'))
  t.equal(await s.write(3, [remove(2)], commit(one, Buffer.from('head 2'))), 0)
  t.equal(await s.write(4, [], commit(one, Buffer.from('head 3'))), 1, 'upon a head that is not there any more')
  const kept = Buffer.concat([Buffer.of(1), limits, lp(META), lp(Buffer.from('head 2'))])
  s.sent.length = 0
  s.receive(RELAY_STORE_LOAD, 5, ID)
  await soon()
  const all = Buffer.concat([place(1), lp(Buffer.from('one')), place(3), lp(Buffer.from('three'))])
  t.same(s.sent, [
    { type: RELAY_STORE_RECORDS, ticket: 5, payload: all },
    { type: RELAY_STORE_LOADED, ticket: 5, payload: kept },
  ])
  t.same(s.troubles, [])
})

t.test('ends a slot that asks for another store, beside the twin that asks for its own', async (t) => {
  const other = Buffer.alloc(32, 8)
  for (const type of [RELAY_STORE_HEAD, RELAY_STORE_LOAD]) {
    t.throws(() => assigned().receive(type, 1, other), RangeError)
    t.doesNotThrow(() => assigned().receive(type, 1, ID))
  }
  t.throws(() => assigned().receive(RELAY_STORE_COMMIT, 1, commit(undefined, Buffer.from('h'), other)), RangeError)
  t.equal(await assigned().write(1, [], commit(undefined, Buffer.from('h'))), 0)
})

t.test('ends a slot that mixes batches, or says something else in the middle of one', async (t) => {
  const begun = () => {
    const s = assigned()
    s.receive(RELAY_STORE_PART, 1, put(1, Buffer.from('x')))
    return s
  }
  t.throws(() => begun().receive(RELAY_STORE_PART, 2, put(1, Buffer.from('y'))), RangeError)
  t.throws(() => begun().receive(RELAY_STORE_COMMIT, 2, commit(undefined, Buffer.from('h'))), RangeError)
  t.throws(() => begun().receive(RELAY_STORE_HEAD, 1, ID), RangeError)
  t.throws(() => begun().receive(RELAY_KMS, 1, ID), RangeError)
  t.doesNotThrow(() => begun().receive(RELAY_STORE_COMMIT, 1, commit(undefined, Buffer.from('h'))))
})

t.test(`takes a batch of ${MAX_COMMIT_BYTES} bytes and of ${MAX_COMMIT_RECORDS} records, and no more`, async (t) => {
  for (const over of [-1, 0, 1]) {
    const parts = Math.ceil((MAX_COMMIT_BYTES + over) / MAX_RELAY_PAYLOAD)
    const s = assigned()
    const send = () => {
      for (let i = 0, left = MAX_COMMIT_BYTES + over; i < parts; i++, left -= MAX_RELAY_PAYLOAD)
        s.receive(RELAY_STORE_PART, 1, new Uint8Array(Math.min(left, MAX_RELAY_PAYLOAD)))
    }
    if (over > 0) t.throws(send, RangeError, `${over}`)
    else t.doesNotThrow(send, `${over}`)
    const records = Buffer.concat(Array.from({ length: MAX_COMMIT_RECORDS + over }, (_, i) => put(i, Buffer.of(1))))
    const few = assigned()
    few.receive(RELAY_STORE_PART, 1, records)
    const end = () => few.receive(RELAY_STORE_COMMIT, 1, commit(undefined, Buffer.from('h')))
    if (over > 0) t.throws(end, RangeError)
    else t.doesNotThrow(end)
  }
})

t.test('ends a slot whose batch or commit does not parse', async (t) => {
  const whole = commit(undefined, Buffer.from('head'))
  for (let length = 0; length < whole.length; length++)
    t.throws(() => assigned().receive(RELAY_STORE_COMMIT, 1, whole.subarray(0, length)), RangeError)
  t.throws(() => assigned().receive(RELAY_STORE_COMMIT, 1, Buffer.concat([whole, Buffer.of(0)])), RangeError)
  const entry = put(1, Buffer.from('record'))
  const withBatch = (batch: Uint8Array) => {
    const s = assigned()
    s.receive(RELAY_STORE_PART, 1, batch)
    s.receive(RELAY_STORE_COMMIT, 1, whole)
  }
  for (let length = 1; length < entry.length; length++)
    t.throws(() => withBatch(entry.subarray(0, length)), RangeError, `${length} of ${entry.length}`)
  t.throws(() => withBatch(Buffer.concat([Buffer.of(3), entry.subarray(1)])), RangeError, 'no such operation')
  t.throws(() => withBatch(Buffer.concat([Buffer.of(2), entry.subarray(1)])), RangeError, 'a deletion with a record')
  t.doesNotThrow(() => withBatch(entry))
})

t.test('frames wait for nitro’s word on the store, a few of them', async (t) => {
  const s = slot()
  s.receive(RELAY_STORE_HEAD, 1, ID)
  await soon()
  t.equal(s.sent.length, 0)
  s.frames.assign(ID)
  await soon()
  t.equal(s.sent[0]?.type, RELAY_STORE_HEAD_IS)
  const impatient = slot()
  for (let i = 0; i < 4; i++) impatient.receive(RELAY_STORE_HEAD, i, ID)
  t.throws(() => impatient.receive(RELAY_STORE_HEAD, 5, ID), RangeError)
})

t.test('a backend in trouble becomes "not now" and "nobody knows", and is told once each', async (t) => {
  class Broken extends MemoryEngine {
    override async head(): Promise<never> {
      throw new UnavailableError('ERR_STORE_UNAVAILABLE', 'no')
    }
    override load = this.head
    override commit = this.head
  }
  const s = assigned(new Broken())
  s.receive(RELAY_STORE_HEAD, 1, ID)
  s.receive(RELAY_STORE_LOAD, 2, ID)
  t.equal(await s.write(3, [], commit(undefined, Buffer.from('h'))), 1)
  t.same(
    s.sent.filter(({ type }) => type !== RELAY_STORE_COMMITTED).map(({ payload }) => payload[0]),
    [2, 2],
  )
  t.equal(s.troubles.length, 3)
})

t.test(
  'sends a load no faster than it is taken, cuts what is larger than a frame, and gives it up for a later one',
  async (t) => {
    const engine = new MemoryEngine()
    const large = Buffer.alloc(MAX_RELAY_PAYLOAD + 100, 5)
    await engine.commit(ID.toString('hex'), undefined, { head: Buffer.from('h'), meta: META }, [
      { place: place(1), record: large },
      ...Array.from({ length: 30 }, (_, i) => ({ place: place(i + 2), record: Buffer.alloc(100, i) })),
    ])
    const s = assigned(engine)
    const release = s.hold()
    s.receive(RELAY_STORE_LOAD, 1, ID)
    await soon()
    t.equal(s.sent.length, 1, 'one frame, and then it waits')
    s.receive(RELAY_STORE_LOAD, 2, ID)
    release()
    await soon()
    t.ok(s.sent.every(({ payload }) => payload.length <= MAX_RELAY_PAYLOAD))
    t.notOk(
      s.sent.some(({ type, ticket }) => type === RELAY_STORE_LOADED && ticket === 1),
      'the first one never ends',
    )
    const bytes = Buffer.concat(
      s.sent.filter(({ type, ticket }) => type === RELAY_STORE_RECORDS && ticket === 2).map(({ payload }) => payload),
    )
    t.equal(bytes.length, 31 * 36 + large.length + 30 * 100)
    t.ok(bytes.subarray(36, 36 + large.length).equals(large))
  },
)

t.test('carries questions to the KMS, four of a slot at once', async (t) => {
  const waiting: ((answer: Uint8Array) => void)[] = []
  const s = assigned(new MemoryEngine(), () => new Promise((resolve) => waiting.push(resolve)))
  for (let i = 1; i <= 5; i++) s.receive(RELAY_KMS, i, Buffer.from(`question ${i}`))
  await soon()
  t.equal(waiting.length, 4)
  t.match(s.sent, [{ type: RELAY_KMS_ANSWER, ticket: 5 }])
  t.same([...(s.sent[0]?.payload.subarray(0, 3) ?? [])], [STORE_REFUSED, 0, REFUSED_UNAVAILABLE])
  waiting[1]?.(Buffer.from('answer'))
  await soon()
  t.match(s.sent[1], { type: RELAY_KMS_ANSWER, ticket: 2, payload: Buffer.from('answer') })
  s.receive(RELAY_KMS, 6, Buffer.from('question 6'))
  t.equal(waiting.length, 5)
})

t.test('a slot that has ended writes nothing any more', async (t) => {
  const s = assigned()
  s.receive(RELAY_STORE_HEAD, 1, ID)
  s.frames.end()
  s.receive(RELAY_STORE_COMMIT, 2, commit(undefined, Buffer.from('h')))
  await soon()
  t.same(s.sent, [])
  t.equal(await s.engine.head(ID.toString('hex')), undefined)
})
