/**
 * What an audit shows: a line for each request with what became of it, and for each step of a proposal, in 100 columns at most. Whether a
 * step held is said by the request beside it.
 */
import type { AuditedEntry } from '../client/log/audit.ts'
import type { Entry } from '../log/proofs/entry.ts'
import { printable } from '../wire/printable.ts'

const COLUMNS = [
  ['time (UTC)', 19],
  ['on', 7],
  ['who', 17],
  ['action', 18],
  ['outcome', 23],
  ['approved by', 11],
] as const
/** As much of a key's thumbprint as tells the keys of one host apart at a glance; --json has all of it. */
const KID = 6
const APPROVER_KID = 4
/** Digits of a proposal's id, as the other commands take them from --json in full. */
const PROPOSAL = 8
const STEPS = { approval: 'approval of', withdrawal: 'withdrawal of', execution: 'execution of' } as const

/** What later pages refer to: intents by their index, and the actions of proposals by their id. */
export class Known {
  readonly intents = new Map<number, Entry>()
  readonly proposals = new Map<string, string>()
}

export function tableHead(): string {
  return line(COLUMNS.map(([name]) => name))
}

/** Lines of the requests among `entries`; `known` keeps what those to come refer to. */
export function tableLines(entries: AuditedEntry[], known: Known): string[] {
  const outcomes = new Map(
    entries.flatMap(({ entry }) => (entry.kind === 'outcome' ? [[entry.of, entry] as const] : [])),
  )
  for (const { index, entry } of entries) {
    if (entry.kind === 'intent') known.intents.set(index, entry)
    if (entry.kind === 'proposal') known.proposals.set(entry.id, entry.action)
  }
  return entries.flatMap(({ index, entry }) => {
    if (entry.kind === 'outcome') {
      // An intent of this page is shown with its outcome, an earlier one by a line of its own
      if (entries.some((other) => other.index === entry.of)) return []
      const intent = known.intents.get(entry.of)
      return [row(entry, intent?.kind === 'intent' ? who(intent.role, intent.kid) : '', entry.action, done(entry.code))]
    }
    if (entry.kind === 'intent') {
      const outcome = outcomes.get(index)
      const became = outcome === undefined ? 'under way' : done(outcome.code)
      return [row(entry, who(entry.role, entry.kid), entry.action, became, approvers(entry.approvedBy))]
    }
    if (entry.kind === 'refused') return [row(entry, who('key', entry.kid), entry.action ?? '(none)', entry.code)]
    if (entry.kind === 'genesis') return [row(entry, 'all approvers', 'genesis', 'the policy it began with')]
    if (entry.kind === 'proposal')
      return [row(entry, who('key', entry.proposer), entry.action, `proposed as ${entry.id.slice(0, PROPOSAL)}`)]
    if (entry.kind === 'approval' || entry.kind === 'withdrawal' || entry.kind === 'execution') {
      const action = known.proposals.get(entry.proposal) ?? '(unknown)'
      return [row(entry, who('key', entry.key), action, `${STEPS[entry.kind]} ${entry.proposal.slice(0, PROPOSAL)}`)]
    }
    if (entry.kind === 'strangers') return [row(entry, 'nobody known', `${entry.count} requests`, 'refused, counted')]
    if (entry.kind === 'repeats') return [row(entry, 'repeated', `${entry.count} requests`, 'refused, counted')]
    return [row(entry, '', (entry as { kind: string }).kind, '')]
  })
}

function row(entry: Entry, name: string, action: string, outcome: string, approved = ''): string {
  const time = new Date(entry.timeMs).toISOString().slice(0, 19).replace('T', ' ')
  return line([time, entry.subject === 'host' ? 'host' : 'enclave', name, action, outcome, approved])
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, i) => {
      const [, width] = COLUMNS[i] as (typeof COLUMNS)[number]
      return printable(cell, width).slice(0, width).padEnd(width)
    })
    .join(' ')
    .trimEnd()
}

function who(role: string, kid: string): string {
  return `${role} ${kid.slice(0, KID)}`
}

function done(code: string | null): string {
  return code ?? 'done'
}

function approvers(kids: unknown): string {
  return Array.isArray(kids) ? kids.map((kid) => String(kid).slice(0, APPROVER_KID)).join(',') : ''
}
