/** The timer and what can be told by it. Calls shorter than the timer can tell apart are measured in batches. */
import { performance } from 'node:perf_hooks'

export type Call = () => unknown

/** Collects samples of `batch` calls each, for about `timeMs`, at least two. @returns nanoseconds a call */
export type Sampler = (call: Call, options: { batch: number; timeMs: number; wait: boolean }) => Promise<number[]>

/** A batch is this many times as long as the timer's step, so that its error is below a percent. */
const STEPS = 200
const PROBES = 20_000

/** What two readings in a row differ by: the timer's own step and cost, as a median. */
export function timerResolutionNs(): number {
  const steps: number[] = []
  for (let i = 0; i < PROBES; i++) {
    const start = performance.now()
    const step = performance.now() - start
    if (step > 0) steps.push(step)
  }
  steps.sort((a, b) => a - b)
  return Math.max(1, Math.round((steps[steps.length >> 1] as number) * 1e6))
}

/** How many calls of `callNs` make a sample. */
export function batchOf(callNs: number, resolutionNs: number): number {
  return Math.max(1, Math.ceil((STEPS * resolutionNs) / Math.max(callNs, 1)))
}

/** Samples by reading the clock around a plain loop: all that users of the package need. */
export const clockSampler: Sampler = async (call, { batch, timeMs, wait }) => {
  const samples: number[] = []
  const end = performance.now() + timeMs
  for (let now = performance.now(); now < end || samples.length < 2; ) {
    const start = performance.now()
    if (wait) for (let i = 0; i < batch; i++) await call()
    else for (let i = 0; i < batch; i++) call()
    now = performance.now()
    samples.push(((now - start) * 1e6) / batch)
  }
  return samples
}
