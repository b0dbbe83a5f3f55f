/**
 * `wasmclave release verify`: whether an image is of a release, offline; and, with the folder it is said to be built from, whether one's own
 * build gives the same bytes. Trusts the certificate it is given and nothing else.
 */
import { X509Certificate } from 'node:crypto'
import { openRelease, type Release } from '../control/releases/release.ts'
import { RefusedError, UsageError } from '../errors.ts'
import { imageDigest } from '../nitro/admission/release.ts'
import { parseEif } from '../nitro/eif/format.ts'
import { certificateDigest, verifySignature } from '../nitro/eif/signature.ts'
import { buildImage } from './build-image.ts'
import { readFile, readText } from './files.ts'
import { printJson } from './output.ts'
import { type ReleaseImage, readReleaseImage } from './release-image.ts'
import { describeRelease, releaseFile } from './release-sign.ts'

export type ReleaseVerifyOptions = {
  eifPath: string
  release?: string
  signingCertificate: string
  dockerDir?: string
  commit?: string
}

/** @throws RefusedError ERR_IMAGE_*, ERR_RELEASE_* */
export function verifyRelease(options: ReleaseVerifyOptions): void {
  const image = readReleaseImage(readFile(options.eifPath))
  const certificate = readCertificate(options.signingCertificate)
  const { signature } = verifySignature(image.eif, new Date())
  if (certificateDigest(signature.certificate) !== certificateDigest(certificate))
    throw new RefusedError(
      'ERR_RELEASE_PIPELINE',
      `the image is signed under ${certificateDigest(signature.certificate)}, trusted is ${certificateDigest(certificate)}`,
    )
  const release = openRelease(readFile(options.release ?? releaseFile(options.eifPath)), certificate)
  if (release.image !== image.digest)
    throw new RefusedError('ERR_RELEASE_IMAGE', `the release is of image ${release.image}, this is ${image.digest}`)
  if (options.commit !== undefined) checkCommit(release, options.commit)
  const rebuilt = options.dockerDir === undefined ? undefined : rebuild(image, options.dockerDir)
  printJson({ ...describeRelease(release), Rebuilt: rebuilt !== undefined })
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
    return new X509Certificate(readText(path))
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError('ERR_USAGE_CERTIFICATE', `${path} holds no certificate in PEM`)
  }
}
