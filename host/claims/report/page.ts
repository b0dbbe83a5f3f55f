/** The inquiry as one HTML page that needs nothing else, such as one hands to an auditor: verdicts first, then the evidence. */
import type { Result } from '../attempt.ts'
import type { Judgement } from '../claim.ts'
import { counts, type Inquiry, verdictText } from './inquiry.ts'
import { PAGE_STYLE } from './page-style.ts'

const MARKS: Record<Result['outcome'], string> = { held: '✓ held', broken: '✗ broken', untried: '– not tried' }

export function inquiryPage(inquiry: Inquiry): string {
  const { judgements } = inquiry
  const total = judgements.reduce((sum, each) => sum + counts(each).held + counts(each).broken, 0)
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>wasmclave claims, ${escapeText(inquiry.date.slice(0, 10))}</title><style>${PAGE_STYLE}</style></head><body>
<h1>Zero operator access: eight statements, tried</h1>
<p class="soft">Each statement of the independent review of Amazon EKS’s zero operator access was attacked on a running host. An attack counts
as held only where its twin, the same deed where it is right, came through. Inconclusive is not a pass.</p>
${facts(inquiry, total)}
${developmentNote(inquiry)}
<table class="verdicts"><thead><tr><th></th><th>statement</th><th>verdict</th><th class="n">tried</th></tr></thead><tbody>
${judgements.map((each) => verdictRow(inquiry, each)).join('\n')}
</tbody></table>
<h2>What is not claimed</h2>
<p>This is an emulator: whoever owns the machine, or is root on it, reads its memory. There is no hardware root of trust, and nothing is
said of micro-architectural side channels or of availability against the parent process.</p>
${judgements.map((each) => evidence(inquiry, each)).join('\n')}
</body></html>
`
}

function facts(inquiry: Inquiry, total: number): string {
  const rows: [string, string][] = [
    ['Host', inquiry.hostId],
    ['Genesis', inquiry.genesis],
    ['Enclave', inquiry.enclave],
    ['Date', inquiry.date],
    ['Tried by', `${inquiry.user}, ${inquiry.platform}`],
    ['Attempts', `${total}, each beside its twin`],
  ]
  return `<dl>${rows.map(([name, value]) => `<dt>${name}</dt><dd>${escapeText(value)}</dd>`).join('')}</dl>`
}

function developmentNote(inquiry: Inquiry): string {
  if (inquiry.developmentFolder === null) return ''
  return `<p class="note">Development keys: all keys of owner, operator, approvers and pipeline lie in <code>${escapeText(inquiry.developmentFolder)}</code>; whoever reads that folder breaks every statement below.</p>`
}

function verdictRow(inquiry: Inquiry, judgement: Judgement): string {
  const { held, broken, untried } = counts(judgement)
  const tried = `${held + broken}${untried > 0 ? ` <span class="soft">+ ${untried} not</span>` : ''}`
  return `<tr class="${judgement.verdict}"><td class="n">${judgement.number}</td><td><a href="#s${judgement.number}">${escapeText(judgement.statement)}</a></td><td class="verdict">${escapeText(verdictText(inquiry, judgement))}</td><td class="n">${tried}</td></tr>`
}

function evidence(inquiry: Inquiry, judgement: Judgement): string {
  const rows = judgement.results.map(
    ({ what, saw, twin, outcome }) =>
      `<tr class="${outcome}"><td class="mark">${MARKS[outcome]}</td><td>${escapeText(what)}</td><td data-name="seen">${escapeText(saw)}</td><td data-name="twin">${escapeText(twin.what)}: ${escapeText(twin.saw)}</td></tr>`,
  )
  return `<section><h2 id="s${judgement.number}">${judgement.number}. ${escapeText(judgement.statement)}</h2>
<p class="${judgement.verdict}"><span class="verdict">${escapeText(verdictText(inquiry, judgement))}</span></p>
<table class="evidence"><thead><tr><th></th><th>attempt</th><th>what was seen</th><th>twin, and what was seen</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table></section>`
}

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
