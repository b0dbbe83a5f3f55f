/**
 * The in-toto statement on a test run (predicate test-result v0.1): which command ran against which image, and what came of it. A release
 * needs one that passed for exactly its own image. Fields of others are ignored, as in-toto asks; those read here are read strictly.
 */
import { createHash } from 'node:crypto'
import { decodeCanonicalJson, encodeCanonicalJson } from '../../wire/canonical-json.ts'
import { Shape } from '../policy/shape.ts'
import { base64 } from './dsse.ts'

export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
export const TEST_RESULT_TYPE = 'https://in-toto.io/attestation/test-result/v0.1'
/** Names of tests that a statement lists. */
export const MAX_TESTS = 256
/** Printable ASCII: names reach terminals and the log. */
const TEST_NAME = /^[\x20-\x7e]{1,128}$/
const MAX_ARGUMENTS = 64

export type TestResult = {
  /** SHA-384 of the image without its signature section, hex. */
  image: string
  imageName: string
  passed: boolean
  /** Argument vector of what ran; `{eif}` stands for the image's path. */
  command: string[]
  passedTests: string[]
  failedTests: string[]
}

const shape = new Shape('ERR_RELEASE_SYNTAX')

/** Canonical JSON of the statement. */
export function encodeTestResult(result: TestResult): Uint8Array {
  const command = encodeCanonicalJson(result.command)
  return encodeCanonicalJson({
    _type: STATEMENT_TYPE,
    subject: [{ name: result.imageName, digest: { sha384: result.image } }],
    predicateType: TEST_RESULT_TYPE,
    predicate: {
      result: result.passed ? 'PASSED' : 'FAILED',
      configuration: [
        {
          name: 'command',
          mediaType: 'application/json',
          digest: { sha384: createHash('sha384').update(command).digest('hex') },
          content: Buffer.from(command).toString('base64'),
        },
      ],
      passedTests: result.passedTests,
      warnedTests: [],
      failedTests: result.failedTests,
    },
  })
}

/** @throws RefusedError ERR_RELEASE_SYNTAX, ERR_JSON_* */
export function decodeTestResult(bytes: Uint8Array): TestResult {
  const s = shape.object(decodeCanonicalJson(bytes), 'the test result')
  if (s._type !== STATEMENT_TYPE || s.predicateType !== TEST_RESULT_TYPE)
    throw shape.refused(`no in-toto statement of ${TEST_RESULT_TYPE}`)
  const { name, digest } = subject(s.subject)
  const p = shape.object(s.predicate, 'predicate')
  if (p.result !== 'PASSED' && p.result !== 'FAILED') throw shape.refused('result is neither PASSED nor FAILED')
  const [configuration] = shape.list(p.configuration, 1, 'configuration')
  const command = base64(shape.object(configuration, 'configuration').content, 'configuration.content')
  return {
    image: digest,
    imageName: name,
    passed: p.result === 'PASSED',
    command: shape
      .list(decodeCanonicalJson(command), MAX_ARGUMENTS, 'the command')
      .map((argument) => shape.text(argument, /^[\x20-\x7e]{0,512}$/, 'an argument')),
    passedTests: names(p.passedTests, 'passedTests'),
    failedTests: names(p.failedTests, 'failedTests'),
  }
}

/** The one subject of a statement: an image by its digest. */
export function subject(value: Parameters<Shape['list']>[0]): { name: string; digest: string } {
  const [first, ...more] = shape.list(value, 1, 'subject')
  if (more.length > 0) throw shape.refused('a statement here has one subject')
  const s = shape.object(first, 'subject')
  return {
    name: shape.text(s.name, /^[A-Za-z0-9._-]{1,128}$/, 'subject.name'),
    digest: shape.hex(shape.object(s.digest, 'subject.digest').sha384, 48, 'subject.digest.sha384'),
  }
}

function names(value: Parameters<Shape['list']>[0], what: string): string[] {
  return shape.list(value, MAX_TESTS, what).map((item) => shape.text(item, TEST_NAME, what))
}
