/**
 * Builds what is not in the repository: Wasm by the AssemblyScript compiler, one bundle a process, and dist/ for those who import the
 * package. What is built already, from the same sources, is left alone. `--quick` leaves dist/'s modules out; `--wasm` leaves out all
 * but core and kernel; `--variant FILE NAME=VALUE [FOLDER]` builds one kernel with that constant, from FOLDER's assembly/,
 * for tests of what is out of reach otherwise. `--level-3 FILE` builds the core without its kernels' own levels, for the bench.
 *
 * The encryption core is built twice from one source, with plain SIMD and with relaxed SIMD (`swizzle` of assembly/mem/simd.ts knows
 * which). Each module is joined from parts: its own, compiled at the level of asconfig.json, and one a file of assembly/crypto/hot/,
 * each at the level that HOT says. A hot file named `x.ts` is linked like this:
 *   - it exports functions whose names begin with `hot`; the core declares them: `@external('x', 'hotX') declare function hotX(…)`;
 *   - it imports the core's memory and has no static data, table or start code of its own, which is checked here: scratch and tables
 *     come to it by pointer arguments, so that nothing can overlap;
 *   - the joined module has one memory, no import, and none of the `hot` exports.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const STAMPS = join(ROOT, 'dist', '.stamps.json')
const PARTS = 'dist/.parts'
const quick = process.argv.includes('--quick')
const wasmOnly = process.argv.includes('--wasm')

/** What each process runs: built from these alone, measured in PCR18. */
const BUNDLES = {
  'dist/nitro.mjs': { entry: 'host/nitro/main.ts', format: 'esm' },
  'dist/parent.mjs': { entry: 'host/parent/main.ts', format: 'esm' },
  'dist/kms.mjs': { entry: 'host/kms/main.ts', format: 'esm' },
  'dist/enclave.cjs': { entry: 'host/enclave/main.ts', format: 'cjs' },
} as const

/**
 * What a bundle leaves outside: what `ws` works without, and lmdb, which finds its native part by its own place in node_modules. The
 * parent's process wants --allow-addons for it, and --allow-fs-read for the node_modules folder in which it lies.
 */
const EXTERNAL = ['bufferutil', 'utf-8-validate', 'lmdb']

/** kernel.wasm runs on the pinned Node alone, and always holds the relaxed core. */
const MODULES = {
  'host/core/core.wasm': { entry: 'assembly/crypto/index.ts', target: 'core', relaxed: false },
  'host/core/core-relaxed.wasm': { entry: 'assembly/crypto/index.ts', target: 'core', relaxed: true },
  'assembly/kernel/kernel.wasm': { entry: 'assembly/kernel/index.ts', target: 'kernel', relaxed: true },
} as const

/**
 * The compiler's level for each file of assembly/crypto/hot/. 0 where the order of statements was chosen by hand: at level 3 Binaryen
 * sinks single-use values, and V8 keeps the order that it is given. bench/kernels.ts measures what that brings.
 */
const HOT: Record<string, 0 | 3> = { aes: 0, 'chacha20-pass': 0, 'sha256-blocks': 0, 'sha512-blocks': 0 }

/** What both the compiler and V8 take for granted; Binaryen's tools want to be told. */
const FEATURES = ['simd', 'bulk-memory', 'bulk-memory-opt', 'mutable-globals', 'sign-ext', 'nontrapping-float-to-int']

/** Section ids, WebAssembly core specification 5.5.2: table, memory, start, element, data. */
const NOT_IN_A_PART = [4, 5, 8, 9, 11]

/** Workloads that encrypt by themselves: the core's files are compiled into them, and joined with its hot parts, plain SIMD as admission asks. */
const WITH_CORE = ['assembly/workloads/kms-provider']

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

const variant = process.argv.indexOf('--variant')
const level3 = process.argv.indexOf('--level-3')
if (level3 > 0) buildAtLevel3(process.argv[level3 + 1] as string)
else if (variant > 0)
  buildVariant(process.argv[variant + 1] as string, process.argv[variant + 2] as string, process.argv[variant + 3])
else await buildAll()

async function buildAll(): Promise<void> {
  await buildModules()
  if (wasmOnly) return
  for (const folder of files(['assembly/workloads/*/enclave.json']).map(dirname)) {
    const output = join(folder, 'workload.wasm')
    const text = files([`${folder}/*.wat`])[0]
    // What a workload may import (test/imports.test.ts), and itself
    const core = WITH_CORE.includes(folder) ? ['assembly/crypto/**/*.ts'] : []
    const inputs = files([
      'assembly/{abi,codec,mem,sdk}/**/*.ts',
      ...core,
      `${folder}/**/*.{ts,wat,json}`,
      'host/build.ts',
    ])
    await step(output, inputs, () => (text === undefined ? compileWorkload(folder, output) : assemble(text, output)))
  }
  const sources = files(['host/**/*.ts', 'assembly/abi/*.ts', 'package.json'])
  for (const [output, { entry, format }] of Object.entries(BUNDLES))
    await step(output, sources, () => bundle(entry, output, format))
  if (!quick) await step('dist/host/client/index.js', [...sources, 'tsconfig.json'], emit)
  if (!quick)
    for (const file of [
      ...Object.keys(MODULES),
      ...files(['assembly/workloads/*/workload.wasm', 'assembly/workloads/*/enclave.json']),
    ]) {
      mkdirSync(join(ROOT, 'dist', dirname(file)), { recursive: true })
      copyFileSync(join(ROOT, file), join(ROOT, 'dist', file))
    }
}

async function buildModules(): Promise<void> {
  const sources = files(['assembly/{abi,codec,crypto,kernel,mem}/**/*.ts', 'asconfig.json', 'host/build.ts'])
  for (const [output, { entry, target, relaxed }] of Object.entries(MODULES)) {
    const hot: [name: string, part: string][] = []
    for (const name of files(['assembly/crypto/hot/*.ts']).map((path) => basename(path, '.ts'))) {
      const part = `${PARTS}/${name}${relaxed ? '-relaxed' : ''}.wasm`
      const inputs = files([`assembly/crypto/hot/${name}.ts`, 'assembly/mem/*.ts', 'asconfig.json', 'host/build.ts'])
      await step(part, inputs, () => compileHot(name, part, relaxed))
      hot.push([name, part])
    }
    await step(output, sources, () => {
      const own = `${PARTS}/${basename(output)}`
      compile([entry, '--target', target, '-o', own, ...(relaxed ? ['--enable', 'relaxed-simd'] : [])])
      merge(output, own, hot, relaxed)
    })
  }
}

/** @param constant NAME=VALUE of a constant that the kernel's source asks for by isDefined */
function buildVariant(output: string, constant: string, folder = ROOT): void {
  const hot = files(['assembly/crypto/hot/*.ts']).map((path): [string, string] => {
    const name = basename(path, '.ts')
    return [name, `${PARTS}/${name}-relaxed.wasm`]
  })
  const own = `${output}.own.wasm`
  const { entry, target } = MODULES['assembly/kernel/kernel.wasm']
  compile([entry, '--target', target, '-o', own, '--use', `abort=,${constant}`, '--enable', 'relaxed-simd'], folder)
  merge(output, own, hot, true)
}

/** The relaxed core, its hot files optimised as all others are. */
function buildAtLevel3(output: string): void {
  const hot = files(['assembly/crypto/hot/*.ts']).map((path): [string, string] => {
    const name = basename(path, '.ts')
    const part = `${output}.${name}.wasm`
    compileHot(name, part, true, 3)
    return [name, part]
  })
  const { entry, target } = MODULES['host/core/core-relaxed.wasm']
  const own = `${output}.own.wasm`
  compile([entry, '--target', target, '-o', own, '--enable', 'relaxed-simd'])
  merge(output, own, hot, true)
}

function compileHot(name: string, part: string, relaxed: boolean, level = HOT[name]): void {
  if (level === undefined) stop(`assembly/crypto/hot/${name}.ts has no level in HOT`)
  compile([
    `assembly/crypto/hot/${name}.ts`,
    '--target',
    'hot',
    '--optimizeLevel',
    String(level),
    '-o',
    part,
    ...(relaxed ? ['--enable', 'relaxed-simd'] : []),
  ])
  const found = sections(readFileSync(resolve(ROOT, part))).filter((id) => NOT_IN_A_PART.includes(id))
  if (found.length > 0)
    stop(`assembly/crypto/hot/${name}.ts compiles to sections ${found.join()}: keep state with the caller`)
}

/**
 * Joins a module with its hot parts by Binaryen, which changes no instruction of theirs, and takes their exports away.
 * @param host the module that what is joined may still import: none for core and kernel
 */
function merge(
  output: string,
  own: string,
  hot: [name: string, part: string][],
  relaxed: boolean,
  host?: string,
): void {
  const features = [...FEATURES, ...(relaxed ? ['relaxed-simd'] : [])].map((feature) => `--enable-${feature}`)
  const joined = own.replace(/\.wasm$/, '.joined.wasm')
  const parts = hot.flatMap(([name, part]) => [part, name])
  run(['node_modules/binaryen/bin/wasm-merge', ...features, own, 'env', ...parts, '-o', joined])
  const passes = ['--remove-exports=hot*', '--remove-unused-module-elements']
  run(['node_modules/binaryen/bin/wasm-opt', ...features, ...passes, joined, '-o', output])
  const module = new WebAssembly.Module(readFileSync(resolve(ROOT, output)))
  const imports = WebAssembly.Module.imports(module).filter((each) => each.module !== host)
  if (imports.length > 0)
    stop(`${output} still imports ${imports.map(({ module, name }) => `${module}.${name}`).join()}`)
}

/** The ids of a module's sections: each is an id, a length in LEB128 and as many bytes, after 8 bytes of preamble. */
function sections(bytes: Uint8Array): number[] {
  const ids: number[] = []
  for (let at = 8; at < bytes.length; ) {
    ids.push(bytes[at++] as number)
    let length = 0
    for (let shift = 0, more = true; more; shift += 7) {
      const byte = bytes[at++] as number
      length |= (byte & 0x7f) << shift
      more = byte >= 0x80
    }
    at += length
  }
  return ids
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

function compile(args: string[], folder = ROOT): void {
  run([join(ROOT, 'node_modules/assemblyscript/bin/asc.js'), ...args], folder)
}

function compileWorkload(folder: string, output: string): void {
  const { memory } = JSON.parse(readFileSync(join(ROOT, folder, 'enclave.json'), 'utf8')) as {
    memory: { maxPages: number }
  }
  const core = WITH_CORE.includes(folder)
  const own = core ? `${PARTS}/${basename(folder)}.wasm` : output
  compile([
    join(folder, 'index.ts'),
    '-o',
    own,
    '--config',
    'none',
    ...WORKLOAD_OPTIONS,
    '--maximumMemory',
    String(memory.maxPages),
    ...(core ? ['--disableWarning', '112'] : []),
  ])
  if (core) merge(output, own, [['aes', `${PARTS}/aes.wasm`]], false, 'kernel')
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
    external: (id) => id.startsWith('node:') || EXTERNAL.includes(id),
    logLevel: 'warn',
    output: { file: join(ROOT, output), format, codeSplitting: false, comments: false },
  })
}

function emit(): void {
  run(['node_modules/typescript/bin/tsc', '-p', 'host/tsconfig.json'])
}

function run(args: string[], folder = ROOT): void {
  const { status } = spawnSync(process.execPath, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) stop(`${args.join(' ')} failed`)
}

function stop(message: string): never {
  process.stderr.write(`wasmclave: ${message}\n`)
  process.exit(1)
}

function files(patterns: string[]): string[] {
  return globSync(patterns, { cwd: ROOT }).sort()
}
