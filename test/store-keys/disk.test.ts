// The store keys on a disk that fails: each step of each write fails, fails although it was stored, or tears; then everything is read
// from bytes again. And files that were altered.
import { readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { REFUSED_UNAVAILABLE, REGISTER_DONE, STORE_FOLLOW, STORE_TAKE } from '../../assembly/abi/store.ts'
import type { FatalError } from '../../host/errors.ts'
import { type Disk, disk } from '../../host/kms/store-keys/disk.ts'
import { SLOT_BYTES, SLOTS } from '../../host/kms/store-keys/slots.ts'
import { head, KernelPeer, NO_HEAD, type Released, refusal, Side } from './kit.ts'

t.setTimeout(170_000)

/** Of a file that is new. */
const STEPS = ['write', 'rename', 'settle'] as const
const KINDS = ['fails', 'fails but persisted', 'torn'] as const
type Fault = { step: (typeof STEPS)[number] | 'writeAt'; kind: (typeof KINDS)[number]; code: string }

/** A disk that does one thing wrong, once, after it was armed. */
function faulty(): { disk: Disk; arm: (fault: Fault | undefined) => void; fired: () => boolean } {
  let fault: Fault | undefined
  let fired = false
  const failing = async (step: Fault['step'], act: () => Promise<void>, tear?: () => Promise<void>) => {
    if (fault?.step !== step) return act()
    const { kind, code } = fault
    fault = undefined
    fired = true
    if (kind === 'fails but persisted') await act()
    if (kind === 'torn') await tear?.()
    throw Object.assign(new Error(`injected ${code}`), { code })
  }
  return {
    disk: {
      write: (path, bytes) =>
        failing(
          'write',
          () => disk.write(path, bytes),
          () => disk.write(path, bytes.subarray(0, bytes.length >> 1)),
        ),
      rename: (from, to) => failing('rename', () => disk.rename(from, to)),
      settle: (path) => failing('settle', () => disk.settle(path)),
      writeAt: (path, bytes, at) =>
        failing(
          'writeAt',
          () => disk.writeAt(path, bytes, at),
          // Within what is sealed
          () => disk.writeAt(path, bytes.subarray(0, 100), at),
        ),
    },
    arm: (next) => {
      fault = next
      fired = false
    },
    fired: () => fired,
  }
}

/** A store at generation 1, held. */
async function start(t: Test) {
  const side = new Side(t)
  const broken = faulty()
  const fatal: FatalError[] = []
  const keys = await side.open({ disk: broken.disk, onFatal: (error) => fatal.push(error) })
  const peer = await KernelPeer.boot(side)
  const released = await peer.release(keys)
  peer.answered(await keys.handle(peer.advance(0, NO_HEAD, head(1))))
  side.pass()
  return { side, keys, peer, released, broken, fatal }
}

/** From bytes: the key is the same, and the register one of those named. */
async function checkStore(t: Test, side: Side, released: Released, generations: number[]): Promise<void> {
  const keys = await side.open()
  t.same(
    readdirSync(join(side.folder, 'store-keys')).filter((name) => name.endsWith('.new')),
    [],
    'nothing half written is left',
  )
  side.pass()
  const peer = await KernelPeer.boot(side, { mode: STORE_TAKE })
  const found = await peer.release(keys)
  t.same(found.dek, released.dek, 'the same key')
  t.ok(generations.includes(found.generation), `generation ${found.generation} of ${generations}`)
  t.same(found.head, head(found.generation))
  const next = peer.advance(found.generation, found.head, head(found.generation + 1))
  t.equal(peer.answered(await keys.handle(next)).status, REGISTER_DONE, 'and it goes on')
}

type Operation = {
  name: string
  generations: number[]
  send: (s: Awaited<ReturnType<typeof start>>) => Promise<Uint8Array>
}
const OPERATIONS: Operation[] = [
  { name: 'advance', generations: [1, 2], send: ({ keys, peer }) => keys.handle(peer.advance(1, head(1), head(2))) },
  { name: 'rewrap', generations: [1], send: ({ keys, peer }) => keys.handle(peer.rewrap()) },
  {
    name: 'take',
    generations: [1],
    send: async ({ side, keys }) => keys.handle((await KernelPeer.boot(side, { mode: STORE_TAKE })).k1),
  },
  {
    name: 'follow',
    generations: [1],
    send: async ({ side, keys }) => keys.handle((await KernelPeer.boot(side, { mode: STORE_FOLLOW })).k1),
  },
]

for (const { name, generations, send } of OPERATIONS)
  for (const kind of KINDS)
    t.test(`${name} survives a write that ${kind === 'torn' ? 'is torn' : kind}, and nobody is answered`, async (t) => {
      const fixture = await start(t)
      fixture.broken.arm({ step: 'writeAt', kind, code: 'EIO' })
      t.match(refusal(await send(fixture)), { code: REFUSED_UNAVAILABLE, reason: /ERR_KMS_DISK/ })
      t.ok(fixture.broken.fired())
      t.match(fixture.fatal, [{ code: 'ERR_KMS_DISK' }])
      t.match(refusal(await fixture.keys.handle(fixture.peer.read())), { code: REFUSED_UNAVAILABLE }, 'nor later')
      await checkStore(t, fixture.side, fixture.released, generations)
    })

for (const step of STEPS)
  for (const kind of KINDS) {
    if (kind === 'torn' && step !== 'write') continue
    t.test(`a new store survives a ${step} that ${kind === 'torn' ? 'is torn' : kind}`, async (t) => {
      const { side, keys, released, broken, fatal } = await start(t)
      const other = () => KernelPeer.boot(side, { grant: { enclaveName: 'other' } })
      broken.arm({ step, kind, code: 'EIO' })
      t.match(refusal(await keys.handle((await other()).k1)), { code: REFUSED_UNAVAILABLE, reason: /ERR_KMS_DISK/ })
      t.match(fatal, [{ code: 'ERR_KMS_DISK' }])
      await checkStore(t, side, released, [1])
      side.pass()
      t.equal((await (await other()).release(await side.open())).dek.length, 32, 'and is made')
    })
  }

t.test('a full disk refuses a new store, serves others, and recovers when there is room', async (t) => {
  const { side, keys, peer, released, broken, fatal } = await start(t)
  for (const code of ['ENOSPC', 'EDQUOT', 'EMFILE'])
    for (const kind of KINDS) {
      broken.arm({ step: 'write', kind, code })
      const other = await KernelPeer.boot(side, { grant: { enclaveName: 'other' } })
      t.match(refusal(await keys.handle(other.k1)), { code: REFUSED_UNAVAILABLE, reason: /ERR_KMS_DISK_FULL/ })
      t.ok(broken.fired(), `${code}, ${kind}`)
      t.match(peer.answered(await keys.handle(peer.read())), { generation: 1n })
    }
  for (const code of ['EMFILE', 'ENFILE']) {
    broken.arm({ step: 'writeAt', kind: 'fails', code })
    const refused = refusal(await keys.handle(peer.advance(1, head(1), head(2))))
    t.match(refused, { code: REFUSED_UNAVAILABLE, reason: /ERR_KMS_DISK_FULL/ })
    t.match(peer.answered(await keys.handle(peer.read())), { generation: 1n })
  }
  t.same(fatal, [])
  t.match(peer.answered(await keys.handle(peer.advance(1, head(1), head(2)))), {
    status: REGISTER_DONE,
    generation: 2n,
  })
  await checkStore(t, side, released, [2])
})

t.test('a disk that is full where a record is written over stops the KMS: what stands is not known', async (t) => {
  const { side, keys, peer, released, broken, fatal } = await start(t)
  broken.arm({ step: 'writeAt', kind: 'torn', code: 'ENOSPC' })
  const refused = refusal(await keys.handle(peer.advance(1, head(1), head(2))))
  t.match(refused, { code: REFUSED_UNAVAILABLE, reason: /ERR_KMS_DISK/ })
  t.match(fatal, [{ code: 'ERR_KMS_DISK' }])
  await checkStore(t, side, released, [1])
})

t.test('a first start survives each step of the identity’s write', async (t) => {
  for (const step of STEPS)
    for (const kind of KINDS) {
      const side = new Side(t)
      const broken = faulty()
      broken.arm({ step, kind, code: 'EIO' })
      await t.rejects(side.open({ disk: broken.disk }), { code: 'ERR_KMS_DISK' }, `${step} ${kind}`)
      const keys = await side.open()
      t.equal((await (await KernelPeer.boot(side)).release(keys)).dek.length, 32)
      t.equal((await side.open()).publicKey, keys.publicKey)
    }
})

t.test('detects every changed byte of the identity, and names the file', async (t) => {
  const { side } = await start(t)
  const name = 'identity.key'
  const path = join(side.folder, 'store-keys', name)
  t.equal(statSync(path).mode & 0o777, 0o600)
  const whole = readFileSync(path)
  for (let at = 0; at < whole.length; at++) {
    writeFileSync(path, flipped(whole, at))
    if (!(await refusesToRead(side, name))) t.fail(`byte ${at}`)
  }
  for (const content of [Buffer.alloc(0), whole.subarray(0, -1), Buffer.concat([whole, Buffer.of(0)])]) {
    writeFileSync(path, content)
    t.ok(await refusesToRead(side, name), `${content.length} bytes`)
  }
  writeFileSync(path, whole)
  t.equal((await (await side.open()).describe()).length, 1)
})

t.test(
  'takes a store’s record whole or not at all: with a changed byte the one before it stands, or none',
  async (t) => {
    const { side, keys, peer } = await start(t)
    peer.answered(await keys.handle(peer.advance(1, head(1), head(2))))
    const folder = join(side.folder, 'store-keys')
    const name = readdirSync(folder).find((each) => each.endsWith('.store')) as string
    const path = join(folder, name)
    t.equal(statSync(path).mode & 0o777, 0o600)
    const whole = readFileSync(path)
    t.equal(whole.length, SLOTS * SLOT_BYTES)
    const generation = async () => (await (await side.open()).describe())[0]?.generation
    t.equal(await generation(), 2)
    const seen = new Set<number | undefined>()
    // Salt, header and record, and some of the zeros behind
    for (let slot = 0; slot < SLOTS; slot++)
      for (let at = 0; at < SLOT_BYTES; at += at < 400 ? 1 : 97) {
        writeFileSync(path, flipped(whole, slot * SLOT_BYTES + at))
        seen.add(await generation())
      }
    t.same([...seen].sort(), [1, 2], 'as it was before the last change, or after it')
    const both = flipped(flipped(whole, 20), SLOT_BYTES + 20)
    const [first, second] = [whole.subarray(0, SLOT_BYTES), whole.subarray(SLOT_BYTES)]
    const turned = Buffer.concat([second, first])
    for (const content of [
      both,
      turned,
      Buffer.alloc(0),
      first,
      whole.subarray(0, -1),
      Buffer.concat([whole, first]),
    ]) {
      writeFileSync(path, content)
      t.ok(await refusesToRead(side, name), `${content.length} bytes`)
    }
    writeFileSync(path, whole)
    t.equal(await generation(), 2)
  },
)

t.test('refuses slots of two times in one file', async (t) => {
  const { side, keys, peer } = await start(t)
  const folder = join(side.folder, 'store-keys')
  const name = readdirSync(folder).find((each) => each.endsWith('.store')) as string
  const path = join(folder, name)
  const old = readFileSync(path)
  for (let i = 1; i < 4; i++) peer.answered(await keys.handle(peer.advance(i, head(i), head(i + 1))))
  const whole = readFileSync(path)
  for (let slot = 0; slot < SLOTS; slot++) {
    const mixed = Buffer.from(whole)
    old.copy(mixed, slot * SLOT_BYTES, slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES)
    writeFileSync(path, mixed)
    t.ok(await refusesToRead(side, name), `slot ${slot}`)
  }
  writeFileSync(path, whole)
  t.equal((await (await side.open()).describe())[0]?.generation, 4)
})

function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[at] = (changed[at] as number) ^ (1 << (at % 8))
  return changed
}

async function refusesToRead(side: Side, name: string): Promise<boolean> {
  try {
    await (await side.open()).describe()
    return false
  } catch (error) {
    const { code, message } = error as FatalError
    return code === 'ERR_KMS_FILE' && message.includes(name)
  }
}

t.test('refuses one store’s file in another’s place, another root key, and a lost identity', async (t) => {
  const { side, keys } = await start(t)
  const other = await KernelPeer.boot(side, { grant: { enclaveName: 'other' } })
  await other.release(keys)
  const folder = join(side.folder, 'store-keys')
  const [first, second] = readdirSync(folder).filter((name) => name.endsWith('.store'))
  const path = (name: string | undefined) => join(folder, name as string)
  const whole = readFileSync(path(first))
  writeFileSync(path(first), readFileSync(path(second)))
  await t.rejects((await side.open()).describe(), { code: 'ERR_KMS_FILE' })
  writeFileSync(path(first), whole)
  t.equal((await (await side.open()).describe()).length, 2)
  await t.rejects(side.open({ rootKey: new Uint8Array(32) }), { code: 'ERR_KMS_FILE' })
  unlinkSync(path('identity.key'))
  await t.rejects(side.open(), { code: 'ERR_KMS_IDENTITY' })
})

t.test('keeps no key on disk in the clear', async (t) => {
  const { side, released } = await start(t)
  const folder = join(side.folder, 'store-keys')
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(join(folder, name))
    t.not(bytes.includes(released.dek), true, `${name}: DEK`)
    t.not(bytes.includes(Buffer.from(released.wrapped)), true, `${name}: even its wrapping is sealed`)
  }
})
