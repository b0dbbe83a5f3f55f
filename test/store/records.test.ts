// What lies at the parent, opened by a second implementation of its page; and whatever a parent may change of it, found.
import t from 'tap'
import { KIND_HEAD } from '../../assembly/abi/channel.ts'
import { FAULT_STORE } from '../../assembly/abi/fault.ts'
import { EnclaveFault } from '../../host/enclave/kernel.ts'
import { type PeerFrame, readResponse } from '../kit/channel-peer.ts'
import { type KernelUnderTest, owner, type PeerSession } from '../kit/kernel.ts'
import type { Stored } from '../kit/store-parent.ts'
import { AREA_WORKLOAD, NO_HASH, padded, sha256 } from '../kit/store-records.ts'
import { type StoreRequest, StoreWorld } from '../kit/store-world.ts'

const ask = (session: PeerSession, request: StoreRequest) => {
  const frames = session.send(session.peer.request('POST', '/', Buffer.from(JSON.stringify(request))))
  return readResponse(frames.find((frame) => (frame.kind & 0x7f) === KIND_HEAD) as PeerFrame)
}
const get = (under: KernelUnderTest, ...keys: string[]) =>
  JSON.parse(ask(under.session(owner, `get ${Math.random()}`), { get: keys }).body.toString())

function written(): StoreWorld {
  const world = new StoreWorld()
  const session = world.boot().session()
  for (const request of [
    {
      put: [
        ['a', '1'],
        ['b', '2'.repeat(2000)],
        ['c', ''],
      ],
    },
    {
      put: [
        ['a', 'one'],
        ['gone', 'x'],
      ],
    },
    {
      put: [
        ['gone', null],
        ['d', 'four'],
      ],
    },
  ] as StoreRequest[])
    t.equal(ask(session, request).status, 200)
  return world
}

t.test(
  'a second implementation opens every record and the head, and agrees on places, set hash and sizes',
  async (t) => {
    const world = written()
    const { records, parent } = world
    const { stored } = parent
    t.same(stored.meta, Buffer.concat([world.kms.state?.wrapped as Buffer, records.commitment]))
    const opened = [...stored.records].map(([place, record]) => records.openRecord(Buffer.from(place, 'hex'), record))
    t.same(opened.map(({ key }) => key.toString()).sort(), ['a', 'b', 'c', 'd'])
    for (const each of opened) {
      t.ok(stored.records.has(records.place(AREA_WORKLOAD, each.key).toString('hex')))
      t.equal(each.plainBytes, padded(15 + each.key.length + each.value.length))
    }
    t.equal(opened.find(({ key }) => key.toString() === 'a')?.value.toString(), 'one')
    const head = records.openHead(stored.head as Buffer)
    t.equal(head.generation, 3)
    t.equal(head.count, 4)
    t.equal(head.version, 3)
    t.same(head.setHash, records.setHash(stored.records))
    t.same(world.kms.state?.hash, sha256(stored.head as Buffer))
    const counters = new Set(opened.map(({ epoch, counter }) => `${epoch.toString('hex')} ${counter}`))
    t.equal(counters.size, opened.length)
  },
)

t.test('a kernel that boots upon it serves it, under another epoch', async (t) => {
  const world = written()
  const under = world.boot()
  t.same(get(under, 'a', 'b', 'c', 'd', 'gone'), ['one', '2'.repeat(2000), '', 'four', null])
  const before = world.parent.snapshot()
  t.equal(ask(under.session(owner, 'again'), { put: [['e', '5']] }).status, 200)
  const fresh = [...world.parent.stored.records].find(([place]) => !before.records.has(place)) as [string, Buffer]
  const { epoch } = world.records.openRecord(Buffer.from(fresh[0], 'hex'), fresh[1])
  for (const [place, record] of before.records)
    t.notSame(world.records.openRecord(Buffer.from(place, 'hex'), record).epoch, epoch)
  t.same(get(world.boot(), 'a', 'e'), ['one', '5'])
})

t.test('serves what the second implementation seals', async (t) => {
  const world = written()
  const { records, parent } = world
  const sealed = records.sealRecord(
    { area: AREA_WORKLOAD, key: Buffer.from('a'), value: Buffer.from('by another hand'), version: 9n },
    sha256(Buffer.from('an epoch')),
    7n,
    4n,
  )
  parent.stored.records.set(sealed.place.toString('hex'), sealed.record)
  const head = records.openHead(parent.stored.head as Buffer)
  const next = {
    ...head,
    generation: 4,
    previous: parent.headHash,
    version: 9,
    setHash: records.setHash(parent.stored.records),
  }
  parent.stored.head = records.sealHead(next, sha256(Buffer.from('an epoch')), 8n)
  // One ahead of the register, upon its head: what a crash between the two leaves behind
  const under = world.boot()
  t.same(get(under, 'a'), ['by another hand'])
  t.equal(world.kms.state?.generation, 4n)
})

/** @returns the fault of a boot upon a changed store, or undefined */
function bootFault(world: StoreWorld): number | undefined {
  try {
    world.boot()
    return undefined
  } catch (error) {
    if (error instanceof EnclaveFault) return error.kind
    throw error
  }
}

t.test('finds every flipped bit of records, head, wrapping and commitment', async (t) => {
  const world = new StoreWorld()
  t.equal(ask(world.boot().session(), { put: [['a', 'x']] }).status, 200)
  const good = world.parent.snapshot()
  const [[place, record]] = [...good.records] as [[string, Buffer]]
  let tried = 0
  const flipped = (bytes: Buffer, bit: number) => {
    const changed = Buffer.from(bytes)
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
    return changed
  }
  const expectFault = (what: string) => {
    tried++
    const fault = bootFault(world)
    if (fault !== FAULT_STORE) t.fail(`${what}: ${fault}`)
    world.parent.restore(good)
  }
  for (let bit = 0; bit < record.length * 8; bit++) {
    world.parent.stored.records.set(place, flipped(record, bit))
    expectFault(`bit ${bit} of the record`)
  }
  for (let bit = 0; bit < (good.head as Buffer).length * 8; bit++) {
    world.parent.stored.head = flipped(good.head as Buffer, bit)
    expectFault(`bit ${bit} of the head`)
  }
  for (let bit = 0; bit < good.meta.length * 8; bit++) {
    world.parent.stored.meta = flipped(good.meta, bit)
    const fault = bootFault(world)
    // A wrapping that was destroyed is asked for anew, and the KMS's own fits
    tried++
    if (bit >= 65 * 8 && fault !== FAULT_STORE) t.fail(`bit ${bit} of the commitment: ${fault}`)
    world.parent.restore(good)
  }
  t.ok(tried > 2500, `${tried} flipped`)
  t.equal(bootFault(world), undefined, 'and the same without a change is served')
})

t.test('finds what is deleted, swapped, put back, doubled, cut, grown, or of another store', async (t) => {
  const world = new StoreWorld()
  const session = world.boot().session()
  ask(session, {
    put: [
      ['a', 'old'],
      ['b', 'b'],
    ],
  })
  const old = world.parent.snapshot()
  ask(session, {
    put: [
      ['a', 'new'],
      ['c', 'c'],
    ],
  })
  const good = world.parent.snapshot()
  const placeOf = (key: string) => world.records.place(AREA_WORKLOAD, key).toString('hex')
  const recordOf = (key: string, of = good) => of.records.get(placeOf(key)) as Buffer
  const other = new StoreWorld('another kms')
  ask(other.boot().session(), { put: [['a', 'theirs']] })
  const put = (changes: Partial<Stored>) => Object.assign(world.parent.stored, changes)
  const attacks: [string, () => unknown][] = [
    ['a deleted record', () => world.parent.stored.records.delete(placeOf('b'))],
    ['all records deleted', () => world.parent.stored.records.clear()],
    [
      'two swapped',
      () => {
        world.parent.stored.records.set(placeOf('a'), recordOf('b'))
        world.parent.stored.records.set(placeOf('b'), recordOf('a'))
      },
    ],
    ['one put back', () => world.parent.stored.records.set(placeOf('a'), recordOf('a', old))],
    ['one at another place', () => world.parent.stored.records.set('00'.repeat(32), recordOf('a'))],
    ['the head put back', () => put({ head: old.head })],
    ['the records put back', () => put({ records: new Map(old.records) })],
    [
      'one of another store',
      () => world.parent.stored.records.set(placeOf('a'), [...other.parent.stored.records.values()][0] as Buffer),
    ],
    ['the head of another store', () => put({ head: other.parent.stored.head })],
    [
      'the commitment of another store',
      () => put({ meta: Buffer.concat([good.meta.subarray(0, 65), other.parent.stored.meta.subarray(65)]) }),
    ],
    ['one cut short', () => world.parent.stored.records.set(placeOf('a'), recordOf('a').subarray(0, 100))],
    ['one grown', () => world.parent.stored.records.set(placeOf('a'), Buffer.concat([recordOf('a'), Buffer.alloc(1)]))],
    ['an empty one', () => world.parent.stored.records.set(placeOf('a'), Buffer.alloc(0))],
    ['the head as a record', () => world.parent.stored.records.set('11'.repeat(32), good.head as Buffer)],
  ]
  for (const [what, attack] of attacks) {
    attack()
    t.equal(bootFault(world), FAULT_STORE, what)
    world.parent.restore(good)
  }
  world.meddle = (frame, answers) => (frame.type === 17 ? [answers[0] as Uint8Array, ...answers] : answers)
  t.equal(bootFault(world), FAULT_STORE, 'all records twice')
  world.meddle = undefined
  t.equal(bootFault(world), undefined, 'and the same without a change is served')
  t.notSame(good.head, NO_HASH)
})
