/** Rule: the layers that the policy demands hold around the enclave's process, by the boot record behind PCR18. */
import { RefusedError } from '../../errors.ts'
import type { BootRecord } from '../records.ts'

/** @param layers names, as the boot record has them. @throws RefusedError ERR_EVIDENCE_ISOLATION */
export function checkIsolation(boot: BootRecord, layers: readonly string[]): void {
  for (const layer of layers) {
    const found = boot.isolation.find((item) => item.layer === layer)
    if (found === undefined || found.state === 'absent')
      throw new RefusedError(
        'ERR_EVIDENCE_ISOLATION',
        `isolation layer ${layer} is ${found?.state ?? 'unknown'}, the policy demands it; there are ${boot.isolation
          .filter((item) => item.state !== 'absent')
          .map((item) => item.layer)
          .join(', ')}`,
      )
  }
}
