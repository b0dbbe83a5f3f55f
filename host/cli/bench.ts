/** `wasmclave bench`: how fast the encryption core is on this machine, beside node:crypto. Needs nothing but the package. */
import { clockSampler } from '../bench/clock.ts'
import { runCrypto } from '../bench/crypto.ts'
import { runKeys } from '../bench/keys.ts'
import { nodeCrypto } from '../bench/node-crypto.ts'
import { ours } from '../bench/ours.ts'
import { paceOf } from '../bench/pace.ts'
import { Report } from '../bench/report.ts'
import { loadCore } from '../core/index.ts'

export async function bench(options: { quick?: true; json?: string; html?: string }): Promise<void> {
  const quick = options.quick === true
  const report = new Report(quick, options)
  const pace = paceOf(quick, clockSampler, report.machine.timerResolutionNs)
  await runCrypto([ours(await loadCore()), nodeCrypto], pace, quick, report.add)
  await runKeys(quick, report.add)
  report.finish()
}
