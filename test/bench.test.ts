import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { figureLines, quotedFigures, withFigures } from '../host/bench/figures.ts'
import { parseResult } from '../host/bench/result.ts'

t.test('README quotes the committed result, line by line', async (t) => {
  const quoted = quotedFigures(readFileSync('README.md', 'utf8'))
  if (quoted === undefined) return t.fail('README has no section of figures')
  t.ok(existsSync(quoted.source), `${quoted.source} is there`)
  const lines = figureLines(parseResult(readFileSync(quoted.source, 'utf8')))
  t.ok(lines.length > 15, `${lines.length} lines`)
  t.same(quoted.lines, lines, `mend with: node host/cli/bootstrap.cjs --run bench/figures.ts ${quoted.source}`)
})

t.test('sees a figure that differs', async (t) => {
  const readme = readFileSync('README.md', 'utf8')
  const source = quotedFigures(readme)?.source ?? ''
  const result = parseResult(readFileSync(source, 'utf8'))
  t.equal(withFigures(readme, source, result), readme)
  const row = result.rows[0]
  if (row === undefined) return t.fail('the result has no rows')
  for (const entry of row.entries) entry.spread.p50 *= 2
  t.not(withFigures(readme, source, result), readme)
})
