// The timing test's own instrument: it sees a compare that leaks, and its arithmetic is right. How long anything takes is not asserted.
import t from 'tap'
import { tagCompare } from '../kit/leaky.ts'
import { measure } from './measure.ts'
import { compareSubject } from './subjects.ts'
import { CroppedTests, Welch } from './welch.ts'

const BOUND = 4.5
const SAMPLES = 10_000
/** A busy machine may blind a short run; a leak shows in one of three. */
const ATTEMPTS = 3

t.test('catches a compare that ends at the first byte that differs', async (t) => {
  const leaky = await tagCompare('leaky')
  let strongest = 0
  for (let attempt = 0; attempt < ATTEMPTS && strongest <= BOUND; attempt++)
    strongest = Math.abs(measure(compareSubject('leaky', leaky), SAMPLES).t)
  t.ok(strongest > BOUND, `|t| ${strongest.toFixed(1)}`)
})

for (const kind of ['leaky', 'even'] as const)
  t.test(`the ${kind} compare tells equal tags from others`, async (t) => {
    const { memory, equal } = await tagCompare(kind)
    memory.fill(7, 0, 32)
    t.equal(equal(), 1)
    for (let at = 0; at < 16; at++) {
      memory.fill(7, 0, 32)
      memory[at] = 8
      t.equal(equal(), 0, `byte ${at}`)
    }
  })

t.test('computes the t of a worked example', async (t) => {
  const welch = new Welch()
  for (const value of [1, 2, 3, 4]) welch.add(0, value)
  for (const value of [2, 4, 6, 8]) welch.add(1, value)
  // Means 2.5 and 5, variances 5/3 and 20/3 of four each: 2.5 / sqrt(25/12)
  t.equal(welch.t.toFixed(6), (2.5 / Math.sqrt(25 / 12)).toFixed(6))
  t.equal(welch.samples, 8)
})

t.test('says nothing of classes that are the same, and sees a shift of them', async (t) => {
  const random = generator(1)
  const [same, shifted] = [new Welch(), new Welch()]
  for (let i = 0; i < 20_000; i++) {
    const label = random() < 0.5 ? 0 : 1
    const value = 100 + 10 * normal(random)
    same.add(label, value)
    shifted.add(label, value + label)
  }
  t.ok(Math.abs(same.t) < BOUND, `|t| ${same.t.toFixed(2)}`)
  t.ok(shifted.t > BOUND, `|t| ${shifted.t.toFixed(2)}`)
})

t.test('sees in its crops what outliers drown', async (t) => {
  const random = generator(2)
  const value = () => 100 + normal(random) + (random() < 0.02 ? 10_000 * random() : 0)
  const tests = new CroppedTests(Array.from({ length: 2000 }, value))
  const whole = new Welch()
  for (let i = 0; i < 20_000; i++) {
    const label = random() < 0.5 ? 0 : 1
    const ns = value() + 0.2 * label
    tests.add(label, ns)
    whole.add(label, ns)
  }
  t.ok(Math.abs(whole.t) < BOUND, `without crops |t| ${whole.t.toFixed(2)}`)
  t.ok(Math.abs(tests.strongest.t) > BOUND, `with crops |t| ${tests.strongest.t.toFixed(2)}`)
})

/** Numbers in 0…1, the same each run: mulberry32. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Box and Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
