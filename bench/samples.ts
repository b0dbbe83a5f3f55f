/** Samples of what is measured as a whole, not in a loop of batches: launches, round trips, rates over windows of time. */
import type { Entry } from '../host/bench/result.ts'
import { spreadOf } from '../host/bench/spread.ts'

const NS = 1e6

/** @returns nanoseconds */
export async function elapsedNs(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await run()
  return (performance.now() - start) * NS
}

export async function sampleNs(count: number, run: () => Promise<unknown>): Promise<number[]> {
  const samples: number[] = []
  for (let i = 0; i < count; i++) samples.push(await elapsedNs(run))
  return samples
}

/** How many calls a second `lanes` callers get done, each waiting for its answer, over one window of time. */
export async function rateOver(windowMs: number, lanes: (() => Promise<unknown>)[]): Promise<number> {
  let calls = 0
  const start = performance.now()
  const end = start + windowMs
  await Promise.all(
    lanes.map(async (call) => {
      while (performance.now() < end) {
        await call()
        calls++
      }
    }),
  )
  return (calls * 1000) / (performance.now() - start)
}

export type Rival = { who: string; ours?: boolean; run(): Promise<number[]> }

/** Each in turn, round after round, so that all meet the same weather. */
export async function takeTurns(rounds: number, rivals: readonly Rival[]): Promise<Entry[]> {
  const samples = rivals.map(() => [] as number[])
  for (let round = 0; round < rounds; round++)
    for (const [index, rival] of rivals.entries()) samples[index]?.push(...(await rival.run()))
  return rivals.map(({ who, ours = false }, index) => ({ who, ours, batch: 1, spread: spreadOf(samples[index] ?? []) }))
}
