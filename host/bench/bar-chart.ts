/** Throughput by message size: a group of bars a size, ours in the accent colour and first, named and valued where they stand. */
import type { Entry, Row } from './result.ts'
import { escapeText, logScale, px, svg, text } from './svg.ts'
import { digits, round } from './text.ts'

const WIDTH = 400
const LEFT = 82
const RIGHT = WIDTH - 64
const TOP = 26
const HEADING = 20
const PITCH = 15
const BAR = 11
const AFTER_GROUP = 6

/** @param rows of one subject, each with its message size */
export function barChart(subject: string, rows: readonly Row[]): string {
  const rates = rows.flatMap((row) => row.entries.map((entry) => rate(row, entry.spread.p50)))
  const low = 10 ** Math.floor(Math.log10(Math.min(...rates)))
  const scale = logScale(low, Math.max(...rates) * 1.05, LEFT, RIGHT)
  const marks: string[] = []
  let y = TOP
  for (const row of rows) {
    marks.push(text(0, y + 13, row.label, 'class="group"'))
    y += HEADING
    for (const entry of row.entries) {
      marks.push(bar(row, entry, y, scale.x))
      y += PITCH
    }
    y += AFTER_GROUP
  }
  const axis = scale.ticks.map(
    (tick) =>
      `<line class="grid" x1="${px(scale.x(tick))}" x2="${px(scale.x(tick))}" y1="${TOP - 6}" y2="${px(y)}"/>` +
      text(scale.x(tick), TOP - 11, round(rateText(tick)), 'class="tick" text-anchor="middle"'),
  )
  return svg(WIDTH, y, `${subject}: throughput by message size`, axis.join('') + marks.join(''))
}

function bar(row: Row, entry: Entry, y: number, x: (value: number) => number): string {
  const value = rate(row, entry.spread.p50)
  const [slow, fast] = [rate(row, entry.spread.p75), rate(row, entry.spread.p25)]
  const name = entry.ours ? 'ours' : 'peer'
  const end = x(value)
  const middle = y + BAR / 2
  const title = `${entry.who}, ${row.label}: ${rateText(value)}, middle half ${rateText(slow)} to ${rateText(fast)}`
  return (
    `<g class="${name}"><title>${escapeText(title)}</title>` +
    text(LEFT - 6, y + 9.5, entry.who, 'text-anchor="end"') +
    `<rect x="${LEFT}" y="${px(y)}" width="${px(Math.max(1, end - LEFT))}" height="${BAR}"/>` +
    ['halo', 'whisker']
      .map(
        (line) =>
          `<line class="${line}" x1="${px(x(slow))}" x2="${px(x(fast))}" y1="${px(middle)}" y2="${px(middle)}"/>`,
      )
      .join('') +
    `${text(Math.max(end, x(fast)) + 5, y + 9.5, rateText(value))}</g>`
  )
}

/** MB/s from nanoseconds a message. */
function rate(row: Row, ns: number): number {
  return ((row.bytes ?? 0) / ns) * 1000
}

function rateText(megabytes: number): string {
  return megabytes >= 1000 ? `${digits(megabytes / 1000)} GB/s` : `${digits(megabytes)} MB/s`
}
