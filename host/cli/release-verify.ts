/**
 * `wasmclave release verify`: whether an image is of a release, offline; and, with the folder it is said to be built from, whether one's own
 * build gives the same bytes. Trusts the certificate it is given and nothing else.
 */
import { X509Certificate } from 'node:crypto'
import {
  checkReferenceValues,
  openReferenceValues,
  type ReferenceValues,
} from '../control/releases/reference-values.ts'
import { openRelease, type Release } from '../control/releases/release.ts'
import { RefusedError, UsageError } from '../errors.ts'
import { checkImage, imageDigest } from '../nitro/admission/release.ts'
import { parseEif } from '../nitro/eif/format.ts'
import { certificateDigest, verifySignature } from '../nitro/eif/signature.ts'
import { buildImage } from './build-image.ts'
import { readFile, readText } from './files.ts'
import { printJson } from './output.ts'
import { type ReleaseImage, readReleaseImage } from './release-image.ts'
import { describeRelease, releaseOf } from './release-sign.ts'

export type ReleaseVerifyOptions = {
  eifPath: string
  release?: string
  referenceValues?: string
  signingCertificate: string
  dockerDir?: string
  commit?: string
}

/** An image and the pipeline's envelope for it. Having one means that the pipeline one trusts said so of these bytes; not that they may run. */
export type OpenedRelease = {
  eif: Uint8Array
  envelope: Uint8Array
  image: ReleaseImage
  release: Release
  certificate: X509Certificate
  /** Of the image, hex: 0, 1, 2 and 8. */
  pcrs: ReferenceValues['pcrs']
}

/** @throws RefusedError ERR_IMAGE_*, ERR_RELEASE_*, ERR_REFERENCE_* */
export function verifyRelease(options: ReleaseVerifyOptions): void {
  const opened = openReleaseFiles(options)
  const { image, release } = opened
  if (options.referenceValues !== undefined) verifyReferenceValues(readFile(options.referenceValues), opened)
  if (options.commit !== undefined) checkCommit(release, options.commit)
  const rebuilt = options.dockerDir === undefined ? undefined : rebuild(image, options.dockerDir)
  printJson({ ...describeRelease(release), Rebuilt: rebuilt !== undefined })
}

/** @throws UsageError ERR_FILE_READ, RefusedError ERR_IMAGE_*, ERR_RELEASE_* */
export function openReleaseFiles(
  options: Pick<ReleaseVerifyOptions, 'eifPath' | 'release' | 'signingCertificate'>,
): OpenedRelease {
  const eif = readFile(options.eifPath)
  const image = readReleaseImage(eif)
  const certificate = readCertificate(options.signingCertificate)
  const { signature, measurements } = verifySignature(image.eif, new Date())
  if (certificateDigest(signature.certificate) !== certificateDigest(certificate))
    throw new RefusedError(
      'ERR_RELEASE_PIPELINE',
      `the image is signed under ${certificateDigest(signature.certificate)}, trusted is ${certificateDigest(certificate)}`,
    )
  const envelope = readFile(options.release ?? releaseOf(options.eifPath))
  const release = openRelease(envelope, certificate)
  checkImage(release, image.eif, image.image.manifest)
  const { PCR0, PCR1, PCR2, PCR8 } = measurements
  return { eif, envelope, image, release, certificate, pcrs: { 0: PCR0, 1: PCR1, 2: PCR2, 8: PCR8 as string } }
}

/** @throws RefusedError ERR_RELEASE_SIGNATURE, ERR_RELEASE_SYNTAX, ERR_REFERENCE_* */
export function verifyReferenceValues(envelope: Uint8Array, { release, certificate, pcrs }: OpenedRelease): void {
  checkReferenceValues(openReferenceValues(envelope, certificate), release, pcrs)
}

function checkCommit(release: Release, commit: string): void {
  const found = release.dependencies.find((dependency) => 'gitCommit' in dependency)
  if (found === undefined || !('gitCommit' in found) || found.gitCommit !== commit)
    throw new RefusedError(
      'ERR_RELEASE_SOURCE',
      `built from commit ${found !== undefined && 'gitCommit' in found ? found.gitCommit : 'none'}, due is ${commit}`,
    )
}

// With the names and the time of the image's own metadata, which are not measured.
function rebuild({ eif, image, metadata, digest }: ReleaseImage, folder: string): string {
  const bytes = buildImage(folder, {
    imageName: metadata.ImageName,
    imageVersion: metadata.ImageVersion,
    ...(metadata.CustomMetadata !== null && { customMetadata: metadata.CustomMetadata }),
  })
  const ours = parseEif(bytes)
  const again = imageDigest({ ...ours, metadata: eif.metadata })
  if (again === digest) return again
  const kernel = readReleaseImage(bytes).image.platform.kernel.sha384
  const theirs = image.platform.kernel.sha384
  throw new RefusedError(
    'ERR_RELEASE_REBUILD',
    kernel === theirs
      ? `the build from ${folder} gives image ${again}, the release is of ${digest}`
      : `the image holds kernel ${theirs}, this wasmclave builds with ${kernel}: take the same version of it`,
  )
}

export function readCertificate(path: string): X509Certificate {
  try {
    const certificate = new X509Certificate(readText(path))
    // OpenSSL decodes the key at its first use
    if (certificate.publicKey.type === 'public') return certificate
    throw new TypeError('no public key')
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError('ERR_USAGE_CERTIFICATE', `${path} holds no certificate in PEM`)
  }
}
