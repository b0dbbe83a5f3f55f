/** Text that becomes part of HTML or SVG, and log axes for both kinds of chart. */
const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string)
}

/** A position with one decimal: enough for a screen, and short. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10)
}

export function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${px(x)}" y="${px(y)}"${attributes === '' ? '' : ` ${attributes}`}>${escapeText(content)}</text>`
}

export type LogScale = { x(value: number): number; ticks: number[] }

/** From `low` to `high` on pixels `left` to `right`; ticks at 1, or at 1, 2 and 5, of each decade. */
export function logScale(low: number, high: number, left: number, right: number): LogScale {
  const span = Math.log(high / low)
  const x = (value: number) => left + (Math.log(Math.min(Math.max(value, low), high) / low) / span) * (right - left)
  const decades = []
  for (let at = Math.floor(Math.log10(low)); at <= Math.log10(high); at++) decades.push(10 ** at)
  const whole = decades.filter((tick) => tick >= low * 0.999)
  const fine = decades.flatMap((tick) => [tick, 2 * tick, 5 * tick]).filter((tick) => tick >= low && tick <= high)
  return { x, ticks: whole.length >= 3 ? whole : fine }
}

/** An inline chart that scales down to a phone and no wider than reads well. */
export function svg(width: number, height: number, label: string, content: string): string {
  return `<svg viewBox="0 0 ${width} ${Math.ceil(height)}" role="img" aria-label="${escapeText(label)}">${content}</svg>`
}
