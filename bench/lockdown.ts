/**
 * `node host/cli/bootstrap.cjs --run bench/lockdown.ts [--rounds N]`: what the lock-down of an enclave's process costs: launch and calls of
 * this host, and of one that was built without it, in turns. Such a host has no switch: it is a copy of the source with one line more.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { parseResult, type Row } from '../host/bench/result.ts'
import { plantedHost } from '../test/kit/planted-host.ts'
import { runIn } from '../test/kit/run-in.ts'

const SIGNATURE = 'export function lockDown(nitroPid: number): string[] {\n'
const SUITES = ['launch', 'rpc']

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } })
const scratch = mkdtempSync(join(tmpdir(), 'wasmclave-lockdown-'))
const open = await plantedHost({
  file: 'host/enclave/lockdown.ts',
  find: SIGNATURE,
  replace: `${SIGNATURE}  if (nitroPid > 0) return []\n`,
})
try {
  for (const name of ['bench', 'test']) cpSync(name, join(open.folder, name), { recursive: true })
  const sides = [
    { name: 'with', folder: resolve('.'), found: new Map<string, number[]>() },
    { name: 'without', folder: open.folder, found: new Map<string, number[]>() },
  ]
  for (let round = 0; round < Number(values.rounds); round++)
    for (const { name, folder, found } of sides) {
      process.stderr.write(`… round ${round + 1}, ${name} lock-down\n`)
      for (const row of await run(folder))
        for (const { who, spread } of row.entries.filter(({ ours }) => ours)) {
          const what = label(row, who)
          found.set(what, [...(found.get(what) ?? []), spread.p50])
        }
    }
  process.stdout.write(`\n${'median of the rounds'.padEnd(76)} ${'with'.padStart(12)} ${'without'.padStart(12)}\n`)
  for (const what of sides[0]?.found.keys() ?? []) {
    const [locked, unlocked] = sides.map(({ found }) => shown(middle(found.get(what) ?? [])))
    process.stdout.write(`${what.padEnd(76)} ${locked?.padStart(12)} ${unlocked?.padStart(12)}\n`)
  }
} finally {
  open.remove()
  rmSync(scratch, { recursive: true, force: true })
}

async function run(folder: string): Promise<Row[]> {
  const file = join(scratch, 'result.json')
  const { code, stderr } = await runIn(folder, ['--run', 'bench/run.ts', '--quick', '--json', file, ...SUITES])
  if (code !== 0) throw new Error(stderr.slice(-2000))
  return parseResult(readFileSync(file, 'utf8')).rows
}

function label({ subject, label, bytes, unit }: Row, who: string): string {
  return `${subject}, ${label}${bytes === null ? '' : `, ${bytes} B`}, ${who}, ${unit}`
}

function middle(values: number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

function shown(value: number): string {
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(3)
}
