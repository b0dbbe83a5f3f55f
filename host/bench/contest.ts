/**
 * One figure, ours and its peers in turn: all give the same answer first, then each has a slice of every round, so that what the machine
 * does meanwhile hits all of them. The order turns by one a round.
 */
import { FatalError } from '../errors.ts'
import { batchOf, type Call, type Sampler } from './clock.ts'
import { type Answer, answerBytes } from './operation.ts'
import type { Entry } from './result.ts'
import { spreadOf } from './spread.ts'

export type Contender = { who: string; ours: boolean; call: () => Answer | Promise<Answer> }

export type Pace = {
  sampler: Sampler
  resolutionNs: number
  /** For each contender, all rounds together. */
  timeMs: number
  warmUpMs: number
  rounds: number
}

/** @throws FatalError ERR_BENCH_ANSWER where two contenders do not compute the same: such a comparison would say nothing */
export async function runContest(what: string, contenders: readonly Contender[], pace: Pace): Promise<Entry[]> {
  await agree(what, contenders)
  const runs = []
  for (const contender of contenders)
    runs.push({ ...contender, ...(await warmUp(contender.call, pace)), ns: [] as number[] })
  for (let round = 0; round < pace.rounds; round++)
    for (let i = 0; i < runs.length; i++) {
      const run = runs[(i + round) % runs.length] as (typeof runs)[number]
      const timeMs = pace.timeMs / pace.rounds
      for (const sample of await pace.sampler(run.call, { batch: run.batch, timeMs, wait: run.wait }))
        run.ns.push(sample)
    }
  return runs.map(({ who, ours, batch, ns }) => ({ who, ours, batch, spread: spreadOf(ns) }))
}

async function agree(what: string, contenders: readonly Contender[]): Promise<void> {
  let first: Uint8Array | undefined
  for (const { who, call } of contenders) {
    const bytes = answerBytes(await call())
    first ??= bytes
    if (!Buffer.from(first).equals(bytes))
      throw new FatalError('ERR_BENCH_ANSWER', `${what}: ${who} answers otherwise than ${contenders[0]?.who}`)
  }
}

// Long enough for the engine's optimiser; tells the length of a call and whether it is a promise.
async function warmUp(call: Call, pace: Pace): Promise<{ batch: number; wait: boolean }> {
  const wait = call() instanceof Promise
  const end = performance.now() + pace.warmUpMs
  let fastest = Number.POSITIVE_INFINITY
  for (let calls = 1; performance.now() < end || calls === 1; calls = Math.min(calls * 2, 256)) {
    const start = performance.now()
    if (wait) for (let i = 0; i < calls; i++) await call()
    else for (let i = 0; i < calls; i++) call()
    fastest = Math.min(fastest, ((performance.now() - start) * 1e6) / calls)
  }
  return { batch: batchOf(fastest, pace.resolutionNs), wait }
}
