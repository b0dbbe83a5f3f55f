/** Samples by tinybench: a task is a batch of calls, a slice of a round is one run without warm-up. */
import { Bench } from 'tinybench'
import type { Sampler } from '../host/bench/clock.ts'

const MIN_SAMPLES = 2
const NS = 1e6

export const tinybenchSampler: Sampler = async (call, { batch, timeMs, wait }) => {
  const bench = new Bench({ time: timeMs, iterations: MIN_SAMPLES, warmup: false, retainSamples: true, throws: true })
  if (wait)
    bench.add('batch', async () => {
      for (let i = 0; i < batch; i++) await call()
    })
  else
    bench.add('batch', () => {
      for (let i = 0; i < batch; i++) call()
    })
  if (wait) await bench.run()
  else bench.runSync()
  const result = bench.tasks[0]?.result
  if (result === undefined || !('latency' in result)) return []
  return (result.latency.samples ?? []).map((ms) => (ms * NS) / batch)
}
