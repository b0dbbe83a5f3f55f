/** How a figure spreads: one shape a contender on a shared log axis, with its median marked; a box where there are few samples. */
import type { Entry, Histogram, Row } from './result.ts'
import { escapeText, type LogScale, logScale, px, svg, text } from './svg.ts'
import { round, valueText } from './text.ts'

const WIDTH = 400
const LEFT = 4
const RIGHT = WIDTH - 12
const NAME = 15
const SHAPE = 26
const PITCH = NAME + SHAPE + 12
const AXIS = 18

export function distributionChart(row: Row): string {
  const bounds = row.entries.flatMap(({ spread }) => [
    Math.min(spread.p25, spread.histogram?.from ?? spread.p25),
    Math.max(spread.p75, spread.histogram?.to ?? spread.p75),
  ])
  const scale = logScale(Math.min(...bounds) / 1.05, Math.max(...bounds) * 1.08, LEFT, RIGHT)
  const bottom = row.entries.length * PITCH
  const axis = sparse(scale).map(
    (tick) =>
      `<line class="grid" x1="${px(scale.x(tick))}" x2="${px(scale.x(tick))}" y1="0" y2="${bottom}"/>` +
      text(
        scale.x(tick),
        bottom + 12,
        round(valueText(tick, row.unit)),
        `class="tick" text-anchor="${anchor(scale.x(tick))}"`,
      ),
  )
  const shapes = row.entries.map((entry, index) => shape(row, entry, index * PITCH, scale))
  return svg(WIDTH, bottom + AXIS, `${row.subject}, ${row.label}: distribution`, axis.join('') + shapes.join(''))
}

function shape(row: Row, entry: Entry, top: number, scale: LogScale): string {
  const { p25, p50, p75, p99, histogram, samples } = entry.spread
  const base = top + NAME + SHAPE
  const value = (each: number) => valueText(each, row.unit)
  const facts = samples < 2 ? value(p50) : `${value(p50)}, p99 ${value(p99)}`
  const title = `${entry.who}: median ${value(p50)}, middle half ${value(p25)} to ${value(p75)}, p99 ${value(p99)}, ${samples} samples`
  const drawn = histogram === null ? box(p25, p75, base, scale) : area(histogram, base, scale)
  const x = px(scale.x(p50))
  return (
    `<g class="${entry.ours ? 'ours' : 'peer'}"><title>${escapeText(title)}</title>` +
    `${text(LEFT, top + 11, entry.who)}${text(RIGHT, top + 11, facts, 'text-anchor="end"')}` +
    `<line class="grid" x1="${LEFT}" x2="${RIGHT}" y1="${px(base)}" y2="${px(base)}"/>${drawn}` +
    `<line class="median" x1="${x}" x2="${x}" y1="${px(base - SHAPE + 4)}" y2="${px(base)}"/></g>`
  )
}

function area({ from, to, counts }: Histogram, base: number, scale: LogScale): string {
  const highest = Math.max(...counts)
  const points = counts.map((count, index) => {
    const value = from * (to / from) ** ((index + 0.5) / counts.length)
    return `${px(scale.x(value))},${px(base - (count / highest) * (SHAPE - 4))}`
  })
  return `<polygon points="${px(scale.x(from))},${px(base)} ${points.join(' ')} ${px(scale.x(to))},${px(base)}"/>`
}

function box(p25: number, p75: number, base: number, scale: LogScale): string {
  const [left, right] = [scale.x(p25), scale.x(p75)]
  return `<rect x="${px(left)}" y="${px(base - 14)}" width="${px(Math.max(2, right - left))}" height="14"/>`
}

// Ticks whose labels would touch are left out.
function sparse({ ticks, x }: LogScale): number[] {
  const kept: number[] = []
  for (const tick of ticks) if (kept.length === 0 || x(tick) - x(kept.at(-1) as number) > 52) kept.push(tick)
  return kept
}

function anchor(x: number): string {
  if (x < 24) return 'start'
  return x > WIDTH - 24 ? 'end' : 'middle'
}
