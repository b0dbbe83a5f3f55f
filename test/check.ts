/** `npm run check`: types, lint and format, the import graph and the layout. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')

const steps: [name: string, args: string[]][] = [
  ['build', ['host/build.ts']],
  ['types', ['node_modules/typescript/bin/tsc', '--noEmit', '-p', '.']],
  ['lint and format', ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings']],
  ['imports', ['--no-warnings', 'test/imports.test.ts']],
  ['layout', ['--no-warnings', 'test/layout.test.ts']],
]

for (const [name, args] of steps) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' })
  process.stdout.write(`${status === 0 ? 'ok  ' : 'FAIL'} ${name}\n`)
  if (status !== 0) {
    process.stdout.write(`${stdout}${stderr}\n`)
    process.exit(1)
  }
}

const lock = readFileSync(join(ROOT, 'package-lock.json'), 'utf8')
if (/"resolved":/.test(lock)) {
  process.stdout.write(
    'FAIL package-lock.json names a registry host ("resolved"): install with omit-lockfile-registry-resolved\n',
  )
  process.exit(1)
}
