// The measured modules are the same bytes from the same source, wherever that stands.
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

const TARGETS = [
  ['core', 'assembly/crypto/index.ts', 'host/core/core.wasm'],
  ['kernel', 'assembly/kernel/index.ts', 'assembly/kernel/kernel.wasm'],
] as const

t.test('core and kernel build to the same bytes in another folder', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wasmclave-build-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  cpSync('assembly', join(folder, 'assembly'), { recursive: true, filter: (path) => !path.endsWith('.wasm') })
  cpSync('asconfig.json', join(folder, 'asconfig.json'))
  symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'))
  const asc = 'node_modules/assemblyscript/bin/asc.js'
  const build = (target: string, entry: string) =>
    promisify(execFile)(process.execPath, [asc, entry, '--target', target, '-o', `${target}.wasm`], { cwd: folder })
  await Promise.all(TARGETS.map(([target, entry]) => build(target, entry)))
  for (const [target, , output] of TARGETS) {
    const built = readFileSync(join(folder, `${target}.wasm`))
    t.ok(built.equals(readFileSync(output)), `${output} is what its source builds to`)
  }
})

t.test('the core is small enough to be loaded by a web page', async (t) => {
  const { length } = readFileSync('host/core/core.wasm')
  t.ok(length <= 96 * 1024, `${length} bytes`)
})
