// A slice of the simulation (`npm run sim` runs it in full): real kernels under a scheduler that reorders, drops, tears and crashes.
import t from 'tap'
import { buildKernel } from '../kit/kernel-build.ts'
import { PLANTED } from './planted.ts'
import { findPlanted, oneSeed } from './simulation.ts'

const SEEDS = 40
const STEPS = 1000

t.test('keeps what was acknowledged, and shows nothing else, over many seeds', async (t) => {
  let acknowledged = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      acknowledged += oneSeed(seed, STEPS).acknowledged
    } catch (error) {
      t.fail(`again with: npm run sim -- --seed ${seed} --steps ${STEPS}: ${(error as Error).message}`)
    }
  }
  t.ok(acknowledged > SEEDS, `${acknowledged} acknowledged writes`)
})

t.test('finds a kernel that lacks one check', async (t) => {
  const [planted] = PLANTED
  if (planted === undefined) return t.fail('nothing is planted')
  const found = findPlanted(buildKernel(planted.changes), 200, STEPS)
  t.not(found, undefined, planted.name)
  t.comment(`${planted.name}: seed ${found?.seed}, ${found?.message}`)
})
