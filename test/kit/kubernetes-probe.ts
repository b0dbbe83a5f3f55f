// Parts of the Kubernetes workload alone: a module of a few exports, compiled beside a copy of its sources by the options of workloads.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

/** @param entry AssemblyScript, as it would stand in assembly/workloads/kubernetes/ */
export function buildProbe(entry: string): WebAssembly.Instance {
  const folder = mkdtempSync(join(tmpdir(), 'wasmclave-probe-'))
  try {
    const filter = (path: string) => !path.endsWith('.wasm')
    for (const part of ['abi', 'mem', 'sdk', 'codec', 'workloads/kubernetes'])
      cpSync(join(ROOT, 'assembly', part), join(folder, 'assembly', part), { recursive: true, filter })
    const file = join(folder, 'assembly/workloads/kubernetes/probe.ts')
    writeFileSync(file, entry)
    const output = join(folder, 'probe.wasm')
    const options = '--config none -O3 --noAssert --runtime minimal --use abort= --enable simd'.split(' ')
    const args = ['--no-warnings', join(ROOT, 'node_modules/assemblyscript/bin/asc.js'), file, '-o', output, ...options]
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
    return new WebAssembly.Instance(new WebAssembly.Module(readFileSync(output)), {})
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
