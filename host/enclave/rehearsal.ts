/**
 * A launch that is nobody's, before the one that counts: the release's kernel boots in an instance that is thrown away, and gives the
 * known answers of its cryptography in a loop. The engine keeps the code it compiled for these very bytes, so that neither the launch
 * nor the first client waits for it. Nothing of a tenant is here yet, and no memory of the rehearsal is ever seen again.
 */
import { Kernel } from './kernel.ts'
import type { LaunchRecord } from './launch.ts'
import { NsmPort } from './nsm-port.ts'

/** Rounds after which the code no longer gets faster: see bench/launch. */
const ROUNDS = 40

/** The engine shares code between modules of the same bytes for as long as one of them lives: this one does. */
export let rehearsed: Kernel | undefined

export function rehearse(launch: LaunchRecord, nowMs: () => number): void {
  const kernel = new Kernel(launch.kernel)
  const nsm = new NsmPort(kernel)
  kernel.check(kernel.exports.boot(kernel.put(launch.bootInput), nowMs()))
  nsm.submit(nowMs)
  for (let round = 0; round < ROUNDS; round++) kernel.check(kernel.exports.selfTest())
  rehearsed = kernel
}
