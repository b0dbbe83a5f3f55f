/** Results on a terminal, 100 columns wide: a matrix by message size, or a line for each contender with its spread. */
import { machineText } from './machine.ts'
import type { BenchResult, Check, Row } from './result.ts'
import { advantage, digits, megabytesPerSecond, spreadPercent, valueText } from './text.ts'

export const TABLE_WIDTH = 100
const LABEL = 9
const OURS = 15
const RATE = 7
const MAX_CELL = 15

export function resultTable(result: BenchResult): string {
  const lines = [...wrap(machineText(result.machine)), '']
  for (const subject of subjectsOf(result.rows)) {
    const rows = result.rows.filter((row) => row.subject === subject)
    const note = rows[0]?.note ?? ''
    lines.push(note === '' ? subject : `${subject}: ${note}`)
    lines.push(...(rows.every((row) => row.bytes !== null && row.unit === 'ns') ? matrix(rows) : list(rows)), '')
  }
  return [...lines, ...checkLines(result.checks)].join('\n')
}

export function subjectsOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.map((row) => row.subject))]
}

function matrix(rows: Row[]): string[] {
  const peers = [
    ...new Set(rows.flatMap((row) => row.entries.filter((entry) => !entry.ours).map((entry) => entry.who))),
  ]
  const cell = Math.min(MAX_CELL, Math.floor((TABLE_WIDTH - LABEL - OURS - RATE) / Math.max(1, peers.length)))
  const head = `${' '.repeat(LABEL)}${'wasmclave'.padStart(OURS)}${'MB/s'.padStart(RATE)}${peers.map((who) => who.padStart(cell)).join('')}`
  const body = rows.map((row) => {
    const ours = row.entries.find((entry) => entry.ours)
    if (ours === undefined) return ''
    const cells = peers.map((who) => {
      const peer = row.entries.find((entry) => entry.who === who)
      if (peer === undefined) return '–'.padStart(cell)
      return `${valueText(peer.spread.p50, row.unit)} ${times(advantage(row, ours, peer))}`.padStart(cell)
    })
    const own = `${valueText(ours.spread.p50, row.unit)} ±${spreadPercent(ours).toFixed(0)}%`
    return `${row.label.padStart(LABEL)}${own.padStart(OURS)}${digits(megabytesPerSecond(row, ours) ?? 0).padStart(RATE)}${cells.join('')}`
  })
  return [head, ...body]
}

function list(rows: Row[]): string[] {
  return rows.flatMap((row) => [
    `  ${row.label}`,
    ...row.entries.map((entry) => {
      const { p25, p50, p75, p99, samples } = entry.spread
      const ours = row.entries.find((each) => each.ours)
      const ratio = ours === undefined || entry.ours || row.unit === 'B' ? '' : times(advantage(row, ours, entry))
      const text = (value: number) => valueText(value, row.unit)
      const spread = samples < 2 ? '' : `p25–p75 ${text(p25)} – ${text(p75)}`
      const tail = samples < 2 ? '' : `p99 ${text(p99)}`
      return `    ${entry.who.padEnd(26)}${text(p50).padStart(10)}  ${spread.padEnd(31)}${tail.padEnd(15)}${ratio.padStart(8)}`
    }),
  ])
}

/** Above 1 ours is the faster one. */
export function times(ratio: number): string {
  return `${ratio >= 9.95 ? ratio.toFixed(0) : ratio.toPrecision(2)}×`
}

function checkLines(checks: readonly Check[]): string[] {
  const lines: string[] = []
  for (const kind of ['goal', 'guard'] as const) {
    const of = checks.filter((check) => check.kind === kind)
    if (of.length === 0) continue
    lines.push(kind === 'goal' ? 'Goals' : 'Guards: orderings that a sound build has on any machine')
    for (const { what, wanted, found, met } of of) {
      lines.push(`  ${met ? 'yes' : 'NO '}  ${what}`, ...wrap(`wanted ${wanted}; found ${found}`, '       '))
    }
    for (const advice of new Set(of.map((check) => check.advice))) if (advice !== '') lines.push(...wrap(advice, '  '))
    lines.push('')
  }
  return lines
}

function wrap(text: string, indent = ''): string[] {
  const lines: string[] = []
  let line = indent
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > TABLE_WIDTH && line.trim() !== '') {
      lines.push(line)
      line = indent
    }
    line += line.trim() === '' ? word : ` ${word}`
  }
  return [...lines, line]
}
