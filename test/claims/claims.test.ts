// On a sound host every statement is intact, with enough attempts behind it; the report shows them all.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { verdictOf } from '../../host/claims/claim.ts'
import { CLAIMS, type Inquiry } from '../../host/claims/index.ts'
import { runIn } from '../kit/run-in.ts'

const MIN_ATTEMPTS = 100

const result = (outcome: 'held' | 'broken' | 'untried', optional = false) => ({
  what: '',
  saw: '',
  twin: { what: '', saw: '' },
  outcome,
  optional,
})

t.test('a verdict is intact only where everything that had to be tried held', async (t) => {
  t.equal(verdictOf([result('held'), result('held')]), 'intact')
  t.equal(verdictOf([result('held'), result('broken')]), 'falsified')
  t.equal(verdictOf([result('untried'), result('broken')]), 'falsified')
  t.equal(verdictOf([result('held'), result('untried')]), 'inconclusive')
  t.equal(verdictOf([result('held'), result('untried', true)]), 'intact')
  t.equal(verdictOf([result('broken', true), result('held')]), 'falsified')
  t.equal(verdictOf([]), 'inconclusive')
  t.equal(verdictOf([result('held', true)]), 'inconclusive', 'what may be left out carries no verdict')
})

t.test('finds every statement intact on a sound host, and writes the report', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wc-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const page = join(folder, 'claims.html')
  const { code, stdout, stderr } = await runIn('.', ['claims', '--json', '--html', page])
  if (!stdout.startsWith('{')) return t.fail(stderr.slice(-2000))
  const inquiry = JSON.parse(stdout) as Inquiry
  for (const { number, verdict, results } of inquiry.judgements) {
    t.equal(verdict, 'intact', `statement ${number}`)
    const open = results.filter(({ outcome, optional }) => outcome !== 'held' && !optional)
    t.same(open, [])
  }
  t.same(
    inquiry.judgements.map(({ number }) => number),
    CLAIMS.map(({ number }) => number),
  )
  const held = inquiry.judgements.flatMap(({ results }) => results).filter(({ outcome }) => outcome === 'held')
  t.ok(held.length >= MIN_ATTEMPTS, `${held.length} attempts`)
  t.equal(code, 0)
  const html = readFileSync(page, 'utf8')
  t.ok(held.every(({ what }) => html.includes(what.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`))))
  t.notMatch(html, /<script|https?:\/\/(?!127)/, 'it needs nothing else')
})
