/**
 * A release: one DSSE envelope with SLSA v1 provenance of an image, and in it, as a by-product, the result of its tests. Having a Release
 * means that the holder of the pipeline's certificate said all of this of exactly that image. Whether that pipeline is trusted and the
 * release rolled out is the policy's business (rules.ts).
 */
import { createHash, type KeyObject, type X509Certificate } from 'node:crypto'
import { RefusedError } from '../../errors.ts'
import { decodeCanonicalJson, encodeCanonicalJson, type Json } from '../../wire/canonical-json.ts'
import { Shape } from '../policy/shape.ts'
import { base64, openEnvelope, signEnvelope } from './dsse.ts'
import { decodeTestResult, encodeTestResult, STATEMENT_TYPE, subject, type TestResult } from './test-result.ts'

export const PROVENANCE_TYPE = 'https://slsa.dev/provenance/v1'
export const PAYLOAD_TYPE = 'application/vnd.in-toto+json'
/** `wasmclave release build`: enclave.json and workload.wasm of a folder, with the kernel of a wasmclave release. */
export const BUILD_TYPE = 'urn:wasmclave:build-enclave:1'
const MAX_DEPENDENCIES = 32

/** What an image was made from: a name and a digest in hex (sha384, or gitCommit of a source). */
export type Dependency = { name: string; sha384: string } | { name: string; gitCommit: string }

export type ReleaseFacts = {
  workload: string
  version: string
  securityVersion: number
  /** SHA-384 of the image without its signature section, hex: what anybody's build gives again. */
  image: string
  imageName: string
  /** Who built: a URI. */
  builder: string
  dependencies: Dependency[]
  tests: TestResult
}

export type Release = ReleaseFacts & {
  /** SHA-384 of the envelope, hex: `releaseDigest` of PCR17's record. */
  digest: string
  /** SHA-384 of the certificate it is signed under, hex. */
  certificate: string
}

const shape = new Shape('ERR_RELEASE_SYNTAX')

/** The envelope's bytes. @throws UsageError ERR_RELEASE_KEY, ERR_RELEASE_SIZE */
export function signRelease(facts: ReleaseFacts, key: KeyObject, certificate: X509Certificate): Uint8Array {
  const tests = encodeTestResult(facts.tests)
  const statement = encodeCanonicalJson({
    _type: STATEMENT_TYPE,
    subject: [{ name: facts.imageName, digest: { sha384: facts.image } }],
    predicateType: PROVENANCE_TYPE,
    predicate: {
      buildDefinition: {
        buildType: BUILD_TYPE,
        externalParameters: {
          workload: facts.workload,
          version: facts.version,
          securityVersion: facts.securityVersion,
        },
        resolvedDependencies: facts.dependencies.map(({ name, ...digest }) => ({ name, digest })),
      },
      runDetails: {
        builder: { id: facts.builder },
        byproducts: [
          {
            name: 'test-result',
            mediaType: PAYLOAD_TYPE,
            digest: { sha384: sha384(tests) },
            content: Buffer.from(tests).toString('base64'),
          },
        ],
      },
    },
  })
  return signEnvelope(PAYLOAD_TYPE, statement, key, sha384(certificate.raw))
}

/** @throws RefusedError ERR_RELEASE_SIGNATURE, ERR_RELEASE_SYNTAX, ERR_RELEASE_TESTS, ERR_JSON_* */
export function openRelease(envelope: Uint8Array, certificate: X509Certificate): Release {
  const signer = sha384(certificate.raw)
  const facts = parseProvenance(openEnvelope(envelope, PAYLOAD_TYPE, certificate.publicKey, signer))
  checkTests(facts)
  return { ...facts, digest: sha384(envelope), certificate: signer }
}

function parseProvenance(payload: Uint8Array): ReleaseFacts {
  const s = shape.object(decodeCanonicalJson(payload), 'the statement')
  if (s._type !== STATEMENT_TYPE || s.predicateType !== PROVENANCE_TYPE)
    throw shape.refused(`no in-toto statement of ${PROVENANCE_TYPE}`)
  const image = subject(s.subject)
  const predicate = shape.object(s.predicate, 'predicate')
  const definition = shape.object(predicate.buildDefinition, 'buildDefinition')
  const run = shape.object(predicate.runDetails, 'runDetails')
  if (definition.buildType !== BUILD_TYPE)
    throw shape.refused(`built as ${String(definition.buildType).slice(0, 64)}, due is ${BUILD_TYPE}`)
  const names = ['workload', 'version', 'securityVersion'] as const
  const parameters = shape.exactly(definition.externalParameters, names, 'externalParameters')
  return {
    workload: shape.text(parameters.workload, /^[a-z0-9][a-z0-9._-]{0,63}$/, 'workload'),
    version: shape.text(parameters.version, /^[0-9A-Za-z.+-]{1,64}$/, 'version'),
    securityVersion: shape.uint(parameters.securityVersion, 1, 2 ** 31, 'securityVersion'),
    image: image.digest,
    imageName: image.name,
    builder: shape.text(shape.object(run.builder, 'builder').id, /^[\x21-\x7e]{1,256}$/, 'builder.id'),
    dependencies: shape
      .list(definition.resolvedDependencies, MAX_DEPENDENCIES, 'resolvedDependencies')
      .map(parseDependency),
    tests: parseTests(run.byproducts),
  }
}

function parseDependency(value: Json): Dependency {
  const { name, digest } = shape.exactly(value, ['name', 'digest'], 'a dependency')
  const known = shape.object(digest, 'dependency.digest')
  const named = shape.text(name, /^[\x21-\x7e]{1,256}$/, 'dependency.name')
  return Object.hasOwn(known, 'gitCommit')
    ? { name: named, gitCommit: shape.text(known.gitCommit, /^([0-9a-f]{40}|[0-9a-f]{64})$/, 'dependency.gitCommit') }
    : { name: named, sha384: shape.hex(known.sha384, 48, 'dependency.sha384') }
}

function parseTests(byproducts: Json | undefined): TestResult {
  const [first, ...more] = shape.list(byproducts, 1, 'byproducts')
  if (first === undefined || more.length > 0) throw tests('the provenance brings no test result')
  const item = shape.object(first, 'byproducts')
  if (item.name !== 'test-result' || item.mediaType !== PAYLOAD_TYPE)
    throw tests('the by-product of the provenance is no test result')
  const content = base64(item.content, 'byproducts.content')
  const stated = shape.hex(shape.object(item.digest, 'byproducts.digest').sha384, 48, 'byproducts.digest.sha384')
  if (sha384(content) !== stated) throw tests(`the test result is ${sha384(content)}, the provenance names ${stated}`)
  return decodeTestResult(content)
}

function checkTests({ image, tests: result }: ReleaseFacts): void {
  if (result.image !== image) throw tests(`the tests ran on image ${result.image}, the release is of ${image}`)
  if (!result.passed || result.failedTests.length > 0)
    throw tests(`the tests did not pass: ${result.failedTests.slice(0, 3).join(', ') || 'FAILED'}`)
  if (result.passedTests.length === 0) throw tests('no test ran')
}

function tests(message: string): RefusedError {
  return new RefusedError('ERR_RELEASE_TESTS', message)
}

function sha384(bytes: Uint8Array): string {
  return createHash('sha384').update(bytes).digest('hex')
}
