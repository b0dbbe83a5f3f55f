import t from 'tap'
import { genesisDigest } from '../../../host/control/genesis.ts'
import { foundingPolicy, type Policy } from '../../../host/control/policy/document.ts'
import { parseEnvelope, signEnvelope } from '../../../host/control/releases/dsse.ts'
import {
  checkReferenceValues,
  openReferenceValues,
  type ReferenceValues,
  signReferenceValues,
} from '../../../host/control/releases/reference-values.ts'
import { openRelease, PAYLOAD_TYPE, type ReleaseFacts } from '../../../host/control/releases/release.ts'
import { checkRelease, checkRule } from '../../../host/control/releases/rules.ts'
import { MAX_TESTS } from '../../../host/control/releases/test-result.ts'
import { encodeCanonicalJson } from '../../../host/wire/canonical-json.ts'
import { newGenesis } from '../../kit/genesis.ts'
import { Pipeline, releaseFacts } from '../../kit/pipeline.ts'

const pipeline = new Pipeline()
const open = (facts: Partial<ReleaseFacts> = {}) => openRelease(pipeline.release(facts), pipeline.certificate)

/** The signed statement with one change, signed again: what an insider at the pipeline could make. */
function resigned(change: (statement: never) => unknown): Uint8Array {
  const statement = JSON.parse(Buffer.from(parseEnvelope(pipeline.release()).payload).toString('utf8'))
  change(statement as never)
  return signEnvelope(PAYLOAD_TYPE, encodeCanonicalJson(statement), pipeline.key, pipeline.digest)
}

t.test('says what was built, by whom, from what, and which tests passed', async (t) => {
  const facts = releaseFacts({
    dependencies: [
      { name: 'workload.wasm', sha384: '56'.repeat(48) },
      { name: 'git+https://example.com/repository', gitCommit: '78'.repeat(20) },
    ],
  })
  t.match(openRelease(pipeline.release(facts), pipeline.certificate), { ...facts, certificate: pipeline.digest })
})

t.test('is in-toto: a statement of SLSA v1 with the test result as by-product', async (t) => {
  const statement = JSON.parse(Buffer.from(parseEnvelope(pipeline.release()).payload).toString('utf8'))
  t.match(statement, {
    _type: 'https://in-toto.io/Statement/v1',
    predicateType: 'https://slsa.dev/provenance/v1',
    subject: [{ name: 'keyvalue.eif', digest: { sha384: '12'.repeat(48) } }],
    predicate: { buildDefinition: { resolvedDependencies: [{ digest: { sha384: '34'.repeat(48) } }] } },
  })
  const [byproduct] = statement.predicate.runDetails.byproducts
  t.match(JSON.parse(Buffer.from(byproduct.content, 'base64').toString('utf8')), {
    _type: 'https://in-toto.io/Statement/v1',
    predicateType: 'https://in-toto.io/attestation/test-result/v0.1',
    subject: statement.subject,
    predicate: { result: 'PASSED', failedTests: [] },
  })
})

t.test('rejects tests that failed, ran on another image, or did not run', async (t) => {
  const { tests } = releaseFacts()
  const rows: [string, Partial<ReleaseFacts>][] = [
    ['failed', { tests: { ...tests, passed: false } }],
    ['one failed although all is said to have passed', { tests: { ...tests, failedTests: ['restores'] } }],
    ['of another image', { tests: { ...tests, image: '00'.repeat(48) } }],
    ['none ran', { tests: { ...tests, passedTests: [] } }],
  ]
  t.doesNotThrow(() => open({ tests }))
  for (const [name, facts] of rows) t.throws(() => open(facts), { code: 'ERR_RELEASE_TESTS' }, name)
})

t.test('rejects statements of another shape, although the pipeline signed them', async (t) => {
  type Statement = {
    _type: string
    predicateType: string
    subject: { name: string; digest: Record<string, string> }[]
    predicate: {
      buildDefinition: {
        buildType: string
        externalParameters: Record<string, unknown>
        resolvedDependencies: { digest: object }[]
      }
      runDetails: { builder: { id: string }; byproducts: { name: string; content: string; digest: object }[] }
    }
  }
  const rows: [string, string, (s: Statement) => unknown][] = [
    ['another type', 'ERR_RELEASE_SYNTAX', (s) => (s._type = 'https://in-toto.io/Statement/v0.1')],
    ['another predicate', 'ERR_RELEASE_SYNTAX', (s) => (s.predicateType = 'https://slsa.dev/provenance/v0.2')],
    ['another build', 'ERR_RELEASE_SYNTAX', (s) => (s.predicate.buildDefinition.buildType = 'urn:other')],
    ['two subjects', 'ERR_RELEASE_SYNTAX', (s) => s.subject.push(structuredClone(s.subject[0] as never))],
    ['a weaker digest', 'ERR_RELEASE_SYNTAX', (s) => (s.subject = [{ name: 'x', digest: { sha1: '00' } }])],
    ['no provenance', 'ERR_RELEASE_SYNTAX', (s) => delete (s as Partial<Statement>).predicate],
    ['no builder', 'ERR_RELEASE_SYNTAX', (s) => delete (s.predicate.runDetails as { builder?: unknown }).builder],
    [
      'a dependency without digest',
      'ERR_RELEASE_SYNTAX',
      (s) => ((s.predicate.buildDefinition.resolvedDependencies[0] as { digest: object }).digest = {}),
    ],
    ['a parameter more', 'ERR_RELEASE_SYNTAX', (s) => (s.predicate.buildDefinition.externalParameters.debug = true)],
    ['a name with an escape', 'ERR_RELEASE_SYNTAX', (s) => ((s.subject[0] as { name: string }).name = '\u001b[1m')],
    ['no test result', 'ERR_RELEASE_TESTS', (s) => (s.predicate.runDetails.byproducts = [])],
    [
      'a test result under another name',
      'ERR_RELEASE_TESTS',
      (s) => ((s.predicate.runDetails.byproducts[0] as { name: string }).name = 'log'),
    ],
    [
      'a test result that was exchanged',
      'ERR_RELEASE_TESTS',
      (s) => ((s.predicate.runDetails.byproducts[0] as { content: string }).content = 'e30='),
    ],
  ]
  t.doesNotThrow(() =>
    openRelease(
      resigned(() => {}),
      pipeline.certificate,
    ),
  )
  for (const [name, code, change] of rows)
    t.throws(() => openRelease(resigned(change as never), pipeline.certificate), { code }, name)
})

t.test('ignores what others put beside, as in-toto asks', async (t) => {
  const envelope = resigned((s: { predicate: { runDetails: Record<string, unknown> } }) => {
    s.predicate.runDetails.metadata = { invocationId: '7' }
  })
  t.doesNotThrow(() => openRelease(envelope, pipeline.certificate))
})

t.test('lists as many tests as the limit', async (t) => {
  const named = (count: number) => Array.from({ length: count }, (_, i) => `t${i}`)
  const { tests } = releaseFacts()
  for (const count of [MAX_TESTS - 1, MAX_TESTS])
    t.equal(open({ tests: { ...tests, passedTests: named(count) } }).tests.passedTests.length, count)
  t.throws(() => open({ tests: { ...tests, passedTests: named(MAX_TESTS + 1) } }), { code: 'ERR_RELEASE_SYNTAX' })
})

function policyOf(change: (policy: Policy) => unknown = () => {}): Policy {
  const { genesis } = newGenesis()
  genesis.pipelineCertificates = [pipeline.digest]
  const { policy } = foundingPolicy({ genesis, digest: genesisDigest(genesis) })
  change(policy)
  return policy
}

t.test('runs only what was rolled out, unless the rule takes the word of the pipeline', async (t) => {
  const release = open()
  const { workload, version, securityVersion, image } = release
  const rolledOut = new Map([[release.digest, { workload, version, securityVersion, image }]])
  t.doesNotThrow(() => checkRelease(policyOf(), rolledOut, release))
  t.throws(() => checkRelease(policyOf(), new Map(), release), { code: 'ERR_RELEASE_APPROVAL' })
  t.throws(
    () => checkRelease(policyOf(), rolledOut, open()),
    { code: 'ERR_RELEASE_APPROVAL' },
    'the same facts, signed again, are another release',
  )
  const trusting = policyOf((p) => ((p.releaseRules[0] as { approval: boolean }).approval = false))
  t.doesNotThrow(() => checkRelease(trusting, new Map(), release))
})

t.test('runs nothing below the highest security version of the workload that was rolled out', async (t) => {
  const releases = [1, 2, 3].map((securityVersion) => open({ securityVersion }))
  const rolledOut = new Map(releases.slice(0, 2).map((release) => [release.digest, release]))
  t.throws(() => checkRelease(policyOf(), rolledOut, releases[0] as never), { code: 'ERR_RELEASE_DOWNGRADE' })
  t.doesNotThrow(() => checkRelease(policyOf(), rolledOut, releases[1] as never))
  const other = open({ workload: 'echo' })
  t.doesNotThrow(() => checkRelease(policyOf(), new Map([...rolledOut, [other.digest, other]]), other))
})

t.test('trusts pipelines and builders by workload: the same name from elsewhere is refused', async (t) => {
  const stranger = new Pipeline()
  const rule = (workload: string, builders: string[] | null, certificates = [pipeline.digest]) =>
    policyOf((p) => (p.releaseRules = [{ workload, certificates, builders, approval: true }]))
  t.doesNotThrow(() => checkRule(rule('keyvalue', null), open()))
  t.doesNotThrow(() => checkRule(rule('*', ['urn:test:builder']), open()))
  t.throws(() => checkRule(rule('echo', null), open()), { code: 'ERR_RELEASE_RULE' })
  t.throws(() => checkRule(rule('keyvalue', ['urn:ci']), open()), { code: 'ERR_RELEASE_BUILDER' })
  t.throws(() => checkRule(rule('keyvalue', []), open()), { code: 'ERR_RELEASE_BUILDER' })
  t.throws(() => checkRule(rule('keyvalue', null, []), open()), { code: 'ERR_RELEASE_PIPELINE' })
  t.throws(() => checkRule(policyOf(), openRelease(stranger.release(), stranger.certificate)), {
    code: 'ERR_RELEASE_PIPELINE',
  })
})

const VALUES: ReferenceValues = {
  format: 1,
  workload: 'keyvalue',
  version: '1.0.0',
  securityVersion: 1,
  release: '12'.repeat(48),
  pcrs: { 0: '01'.repeat(48), 1: '02'.repeat(48), 2: '03'.repeat(48), 8: '04'.repeat(48) },
  boot: { node: ['05'.repeat(48)], nitro: '06'.repeat(48), enclave: '07'.repeat(48), flags: ['--permission'] },
}

t.test('reads reference values as they were signed, under the certificate of their pipeline alone', async (t) => {
  const envelope = signReferenceValues(VALUES, pipeline.key, pipeline.certificate)
  t.same(openReferenceValues(envelope, pipeline.certificate), VALUES)
  t.throws(() => openReferenceValues(envelope, new Pipeline().certificate), { code: 'ERR_RELEASE_SIGNATURE' })
  t.throws(() => openReferenceValues(pipeline.release(), pipeline.certificate), { code: 'ERR_RELEASE_SYNTAX' })
  t.throws(() => openRelease(envelope, pipeline.certificate), { code: 'ERR_RELEASE_SYNTAX' })
})

t.test('takes reference values for one release and one image, and for none that differs in one place', (t) => {
  const { workload, version, securityVersion, pcrs } = VALUES
  const release = { digest: VALUES.release, workload, version, securityVersion }
  const rows: [string, Partial<typeof release>, Partial<typeof pcrs>, string][] = [
    ['release', { digest: '21'.repeat(48) }, {}, 'ERR_REFERENCE_RELEASE'],
    ['workload', { workload: 'echo' }, {}, 'ERR_REFERENCE_RELEASE'],
    ['version', { version: '1.0.1' }, {}, 'ERR_REFERENCE_RELEASE'],
    ['security version', { securityVersion: 2 }, {}, 'ERR_REFERENCE_RELEASE'],
    ['PCR0', {}, { 0: '11'.repeat(48) }, 'ERR_REFERENCE_PCR'],
    ['PCR1', {}, { 1: '11'.repeat(48) }, 'ERR_REFERENCE_PCR'],
    ['PCR2', {}, { 2: '11'.repeat(48) }, 'ERR_REFERENCE_PCR'],
    ['PCR8', {}, { 8: '11'.repeat(48) }, 'ERR_REFERENCE_PCR'],
  ]
  t.doesNotThrow(() => checkReferenceValues(VALUES, release, pcrs))
  for (const [name, changes, registers, code] of rows)
    t.throws(
      () => checkReferenceValues(VALUES, { ...release, ...changes }, { ...pcrs, ...registers }),
      { code, message: new RegExp(name) },
      name,
    )
  t.end()
})

t.test('rejects reference values that are wrong in one place', async (t) => {
  const rows: [string, (v: Record<string, unknown>) => unknown][] = [
    ['no PCR8', (v) => delete (v.pcrs as Record<string, unknown>)['8']],
    ['a register more', (v) => ((v.pcrs as Record<string, unknown>)['3'] = '00'.repeat(48))],
    ['a short register', (v) => ((v.pcrs as Record<string, unknown>)['0'] = '00')],
    ['another format', (v) => (v.format = 2)],
    ['a field more', (v) => (v.also = 1)],
    ['no release', (v) => (v.release = null)],
  ]
  for (const [name, change] of rows) {
    const values = structuredClone(VALUES)
    change(values as unknown as Record<string, unknown>)
    const envelope = signReferenceValues(values, pipeline.key, pipeline.certificate)
    t.throws(() => openReferenceValues(envelope, pipeline.certificate), { code: 'ERR_REFERENCE_SYNTAX' }, name)
  }
})
