import t from 'tap'
import { runCli } from '../kit/host.ts'

t.setTimeout(120_000)

t.test('says of every layer whether it holds, and what is missing where one does not', async (t) => {
  const { code, stdout } = await runCli(['doctor', '--json'])
  t.equal(code, 0)
  const findings = JSON.parse(stdout) as { what: string; state: string; means: string }[]
  for (const layer of ['process', 'rlimits', 'undumpable', 'no-new-privs', 'seccomp', 'own-user', 'parent-files']) {
    const found = findings.find(({ what }) => what === layer)
    t.match(found, { state: /^(verified|reported|absent)$/, means: /../ }, layer)
  }
  for (const { means } of findings) t.not(means, '', 'every line says something')
})

t.test('fits 100 columns, and ends in a verdict', async (t) => {
  const { code, stdout } = await runCli(['doctor'])
  t.equal(code, 0)
  t.same(
    stdout.split('\n').filter((line) => line.length > 100),
    [],
  )
  t.match(stdout, /All layers hold|Absent here: /)
})
