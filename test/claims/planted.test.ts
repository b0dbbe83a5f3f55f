// Each planted fault makes `claims` say falsified, for the right statement.
import t from 'tap'
import type { Inquiry } from '../../host/claims/index.ts'
import { plantedHost } from '../kit/planted-host.ts'
import { runIn } from '../kit/run-in.ts'
import { FAULTS } from './faults.ts'

for (const { what, falsifies, ...change } of FAULTS)
  t.test(`falsifies statement ${falsifies} where ${what}`, async (t) => {
    const host = await plantedHost(change)
    try {
      const { code, stdout, stderr } = await runIn(host.folder, ['claims', '--only', String(falsifies), '--json'])
      if (!stdout.startsWith('{')) return t.fail(stderr.slice(-2000))
      const [judgement] = (JSON.parse(stdout) as Inquiry).judgements
      t.equal(judgement?.verdict, 'falsified')
      t.comment(judgement?.results.filter(({ outcome }) => outcome === 'broken').map((each) => each.what))
      t.equal(code, 1)
    } finally {
      host.remove()
    }
  })
