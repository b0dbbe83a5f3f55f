// The key space against a model: random transactions at sizes that split and empty chunks, compared read by read and at each end.
// WASMCLAVE_SEED repeats a run.
import t from 'tap'
import { MAX_KEY_BYTES, MAX_TRANSACTION_BYTES, MAX_WRITES } from '../../assembly/abi/limits.ts'
import { STATUS_BUFFER, STATUS_INVALID, STATUS_NOT_FOUND, STATUS_TOO_LARGE } from '../../assembly/abi/status.ts'
import { firstSeed, Seeded } from '../kit/seeded.ts'
import { SpaceModel, SpaceUnderTest } from '../kit/space.ts'

const OPERATIONS = 120_000
/** Several chunks of the table's 512. */
const KEYS = 6000

t.setTimeout(170_000)

/** Keys with long common beginnings, of one byte, and of the limit. */
function keyOf(random: Seeded): Buffer {
  const number = random.below(KEYS)
  if (number < 20) return Buffer.alloc(1, number * 13)
  if (number < 40) return Buffer.concat([Buffer.alloc(MAX_KEY_BYTES - 1, 0x6b), Buffer.from([number])])
  return Buffer.from(`${'abc'[number % 3]}/${number % 7 === 0 ? '' : 'deep/'}${number}`)
}

t.test('gives what a model gives, over 100,000 operations in random transactions', async (t) => {
  const seed = firstSeed(20_261)
  t.comment(`seed ${seed}`)
  const random = new Seeded(seed)
  const space = new SpaceUnderTest()
  const model = new SpaceModel()
  const counts: Record<string, number> = {}
  let operations = 0
  let most = 0
  for (let round = 0; operations < OPERATIONS; round++) {
    // Tides: it grows to thousands of records, and is taken down to nearly none.
    const removals = Math.floor(round / 400) % 2 === 0 ? 15 : 60
    space.begin()
    const length = 1 + random.below(random.chance(10) ? 90 : 30)
    for (let i = 0; i < length; i++, operations++) {
      const kind = random.chance(35) ? (random.chance(50) ? 'get' : 'scan') : random.chance(removals) ? 'delete' : 'put'
      counts[kind] = (counts[kind] ?? 0) + 1
      const difference = step(kind, random, space, model)
      if (difference !== undefined) return t.fail(`seed ${seed}, operation ${operations}: ${difference}`)
    }
    const keep = !random.chance(20)
    space.end(keep)
    model.end(keep)
    most = Math.max(most, model.size)
    if (space.records !== model.size || space.version !== model.version)
      return t.fail(
        `seed ${seed}, after ${operations}: ${space.records} records at ${space.version}, the model has ${model.size} at ${model.version}`,
      )
    if (round % 500 === 0 && !space.everything().equals(model.everything()))
      return t.fail(`seed ${seed}, after ${operations}: the whole space differs`)
  }
  t.ok(space.everything().equals(model.everything()), 'the whole of it, at the end')
  t.ok(operations >= 100_000 && most > 2000, `${operations} operations, ${most} records at most`)
  for (const kind of ['get', 'put', 'delete', 'scan']) t.ok((counts[kind] ?? 0) > 5000, `${kind}: ${counts[kind]}`)
})

function step(kind: string, random: Seeded, space: SpaceUnderTest, model: SpaceModel): string | undefined {
  const key = keyOf(random)
  switch (kind) {
    case 'get':
      return differs(`get ${key}`, space.get(key), model.get(key))
    case 'put': {
      const value = Buffer.alloc(random.below(random.chance(5) ? 3000 : 60), random.below(256))
      return differs(`put ${key}`, space.put(key, value), model.put(key, value))
    }
    case 'delete':
      return differs(`delete ${key}`, space.remove(key), model.remove(key))
    default: {
      const prefix = random.pick([
        Buffer.alloc(0),
        key.subarray(0, 2),
        key.subarray(0, random.below(key.length + 1)),
        key,
      ])
      const after = random.chance(50)
        ? Buffer.alloc(0)
        : random.chance(70)
          ? keyOf(random)
          : random.bytes(random.below(6))
      const limit = random.pick([0, 1, 2, 7, 50, 1000])
      const room = random.pick([0, 15, 16, 40, 200, 5000, 60_000])
      return differs(
        `scan ${JSON.stringify([`${prefix}`, `${after}`, limit, room])}`,
        space.scan(prefix, after, limit, room),
        model.scan(prefix, after, limit, room),
      )
    }
  }
}

function differs(
  what: string,
  actual: Buffer | bigint | number,
  expected: Buffer | bigint | number,
): string | undefined {
  const same = Buffer.isBuffer(actual) && Buffer.isBuffer(expected) ? actual.equals(expected) : actual === expected
  if (same) return undefined
  const show = (value: unknown) =>
    Buffer.isBuffer(value) ? `${value.length} bytes ${value.toString('hex').slice(0, 80)}` : String(value)
  return `${what} gives ${show(actual)}, the model gives ${show(expected)}`
}

t.test('gives everything back: growing and emptying again takes no more memory', async (t) => {
  const space = new SpaceUnderTest()
  const sizes: number[] = []
  for (let round = 0; round < 4; round++) {
    for (const remove of [false, true])
      for (let from = 0; from < 4000; from += MAX_WRITES) {
        space.begin()
        for (let i = from; i < from + MAX_WRITES; i++) {
          // Scattered, so that chunks split in the middle
          const key = Buffer.from(String((i * 7919) % 4000).padStart(5, '0'))
          const status = remove ? space.remove(key) : space.put(key, Buffer.alloc(500, i))
          if (status < 0n) return t.fail(`${remove ? 'delete' : 'put'} ${key}: ${status}`)
        }
        space.end(true)
      }
    t.equal(space.records, 0)
    sizes.push(space.memoryBytes)
  }
  t.equal(sizes[3], sizes[1], `${sizes.join(', ')} bytes`)
})

t.test('takes writes up to its limits, and refuses the one above without harm', async (t) => {
  const space = new SpaceUnderTest()
  const empty = Buffer.alloc(0)
  space.begin()
  for (const [length, taken] of [
    [MAX_KEY_BYTES - 1, true],
    [MAX_KEY_BYTES, true],
    [MAX_KEY_BYTES + 1, false],
    [0, false],
  ] as const) {
    const status = space.put(Buffer.alloc(length, 0x61), empty)
    t.equal(status, taken ? 1n : BigInt(STATUS_TOO_LARGE), `a key of ${length} bytes`)
  }
  space.end(false)
  for (const writes of [MAX_WRITES - 1, MAX_WRITES, MAX_WRITES + 1]) {
    space.begin()
    const refused = Array.from({ length: writes }, (_, i) => space.put(Buffer.from(`key ${i}`), empty)).filter(
      (status) => status === BigInt(STATUS_TOO_LARGE),
    )
    t.equal(refused.length, Math.max(0, writes - MAX_WRITES), `${writes} writes`)
    t.equal(space.put(Buffer.from('key 0'), Buffer.from('again')), 1n, 'one that is there already may be written again')
    space.end(false)
  }
  // The limit is on sealed bytes, with what pads them: test/store/limits.test.ts has it to the byte
  for (const [bytes, status] of [
    [MAX_TRANSACTION_BYTES - 80_000, 1n],
    [MAX_TRANSACTION_BYTES, BigInt(STATUS_TOO_LARGE)],
  ] as const) {
    space.begin()
    t.equal(space.put(Buffer.from('k'), Buffer.alloc(bytes - 1)), status, `${bytes} bytes in one`)
    space.end(false)
    space.begin()
    t.equal(space.put(Buffer.from('a'), Buffer.alloc(1000)), 1n)
    t.equal(space.put(Buffer.from('b'), Buffer.alloc(bytes - 1002)), status, `${bytes} bytes in two`)
    space.end(false)
  }
  t.equal(space.records, 0, 'nothing of it was kept')
  space.begin()
  t.equal(space.remove(Buffer.from('k')), BigInt(STATUS_NOT_FOUND))
  t.equal(space.get(Buffer.from('k')), STATUS_NOT_FOUND)
  t.equal(space.scan(empty, empty, -1, 100), STATUS_INVALID)
  t.equal(space.put(Buffer.from('k'), Buffer.from('value')), 1n)
  const entry = 16 + 1 + 5
  t.equal(space.scan(empty, empty, 10, entry - 1), STATUS_BUFFER)
  t.equal((space.scan(empty, empty, 10, entry) as Buffer).length, entry)
  t.equal((space.scan(empty, empty, 10, entry + 1) as Buffer).length, entry)
  space.end(true)
})
