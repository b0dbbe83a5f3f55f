// A slice of the fuzzer: no crash, no 500, memory bounded. The whole of it: test/kms/fuzz.ts.
import t from 'tap'
import { firstSeed } from '../kit/seeded.ts'
import { fuzz, tellResult } from './fuzz.ts'

t.setTimeout(120_000)
/** Node itself takes some 60; what connections, bodies and the caches may hold is below this, however long it goes on. */
const MAX_RESIDENT = 320 * 1024 * 1024

t.test('survives random bytes and mutants of valid requests, within its memory', async (t) => {
  const seed = firstSeed(Date.now() & 0xffff)
  const result = await fuzz({ seed, requests: 12_000, mutants: 6000, untilMs: 12_000 })
  t.comment(tellResult(result))
  t.same(result.faults, [], `seed ${seed}`)
  t.ok(result.memory.peak < MAX_RESIDENT, `${result.memory.peak} bytes resident at most`)
  t.ok(result.sent.random > 500 && result.sent.mutants > 200, 'it got somewhere')
  t.ok((result.answers['200'] ?? 0) > 20, 'some mutants are valid still')
  t.ok((result.answers.SerializationException ?? 0) > 200, 'bytes that are signed reach the parser')
  t.ok((result.answers.ValidationException ?? 0) > 50, 'and mutants the operations')
})
