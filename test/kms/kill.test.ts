// A few rounds of kill.ts: what was acknowledged survives SIGKILL at any instant.
import t from 'tap'
import { firstSeed } from '../kit/seeded.ts'
import { killRounds } from './kill.ts'

t.setTimeout(150_000)

t.test('survives SIGKILL at random instants of changes: what was acknowledged is there, whole', async (t) => {
  const seed = firstSeed(Date.now() & 0xffff)
  const { faults, acknowledged, keys } = await killRounds(8, seed)
  t.same(faults, [], `seed ${seed}`)
  t.comment(`${acknowledged} changes acknowledged, ${keys} keys`)
  t.ok(keys > 0, 'some were made')
})
