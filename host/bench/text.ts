/** Figures as people read them: three digits and a unit. */
import type { Entry, Row, Unit } from './result.ts'

const NS_STEPS: [unit: string, ns: number][] = [
  ['s', 1e9],
  ['ms', 1e6],
  ['µs', 1e3],
  ['ns', 1],
]
const BYTE_STEPS: [unit: string, bytes: number][] = [
  ['GB', 1e9],
  ['MB', 1e6],
  ['kB', 1e3],
  ['B', 1],
]

export function valueText(value: number, unit: Unit): string {
  if (unit === '/s') return `${thousands(value)}/s`
  const steps = unit === 'ns' ? NS_STEPS : BYTE_STEPS
  const [name, size] = steps.find(([, each]) => value >= each) ?? (steps.at(-1) as [string, number])
  return `${digits(value / size)} ${name}`
}

/** Three digits, and no more than the integer above them. */
export function digits(value: number): string {
  if (value >= 99.95 || value === 0) return String(Math.round(value))
  return value.toFixed(value >= 9.995 ? 1 : 2)
}

/** Of a figure that is round, its zeros behind the point are left out. */
export function round(figure: string): string {
  return figure.replace(/\.0+(?=\D)/, '')
}

function thousands(value: number): string {
  return value >= 10_000 ? `${digits(value / 1000)} k` : digits(value)
}

/** Throughput of a message, from the median. @returns undefined for what has no size */
export function megabytesPerSecond(row: Row, entry: Entry): number | undefined {
  return row.bytes === null || row.unit !== 'ns' ? undefined : (row.bytes / entry.spread.p50) * 1000
}

/** How many times as good as the peer we are: above 1 is ours. */
export function advantage(row: Row, ours: Entry, peer: Entry): number {
  return row.unit === '/s' ? ours.spread.p50 / peer.spread.p50 : peer.spread.p50 / ours.spread.p50
}

/** Half the middle half's width, beside the median, in percent. */
export function spreadPercent(entry: Entry): number {
  const { p25, p50, p75 } = entry.spread
  return p50 === 0 ? 0 : ((p75 - p25) / 2 / p50) * 100
}
