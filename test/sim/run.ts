/**
 * The simulation in full: `npm run sim -- [--seeds N] [--from SEED] [--steps N]`, or one seed again: `--seed S`. Prints what happened, and
 * the seed of a violation. `--planted` runs kernels with one check missing instead, until each is found.
 */
import { parseArgs } from 'node:util'
import { buildKernel } from '../kit/kernel-build.ts'
import { PLANTED } from './planted.ts'
import { findPlanted, isHostile, oneSeed, type SimulationResult } from './simulation.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string' },
    steps: { type: 'string' },
    seed: { type: 'string' },
    planted: { type: 'boolean' },
  },
})
if (values.planted) planted()
else simulate()

function planted(): void {
  for (const { name, changes } of PLANTED) {
    const found = findPlanted(buildKernel(changes), Number(values.seeds ?? 200), Number(values.steps ?? 1000))
    process.stdout.write(
      `${found === undefined ? 'NOT FOUND' : `seed ${found.seed}`}: ${name}${found === undefined ? '' : `: ${found.message}`}\n`,
    )
    if (found === undefined) process.exitCode = 1
  }
}

function simulate(): void {
  const steps = Number(values.steps ?? 1000)
  const first = Number(values.seed ?? values.from ?? 1)
  const count = values.seed === undefined ? Number(values.seeds ?? 1000) : 1
  const total: SimulationResult = { steps: 0, boots: 0, acknowledged: 0, reads: 0, epitaphs: {}, accepted: 0 }
  const failed: number[] = []
  const start = performance.now()
  for (let seed = first; seed < first + count; seed++) {
    try {
      const result = oneSeed(seed, steps)
      total.steps += result.steps
      total.boots += result.boots
      total.acknowledged += result.acknowledged
      total.reads += result.reads
      total.accepted += result.accepted
      for (const [kind, times] of Object.entries(result.epitaphs))
        total.epitaphs[Number(kind)] = (total.epitaphs[Number(kind)] ?? 0) + times
    } catch (error) {
      failed.push(seed)
      process.stdout.write(
        `violation with --seed ${seed} --steps ${steps}${isHostile(seed) ? ' (hostile parent)' : ''}: ${(error as Error).stack}\n`,
      )
    }
  }
  const seconds = (performance.now() - start) / 1000
  process.stdout.write(`${JSON.stringify(total)}\n`)
  process.stdout.write(`${count} seeds, ${total.steps} steps, ${failed.length} violations, ${seconds.toFixed(1)} s\n`)
  process.exitCode = failed.length === 0 ? 0 : 1
}
