// README quotes a committed result, and nothing but it.
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { figureLines, quotedFigures, withFigures } from '../host/bench/figures.ts'
import { parseResult } from '../host/bench/result.ts'

const readme = readFileSync('README.md', 'utf8')

t.test('README’s figures are those of the result it names', async (t) => {
  const quoted = quotedFigures(readme)
  if (quoted === undefined) return t.fail('README quotes no figures')
  t.match(quoted.source, /^bench\/results\/\d{4}-\d\d-\d\d-[a-z0-9-]+\.json$/)
  t.ok(existsSync(quoted.source), quoted.source)
  const result = parseResult(readFileSync(quoted.source, 'utf8'))
  t.equal(result.quick, false, 'of a full run')
  t.ok(quoted.source.includes(result.machine.date.slice(0, 10)), 'its name has its date')
  t.same(quoted.lines, figureLines(result))
  t.ok(quoted.lines.length > 15, `${quoted.lines.length} lines`)
})

t.test('rejects a figure that was changed by hand', async (t) => {
  const quoted = quotedFigures(readme)
  if (quoted === undefined) return t.fail('README quotes no figures')
  const result = parseResult(readFileSync(quoted.source, 'utf8'))
  t.equal(withFigures(readme, quoted.source, result), readme)
  const line = quoted.lines.at(-1) as string
  const forged = readme.replace(
    line,
    line.replace(/\d/, (digit) => String((Number(digit) + 1) % 10)),
  )
  t.not(forged, readme)
  t.notSame(quotedFigures(forged)?.lines, figureLines(result))
})
