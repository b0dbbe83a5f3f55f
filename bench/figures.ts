/** `node bench/figures.ts FILE`: puts a committed result's figures into README. */
import { readFileSync, writeFileSync } from 'node:fs'
import { withFigures } from '../host/bench/figures.ts'
import { parseResult } from '../host/bench/result.ts'

const [source] = process.argv.slice(2)
if (source === undefined) {
  process.stderr.write('which result? bench/results/….json\n')
  process.exit(2)
}
const readme = readFileSync('README.md', 'utf8')
writeFileSync('README.md', withFigures(readme, source, parseResult(readFileSync(source, 'utf8'))))
