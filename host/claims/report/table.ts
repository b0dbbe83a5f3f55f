/** The inquiry on a terminal of 100 columns. */
import { counts, type Inquiry, verdictText } from './inquiry.ts'

const STATEMENT_COLUMNS = 52

export function inquiryTable(inquiry: Inquiry): string {
  const lines: string[] = ['']
  for (const judgement of inquiry.judgements) {
    const { held, broken, untried } = counts(judgement)
    const [first = '', ...rest] = wrap(judgement.statement, STATEMENT_COLUMNS)
    const tried = `${held + broken} tried${untried > 0 ? `, ${untried} not` : ''}`
    lines.push(
      `${judgement.number}. ${first.padEnd(STATEMENT_COLUMNS)}  ${verdictText(inquiry, judgement).padEnd(25)}  ${tried}`,
    )
    for (const line of rest) lines.push(`   ${line}`)
    for (const { what, saw, outcome, optional, twin } of judgement.results) {
      if (outcome === 'held') continue
      if (outcome === 'broken') lines.push(...wrap(`BROKEN: ${what}: ${saw}`, 94).map(indent))
      else if (!optional) lines.push(...wrap(`could not be tried: ${what}: ${saw}; twin: ${twin.saw}`, 94).map(indent))
    }
  }
  const total = inquiry.judgements.reduce((sum, each) => sum + counts(each).held + counts(each).broken, 0)
  lines.push('', `${total} attempts, each beside its twin, as ${inquiry.user}, on host ${inquiry.hostId}.`)
  if (inquiry.developmentFolder !== null)
    lines.push(
      'Development keys: who reads this folder is owner, operator, approvers and pipeline at once.',
      `  ${inquiry.developmentFolder}`,
    )
  return `${lines.join('\n')}\n`
}

const indent = (line: string) => `     ${line}`

function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
