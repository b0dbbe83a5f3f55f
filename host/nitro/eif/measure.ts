/**
 * PCR0, 1, 2 and 8 of an image by AWS's formulas (eif_hasher.rs, without block cache): EXT(x) = SHA384(0^48 ‖ SHA384(x)).
 * They cover payloads in file order, and neither lengths nor types: the manifests do that (manifests.ts).
 */
import { createHash } from 'node:crypto'
import type { Eif } from './format.ts'

const PCR_BYTES = 48

/** Lower-case hex. PCR8 only for a signed image. */
export type Measurements = { PCR0: string; PCR1: string; PCR2: string; PCR8?: string }

export function extend(...parts: Uint8Array[]): string {
  const digest = sha384(...parts)
  return createHash('sha384').update(new Uint8Array(PCR_BYTES)).update(digest).digest('hex')
}

/** @param certificate DER of the signing certificate, null for an unsigned image */
export function measureEif(
  eif: Pick<Eif, 'kernel' | 'cmdline' | 'ramdisks'>,
  certificate: Uint8Array | null,
): Measurements {
  const [first, ...rest] = eif.ramdisks as [Uint8Array, ...Uint8Array[]]
  return {
    PCR0: extend(eif.kernel, eif.cmdline, first, ...rest),
    PCR1: extend(eif.kernel, eif.cmdline, first),
    PCR2: extend(...rest),
    ...(certificate !== null && { PCR8: extend(certificate) }),
  }
}

function sha384(...parts: Uint8Array[]): Buffer {
  const hash = createHash('sha384')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
