// A kernel with something changed in its source: a limit that is small enough to reach, or one check taken out, to see that a test finds it.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

/** File below assembly/, a text that stands in it once, and what stands there instead. */
export type SourceChange = [file: string, from: string, to: string]

/** Compiles a copy of the sources with these changes, by the options of the release. */
export function buildKernel(changes: SourceChange[]): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'wasmclave-kernel-'))
  try {
    cpSync(join(ROOT, 'assembly'), join(folder, 'assembly'), {
      recursive: true,
      filter: (path) => !path.endsWith('.wasm'),
    })
    cpSync(join(ROOT, 'asconfig.json'), join(folder, 'asconfig.json'))
    for (const [file, from, to] of changes) {
      const path = join(folder, 'assembly', file)
      const source = readFileSync(path, 'utf8')
      const count = source.split(from).length - 1
      if (count !== 1) throw new Error(`${file} has ${count} times: ${from}`)
      writeFileSync(
        path,
        source.replace(from, () => to),
      )
    }
    const output = join(folder, 'kernel.wasm')
    const args = ['--no-warnings', join(ROOT, 'host/build.ts'), '--variant', output, 'TEST_VARIANT=1', folder]
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
    return readFileSync(output)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
