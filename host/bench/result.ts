/**
 * What a run of the bench leaves behind: the machine, the rows, and the checks made on them. Plain JSON; the table, the page and
 * README's figures are drawn from it alone, so that they cannot say anything else.
 */
import { UsageError } from '../errors.ts'

export const RESULT_FORMAT = 'wasmclave-bench/1'

export type Suite = 'crypto' | 'launch' | 'attestation' | 'rpc' | 'store'
export const SUITES: readonly Suite[] = ['crypto', 'launch', 'attestation', 'rpc', 'store']

/** Nanoseconds a call, calls a second, or bytes. */
export type Unit = 'ns' | '/s' | 'B'

/** Equally wide on a log scale, from `from` to `to` in the row's unit; what lies outside is in the outermost bins. */
export type Histogram = { from: number; to: number; counts: number[] }

/** Quantiles in the row's unit. */
export type Spread = {
  samples: number
  p25: number
  p50: number
  p75: number
  p99: number
  histogram: Histogram | null
}

export type Entry = {
  who: string
  ours: boolean
  /** Calls whose mean is one sample; 1 where a call is long beside the timer. */
  batch: number
  spread: Spread
}

/** One figure and its peers. Rows of one subject belong together; with `bytes` they are a series by message size. */
export type Row = {
  suite: Suite
  subject: string
  label: string
  unit: Unit
  bytes: number | null
  note: string
  entries: Entry[]
}

/** A goal (DESIGN.md section 10), or a guard: an ordering that a sound build has, whatever the machine. */
export type Check = {
  kind: 'goal' | 'guard'
  what: string
  wanted: string
  found: string
  met: boolean
  advice: string
}

export type Machine = {
  cpu: string
  cores: number
  memoryBytes: number
  platform: string
  runtime: string
  v8: string
  date: string
  timerResolutionNs: number
  /** Of the operating system over one minute, before the run: above 1, others had the machine too. */
  load: number
}

export type BenchResult = {
  format: typeof RESULT_FORMAT
  quick: boolean
  machine: Machine
  rows: Row[]
  checks: Check[]
}

/** @throws UsageError ERR_BENCH_RESULT where the text is no result of this format */
export function parseResult(text: string): BenchResult {
  let value: BenchResult
  try {
    value = JSON.parse(text) as BenchResult
  } catch (error) {
    throw new UsageError('ERR_BENCH_RESULT', `no JSON: ${(error as Error).message}`)
  }
  if (value?.format !== RESULT_FORMAT)
    throw new UsageError('ERR_BENCH_RESULT', `format ${String(value?.format)}, expected ${RESULT_FORMAT}`)
  return value
}

export function rowOf(result: Pick<BenchResult, 'rows'>, subject: string, label: string): Row | undefined {
  return result.rows.find((row) => row.subject === subject && row.label === label)
}

export function oursOf(row: Row | undefined): Entry | undefined {
  return row?.entries.find((entry) => entry.ours)
}

export function entryOf(row: Row | undefined, who: string): Entry | undefined {
  return row?.entries.find((entry) => entry.who === who)
}
