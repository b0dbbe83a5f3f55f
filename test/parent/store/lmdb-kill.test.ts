// kill -9 of a process that commits, at random instants: 50 times, or as often as WASMCLAVE_KILLS says.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { Committer, faultsIn } from '../../kit/engine-fate.ts'

const ROUNDS = Number(process.env.WASMCLAVE_KILLS ?? 50)
/** Of one store's commits: what must be there is computed anew each time, so a folder is used for some rounds only. */
const ROUNDS_A_FOLDER = 10

t.test(
  `survives kill -9 at a random instant, ${ROUNDS} times: no acknowledged commit lost, none half there`,
  async (t) => {
    if (ROUNDS > 100) t.setTimeout(0)
    const root = mkdtempSync(join(tmpdir(), 'wasmclave-kill-'))
    t.teardown(() => rmSync(root, { recursive: true, force: true }))
    let acknowledged: number[] = []
    let folder = ''
    let commits = 0
    let midway = 0
    for (let round = 0; round < ROUNDS; round++) {
      if (round % ROUNDS_A_FOLDER === 0) {
        folder = mkdtempSync(join(root, 'f-'))
        acknowledged = [0, 0, 0]
      }
      const child = new Committer(folder, 3, 1_000_000)
      await child.ready
      // By work that is done, and then by time: a slow machine kills no earlier.
      await child.commits(Math.floor(Math.random() * 12))
      await wait(Math.random() * 5)
      await child.kill()
      const said = acknowledged.map((before, store) => Math.max(before, child.acknowledged[store] as number))
      const now = [...said]
      const faults = await faultsIn(folder, now)
      if (faults.length > 0) t.fail(`round ${round}`, { faults, lines: child.lines.slice(-10) })
      commits += said.reduce((sum, n, store) => sum + n - (acknowledged[store] as number), 0)
      if (now.some((n, store) => n > (said[store] as number))) midway++
      acknowledged = now
    }
    t.comment(
      `${commits} acknowledged commits in ${ROUNDS} rounds; ${midway} kills fell between a commit and its answer`,
    )
    t.ok(commits > ROUNDS, `${commits} commits`)
  },
)
