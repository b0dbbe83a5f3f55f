/**
 * `wasmclave release test`: every image passes the pipeline's own suite, and then the command of its author, which gets a copy of exactly
 * this image. What passed and failed becomes an in-toto statement that names the image by digest.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeTestResult, MAX_TESTS, type TestResult } from '../control/releases/test-result.ts'
import { RefusedError, UsageError } from '../errors.ts'
import { imageDigest } from '../nitro/admission/release.ts'
import { parseEif } from '../nitro/eif/format.ts'
import { readFile, writeFile } from './files.ts'
import { printJson, progress } from './output.ts'
import { readReleaseImage, runSuite } from './release-image.ts'

export type ReleaseTestOptions = { eifPath: string; output?: string; timeout: string }

/** What a command prints is read up to here; the rest is its own business. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024

/** @throws UsageError ERR_USAGE_*, RefusedError ERR_RELEASE_TESTS after the statement was written: it says FAILED */
export async function testRelease(command: string[], options: ReleaseTestOptions): Promise<void> {
  const seconds = Number(options.timeout)
  if (!Number.isSafeInteger(seconds) || seconds < 1 || seconds > 86_400)
    throw new UsageError('ERR_USAGE_NUMBER', `--timeout is a number of seconds from 1 to 86400: ${options.timeout}`)
  const output = options.output ?? options.eifPath.replace(/(\.eif)?$/, '.test-result.json')
  const result = await runTests(readFile(options.eifPath), command, seconds * 1000)
  writeFile(output, encodeTestResult(result))
  progress(`The result is in ${output}.`)
  printJson({
    Image: result.image,
    Result: result.passed ? 'PASSED' : 'FAILED',
    Passed: result.passedTests.length,
    Failed: result.failedTests,
  })
  if (!result.passed)
    throw new RefusedError('ERR_RELEASE_TESTS', `${result.failedTests.length} of the tests failed: this is no release`)
}

/** @param command none: the pipeline's suite alone */
export async function runTests(bytes: Uint8Array, command: string[], timeoutMs: number): Promise<TestResult> {
  const suite = runSuite(bytes)
  const image = imageDigest(parseEif(bytes))
  const own = command.length === 0 ? { passed: [], failed: [] } : await runCommand(bytes, image, command, timeoutMs)
  const failed = [...suite.failed, ...own.failed]
  return {
    image,
    imageName: `${workloadOf(bytes)}.eif`,
    passed: failed.length === 0,
    command: command.length === 0 ? ['wasmclave', 'release', 'test', '--eif-path', '{eif}'] : command,
    passedTests: atMost([...suite.passed, ...own.passed]),
    failedTests: atMost(failed),
  }
}

async function runCommand(
  bytes: Uint8Array,
  image: string,
  command: string[],
  timeoutMs: number,
): Promise<{ passed: string[]; failed: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'wc-release-'))
  const path = join(folder, 'image.eif')
  try {
    writeFile(path, bytes, 0o400)
    const [program, ...args] = command.map((argument) => argument.replaceAll('{eif}', path)) as [string, ...string[]]
    const { code, stdout } = await run(program, args, path, timeoutMs)
    const named = tapNames(stdout)
    const name = `command: ${command.join(' ')}`
    // Whoever exchanged the copy has tested something else
    if (imageDigest(parseEif(readFile(path))) !== image) return { passed: [], failed: [`${name} (the image changed)`] }
    if (code !== 0) return { passed: named.passed, failed: [...named.failed, `${name} (exit code ${code})`] }
    return { passed: [...named.passed, name], failed: named.failed }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function run(
  program: string,
  args: string[],
  eif: string,
  timeoutMs: number,
): Promise<{ code: number; stdout: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env: { ...process.env, WASMCLAVE_EIF: eif },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    let stdout = ''
    child.stdout.on('data', (chunk) => {
      if (stdout.length < MAX_OUTPUT_BYTES) stdout += chunk
      process.stderr.write(chunk)
    })
    child.once('error', () => resolve({ code: 127, stdout }))
    child.once('close', (code) => resolve({ code: code ?? 137, stdout }))
  })
}

/** Names of the tests where a command speaks TAP (version 14), at its top level. */
function tapNames(output: string): { passed: string[]; failed: string[] } {
  const found = [...output.matchAll(/^(ok|not ok) \d+ - (.+?)(?: # .*)?$/gm)].map(([, word, name]) => ({
    ok: word === 'ok',
    name: name as string,
  }))
  return {
    passed: found.filter(({ ok }) => ok).map(({ name }) => name),
    failed: found.filter(({ ok }) => !ok).map(({ name }) => name),
  }
}

/** In the statement's alphabet; what is more than fits is a number. */
function atMost(names: string[]): string[] {
  const printable = names.map((name) => name.replace(/[^\x20-\x7e]/g, '?').slice(0, 128))
  if (printable.length <= MAX_TESTS) return printable
  return [...printable.slice(0, MAX_TESTS - 1), `and ${printable.length - MAX_TESTS + 1} more`]
}

/** For the statement; an image that names none fails the suite. */
function workloadOf(bytes: Uint8Array): string {
  try {
    return readReleaseImage(bytes).image.manifest.workload.name
  } catch {
    return 'image'
  }
}
