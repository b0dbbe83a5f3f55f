/**
 * `npm run bench -- [--quick] [--json FILE] [--html FILE] [suite…]`: every figure of DESIGN.md section 10 that there is, beside its peers in
 * the same run. Pin it to a core for steadier crypto rows; the others need all that there are.
 */
import { parseArgs } from 'node:util'
import { runCrypto } from '../host/bench/crypto.ts'
import { runKeys } from '../host/bench/keys.ts'
import { paceOf } from '../host/bench/pace.ts'
import { Report } from '../host/bench/report.ts'
import { SUITES, type Suite } from '../host/bench/result.ts'
import { loadCore } from '../host/core/index.ts'
import { HostUnderTest } from '../test/kit/host.ts'
import { runAttestation } from './attestation.ts'
import { allPeers } from './crypto.ts'
import { runKernels } from './kernels.ts'
import { runLaunch } from './launch.ts'
import { runRpc } from './rpc.ts'
import { runStore } from './store.ts'
import { tinybenchSampler } from './tinybench-sampler.ts'

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'string' }, html: { type: 'string' } },
  allowPositionals: true,
})
const unknown = positionals.filter((name) => !SUITES.includes(name as Suite))
if (unknown.length > 0) {
  process.stderr.write(`no suite ${unknown.join(', ')}; there are ${SUITES.join(', ')}\n`)
  process.exit(2)
}
const chosen = (suite: Suite) => positionals.length === 0 || positionals.includes(suite)
const { quick } = values
const report = new Report(quick, values)

if (chosen('crypto')) {
  const pace = paceOf(quick, tinybenchSampler, report.machine.timerResolutionNs)
  await runCrypto(allPeers(await loadCore()), pace, quick, report.add)
  if (!quick) await runKernels(pace, report.add)
  await runKeys(quick, report.add)
}
if (chosen('launch') || chosen('attestation') || chosen('rpc') || chosen('store')) {
  const host = await HostUnderTest.start()
  try {
    if (chosen('launch')) await runLaunch(host, quick, report.add)
    if (chosen('attestation')) await runAttestation(host, quick, report.add)
    if (chosen('rpc')) await runRpc(host, quick, report.add)
    if (chosen('store')) await runStore(host, quick, report.add)
  } finally {
    await host.stop()
  }
}
report.finish()
