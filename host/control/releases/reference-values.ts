/**
 * Reference values of a release (RFC 9334): what evidence of it must show, under the pipeline's signature. Registers 0, 1, 2 and 8; behind
 * PCR17 the release and its security version; behind PCR18 the binaries that may run it. For appraisers who are offline.
 */
import { createHash, type KeyObject, type X509Certificate } from 'node:crypto'
import { RefusedError } from '../../errors.ts'
import { decodeCanonicalJson, encodeCanonicalJson } from '../../wire/canonical-json.ts'
import { Shape } from '../policy/shape.ts'
import { openEnvelope, signEnvelope } from './dsse.ts'
import type { Release } from './release.ts'

export const REFERENCE_VALUES_TYPE = 'application/vnd.wasmclave.reference-values+json'
const MAX_NODES = 16
const MAX_FLAGS = 64
const PCRS = ['0', '1', '2', '8'] as const

export type ReferenceValues = {
  format: 1
  workload: string
  version: string
  securityVersion: number
  /** SHA-384 of the release's envelope, hex. */
  release: string
  /** Registers, hex. */
  pcrs: Record<(typeof PCRS)[number], string>
  /** SHA-384 of what runs it, hex: of Node one digest a platform. */
  boot: { node: string[]; nitro: string; enclave: string; flags: string[] }
}

const shape = new Shape('ERR_REFERENCE_SYNTAX')

export function signReferenceValues(values: ReferenceValues, key: KeyObject, certificate: X509Certificate): Uint8Array {
  return signEnvelope(REFERENCE_VALUES_TYPE, encodeCanonicalJson(values), key, digestOf(certificate))
}

/** @throws RefusedError ERR_RELEASE_SIGNATURE, ERR_RELEASE_SYNTAX (the envelope), ERR_REFERENCE_SYNTAX, ERR_JSON_* */
export function openReferenceValues(envelope: Uint8Array, certificate: X509Certificate): ReferenceValues {
  const payload = openEnvelope(envelope, REFERENCE_VALUES_TYPE, certificate.publicKey, digestOf(certificate))
  const names = ['format', 'workload', 'version', 'securityVersion', 'release', 'pcrs', 'boot'] as const
  const v = shape.exactly(decodeCanonicalJson(payload), names, 'reference values')
  if (v.format !== 1) throw shape.refused(`reference values of format ${String(v.format)}, due is 1`)
  const pcrs = shape.exactly(v.pcrs, PCRS, 'pcrs')
  const boot = shape.exactly(v.boot, ['node', 'nitro', 'enclave', 'flags'], 'boot')
  return {
    format: 1,
    workload: shape.text(v.workload, /^[a-z0-9][a-z0-9._-]{0,63}$/, 'workload'),
    version: shape.text(v.version, /^[0-9A-Za-z.+-]{1,64}$/, 'version'),
    securityVersion: shape.uint(v.securityVersion, 1, 2 ** 31, 'securityVersion'),
    release: shape.hex(v.release, 48, 'release'),
    pcrs: Object.fromEntries(PCRS.map((index) => [index, shape.hex(pcrs[index], 48, `pcrs.${index}`)])) as never,
    boot: {
      node: shape.set(boot.node, MAX_NODES, 'boot.node', (digest) => shape.hex(digest, 48, 'boot.node')),
      nitro: shape.hex(boot.nitro, 48, 'boot.nitro'),
      enclave: shape.hex(boot.enclave, 48, 'boot.enclave'),
      flags: shape
        .list(boot.flags, MAX_FLAGS, 'boot.flags')
        .map((flag) => shape.text(flag, /^[\x21-\x7e]{1,256}$/, 'boot.flags')),
    },
  }
}

/**
 * Whether they are of this release and of what its image measures. What runs it (boot, PCR18) is the pipeline's word alone.
 * @param measured the image's own registers. @throws RefusedError ERR_REFERENCE_RELEASE, ERR_REFERENCE_PCR
 */
export function checkReferenceValues(
  values: ReferenceValues,
  release: Pick<Release, 'digest' | 'workload' | 'version' | 'securityVersion'>,
  measured: ReferenceValues['pcrs'],
): void {
  for (const [field, stated, found] of [
    ['release', values.release, release.digest],
    ['workload', values.workload, release.workload],
    ['version', values.version, release.version],
    ['security version', values.securityVersion, release.securityVersion],
  ])
    if (stated !== found)
      throw new RefusedError(
        'ERR_REFERENCE_RELEASE',
        `the reference values are of ${field} ${stated}, this is ${found}`,
      )
  for (const index of PCRS)
    if (values.pcrs[index] !== measured[index])
      throw new RefusedError(
        'ERR_REFERENCE_PCR',
        `PCR${index} is ${values.pcrs[index]} by the reference values, the image measures ${measured[index]}`,
      )
}

function digestOf(certificate: X509Certificate): string {
  return createHash('sha384').update(certificate.raw).digest('hex')
}
