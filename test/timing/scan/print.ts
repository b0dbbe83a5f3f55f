// `node test/timing/scan/print.ts FILE.wasm`: what the scan finds beyond the allow-list, and the code around each load that decides it,
// for whoever reviews a changed core.
import { readFileSync } from 'node:fs'
import { describeFindings, readAllowed, review } from './allowed.ts'
import { type Instruction, type ModuleText, readModule } from './module-text.ts'

const BEFORE = 5
const AFTER = 12

for (const path of process.argv.slice(2)) {
  const module = await readModule(readFileSync(path))
  const { findings } = review(module, readAllowed())
  process.stdout.write(`${path}: ${findings.length} findings\n${describeFindings(findings).join('\n')}\n`)
  for (const place of new Set(findings.flatMap(({ origins }) => origins))) process.stdout.write(around(module, place))
}

function around(module: ModuleText, place: string): string {
  const [fingerprint, site] = place.split(':')
  const found = module.functions.find((each) => each.fingerprint === fingerprint)
  if (found === undefined) return ''
  const lines = flat(found.body, 0).filter(([at]) => at >= Number(site) - BEFORE && at <= Number(site) + AFTER)
  return `\n${place}, function ${found.index} of ${found.parameters} parameters\n${lines.map(([at, line]) => `${String(at).padStart(6)} ${line}\n`).join('')}`
}

function flat(body: readonly Instruction[], depth: number): [site: number, line: string][] {
  return body.flatMap((each) => [
    [each.site, `${'  '.repeat(depth)}${each.op} ${each.immediates.join(' ')}`] as [number, string],
    ...flat(each.body, depth + 1),
    ...flat(each.otherwise, depth + 1),
  ])
}
