/** The result as one HTML page that needs nothing else: no script, no font, no picture from elsewhere. */
import { barChart } from './bar-chart.ts'
import { distributionChart } from './distribution-chart.ts'
import { PAGE_STYLE } from './page-style.ts'
import type { BenchResult, Check, Machine, Row, Suite } from './result.ts'
import { SUITES } from './result.ts'
import { escapeText } from './svg.ts'
import { subjectsOf, times } from './table.ts'
import { advantage, valueText } from './text.ts'

const TITLES: Record<Suite, [title: string, lead: string]> = {
  crypto: [
    'The encryption core',
    'Through its public API, beside what else a program on Node can use. Longer bars are better.',
  ],
  launch: [
    'Launch',
    'From a launch record, or an operator’s request, to an enclave that serves. Further left is better.',
  ],
  attestation: ['Attestation', 'Documents in AWS’s format, beside the P-384 signature that each of them needs.'],
  rpc: [
    'Attested calls',
    'Sealed from the client to the enclave, beside a plain WebSocket echo that does nothing else.',
  ],
  store: [
    'The store',
    'Durable writes and reads through the attested channel, and the opening of a store, beside bare lmdb that syncs each commit too.',
  ],
}

export function resultPage(result: BenchResult): string {
  const suites = SUITES.filter((suite) => result.rows.some((row) => row.suite === suite))
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>wasmclave bench, ${escapeText(result.machine.date.slice(0, 10))}</title><style>${PAGE_STYLE}</style></head><body>
<h1>wasmclave bench</h1>
<p class="soft">Every figure beside its peers in the same run, in turns. Ratios travel between machines; absolute figures do not.${result.quick ? ' This was a quick run: its spreads are wide.' : ''}</p>
${machineList(result.machine)}
${suites.map((suite) => suiteSection(suite, result.rows)).join('\n')}
${checkTable('Goals', result.checks, 'goal')}${checkTable('Guards', result.checks, 'guard')}
<h2>All figures</h2>
<p class="soft">Medians; the middle half is p25 to p75. A call that is short beside the timer is measured in batches, and one sample is then a batch’s mean.</p>
<div class="table"><table><thead><tr><th></th><th></th><th>who</th><th class="n">median</th><th class="n">p25</th><th class="n">p75</th><th class="n">p99</th><th class="n">samples</th><th class="n">batch</th><th class="n">to ours</th></tr></thead><tbody>
${result.rows.map(tableRows).join('\n')}
</tbody></table></div>
</body></html>
`
}

function machineList(machine: Machine): string {
  const facts: [name: string, value: string][] = [
    ['Processor', `${machine.cpu}, ${machine.cores} cores, ${(machine.memoryBytes / 2 ** 30).toFixed(1)} GiB`],
    ['System', machine.platform],
    ['Runtime', `${machine.runtime}, V8 ${machine.v8}`],
    ['Date', machine.date],
    ['Timer', `${machine.timerResolutionNs} ns between two readings`],
    ['Load before', String(machine.load)],
  ]
  return `<dl>${facts.map(([name, value]) => `<dt>${name}</dt><dd>${escapeText(value)}</dd>`).join('')}</dl>`
}

function checkTable(title: string, checks: readonly Check[], kind: Check['kind']): string {
  const of = checks.filter((check) => check.kind === kind)
  if (of.length === 0) return ''
  const met = of.filter((check) => check.met).length
  const lead = kind === 'goal' ? '' : ' A guard is an ordering that a sound build has on any machine.'
  const advice = [...new Set(of.map((check) => check.advice))].filter((each) => each !== '').map(escapeText)
  const rows = of.map(({ what, wanted, found, met }) => {
    const cells = `<td>${met ? '✓ met' : '✗ not met'}</td><td>${escapeText(what)}</td>`
    return `<tr${met ? '' : ' class="unmet"'}>${cells}<td data-name="wanted">${escapeText(wanted)}</td><td data-name="found">${escapeText(found)}</td></tr>`
  })
  return `<h2>${title}</h2><p class="soft">${met} of ${of.length} met.${lead} ${advice.join(' ')}</p>
<table class="checks"><thead><tr><th></th><th></th><th>wanted</th><th>found</th></tr></thead><tbody>${rows.join('')}</tbody></table>`
}

function suiteSection(suite: Suite, all: readonly Row[]): string {
  const rows = all.filter((row) => row.suite === suite)
  const [title, lead] = TITLES[suite]
  const figures = subjectsOf(rows).flatMap((subject) => {
    const series = rows.filter((row) => row.subject === subject)
    if (series.every((row) => row.bytes !== null && row.unit === 'ns'))
      return [figure(subject, series[0]?.note ?? '', barChart(subject, series))]
    // A figure that stands alone is no chart: it is in the table.
    return series
      .filter((row) => row.entries.length > 1 || (row.entries[0]?.spread.samples ?? 0) > 1)
      .map((row) => figure(`${subject}: ${row.label}`, row.note, distributionChart(row)))
  })
  return `<h2>${title}</h2><p class="soft">${lead}</p><div class="charts">${figures.join('\n')}</div>`
}

function figure(title: string, note: string, chart: string): string {
  return `<figure><h3>${escapeText(title)}</h3><figcaption>${escapeText(note)}</figcaption>${chart}</figure>`
}

function tableRows(row: Row): string {
  const ours = row.entries.find((entry) => entry.ours)
  const cells = (...values: string[]) => values.map((value) => `<td class="n">${escapeText(value)}</td>`).join('')
  return row.entries
    .map((entry, index) => {
      const { p25, p50, p75, p99, samples } = entry.spread
      const value = (each: number) => (samples < 2 ? '' : valueText(each, row.unit))
      const ratio = entry.ours || ours === undefined || row.unit === 'B' ? '' : times(advantage(row, ours, entry))
      const names = index === 0 ? [row.subject, row.label] : ['', '']
      const numbers = cells(
        valueText(p50, row.unit),
        value(p25),
        value(p75),
        value(p99),
        String(samples),
        String(entry.batch),
        ratio,
      )
      return `<tr${entry.ours ? ' class="ours"' : ''}>${names.map((name) => `<td>${escapeText(name)}</td>`).join('')}<td>${escapeText(entry.who)}</td>${numbers}</tr>`
    })
    .join('')
}
