/**
 * `wasmclave release sign`: the pipeline's word on a tested image. The image's own signature (PCR8), one envelope with provenance and test
 * result, and the reference values that evidence of it will show, all under one key.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { signReferenceValues } from '../control/releases/reference-values.ts'
import { type Dependency, openRelease, type Release, signRelease } from '../control/releases/release.ts'
import { decodeTestResult, type TestResult } from '../control/releases/test-result.ts'
import { UsageError } from '../errors.ts'
import { measureBinaries } from '../nitro/boot-measurement.ts'
import { measureEif } from '../nitro/eif/measure.ts'
import { signEif } from '../nitro/eif/signature.ts'
import { ENCLAVE_FLAGS } from '../nitro/pool/slot.ts'
import { built, readFile, readText, writeFile } from './files.ts'
import { printJson, progress } from './output.ts'
import { PUBLISHED } from './publication.ts'
import { DEFAULT_BUILDER, readReleaseImage, releaseFacts } from './release-image.ts'

export type ReleaseSignOptions = {
  eifPath: string
  testResult: string
  signingCertificate: string
  privateKey: string
  builder: string
  source?: string
  commit?: string
}

/** What `release sign` writes beside the image. */
export const releaseFile = (eifPath: string) => eifPath.replace(/(\.eif)?$/, '.release.json')
export const referenceFile = (eifPath: string) => eifPath.replace(/(\.eif)?$/, '.reference.json')

/** The envelope beside an image, under the name that "release sign" gave it, or else "release publish". */
export function releaseOf(eifPath: string): string {
  const signed = releaseFile(eifPath)
  const published = join(dirname(eifPath), PUBLISHED.envelope)
  return basename(eifPath) === PUBLISHED.eif && !existsSync(signed) && existsSync(published) ? published : signed
}

export type SignedRelease = { eif: Uint8Array; envelope: Uint8Array; release: Release }

/** @throws UsageError ERR_USAGE_*, ERR_IMAGE_KEY, RefusedError ERR_RELEASE_TESTS, ERR_IMAGE_* */
export async function signReleaseFiles(options: ReleaseSignOptions): Promise<void> {
  const pem = readText(options.signingCertificate)
  const keyPem = readText(options.privateKey)
  const tests = decodeTestResult(readFile(options.testResult))
  const signed = signImage(readFile(options.eifPath), tests, pem, keyPem, options.builder, sources(options))
  const reference = await referenceValues(signed, new X509Certificate(pem), createPrivateKey(keyPem))
  writeFile(options.eifPath, signed.eif)
  writeFile(releaseFile(options.eifPath), signed.envelope)
  writeFile(referenceFile(options.eifPath), reference)
  progress(`Signed ${options.eifPath}; beside it ${releaseFile('')} and ${referenceFile('')} of the same name.`)
  printJson(describeRelease(signed.release))
}

/** Image and envelope under one key. The tests must have passed on exactly this image. */
export function signImage(
  bytes: Uint8Array,
  tests: TestResult,
  certificatePem: string,
  privateKeyPem: string,
  builder = DEFAULT_BUILDER,
  from: Dependency[] = [],
): SignedRelease {
  const eif = signEif(bytes, certificatePem, privateKeyPem)
  const certificate = new X509Certificate(certificatePem)
  const facts = releaseFacts(readReleaseImage(eif), tests, builder, from)
  const envelope = signRelease(facts, createPrivateKey(privateKeyPem), certificate)
  // Read as a host will read it: what it would refuse is refused here.
  return { eif, envelope, release: openRelease(envelope, certificate) }
}

async function referenceValues(
  signed: SignedRelease,
  certificate: X509Certificate,
  key: KeyObject,
): Promise<Uint8Array> {
  const { release } = signed
  const { PCR0, PCR1, PCR2, PCR8 } = measureEif(readReleaseImage(signed.eif).eif, certificate.raw)
  const digests = await measureBinaries({
    node: process.execPath,
    nitro: built('nitro.mjs'),
    enclave: built('enclave.cjs'),
  })
  return signReferenceValues(
    {
      format: 1,
      workload: release.workload,
      version: release.version,
      securityVersion: release.securityVersion,
      release: release.digest,
      pcrs: { 0: PCR0, 1: PCR1, 2: PCR2, 8: PCR8 as string },
      boot: { node: [digests.node], nitro: digests.nitro, enclave: digests.enclave, flags: ENCLAVE_FLAGS },
    },
    key,
    certificate,
  )
}

export function describeRelease(release: Release): Record<string, unknown> {
  return {
    Release: release.digest,
    Workload: release.workload,
    Version: release.version,
    SecurityVersion: release.securityVersion,
    Image: release.image,
    Certificate: release.certificate,
    Builder: release.builder,
    Dependencies: release.dependencies,
    Tests: { Command: release.tests.command, Passed: release.tests.passedTests },
  }
}

function sources({ source, commit }: ReleaseSignOptions): Dependency[] {
  if ((source === undefined) !== (commit === undefined))
    throw new UsageError('ERR_USAGE_MISSING_SOURCE', '--source and --commit go together')
  if (source === undefined) return []
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(commit as string))
    throw new UsageError('ERR_USAGE_HEX', `--commit is a whole commit in lower-case hex: ${commit?.slice(0, 70)}`)
  return [{ name: source, gitCommit: commit as string }]
}
