// As nitro runs: under the permission model, where Node has no fsync.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'

const module = new URL('../../host/disk/durable.ts', import.meta.url).href

function write(folder: string, flags: string[]): { status: number | null; stderr: string } {
  const program = `
    import { writeDurably } from ${JSON.stringify(module)}
    writeDurably(${JSON.stringify(join(folder, 'file'))}, 'whole')`
  const args = ['--no-warnings', '--permission', '--allow-fs-read=*', `--allow-fs-write=${folder}`, ...flags]
  return spawnSync(process.execPath, [...args, '--input-type=module', '-e', program], { encoding: 'utf8' })
}

t.test('writes durably under the permission model, and never pretends to', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wasmclave-durable-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  t.equal(write(folder, ['--allow-ffi']).status, 0)
  t.equal(readFileSync(join(folder, 'file'), 'utf8'), 'whole')
  const without = write(folder, [])
  t.not(without.status, 0)
  t.match(without.stderr, /fsync needs node:ffi/)
})
