/** An image as the pipeline sees it: what it holds, what it was made from, and the suite that every release passes. */

import type { Dependency, ReleaseFacts } from '../control/releases/release.ts'
import type { TestResult } from '../control/releases/test-result.ts'
import { errorCode } from '../errors.ts'
import { admitWorkload } from '../nitro/admission/admit.ts'
import { imageDigest } from '../nitro/admission/release.ts'
import { type EifMetadata, parseMetadata } from '../nitro/eif/describe.ts'
import { type Eif, parseEif } from '../nitro/eif/format.ts'
import { type VerifiedImage, verifyManifests } from '../nitro/eif/manifests.ts'

/** Where the pipeline has nothing better to say of itself. */
export const DEFAULT_BUILDER = 'urn:wasmclave:release'

export type ReleaseImage = { eif: Eif; image: VerifiedImage; metadata: EifMetadata; digest: string; name: string }

/** @throws RefusedError ERR_IMAGE_* */
export function readReleaseImage(bytes: Uint8Array): ReleaseImage {
  const eif = parseEif(bytes)
  const image = verifyManifests(eif)
  const name = `${image.manifest.workload.name}.eif`
  return { eif, image, metadata: parseMetadata(eif.metadata), digest: imageDigest(eif), name }
}

export function releaseFacts(
  { image, digest, name }: ReleaseImage,
  tests: TestResult,
  builder: string,
  sources: Dependency[] = [],
): ReleaseFacts {
  const { workload, securityVersion, parts } = image.manifest
  return {
    workload: workload.name,
    version: workload.version,
    securityVersion,
    image: digest,
    imageName: name,
    builder,
    dependencies: [
      { name: 'kernel.wasm', sha384: image.platform.kernel.sha384 },
      ...parts.map((part) => ({ name: part.name, sha384: part.sha384 })),
      ...sources,
    ],
    tests,
  }
}

const SUITE: [name: string, run: (bytes: Uint8Array) => unknown][] = [
  ['image: has the structure of EIF v4', (bytes) => parseEif(bytes)],
  ['image: is what its two manifests say', (bytes) => verifyManifests(parseEif(bytes))],
  [
    'workload: holds no code that admission refuses',
    (bytes) => {
      const { workload, manifest } = verifyManifests(parseEif(bytes))
      admitWorkload(workload, manifest)
    },
  ],
  [
    'workload: compiles',
    (bytes) => new WebAssembly.Module(verifyManifests(parseEif(bytes)).workload as Uint8Array<ArrayBuffer>),
  ],
]

/** What every image is put through, whatever its author tests besides: names, each with the code it failed with. */
export function runSuite(bytes: Uint8Array): { passed: string[]; failed: string[] } {
  const passed: string[] = []
  const failed: string[] = []
  for (const [name, run] of SUITE)
    try {
      run(bytes)
      passed.push(name)
    } catch (error) {
      failed.push(`${name} (${errorCode(error) ?? 'ERR_BUILD_WORKLOAD'})`)
    }
  return { passed, failed }
}
