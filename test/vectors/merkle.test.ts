import { readdirSync } from 'node:fs'
import t from 'tap'
import { account, vectorPath, vectorTest } from './kit.ts'

vectorTest(t, 'Merkle proofs belong to the transparency log, which is not there yet', async (t) => {
  for (const kind of ['inclusion', 'consistency'])
    account(t, `merkle ${kind}`, {
      executed: 0,
      outOfScope: readdirSync(vectorPath(`merkle/${kind}`)).length,
      total: 98,
    })
})
