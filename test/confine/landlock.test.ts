import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { landlockVersion } from '../../host/confine/landlock.ts'

const SKIP = landlockVersion() > 0 ? {} : { skip: 'this kernel has no Landlock' }

t.test('leaves a process the folder it names, and no other file', SKIP, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wasmclave-landlock-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'mine'), 'inside')
  const module = new URL('../../host/confine/landlock.ts', import.meta.url).href
  const program = `
    import { readFileSync, writeFileSync } from 'node:fs'
    import { restrictFiles } from ${JSON.stringify(module)}
    const attempt = (what) => { try { what(); return 'done' } catch (error) { return error.code } }
    const read = () => readFileSync('/etc/passwd')
    const before = attempt(read)
    const restricted = restrictFiles({ read: [], write: [${JSON.stringify(folder)}] })
    console.log(JSON.stringify({
      before, restricted,
      outside: attempt(read),
      inside: attempt(() => readFileSync(${JSON.stringify(join(folder, 'mine'))})),
      written: attempt(() => writeFileSync(${JSON.stringify(join(folder, 'new'))}, 'x')),
      elsewhere: attempt(() => writeFileSync(${JSON.stringify(join(tmpdir(), 'wasmclave-elsewhere'))}, 'x')),
    }))`
  const { stdout } = spawnSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], {
    encoding: 'utf8',
  })
  t.same(JSON.parse(stdout), {
    before: 'done',
    restricted: true,
    outside: 'EACCES',
    inside: 'done',
    written: 'done',
    elsewhere: 'EACCES',
  })
})
