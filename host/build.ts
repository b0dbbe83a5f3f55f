/**
 * Builds what is not in the repository: Wasm by the AssemblyScript compiler, one bundle a process, and dist/ for those who import the
 * package. What is built already, from the same sources, is left alone. `--quick` leaves dist/'s modules out.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const STAMPS = join(ROOT, 'dist', '.stamps.json')
const quick = process.argv.includes('--quick')

/** What each process runs: built from these alone, measured in PCR18. */
const BUNDLES = {
  'dist/nitro.mjs': { entry: 'host/nitro/main.ts', format: 'esm' },
  'dist/parent.mjs': { entry: 'host/parent/main.ts', format: 'esm' },
  'dist/kms.mjs': { entry: 'host/kms/main.ts', format: 'esm' },
  'dist/enclave.cjs': { entry: 'host/enclave/main.ts', format: 'cjs' },
} as const

/** Options of the compiler for workloads; kernel and core have theirs in asconfig.json. */
const WORKLOAD_OPTIONS = [
  '-O3',
  '--noAssert',
  '--runtime',
  'minimal',
  '--exportStart',
  '_start',
  '--use',
  'abort=',
  '--enable',
  'simd',
]

const stamps: Record<string, string> = existsSync(STAMPS) ? JSON.parse(readFileSync(STAMPS, 'utf8')) : {}

await buildAll()

async function buildAll(): Promise<void> {
  const wasmSources = files([
    'assembly/**/*.ts',
    'assembly/**/*.wat',
    'asconfig.json',
    'assembly/workloads/*/enclave.json',
  ])
  for (const [target, entry, output] of [
    ['core', 'assembly/crypto/index.ts', 'host/core/core.wasm'],
    ['kernel', 'assembly/kernel/index.ts', 'assembly/kernel/kernel.wasm'],
  ] as const)
    await step(output, wasmSources, () => compile([entry, '--target', target]))
  for (const folder of files(['assembly/workloads/*/enclave.json']).map(dirname)) {
    const output = join(folder, 'workload.wasm')
    const text = files([`${folder}/*.wat`])[0]
    await step(output, wasmSources, () =>
      text === undefined ? compileWorkload(folder, output) : assemble(text, output),
    )
  }
  const sources = files(['host/**/*.ts', 'assembly/abi/*.ts', 'package.json'])
  for (const [output, { entry, format }] of Object.entries(BUNDLES))
    await step(output, sources, () => bundle(entry, output, format))
  if (!quick) await step('dist/host/client/index.js', [...sources, 'tsconfig.json'], emit)
  if (!quick)
    for (const file of [
      'host/core/core.wasm',
      'assembly/kernel/kernel.wasm',
      ...files(['assembly/workloads/*/workload.wasm', 'assembly/workloads/*/enclave.json']),
    ]) {
      mkdirSync(join(ROOT, 'dist', dirname(file)), { recursive: true })
      copyFileSync(join(ROOT, file), join(ROOT, 'dist', file))
    }
}

/** Runs a step unless its output stands from the same inputs. */
async function step(output: string, inputs: string[], run: () => void | Promise<void>): Promise<void> {
  const hash = createHash('sha256')
  for (const input of [...inputs, 'package-lock.json']) hash.update(input).update(readFileSync(join(ROOT, input)))
  const stamp = hash.digest('hex')
  if (stamps[output] === stamp && existsSync(join(ROOT, output))) return
  const start = performance.now()
  mkdirSync(join(ROOT, dirname(output)), { recursive: true })
  await run()
  stamps[output] = stamp
  mkdirSync(dirname(STAMPS), { recursive: true })
  writeFileSync(STAMPS, JSON.stringify(stamps, null, 2))
  process.stderr.write(`built ${output} in ${((performance.now() - start) / 1000).toFixed(1)} s\n`)
}

function compile(args: string[]): void {
  run(['node_modules/assemblyscript/bin/asc.js', ...args])
}

function compileWorkload(folder: string, output: string): void {
  const { memory } = JSON.parse(readFileSync(join(ROOT, folder, 'enclave.json'), 'utf8')) as {
    memory: { maxPages: number }
  }
  compile([
    join(folder, 'index.ts'),
    '-o',
    output,
    '--config',
    'none',
    ...WORKLOAD_OPTIONS,
    '--maximumMemory',
    String(memory.maxPages),
  ])
}

async function assemble(text: string, output: string): Promise<void> {
  const { default: wabt } = await import('wabt')
  const module = (await wabt()).parseWat(text, readFileSync(join(ROOT, text), 'utf8'))
  writeFileSync(join(ROOT, output), module.toBinary({}).buffer)
}

async function bundle(entry: string, output: string, format: 'esm' | 'cjs'): Promise<void> {
  const { build } = await import('rolldown')
  await build({
    input: join(ROOT, entry),
    platform: 'node',
    external: (id) => id.startsWith('node:') || id === 'bufferutil' || id === 'utf-8-validate',
    logLevel: 'warn',
    output: { file: join(ROOT, output), format, codeSplitting: false, comments: false },
  })
}

function emit(): void {
  run(['node_modules/typescript/bin/tsc', '-p', 'host/tsconfig.json'])
}

function run(args: string[]): void {
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) {
    process.stderr.write(`wasmclave: ${args.join(' ')} failed\n`)
    process.exit(1)
  }
}

function files(patterns: string[]): string[] {
  return globSync(patterns, { cwd: ROOT }).sort()
}
