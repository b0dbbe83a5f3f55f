/** An explanation for a terminal of 100 columns. */
import type { Explanation, Use } from './explain.ts'

/** A condition on a register fits its column whole, an ARN breaks behind its account. */
const WIDTHS = [17, 27, 20, 30] as const
const GAP = '  '
const TOTAL = WIDTHS.reduce((sum, width) => sum + width, GAP.length * (WIDTHS.length - 1))
/** A register has 96 digits; its first ones tell it apart. */
const SHOWN_DIGITS = 16

export function explanationTable({ uses, withoutAttestation, mayRewrite, warnings }: Explanation): string {
  const lines = [...row(['STATEMENT', 'WHO', 'FOR', 'FROM'])]
  for (const use of uses)
    lines.push(...row([title(use), use.principals.join(', '), use.operations.join(', ') || 'nothing here', from(use)]))
  lines.push('', 'Without attestation')
  if (withoutAttestation.length === 0) lines.push(...item('nobody reaches content: every way in demands a document'))
  for (const { name, principals, operations } of withoutAttestation)
    lines.push(...item(`${name} lets ${principals.join(', ')} use ${operations.join(', ')}`))
  lines.push('', 'May write another policy')
  if (mayRewrite.length === 0) lines.push(...item('nobody'))
  for (const { name, principals } of mayRewrite) lines.push(...item(`${principals.join(', ')} by ${name}`))
  if (warnings.length > 0) lines.push('', 'Warnings', ...warnings.flatMap(item))
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}

function title({ effect, name }: Use): string {
  return `${effect === 'Deny' ? 'DENY ' : ''}${name}`
}

function from({ origin, conditions }: Use): string {
  return [origin, ...conditions.map(shortened)].join('; ')
}

function shortened(condition: string): string {
  return condition.replace(/[0-9a-fA-F]{32,}/g, (digits) => `${digits.slice(0, SHOWN_DIGITS)}…`)
}

function row(cells: [string, string, string, string]): string[] {
  const wrapped = cells.map((cell, column) => wrap(cell, WIDTHS[column] as number))
  const height = Math.max(...wrapped.map((lines) => lines.length))
  return Array.from({ length: height }, (_, line) =>
    wrapped.map((lines, column) => (lines[line] ?? '').padEnd(WIDTHS[column] as number)).join(GAP),
  )
}

function item(text: string): string[] {
  return wrap(text, TOTAL - 2).map((line) => `  ${line}`)
}

// At spaces; inside of a word only where it is longer than the line. A policy's texts are its author's: what could steer a terminal is shown.
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of visible(text).split(' ')) {
    let rest = word
    if (line !== '' && line.length + 1 + rest.length > width) {
      lines.push(line)
      line = ''
    }
    while (rest.length > width) {
      const cut = cutOf(rest, width)
      lines.push(rest.slice(0, cut))
      rest = rest.slice(cut)
    }
    line = line === '' ? rest : `${line} ${rest}`
  }
  lines.push(line)
  return lines
}

/** Behind the last : or / of what fits, where that does not leave most of the line empty. */
function cutOf(word: string, width: number): number {
  const fits = word.slice(0, width)
  const cut = Math.max(fits.lastIndexOf(':'), fits.lastIndexOf('/')) + 1
  return cut > width / 2 ? cut : width
}

function visible(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
