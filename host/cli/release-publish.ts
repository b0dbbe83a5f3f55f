/**
 * `wasmclave release publish`: image, envelope and reference values into a folder that others read, once all three hold together under the
 * pipeline that one trusts. Whether that release may run anywhere is not asked: approvers say so, host by host.
 */
import { readFile } from './files.ts'
import { printJson, progress } from './output.ts'
import { publish } from './publication.ts'
import { referenceFile } from './release-sign.ts'
import { openReleaseFiles, verifyReferenceValues } from './release-verify.ts'

export type ReleasePublishOptions = {
  eifPath: string
  release?: string
  referenceValues?: string
  signingCertificate: string
  to: string
}

/** @throws UsageError ERR_FILE_*, ERR_USAGE_*, RefusedError ERR_IMAGE_*, ERR_RELEASE_*, ERR_REFERENCE_* */
export function publishRelease(options: ReleasePublishOptions): void {
  const opened = openReleaseFiles(options)
  const { eif, envelope, release } = opened
  const referenceValues = readFile(options.referenceValues ?? referenceFile(options.eifPath))
  verifyReferenceValues(referenceValues, opened)
  const { path, fresh } = publish(options.to, release, { eif, envelope, referenceValues })
  progress(fresh ? `Published in ${path}.` : `It was published before: ${path} stays as it is.`)
  const { digest: Release, workload: Workload, version: Version } = release
  printJson({ Release, Workload, Version, Path: path, New: fresh })
}
