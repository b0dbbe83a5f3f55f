/**
 * `npm test`: builds what is missing, runs every test file with tap, and closes with the plain line `N passed, N failed`. Vector suites
 * report what they executed and what is out of scope; the sums are printed before it. Arguments name test files.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const JOBS = 3
const FILE_MS = 180_000
/** tap keeps its plugin build inside node_modules, which `npm ci` empties; so does this mark. */
const TAP_MARK = join(ROOT, 'node_modules', '.tap-built')

const node = (args: string[]) =>
  spawnSync(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] }).status ?? 1
if (node([join(ROOT, 'host/build.ts')]) !== 0) process.exit(1)
if (!existsSync(TAP_MARK)) {
  process.stderr.write('preparing tap, once\n')
  if (node([join(ROOT, 'node_modules/tap/dist/esm/run.mjs'), 'build']) !== 0) process.exit(1)
  writeFileSync(TAP_MARK, '')
}

const files = process.argv.length > 2 ? process.argv.slice(2) : globSync('test/**/*.test.ts', { cwd: ROOT }).sort()
const scratch = mkdtempSync(join(tmpdir(), 'wasmclave-test-'))
const vectorReport = join(scratch, 'vectors.ndjson')
const total = { passed: 0, failed: 0, skipped: 0 }

const waiting = [...files]
await Promise.all(Array.from({ length: JOBS }, work))
printVectors()
rmSync(scratch, { recursive: true, force: true })
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed${skipped}\n`)
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1)

async function work(): Promise<void> {
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) await runFile(file)
}

function runFile(file: string): Promise<void> {
  const start = performance.now()
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--no-warnings', '--conditions=wasmclave:source', join(ROOT, file)], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        TAP: '1',
        TAP_TIMEOUT: String(FILE_MS / 1000 - 5),
        WASMCLAVE_VECTOR_REPORT: vectorReport,
        // A module is compiled once for all files of a run
        NODE_COMPILE_CACHE: join(scratch, 'compiled'),
      },
    })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.stderr.on('data', (chunk) => {
      output += chunk
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), FILE_MS)
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      const count = tally(output)
      if (code !== 0 && count.failed === 0) count.failed = 1
      total.passed += count.passed
      total.failed += count.failed
      total.skipped += count.skipped
      const mark = count.failed === 0 ? 'ok  ' : 'FAIL'
      const took = ((performance.now() - start) / 1000).toFixed(1)
      process.stdout.write(
        `${mark} ${file}  ${count.passed} passed${count.skipped > 0 ? `, ${count.skipped} skipped` : ''}  ${took} s\n`,
      )
      if (count.failed > 0)
        process.stdout.write(`${output}\n${signal === null ? '' : `ended by ${signal} after ${FILE_MS} ms\n`}`)
      for (const line of output.match(/^ *#? ?vectors not present: skipped.*$/gm) ?? [])
        process.stdout.write(`     ${line.trim()}\n`)
      resolve()
    })
  })
}

/** Assertions, from the innermost points of TAP 14: those that are no summary of a subtest. */
function tally(tap: string): typeof total {
  const count = { passed: 0, failed: 0, skipped: 0 }
  const lines = tap.split('\n')
  for (const line of lines) {
    const point = /^( *)(not ok|ok) \d+( - .*)?$/.exec(line)
    if (point === null || / # time=/.test(line)) continue
    if (/ # (SKIP|skip)/.test(line)) count.skipped++
    else if (point[2] === 'ok') count.passed++
    else count.failed++
  }
  return count
}

function printVectors(): void {
  if (!existsSync(vectorReport)) return
  const rows = readFileSync(vectorReport, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { suite: string; executed: number; outOfScope: number; total: number })
  process.stdout.write('\nvectors of others, executed and out of scope:\n')
  for (const row of rows.sort((a, b) => a.suite.localeCompare(b.suite)))
    process.stdout.write(
      `  ${row.suite.padEnd(36)} ${String(row.executed).padStart(5)} + ${String(row.outOfScope).padStart(4)} = ${row.total}\n`,
    )
}
