// What every engine must do, run over each of them and over the model itself.
import type { Test } from 'tap'
import { errorCode } from '../../../host/errors.ts'
import { commitBytes, MAX_KEPT_BYTES, type StoreEngine, type StoreRecord } from '../../../host/parent/store/engine.ts'
import { everything, hashOf, kept, place, someChanges, source, storeId } from '../../kit/engine-world.ts'
import { MemoryEngine } from '../../kit/memory-engine.ts'
import { Seeded } from '../../kit/seeded.ts'

const code = async (work: Promise<unknown>) => errorCode(await work.then(() => undefined).catch((error) => error))

/** @param open a fresh engine with nothing in it; @param reopen the same again, after a close */
export async function engineSuite(
  t: Test,
  name: string,
  open: () => Promise<StoreEngine>,
  reopen?: (engine: StoreEngine) => Promise<StoreEngine>,
  rounds = 60,
): Promise<void> {
  await t.test(`${name}: a store that nobody wrote has no head and no records`, async (t) => {
    const engine = await open()
    t.equal(await engine.head(storeId(1)), undefined)
    t.same(await everything(engine, storeId(1)), { records: [] })
    await engine.close()
  })

  await t.test(`${name}: commits on the head it expects, and conflicts on any other`, async (t) => {
    const engine = await open()
    const id = storeId(2)
    const change = [{ place: place(1), record: Buffer.from('one') }]
    t.equal(await engine.commit(id, hashOf(kept(0)), kept(1), change), 'conflict', 'a head where none is')
    t.equal(await engine.head(id), undefined)
    t.equal(await engine.commit(id, undefined, kept(1), change), 'durable')
    t.equal(await engine.commit(id, undefined, kept(2), []), 'conflict', 'none where a head is')
    t.equal(await engine.commit(id, hashOf(kept(2)), kept(3), []), 'conflict', 'another head')
    t.equal(await engine.commit(id, hashOf(kept(1)), kept(2), [{ place: place(1), record: undefined }]), 'durable')
    t.same(await everything(engine, id), { kept: await keptText(engine, id), records: [] })
    t.equal(await engine.commit(id, hashOf(kept(1)), kept(3), change), 'conflict', 'the head before')
    t.same((await everything(engine, id)).records, [], 'a conflict writes nothing')
    t.equal(await engine.commit(storeId(3), undefined, kept(1), change), 'durable', 'stores are apart')
    t.same((await everything(engine, id)).records, [])
    await engine.close()
  })

  await t.test(`${name}: of many who build on one head, one wins`, async (t) => {
    const engine = await open()
    const id = storeId(4)
    await engine.commit(id, undefined, kept(0), [])
    for (let round = 0; round < 5; round++) {
      const expected = hashOf(await engine.head(id))
      const results = await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          engine.commit(id, expected, kept(round * 8 + n + 1), [{ place: place(n), record: Buffer.from([round]) }]),
        ),
      )
      t.equal(results.filter((result) => result === 'durable').length, 1)
      const winner = round * 8 + results.indexOf('durable') + 1
      t.same(hashOf(await engine.head(id)), hashOf(kept(winner)))
    }
    await engine.close()
  })

  await t.test(`${name}: does what its model does, over random work on three stores`, async (t) => {
    const random = new Seeded(5)
    const model = new MemoryEngine()
    let engine = await open()
    model.limits = engine.limits
    for (let round = 1; round <= rounds; round++) {
      const id = storeId(10 + random.below(3))
      const before = await model.head(id)
      const expected = random.chance(85) ? hashOf(before) : hashOf(kept(random.below(round)))
      if (random.chance(8)) {
        const records: StoreRecord[] = Array.from({ length: random.below(250) }, (_, n) => ({
          place: place(n),
          record: random.bytes(1 + random.below(2000)),
        }))
        await model.replace(id, kept(round, 1), source(records))
        await engine.replace(id, kept(round, 1), source(records))
      } else {
        const changes = someChanges(random, 60)
        const result = await model.commit(id, expected, kept(round), changes)
        if ((await engine.commit(id, expected, kept(round), changes)) !== result) t.fail(`round ${round}`)
      }
      if (random.chance(15) && reopen !== undefined) engine = await reopen(engine)
      if (round % 6 === 0) t.same(await everything(engine, id), await everything(model, id), `round ${round}`)
    }
    for (const n of [10, 11, 12]) t.same(await everything(engine, storeId(n)), await everything(model, storeId(n)))
    await engine.close()
  })

  await t.test(`${name}: accepts a commit at its limits, and refuses one more`, async (t) => {
    const engine = await open()
    const { limits } = engine
    const id = storeId(20)
    let head = kept(0)
    await engine.commit(id, undefined, head, [])
    const take = async (next: number, changes: { place: Buffer; record: Buffer }[]) => {
      const result = await engine.commit(id, hashOf(head), kept(next), changes)
      if (result === 'durable') head = kept(next)
      return result
    }
    const records = (count: number) =>
      Array.from({ length: count }, (_, n) => ({ place: place(n), record: Buffer.from('r') }))
    t.equal(await take(1, records(limits.records - 1)), 'durable')
    t.equal(await take(2, records(limits.records)), 'durable')
    t.equal(await code(take(3, records(limits.records + 1))), 'ERR_STORE_LIMIT')

    const empty = records(limits.records)
    const room = limits.bytes - commitBytes(head, empty) + limits.records
    const sized = (more: number) => {
      const each = Math.floor(room / limits.records)
      return empty.map(({ place }, n) => ({
        place,
        record: Buffer.alloc(each + (n === 0 ? room - each * limits.records + more : 0), 9),
      }))
    }
    t.equal(commitBytes(kept(4), sized(0)), limits.bytes)
    t.equal(await take(4, sized(-1)), 'durable')
    t.equal(await take(5, sized(0)), 'durable')
    t.equal(await code(take(6, sized(1))), 'ERR_STORE_LIMIT')
    t.equal((await everything(engine, id)).records.length, limits.records)
    await engine.close()
  })

  await t.test(`${name}: refuses what is no store, place or head, and accepts its neighbour`, async (t) => {
    const engine = await open()
    const id = storeId(21)
    const commit = (store: string, place_: Buffer, next = kept(1), expected?: Buffer) =>
      engine.commit(store, expected, next, [{ place: place_, record: Buffer.from('r') }])
    for (const wrong of ['', 'AB'.repeat(32), 'ab'.repeat(31), 'ab'.repeat(33), '../'.repeat(22).slice(0, 64)])
      t.equal(await code(commit(wrong, place(1))), 'ERR_STORE_ID', wrong)
    t.equal(await code(engine.head('zz')), 'ERR_STORE_ID')
    t.equal(await code(engine.load('zz', () => {})), 'ERR_STORE_ID')
    t.equal(await code(engine.replace('zz', kept(1), source([]))), 'ERR_STORE_ID')
    for (const length of [31, 33]) t.equal(await code(commit(id, Buffer.alloc(length))), 'ERR_STORE_CHANGES')
    t.equal(await code(commit(id, place(1), kept(1), Buffer.alloc(31))), 'ERR_STORE_CHANGES')
    const empty = Buffer.alloc(0)
    t.equal(await code(commit(id, place(1), { head: empty, meta: empty })), 'ERR_STORE_CHANGES')
    const large = (length: number) => ({ head: Buffer.alloc(length - 100, 1), meta: Buffer.alloc(100) })
    t.equal(await code(commit(id, place(1), large(MAX_KEPT_BYTES + 1))), 'ERR_STORE_CHANGES')
    t.equal(await commit(id, place(1), large(MAX_KEPT_BYTES)), 'durable')
    t.equal(await commit(storeId(22), place(1)), 'durable')
    await engine.close()
  })

  await t.test(`${name}: keeps records of every size, and nothing of an empty one is lost`, async (t) => {
    const engine = await open()
    const id = storeId(23)
    const sizes = [0, 1, 2, 2030, 2040, 4096, 65536, 1_000_000]
    let head = kept(0)
    await engine.commit(id, undefined, head, [])
    for (const [n, size] of sizes.entries()) {
      const record = Buffer.alloc(size, n + 1)
      t.equal(await engine.commit(id, hashOf(head), kept(n + 1), [{ place: place(n), record }]), 'durable', `${size}`)
      head = kept(n + 1)
    }
    const { records } = await everything(engine, id)
    t.same(
      records.map((text) => (text.length - 65) / 2),
      sizes,
    )
    await engine.close()
  })

  await t.test(
    `${name}: loads many records in order, in bounded chunks, and stops with whoever takes them`,
    async (t) => {
      const engine = await open()
      const id = storeId(24)
      const count = 5000
      const records = Array.from({ length: count }, (_, n) => ({ place: place(n), record: Buffer.alloc(1100, n) }))
      await engine.replace(id, kept(1), source(records, 700))
      let seen = 0
      let chunks = 0
      await engine.load(id, (chunk) => {
        chunks++
        const bytes = chunk.reduce((sum, { record }) => sum + record.length, 0)
        if (bytes > 1_100_000) t.fail(`a chunk of ${bytes} bytes`)
        for (const { place: at, record } of chunk) {
          if (!place(seen).equals(at) || record[0] !== seen % 256) t.fail(`record ${seen}`)
          seen++
        }
      })
      t.equal(seen, count)
      t.ok(chunks > 4, `${chunks} chunks`)
      let taken = 0
      const stop = engine.load(id, () => {
        if (++taken === 2) throw new RangeError('enough')
      })
      await t.rejects(stop, RangeError)
      t.equal(taken, 2)
      await engine.close()
    },
  )

  await t.test(`${name}: a load is one moment, whatever is written meanwhile`, async (t) => {
    const engine = await open()
    const id = storeId(25)
    const fill = (value: number) =>
      Array.from({ length: 90 }, (_, n) => ({ place: place(n), record: Buffer.alloc(14_000, value) }))
    let head = kept(0)
    await engine.commit(id, undefined, head, fill(0))
    for (let round = 1; round <= 4; round++) {
      let first: number | undefined
      let commits = 0
      const loaded = await engine.load(id, async (chunk) => {
        for (const { record } of chunk) {
          first ??= record[0]
          if (record.some((byte) => byte !== first)) t.fail('a record of another moment')
        }
        const value = round * 10 + ++commits
        const result = await engine.commit(id, hashOf(head), kept(value), fill(value))
        if (result !== 'durable') t.fail('a load blocks no commit')
        head = kept(value)
      })
      t.ok(commits > 0)
      t.equal(Number(/head (\d+)/.exec(Buffer.from(loaded?.head ?? '').toString())?.[1]), first, 'head of that moment')
    }
    await engine.close()
  })

  await t.test(`${name}: a replacement is there when it is whole, and not before`, async (t) => {
    const engine = await open()
    const id = storeId(26)
    const records = (value: number, count: number) =>
      Array.from({ length: count }, (_, n) => ({ place: place(n * 2), record: Buffer.alloc(500, value) }))
    await engine.commit(id, undefined, kept(1), records(1, 50))
    const before = await everything(engine, id)
    async function* failing() {
      yield records(2, 400)
      yield records(3, 200)
      throw new RangeError('the file ends here')
    }
    await t.rejects(engine.replace(id, kept(2), failing()), RangeError)
    t.same(await everything(engine, id), before)
    async function* watched() {
      for (let n = 0; n < 4; n++) {
        yield records(4, 300).slice(n * 75, n * 75 + 75)
        if ((await everything(engine, id)).records.length !== 50) t.fail('seen before it was whole')
      }
    }
    await engine.replace(id, kept(3), watched())
    t.equal((await everything(engine, id)).records.length, 300)
    t.same(hashOf(await engine.head(id)), hashOf(kept(3)))
    t.equal(await engine.commit(id, hashOf(kept(1)), kept(9), []), 'conflict', 'the head before it is gone')
    t.equal(await engine.commit(id, hashOf(kept(3)), kept(4), [{ place: place(0), record: undefined }]), 'durable')
    t.equal((await everything(engine, id)).records.length, 299)
    // The same head again, with other records: what was written on the old ones is not seen beside them.
    await engine.replace(id, kept(4), source(records(5, 3)))
    t.equal((await everything(engine, id)).records.length, 3)
    await engine.replace(storeId(27), kept(1), source([]))
    t.same((await everything(engine, storeId(27))).records, [], 'an empty one, where none was')
    await engine.close()
  })

  if (reopen !== undefined)
    await t.test(`${name}: keeps everything over a close, and refuses work after it`, async (t) => {
      const engine = await open()
      const id = storeId(28)
      await engine.commit(id, undefined, kept(1), [{ place: place(1), record: Buffer.from('stays') }])
      const before = await everything(engine, id)
      const again = await reopen(engine)
      t.same(await everything(again, id), before)
      t.equal(await code(engine.head(id)), 'ERR_STORE_UNAVAILABLE')
      t.equal(await code(engine.load(id, () => {})), 'ERR_STORE_UNAVAILABLE')
      t.equal(await code(engine.commit(id, hashOf(kept(1)), kept(2), [])), 'ERR_STORE_UNAVAILABLE')
      t.equal(await again.commit(id, hashOf(kept(1)), kept(2), []), 'durable')
      await again.close()
    })
}

async function keptText(engine: StoreEngine, store: string): Promise<string> {
  const found = await engine.head(store)
  return `${Buffer.from(found?.head ?? '').toString('hex')} ${Buffer.from(found?.meta ?? '').toString('hex')}`
}
