// A new release of keyvalue, from a folder to a client who appraises it: the shown steps, and each shortcut refused with its reason.

import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { attest } from '../../host/cli/attest.ts'
import { type Bundle, decodeBundle, encodeBundle, judgeBundle } from '../../host/cli/bundle.ts'
import { ownerKey, pipelineFiles, publicHex, readGenesis } from '../../host/cli/development.ts'
import { describeEnclaves, runEnclave, terminateEnclave } from '../../host/cli/enclaves.ts'
import { verify } from '../../host/cli/verify.ts'
import { connect, identityFromPem } from '../../host/client/index.ts'
import { signGenesis } from '../../host/control/genesis.ts'
import { dataFolder } from '../../host/nitro/data-folder.ts'
import { Daemon } from '../kit/daemon.ts'
import { newGenesis } from '../kit/genesis.ts'
import { Pipeline } from '../kit/pipeline.ts'
import { printed, refusal, verb, verbJson } from '../kit/verbs.ts'

const folder = mkdtempSync(join(tmpdir(), 'wc-'))
const host = await Daemon.start()
t.teardown(async () => {
  await host.stop()
  rmSync(folder, { recursive: true, force: true })
})
const at = (name: string) => join(folder, name)
const data = ['--data', host.data]
const files = dataFolder(host.data)
const pipeline = pipelineFiles(files)
const signing = ['--signing-certificate', pipeline.certificate, '--private-key', pipeline.key]

/** The folder of keyvalue, as its author would give it the next version. */
function source(version: string, changes: Record<string, unknown> = {}): string {
  const path = at(`source-${version}`)
  cpSync('assembly/workloads/keyvalue', path, { recursive: true })
  const description = JSON.parse(readFileSync(join(path, 'enclave.json'), 'utf8'))
  writeFileSync(join(path, 'enclave.json'), JSON.stringify({ ...description, version, ...changes }))
  return path
}

async function appraised(pcr0: string) {
  const identity = await identityFromPem(readFileSync(join(files.customer, 'owner.key'), 'utf8'))
  const policy = {
    root: readFileSync(files.rootCertificate, 'utf8'),
    owner: publicHex(ownerKey(files)),
    pcrs: { 0: pcr0 },
    allowDevelopment: true,
  }
  return connect(`${host.ready.gateway}/enclaves/keyvalue`, policy, identity)
}

const suite = [
  '--',
  process.execPath,
  '-e',
  'console.log("ok 1 - has an image to test, a file of " + process.argv[1].slice(-4))',
  '{eif}',
]
const build = (version: string, name: string) =>
  verb('release', 'build', '--docker-dir', source(version), '--output-file', at(`${name}.eif`))
const signArgs = (name: string, result = name) => [
  'release',
  'sign',
  '--eif-path',
  at(`${name}.eif`),
  '--test-result',
  at(`${result}.test-result.json`),
  ...signing,
]
async function release(version: string, name: string): Promise<void> {
  await build(version, name)
  await verb('release', 'test', '--eif-path', at(`${name}.eif`), ...suite)
  const signed = await verbJson(...signArgs(name))
  t.ok(signed.Version === version && signed.Tests.Passed.includes('has an image to test, a file of .eif'))
}
const run = (name: string, envelope = name) =>
  printed(() =>
    runEnclave({
      data: host.data,
      eifPath: at(`${name}.eif`),
      memory: '64',
      enclaveName: 'keyvalue',
      release: at(`${envelope}.release.json`),
    }),
  )
const propose = async (name: string): Promise<string> =>
  (await verbJson('admin', 'propose', 'roll-out', ...data, '--json', '--eif-path', at(`${name}.eif`))).Proposal
/** What is published of a version, and what runs from there. */
const published = (version: string, file: string) => join(at('published'), 'keyvalue', version, file)
const runPublished = (version: string) =>
  printed(() =>
    runEnclave({
      data: host.data,
      eifPath: published(version, 'image.eif'),
      memory: '64',
      enclaveName: 'keyvalue',
      release: published(version, 'release.json'),
    }),
  )
const referenceOf = (name: string): { pcrs: Record<string, string>; release: string } =>
  JSON.parse(Buffer.from(JSON.parse(readFileSync(at(`${name}.reference.json`), 'utf8')).payload, 'base64').toString())
const pcr0 = (name: string) => referenceOf(name).pcrs['0'] as string

t.test('runs version 1.0.0 by its release, for a client who knows its reference values', async (t) => {
  await release('1.0.0', 'one')
  t.equal(await refusal(run('one')), 'ERR_RELEASE_APPROVAL', 'before anybody approved')
  const proposal = await propose('one')
  for (const approver of ['approver-1', 'approver-2'])
    await verb('admin', 'approve', proposal, ...data, '--json', '--as', approver)
  await verb('admin', 'execute', proposal, ...data)
  t.match(await run('one'), { EnclaveName: 'keyvalue' })
  const client = await appraised(pcr0('one'))
  t.equal((await client.fetch('/v1/kept', { method: 'PUT', body: 'by its owner' })).status, 201)
  const digest = createHash('sha384')
    .update(readFileSync(at('one.release.json')))
    .digest('hex')
  t.match(client.evidence.admission, { releaseDigest: digest, policyDigest: readGenesis(files).digest })
  t.equal(referenceOf('one').release, digest)
  client.close()
})

t.test('refuses to sign what was not tested, failed, or was tested as another image', async (t) => {
  await build('1.1.0', 'two')
  t.equal(await refusal(verb(...signArgs('two'))), 'ERR_FILE_READ', 'no test result')
  t.equal(await refusal(verb(...signArgs('two', 'one'))), 'ERR_RELEASE_TESTS', 'the result of another image')
  const failing = ['--', process.execPath, '-e', 'console.log("not ok 1 - keeps what it was given")']
  t.equal(await refusal(verb('release', 'test', '--eif-path', at('two.eif'), ...failing)), 'ERR_RELEASE_TESTS')
  t.equal(await refusal(verb(...signArgs('two'))), 'ERR_RELEASE_TESTS', 'the result says FAILED')
  const exiting = ['--', process.execPath, '-e', 'process.exit(3)']
  t.equal(await refusal(verb('release', 'test', '--eif-path', at('two.eif'), ...exiting)), 'ERR_RELEASE_TESTS')
  const rewriting = [
    '--',
    process.execPath,
    '-e',
    `f=process.argv[1];fs.chmodSync(f,0o600);fs.copyFileSync(${JSON.stringify(at('one.eif'))},f)`,
    '{eif}',
  ]
  t.equal(await refusal(verb('release', 'test', '--eif-path', at('two.eif'), ...rewriting)), 'ERR_RELEASE_TESTS')
  await verb('release', 'test', '--eif-path', at('two.eif'), ...suite)
  t.equal(await refusal(verb(...signArgs('two'))), 'done')
})

t.test('verifies a release by building it again, and refuses another source', async (t) => {
  const verify = (version: string, ...more: string[]) => [
    'release',
    'verify',
    '--eif-path',
    at('two.eif'),
    '--signing-certificate',
    pipeline.certificate,
    '--docker-dir',
    at(`source-${version}`),
    ...more,
  ]
  t.match(await verbJson(...verify('1.1.0')), { Version: '1.1.0', Rebuilt: true })
  t.equal(await refusal(verb(...verify('1.0.0'))), 'ERR_RELEASE_REBUILD')
  t.equal(await refusal(verb(...verify('1.1.0', '--release', at('one.release.json')))), 'ERR_RELEASE_IMAGE')
  t.equal(await refusal(verb(...verify('1.1.0', '--commit', '12'.repeat(20)))), 'ERR_RELEASE_SOURCE')
  const commit = ['--source', 'git+https://example.com/keyvalue', '--commit', '12'.repeat(20)]
  t.equal(await refusal(verb(...signArgs('two'), ...commit)), 'done')
  t.equal(await refusal(verb(...verify('1.1.0', '--commit', '12'.repeat(20)))), 'done')
})

t.test('rolls out 1.1.0 in the shown steps, each shortcut refused', async (t) => {
  const publish = ['release', 'publish', '--eif-path', at('two.eif'), '--to', at('published')]
  t.match(await verbJson(...publish, '--signing-certificate', pipeline.certificate), { Version: '1.1.0', New: true })
  await printed(() => terminateEnclave({ data: host.data, enclaveName: 'keyvalue' }))
  t.equal(await refusal(run('two')), 'ERR_RELEASE_APPROVAL', 'run without a roll-out')
  t.equal(await refusal(runPublished('1.1.0')), 'ERR_RELEASE_APPROVAL', 'published is not rolled out')
  t.equal(await refusal(run('two', 'one')), 'ERR_RELEASE_IMAGE', 'run under the release of 1.0.0')
  const rollOut = ['admin', 'propose', 'roll-out', ...data, '--json', '--eif-path', published('1.1.0', 'image.eif')]
  const proposal = (await verbJson(...rollOut)).Proposal
  const admin = (name: string, ...more: string[]) => verb('admin', name, proposal, ...data, '--json', ...more)
  t.equal(await refusal(admin('execute')), 'ERR_APPROVAL_THRESHOLD', 'execute at once')
  t.equal(await refusal(admin('approve', '--as', 'operator')), 'ERR_ADMIN_ROLE', 'approve as the operator')
  t.equal(await refusal(admin('approve', '--payload', '12'.repeat(48))), 'ERR_APPROVAL_PAYLOAD', 'E14')
  t.equal(await refusal(admin('withdraw', '--as', 'approver-1')), 'ERR_PROPOSAL_PROPOSER')
  t.match(JSON.parse(await admin('show')), { action: 'roll-out', payload: { envelope: { signatures: [{}] } } })
  const shown = await verb('admin', 'show', proposal, ...data)
  t.match(shown, /\+ keyvalue 1\.1\.0, security version 1\n {2}runs now {2}1\.0\.0/)
  t.same(
    shown.split('\n').filter((line) => line.length > 100),
    [],
    'in 100 columns',
  )
  t.match(JSON.parse(await admin('approve', '--as', 'approver-1')), { Approvals: 1 })
  t.equal(await refusal(admin('approve', '--as', 'approver-1')), 'ERR_APPROVAL_TWICE')
  t.equal(await refusal(admin('execute')), 'ERR_APPROVAL_THRESHOLD', 'execute with one approval')
  t.equal(await refusal(run('two')), 'ERR_RELEASE_APPROVAL', 'run with one approval')
  t.match(JSON.parse(await admin('approve', '--as', 'approver-2')), { Approvals: 2 })
  t.match(JSON.parse(await admin('execute')), { Executed: true })
  t.equal(await refusal(admin('execute')), 'ERR_PROPOSAL_ENDED', 'execute twice')
})

t.test('lets the client see the change: the old reference values refuse it, the new ones hold', async (t) => {
  t.match(await runPublished('1.1.0'), { EnclaveName: 'keyvalue' })
  t.equal(await refusal(appraised(pcr0('one'))), 'ERR_EVIDENCE_PCR')
  const client = await appraised(pcr0('two'))
  t.equal(client.evidence.admission.releaseDigest, referenceOf('two').release)
  t.equal(await (await client.fetch('/v1/kept')).text(), 'by its owner', 'and its data is there')
  t.equal((await client.fetch('/v1/again', { method: 'PUT', body: 'x' })).status, 201)
  client.close()
})

t.test(
  'changes the policy in the same way: a third approver, whom the host then takes, and the digest in PCR17',
  async (t) => {
    const third = generateKeyPairSync('ed25519').privateKey
    const keyFile = at('third.pem')
    writeFileSync(keyFile, third.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 })
    const enrol = ['admin', 'propose', 'enrol-key', '--role', 'approver', '--public-key', publicHex(third)]
    const { Proposal } = await verbJson(...enrol, ...data, '--json')
    const approve = (...who: string[]) => verb('admin', 'approve', Proposal, ...data, '--json', ...who)
    t.equal(await refusal(approve('--key', keyFile)), 'ERR_ADMIN_KEY', 'who is to come has no word yet')
    await approve('--as', 'approver-1')
    await approve('--as', 'approver-2')
    const executed = await verbJson('admin', 'execute', Proposal, ...data)
    t.match(executed, { PolicyVersion: 1 })
    t.not(executed.PolicyDigest, readGenesis(files).digest)
    const again = await propose('two').then(
      () => 'done',
      (error) => error.code,
    )
    t.equal(again, 'ERR_PROPOSAL_DONE')
    const retire = ['admin', 'propose', 'retire-release', ...data, '--json', '--release', referenceOf('one').release]
    const next = (await verbJson(...retire)).Proposal
    await verb('admin', 'approve', next, ...data, '--json', '--key', keyFile)
    await verb('admin', 'approve', next, ...data, '--json', '--as', 'approver-2')
    t.match(await verbJson('admin', 'execute', next, ...data), { Executed: true })
    await printed(() => terminateEnclave({ data: host.data, enclaveName: 'keyvalue' }))
    t.equal(await refusal(run('one')), 'ERR_RELEASE_APPROVAL', 'a retired release')
    await run('two')
    const client = await appraised(pcr0('two'))
    t.equal(client.evidence.admission.policyDigest, executed.PolicyDigest)
    client.close()
    t.equal((await printed(() => describeEnclaves({ data: host.data }))).length, 1)
  },
)

t.test('verifies it all offline from one bundle, under two pins and the owner', async (t) => {
  const asked = { data: host.data, enclaveName: 'keyvalue', output: at('doc.cbor'), bundle: at('bundle') }
  await printed(() => attest({ ...asked, referenceValues: published('1.1.0', 'reference-values.json') }))
  const bundle = decodeBundle(readFileSync(at('bundle')))
  const pins = {
    root: readFileSync(files.rootCertificate, 'utf8'),
    certificate: new X509Certificate(readFileSync(pipeline.certificate)),
    owner: publicHex(ownerKey(files)),
    at: new Date(),
  }
  const judge = (changes: Partial<Bundle> = {}, otherPins = {}) =>
    refusal(judgeBundle(decodeBundle(encodeBundle({ ...bundle, ...changes })), { ...pins, ...otherPins }))
  t.match(await judgeBundle(bundle, pins), { appraised: true, version: '1.1.0', policyVersion: 1 })
  const stranger = newGenesis()
  const rows: [string, Partial<Bundle>, string][] = [
    ['reference values of 1.0.0', { referenceValues: readFileSync(at('one.reference.json')) }, 'ERR_EVIDENCE_PCR'],
    ['a release for reference values', { referenceValues: readFileSync(at('two.release.json')) }, 'ERR_RELEASE_SYNTAX'],
    ['no change of the policy', { changes: [] }, 'ERR_BUNDLE_POLICY'],
    ['another genesis', { genesis: signGenesis(stranger.genesis, stranger.approvers) }, 'ERR_BUNDLE_GENESIS'],
    ['another admission record', { admissionRecord: bundle.bootRecord }, 'ERR_EVIDENCE_RECORDS'],
    ['another grant', { grantChain: bundle.bootRecord }, 'ERR_EVIDENCE_RECORDS'],
  ]
  for (const [name, changes, code] of rows) t.equal(await judge(changes), code, name)
  t.equal(await judge({}, { owner: '12'.repeat(32) }), 'ERR_GRANT_OWNER')
  t.equal(await judge({}, { certificate: new Pipeline().certificate }), 'ERR_RELEASE_SIGNATURE')
  t.equal(await judge({}, { at: new Date(0) }), 'ERR_EVIDENCE_DATES')
  t.equal(await judge(), 'done')
  const options = { root: files.rootCertificate, at: 'now', bundle: at('bundle') }
  t.match(await printed(() => verify(undefined, { ...options, signingCertificate: pipeline.certificate })), {
    workload: 'keyvalue',
  })
})
