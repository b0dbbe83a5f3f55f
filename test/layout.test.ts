import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'

const ALLOWED = [
  'package.json',
  'tsconfig.json',
  'asconfig.json',
  'assembly',
  'host',
  'test',
  'bench',
  'README.md',
  'package-lock.json',
  'LICENSE',
]

t.test('keeps the top level to what it is for', async (t) => {
  const tracked = existsSync('.git') ? execFileSync('git', ['ls-files'], { encoding: 'utf8' }).trim().split('\n') : []
  const top = new Set(tracked.map((path) => path.split('/')[0] as string))
  t.same(
    [...top].filter((name) => !name.startsWith('.') && !ALLOWED.includes(name)),
    [],
  )
})

t.test('pins every dependency exactly', async (t) => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies }))
    t.match(version as string, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name)
})

t.test('commits no built Wasm', async (t) => {
  const tracked = existsSync('.git') ? execFileSync('git', ['ls-files', '*.wasm'], { encoding: 'utf8' }).trim() : ''
  t.equal(tracked, '')
})
