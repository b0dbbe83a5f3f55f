/**
 * Admission of a release: an image runs only with the envelope of the pipeline that signed it, made for exactly its bytes, and as the policy
 * in force asks. No flag, variable or file goes around this: it is on the one path from a request to a process.
 */
import { createHash, type X509Certificate } from 'node:crypto'
import type { Policy } from '../../control/policy/document.ts'
import { openRelease, type Release } from '../../control/releases/release.ts'
import { checkRelease, type RolledOut } from '../../control/releases/rules.ts'
import { RefusedError } from '../../errors.ts'
import { type Eif, writeEif } from '../eif/format.ts'
import type { ImageManifest } from '../eif/manifests.ts'

/** SHA-384 of the image without its signature section, hex: signing does not change it, and every build gives it again. */
export function imageDigest(eif: Eif): string {
  return createHash('sha384')
    .update(writeEif({ ...eif, signature: null }))
    .digest('hex')
}

export type ReleaseInput = {
  eif: Eif
  manifest: ImageManifest
  /** Whose key signed the image, and must have signed the envelope too. */
  certificate: X509Certificate
  /** DSSE, as the request brought it. */
  envelope: Uint8Array | null
  policy: Policy
  rolledOut: RolledOut
}

/** @throws RefusedError ERR_RELEASE_* */
export function admitRelease(input: ReleaseInput): Release {
  const { eif, manifest, envelope } = input
  if (envelope === null)
    throw new RefusedError(
      'ERR_RELEASE_MISSING',
      `the launch of ${manifest.workload.name} brings no release: "release test" and "release sign" make one, --release names it`,
    )
  const release = openRelease(envelope, input.certificate)
  checkImage(release, eif, manifest)
  checkRelease(input.policy, input.rolledOut, release)
  return release
}

/** Whether the release is of exactly this image, and calls it what it calls itself. @throws RefusedError ERR_RELEASE_IMAGE */
export function checkImage(release: Release, eif: Eif, manifest: ImageManifest): void {
  const image = imageDigest(eif)
  if (release.image !== image)
    throw new RefusedError('ERR_RELEASE_IMAGE', `the release is of image ${release.image}, this is ${image}`)
  for (const [field, stated, found] of [
    ['workload', release.workload, manifest.workload.name],
    ['version', release.version, manifest.workload.version],
    ['security version', release.securityVersion, manifest.securityVersion],
  ])
    if (stated !== found)
      throw new RefusedError('ERR_RELEASE_IMAGE', `${field} ${stated} by the release, ${found} by the image's manifest`)
}
