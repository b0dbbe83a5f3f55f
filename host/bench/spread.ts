/** Quantiles and histogram of a sample. Medians and quartiles: means and deviations follow the worst neighbour on the machine. */
import type { Histogram, Spread } from './result.ts'

const BINS = 48
/** What a histogram shows of the sample; the tails beyond are in p99. */
const LOWEST = 0.001
const HIGHEST = 0.99

/** @param values in any order, at least one */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).sort()
  return {
    samples: sorted.length,
    p25: significant(quantile(sorted, 0.25)),
    p50: significant(quantile(sorted, 0.5)),
    p75: significant(quantile(sorted, 0.75)),
    p99: significant(quantile(sorted, 0.99)),
    histogram: sorted.length < BINS ? null : histogramOf(sorted),
  }
}

/** A figure that was measured once, as a sample of one. */
export function single(value: number): Spread {
  return spreadOf([value])
}

/** Linear between the two nearest of a sorted sample: quantile 7 of Hyndman and Fan. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const at = (sorted.length - 1) * q
  const below = sorted[Math.floor(at)] as number
  const above = sorted[Math.ceil(at)] as number
  return below + (above - below) * (at - Math.floor(at))
}

function histogramOf(sorted: Float64Array): Histogram | null {
  const from = quantile(sorted, LOWEST)
  const to = quantile(sorted, HIGHEST)
  if (from <= 0 || to <= from) return null
  const counts = new Array<number>(BINS).fill(0)
  const width = Math.log(to / from) / BINS
  for (const value of sorted) {
    const bin = Math.floor(Math.log(Math.max(value, from) / from) / width)
    const at = Math.min(BINS - 1, bin)
    counts[at] = (counts[at] as number) + 1
  }
  return { from: significant(from), to: significant(to), counts }
}

// Four digits: more would be noise, and the result file is read by people.
function significant(value: number): number {
  return Number(value.toPrecision(4))
}
