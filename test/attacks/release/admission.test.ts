// Groups B and K: releases that are not what they seem, at the one place where images are admitted; each beside the release that launches.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { developmentGrant, makeDevelopmentHost, pipelineFiles, readGenesis } from '../../../host/cli/development.ts'
import { readReleaseImage, releaseFacts } from '../../../host/cli/release-image.ts'
import { runTests } from '../../../host/cli/release-test.ts'
import { foundingPolicy, type Policy } from '../../../host/control/policy/document.ts'
import { openRelease, type ReleaseFacts, signRelease } from '../../../host/control/releases/release.ts'
import type { RolledOut } from '../../../host/control/releases/rules.ts'
import { errorCode } from '../../../host/errors.ts'
import { signEif } from '../../../host/nitro/eif/signature.ts'
import { prepareLaunch } from '../../../host/nitro/launch.ts'
import { imageOf, signedMeasurements } from '../../kit/host.ts'
import { Pipeline } from '../../kit/pipeline.ts'

const { folder } = makeDevelopmentHost(mkdtempSync(join(tmpdir(), 'wc-')))
t.teardown(() => rmSync(folder.root, { recursive: true, force: true }))
const files = pipelineFiles(folder)
const [pem, keyPem] = [readFileSync(files.certificate, 'utf8'), readFileSync(files.key, 'utf8')]
const certificate = new X509Certificate(pem)
const key = createPrivateKey(keyPem)
const eif = signEif(imageOf('echo'), pem, keyPem)
const tests = await runTests(eif, [], 1000)
const facts = releaseFacts(readReleaseImage(eif), tests, 'urn:test')
const envelope = signRelease(facts, key, certificate)
const release = openRelease(envelope, certificate)
const genesis = readGenesis(folder)
const grantChain = await developmentGrant(folder, {
  enclaveName: 'echo',
  workloadName: 'echo',
  releaseRule: { pcr8: signedMeasurements(eif).PCR8 as string },
})
const rolledOut: RolledOut = new Map([[release.digest, release]])
const boot = {
  version: 1,
  node: 'ab'.repeat(48),
  nitro: 'ab'.repeat(48),
  enclave: 'ab'.repeat(48),
  flags: [],
  isolation: [],
  clock: 'host',
  development: true,
} as const

type Try = { eif?: Uint8Array; release?: Uint8Array | null; rolledOut?: RolledOut; policy?: (p: Policy) => unknown }

/** @returns the release digest of the admission record, or the code of the refusal */
async function launch(attempt: Try = {}): Promise<string> {
  const policy = foundingPolicy(genesis)
  attempt.policy?.(policy.policy)
  try {
    const { record } = await prepareLaunch({
      eif,
      release: envelope,
      rolledOut,
      ...attempt,
      policy,
      grantChain,
      memoryMiB: 64,
      moduleId: 'i-0123456789abcdef0-enc0123456789abcdef',
      instanceId: 'i-0123456789abcdef0',
      genesisDigest: genesis.digest,
      boot: { ...boot, flags: [], isolation: [] },
      logged: { index: 1, checkpoint: '' },
      now: new Date(),
    })
    return Buffer.from(record).includes(`"releaseDigest":"${release.digest}"`) ? 'launches' : 'launches otherwise'
  } catch (error) {
    return errorCode(error) ?? String((error as Error).stack)
  }
}

/** Signed by the pipeline itself, with a change of what it says: an insider's. Rolled out too. */
function insiders(changes: Partial<ReleaseFacts>): Try {
  const other = signRelease({ ...facts, ...changes }, key, certificate)
  try {
    const opened = openRelease(other, certificate)
    return { release: other, rolledOut: new Map([...rolledOut, [opened.digest, opened]]) }
  } catch {
    return { release: other }
  }
}

async function refuses(t: Test, rows: [string, Try, string][]): Promise<void> {
  for (const [name, attempt, code] of rows) {
    t.equal(await launch(attempt), code, name)
    t.equal(await launch(), 'launches')
  }
}

t.test('K09 refuses a launch without provenance, with a torn one, and with that of another image', async (t) => {
  const stranger = new Pipeline()
  const cut = envelope.slice(0, -20)
  const flipped = Buffer.from(
    Buffer.from(envelope)
      .toString('utf8')
      .replace('"sig":"', '"sig":"AAAA')
      .replace(/AAAA..../, 'AAAA'),
  )
  await refuses(t, [
    ['none', { release: null }, 'ERR_RELEASE_MISSING'],
    ['empty', { release: new Uint8Array(0) }, 'ERR_JSON_SYNTAX'],
    ['torn', { release: cut }, 'ERR_JSON_SYNTAX'],
    ['another signature', { release: new Uint8Array(flipped) }, 'ERR_RELEASE_SIGNATURE'],
    ['by a stranger', { release: signRelease(facts, stranger.key, stranger.certificate) }, 'ERR_RELEASE_SIGNATURE'],
    [
      'by a stranger under the name of the pipeline',
      { release: signRelease(facts, stranger.key, certificate) },
      'ERR_RELEASE_SIGNATURE',
    ],
    [
      'of another image',
      insiders({ image: '12'.repeat(48), tests: { ...tests, image: '12'.repeat(48) } }),
      'ERR_RELEASE_IMAGE',
    ],
  ])
})

t.test('refuses what was not tested, failed, or whose tests ran on another image', async (t) => {
  await refuses(t, [
    ['failed', insiders({ tests: { ...tests, passed: false } }), 'ERR_RELEASE_TESTS'],
    ['one failed', insiders({ tests: { ...tests, failedTests: ['keeps'] } }), 'ERR_RELEASE_TESTS'],
    ['none ran', insiders({ tests: { ...tests, passedTests: [] } }), 'ERR_RELEASE_TESTS'],
    ['on another image', insiders({ tests: { ...tests, image: '12'.repeat(48) } }), 'ERR_RELEASE_TESTS'],
  ])
})

t.test('B13 refuses a release that says something else than the manifest of its image', async (t) => {
  await refuses(t, [
    ['workload', insiders({ workload: 'keyvalue' }), 'ERR_RELEASE_IMAGE'],
    ['version', insiders({ version: '9.9.9' }), 'ERR_RELEASE_IMAGE'],
    ['security version', insiders({ securityVersion: 7 }), 'ERR_RELEASE_IMAGE'],
  ])
})

t.test('K09 refuses what approvers did not roll out, and a release that was replaced by a safer one', async (t) => {
  const safer = { ...release, securityVersion: 2, digest: '34'.repeat(48) }
  await refuses(t, [
    ['signed and not rolled out', { rolledOut: new Map() }, 'ERR_RELEASE_APPROVAL'],
    ['the same facts signed again', { release: signRelease(facts, key, certificate) }, 'ERR_RELEASE_APPROVAL'],
    ['downgraded', { rolledOut: new Map([...rolledOut, [safer.digest, safer]]) }, 'ERR_RELEASE_DOWNGRADE'],
  ])
})

t.test('K10 refuses a pipeline that is another workload’s, and a builder nobody named', async (t) => {
  const rule = (changes: Partial<Policy['releaseRules'][number]>) => (p: Policy) => {
    p.releaseRules = [{ ...(p.releaseRules[0] as Policy['releaseRules'][number]), ...changes }]
  }
  await refuses(t, [
    ['rules for others alone', { policy: rule({ workload: 'keyvalue' }) }, 'ERR_RELEASE_RULE'],
    [
      'another pipeline for this name',
      { policy: rule({ workload: 'echo', certificates: [] }) },
      'ERR_RELEASE_PIPELINE',
    ],
    ['another builder', { policy: rule({ builders: ['urn:ci'] }) }, 'ERR_RELEASE_BUILDER'],
    ['no pipeline any more', { policy: (p) => (p.pipelineCertificates = []) }, 'ERR_LAUNCH_PIPELINE'],
  ])
  t.equal(await launch({ policy: rule({ workload: 'echo', builders: ['urn:test'] }) }), 'launches')
  t.equal(await launch({ rolledOut: new Map(), policy: rule({ approval: false }) }), 'launches')
})

t.test('refuses an image whose metadata was changed under its release, though no register shows it', async (t) => {
  const renamed = signEif(imageOf('echo', undefined, { version: '9.9.9' }), pem, keyPem)
  t.equal(await launch({ eif: renamed }), 'ERR_RELEASE_IMAGE')
  t.equal(await launch({ eif: signEif(eif, pem, keyPem) }), 'launches', 'signed again it is the same image')
})
