// Quotas, the size of a transaction and of a group commit, and the end of an epoch: at n-1, n and n+1, in kernels whose limits are small.
import t from 'tap'
import { KIND_HEAD } from '../../assembly/abi/channel.ts'
import { MAX_TRANSACTION_BYTES, MAX_WRITES } from '../../assembly/abi/limits.ts'
import { STATUS_QUOTA, STATUS_TOO_LARGE } from '../../assembly/abi/status.ts'
import { type PeerFrame, readResponse } from '../kit/channel-peer.ts'
import { owner, type PeerSession } from '../kit/kernel.ts'
import { buildKernel } from '../kit/kernel-build.ts'
import { padded } from '../kit/store-records.ts'
import { type StoreRequest, StoreWorld } from '../kit/store-world.ts'

const RECORDS = 10
const BYTES = 4000
const EPOCH = 7
const small = buildKernel([
  ['abi/limits.ts', 'MAX_STORE_RECORDS = 1000000', `MAX_STORE_RECORDS = ${RECORDS}`],
  ['abi/limits.ts', 'MAX_STORE_BYTES = 268435456', `MAX_STORE_BYTES = ${BYTES}`],
  ['kernel/store/keys.ts', 'EPOCH_RECORDS: u64 = 0x1_0000_0000', `EPOCH_RECORDS: u64 = ${EPOCH}`],
])

function world(wasm?: Uint8Array) {
  const world = new StoreWorld()
  world.wasm = wasm
  const under = world.boot()
  return { world, under, session: under.session() }
}

/** The workload gave up: what it had written is dropped. */
const DROPPED = -500

/** @returns 0, or the status that the workload got */
function ask(session: PeerSession, request: StoreRequest): number {
  const body = Buffer.from(JSON.stringify(request))
  const frames: PeerFrame[] = []
  const stream = session.peer.nextStream()
  const head = Buffer.from([0, 0, 0, 8, 0x83, 0x64, 0x50, 0x4f, 0x53, 0x54, 0x61, 0x2f, 0x80])
  head.writeUInt32BE(head.length - 4, 0)
  frames.push(...session.send(session.peer.outgoing.seal(stream, 3, head)))
  for (let at = 0; at < body.length; at += 65536) {
    const last = at + 65536 >= body.length
    frames.push(
      ...session.send(session.peer.outgoing.seal(stream, 4 | (last ? 0x80 : 0), body.subarray(at, at + 65536))),
    )
  }
  const answer = readResponse(frames.find((frame) => (frame.kind & 0x7f) === KIND_HEAD) as PeerFrame)
  return answer.status === 200 ? 0 : answer.status === 500 ? DROPPED : Number(answer.body.toString())
}

const key = (n: number) => `key ${String(n).padStart(4, '0')}`

t.test(`takes ${RECORDS} records, and refuses one more until one is removed`, async (t) => {
  const { world: store, session } = world(small)
  for (let n = 0; n < RECORDS - 1; n++) t.equal(ask(session, { put: [[key(n), '']] }), 0)
  t.equal(
    ask(session, {
      put: [
        [key(100), ''],
        [key(101), ''],
      ],
    }),
    DROPPED,
    'two where there is room for one',
  )
  t.equal(ask(session, { put: [[key(RECORDS - 1), '']] }), 0)
  t.equal(ask(session, { put: [[key(RECORDS), '']] }), STATUS_QUOTA)
  t.equal(ask(session, { put: [[key(0), 'changed']] }), 0, 'what is there may change')
  t.equal(ask(session, { put: [[key(0), null]] }), 0)
  t.equal(ask(session, { put: [[key(RECORDS), '']] }), 0)
  t.equal(store.boot().exports.counter(2), RECORDS)
})

t.test(`takes ${BYTES} bytes of keys and values, and refuses one more`, async (t) => {
  // Each record counts its key, its value and 16 bytes
  const rest = BYTES - 16 - key(0).length
  for (const [size, status] of [
    [rest - 1, 0],
    [rest, 0],
    [rest + 1, STATUS_QUOTA],
  ] as const)
    t.equal(ask(world(small).session, { put: [[key(0), 'x'.repeat(size)]] }), status)
  const { session } = world(small)
  t.equal(ask(session, { put: [[key(0), 'x'.repeat(rest)]] }), 0)
  t.equal(ask(session, { put: [[key(0), 'y'.repeat(rest)]] }), 0, 'in place of what it counts')
  t.equal(ask(session, { put: [[key(0), 'y'.repeat(rest + 1)]] }), STATUS_QUOTA)
  t.equal(ask(session, { put: [[key(1), '']] }), STATUS_QUOTA)
})

t.test(`a request writes ${MAX_WRITES} records, and what they take sealed is bounded`, async (t) => {
  const { session } = world()
  const many = (n: number) => ({ put: Array.from({ length: n }, (_, i) => [key(i), 'v'] as [string, string]) })
  t.equal(ask(session, many(MAX_WRITES - 1)), 0)
  t.equal(ask(session, many(MAX_WRITES)), 0)
  t.equal(ask(session, many(MAX_WRITES + 1)), DROPPED)
  // The largest value whose padded record fits: sizes of that height go by steps
  const overhead = 37 + 49 + 16
  let largest = MAX_TRANSACTION_BYTES
  while (overhead + padded(15 + key(0).length + largest) > MAX_TRANSACTION_BYTES) largest--
  for (const [size, status] of [
    [largest - 1, 0],
    [largest, 0],
    [largest + 1, STATUS_TOO_LARGE],
  ] as const)
    t.equal(ask(session, { put: [[key(0), 'x'.repeat(size)]] }), status)
})

t.test('a group commit is cut at what the parent takes, but never below one request', async (t) => {
  const { world: store, under, session } = world()
  store.parent.maxRecords = 3
  // The parent says so when it is asked next
  const again = store.boot()
  const writer = again.session(owner, 'writer')
  again.store = undefined
  const requests = Array.from({ length: 2 }, (_, i) =>
    writer.peer.request(
      'POST',
      '/',
      Buffer.from(JSON.stringify({ put: Array.from({ length: MAX_WRITES }, (_, n) => [`${i} ${n}`, 'v']) })),
    ),
  )
  writer.send(...requests)
  const places = again.storeFrames
    .filter(({ type }) => type === 18)
    .reduce((sum, { payload }) => sum + payload.length, 0)
  t.equal(places, MAX_WRITES * (37 + 49 + 64 + 16), 'one whole request, and not two')
  t.ok(under !== again && session !== writer)
})

t.test(`after ${EPOCH} records another epoch begins, and no counter comes twice`, async (t) => {
  const { world: store, session } = world(small)
  const seen = new Set<string>()
  const epochs = new Map<string, number>()
  const note = () => {
    for (const sealed of [...store.parent.stored.records.values(), store.parent.stored.head as Buffer]) {
      const nonce = sealed.toString('hex', 1, 41)
      if (seen.has(nonce)) continue
      seen.add(nonce)
      const epoch = sealed.toString('hex', 1, 33)
      epochs.set(epoch, (epochs.get(epoch) ?? 0) + 1)
    }
  }
  for (let n = 0; n < 12; n++) {
    t.equal(
      ask(session, {
        put: [
          [key(n % 3), String(n)],
          ['same', String(n)],
        ],
      }),
      0,
    )
    note()
  }
  t.equal(seen.size, 36, 'two records and a head each time')
  t.ok(epochs.size >= 36 / EPOCH, `${epochs.size} epochs`)
  for (const count of epochs.values()) t.ok(count <= EPOCH)
  t.equal(store.boot().exports.counter(2), 4)
})
