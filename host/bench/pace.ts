/** How long the crypto suite measures. The quick run, all suites together, is to end within a minute. */
import type { Sampler } from './clock.ts'
import type { Pace } from './contest.ts'

const FULL = { timeMs: 500, warmUpMs: 120, rounds: 10 }
const QUICK = { timeMs: 32, warmUpMs: 20, rounds: 4 }

export function paceOf(quick: boolean, sampler: Sampler, resolutionNs: number): Pace {
  return { ...(quick ? QUICK : FULL), sampler, resolutionNs }
}
