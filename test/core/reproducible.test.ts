// The measured modules are the same bytes from the same source, wherever that stands.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { CORE_WASM } from '../kit/cores.ts'

t.setTimeout(170_000) // five runs of the compiler, on a machine that may be busy

const MODULES = [...Object.values(CORE_WASM), 'assembly/kernel/kernel.wasm']

t.test('both builds of the core, and the kernel, come out the same in another folder', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wasmclave-build-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  cpSync('assembly', join(folder, 'assembly'), { recursive: true, filter: (path) => !path.endsWith('.wasm') })
  mkdirSync(join(folder, 'host'))
  for (const file of ['asconfig.json', 'package.json', 'package-lock.json', 'host/build.ts'])
    cpSync(file, join(folder, file))
  symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'))
  await promisify(execFile)(process.execPath, ['--no-warnings', 'host/build.ts', '--wasm'], { cwd: folder })
  for (const module of MODULES) {
    const built = readFileSync(join(folder, module))
    t.ok(built.equals(readFileSync(module)), `${module} is what its source builds to`)
  }
})

t.test('the core is small enough to be loaded by a web page', async (t) => {
  for (const path of Object.values(CORE_WASM)) {
    const { length } = readFileSync(path)
    t.ok(length <= 96 * 1024, `${path}: ${length} bytes`)
  }
})
