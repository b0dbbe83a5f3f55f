// Each planted fault makes `claims` say falsified, for the right statement. One file a statement: each fault is a build and a host, and so
// the suite tries the first of each that needs no other kernel; WASMCLAVE_PLANTED=all tries them all.
import t from 'tap'
import type { Inquiry } from '../../../host/claims/index.ts'
import { plantedHost } from '../../kit/planted-host.ts'
import { runIn } from '../../kit/run-in.ts'
import { FAULTS } from '../faults.ts'

export function testPlanted(statement: number): void {
  const all = FAULTS.filter(({ falsifies }) => falsifies === statement)
  const quick = all.filter(({ file }) => !file.startsWith('assembly/')).slice(0, 1)
  const faults = process.env.WASMCLAVE_PLANTED === 'all' ? all : quick
  if (faults.length === 0)
    t.test(`falsifies statement ${statement}`, { skip: 'wants another kernel: WASMCLAVE_PLANTED=all' }, async () => {})
  for (const { what, falsifies, ...change } of faults)
    t.test(`falsifies statement ${statement} where ${what}`, async (t) => {
      const host = await plantedHost(change)
      try {
        const { code, stdout, stderr } = await runIn(host.folder, ['claims', '--only', String(falsifies), '--json'])
        if (!stdout.startsWith('{')) return t.fail(stderr.slice(-2000))
        const [judgement] = (JSON.parse(stdout) as Inquiry).judgements
        t.equal(judgement?.verdict, 'falsified')
        for (const { outcome, what, saw } of judgement?.results ?? [])
          if (outcome === 'broken') t.comment(`${what}: ${saw}`)
        t.equal(code, 1)
      } finally {
        host.remove()
      }
    })
}
