// Parts of the Kubernetes workload alone: a module of a few exports, compiled beside a copy of its sources by the options of workloads.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

/** @param entry AssemblyScript, as it would stand in assembly/workloads/kubernetes/ */
export function buildProbe(entry: string): WebAssembly.Instance {
  const module = new WebAssembly.Module(build(entry, []) as Uint8Array<ArrayBuffer>)
  const instance = new WebAssembly.Instance(module, {})
  ;(instance.exports as { _start(): void })._start()
  return instance
}

/** The whole workload, with a text in one of its files replaced. */
export function buildKubernetes(file: string, from: string, to: string): Uint8Array {
  return build(`export * from './index'\n`, [file, from, to])
}

function build(entry: string, [changed, from, to]: string[]): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'wasmclave-probe-'))
  try {
    const filter = (path: string) => !path.endsWith('.wasm')
    for (const part of ['abi', 'mem', 'sdk', 'codec', 'workloads/kubernetes'])
      cpSync(join(ROOT, 'assembly', part), join(folder, 'assembly', part), { recursive: true, filter })
    const file = join(folder, 'assembly/workloads/kubernetes/probe.ts')
    writeFileSync(file, entry)
    if (changed !== undefined) {
      const path = join(folder, 'assembly/workloads/kubernetes', changed)
      const source = readFileSync(path, 'utf8')
      if (source.split(from as string).length !== 2) throw new Error(`${changed} has not once: ${from}`)
      writeFileSync(
        path,
        source.replace(from as string, () => to as string),
      )
    }
    const output = join(folder, 'probe.wasm')
    const options =
      '--config none -O3 --noAssert --runtime minimal --exportStart _start --use abort= --enable simd'.split(' ')
    const args = ['--no-warnings', join(ROOT, 'node_modules/assemblyscript/bin/asc.js'), file, '-o', output, ...options]
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
    return readFileSync(output)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
