/** 8. Only tested software from the trusted pipeline runs. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { ReleaseFacts } from '../../control/releases/release.ts'
import { imageDigest } from '../../nitro/admission/release.ts'
import { parseEif, writeEif } from '../../nitro/eif/format.ts'
import { type Attempt, type Finding, sharedTwin } from '../attempt.ts'
import type { Claim } from '../claim.ts'
import { approve, execute, propose, releaseOf, rollOut } from '../council.ts'
import { ask, findingOf, sha384 } from '../doors.ts'
import { grantFor, launch, measured, tampered } from '../launcher.ts'
import { realPipeline, selfMadePipeline, signedBy, signedImage } from '../pipeline.ts'
import type { Signer, Target } from '../target.ts'

const WORKLOAD = 'hello'

/** What is sent, where it is not the image as it was released. `release`: null sends none. */
type Try = { image?: Uint8Array; grant?: Uint8Array; release?: Uint8Array | null; signer?: Signer }

export const trustedPipeline: Claim = {
  number: 8,
  statement: 'Only tested software from the trusted pipeline runs',
  async attempts(target) {
    const pipeline = realPipeline(target)
    const image = signedImage(target, WORKLOAD)
    const release = releaseOf(image, pipeline)
    await letRun(target, release)
    const { PCR8 } = measured(image)
    const facts = () => ({
      enclaveName: `claims-${randomBytes(4).toString('hex')}`,
      workloadName: WORKLOAD,
      pcr8: PCR8 as string,
    })
    const good: Required<Try> = { image, grant: await grantFor(target, facts()), release, signer: 'operator' }
    const grant = (changed: Parameters<typeof grantFor>[2]) => grantFor(target, facts(), changed)
    const spoilt = { ...images(target, image), ...grants(target, facts, grant), ...releases(target, image) }
    const cases: [what: string, attempt: () => Promise<Try>][] = [
      ...Object.entries(spoilt),
      ['an approver launches', async () => ({ signer: 'approver-1' })],
      ['a stranger launches', async () => ({ signer: 'stranger' })],
    ]
    const twin = sharedTwin(
      'the image as it was signed, tested and rolled out, under the owner’s grant: it runs, and is ended',
      () => launched(target, good),
    )
    const attempts: Attempt[] = cases.map(([what, attempt]) => ({
      what: `launch: ${what}`,
      attack: async () => launched(target, { ...good, ...(await attempt()) }),
      twin,
    }))
    return [...attempts, ...switches(target, good, twin)]
  },
}

type Spoilt = Record<string, () => Promise<Try>>

function images(target: Target, image: Uint8Array): Spoilt {
  const own = signedBy(selfMadePipeline(target), target.images.hello)
  return {
    'an image that nobody signed': async () => ({ image: target.images.hello }),
    'an image of a self-made pipeline': async () => ({ image: own }),
    'one bit of the workload flipped after it was signed': async () => ({ image: tampered(image) }),
    'an image with the signature of another one': async () => {
      const mixed = withSignatureOf(target.images.echo, image)
      const release = releaseOf(mixed, realPipeline(target))
      await letRun(target, release)
      return {
        image: mixed,
        release,
        grant: await grantFor(target, { ...named('echo'), pcr8: measured(image).PCR8 as string }),
      }
    },
    'the image without its last byte': async () => ({ image: image.subarray(0, -1) }),
  }
}

function grants(
  target: Target,
  facts: () => Parameters<typeof grantFor>[1],
  grant: (changed: Parameters<typeof grantFor>[2]) => Promise<Uint8Array>,
): Spoilt {
  const stranger = generateKeyPairSync('ed25519').privateKey
  const other = '0'.repeat(96)
  return {
    'a self-made pipeline, which the owner’s grant lets run': async () => selfMade(target, undefined),
    'a self-made pipeline, under an owner of one’s own': async () => selfMade(target, stranger),
    'a grant for another image': async () => ({
      grant: await grant({ releaseRule: { pins: [{ pcr0: other, pcr1: other, pcr2: other }] } }),
    }),
    'a grant for another pipeline': async () => ({ grant: await grant({ releaseRule: { pcr8: other } }) }),
    'a grant for another workload': async () => ({ grant: await grant({ workloadName: 'keyvalue' }) }),
    'a grant under another genesis': async () => ({ grant: await grant({ genesisDigest: other }) }),
    'a grant that demands a newer release': async () => ({ grant: await grant({ minSecurityVersion: 1_000_000 }) }),
    'a grant in the owner’s name, signed by another key': async () => ({
      grant: await grantFor(target, facts(), { owners: [target.owner] }, stranger),
    }),
  }
}

/** Image, release and grant of one's own pipeline, all in order but for whose it is. */
async function selfMade(target: Target, owner: Parameters<typeof grantFor>[3]): Promise<Try> {
  const own = selfMadePipeline(target)
  const image = signedBy(own, target.images.hello)
  const facts = { ...named(WORKLOAD), pcr8: measured(image).PCR8 as string }
  return { image, release: releaseOf(image, own), grant: await grantFor(target, facts, {}, owner) }
}

function releases(target: Target, image: Uint8Array): Spoilt {
  const pipeline = realPipeline(target)
  const failed = { passed: false, failedTests: ['the one that counts'] }
  const of = (changed: Parameters<typeof releaseOf>[2]) => releaseOf(image, pipeline, changed)
  /** Whoever launches such a release has tried to have it rolled out before. */
  const rolledOut = async (release: Uint8Array): Promise<Try> => {
    await letRun(target, release)
    return { release }
  }
  return {
    'no release at all': async () => ({ release: null }),
    'a release that nobody rolled out': async () => ({ release: of({}) }),
    'a release of another image': () => rolledOut(releaseOf(target.images.echo, pipeline)),
    'a release by a self-made pipeline': () => rolledOut(releaseOf(image, selfMadePipeline(target))),
    'a release whose tests failed': () => rolledOut(of({ tests: { ...testsOf(image), ...failed } })),
    'a release that was not tested': () => rolledOut(of({ tests: { ...testsOf(image), passedTests: [] } })),
    'a release with the tests of another image': () => rolledOut(of({ tests: testsOf(target.images.echo) })),
    // Rolled out it would keep the image itself from running, as a downgrade
    'a release of another security version than the image says': async () => ({ release: of({ securityVersion: 2 }) }),
    'a release altered after it was signed': async () => {
      const text = Buffer.from(of({})).toString('utf8')
      return {
        release: new Uint8Array(
          Buffer.from(text.replace(/"payload":"(.)/, (_, c) => `"payload":"${c === 'e' ? 'f' : 'e'}`)),
        ),
      }
    },
  }
}

function testsOf(image: Uint8Array): ReleaseFacts['tests'] {
  return {
    image: imageDigest(parseEif(image)),
    imageName: 'any.eif',
    passed: true,
    command: ['claims'],
    passedTests: ['it was built'],
    failedTests: [],
  }
}

const named = (workloadName: string) => ({ enclaveName: `claims-${randomBytes(4).toString('hex')}`, workloadName })

/** Rolled out in the way that it is done. */
async function letRun(target: Target, release: Uint8Array): Promise<void> {
  const proposal = await propose(target, 'operator', 'roll-out', rollOut(release, realPipeline(target)))
  await approve(target, 'approver-1', proposal)
  await approve(target, 'approver-2', proposal)
  await execute(target, 'operator', proposal)
}

async function launched(target: Target, { image, grant, release, signer }: Required<Try>): Promise<Finding> {
  const answer = await launch(target, signer, image, grant, release)
  const id = (answer.result as { EnclaveID?: string } | undefined)?.EnclaveID
  if (id !== undefined) await ask(target, 'operator', { action: 'terminate-enclave', parameters: { id } })
  return findingOf(answer)
}

/** Fields that would open a way around, were they there. */
function switches(target: Target, { image, grant, release }: Required<Try>, twin: Attempt['twin']): Attempt[] {
  return ['debugMode', 'attachConsole', 'allowUnsigned', 'skipAdmission', 'environment'].map((field) => ({
    what: `launch with ${field} in the request`,
    attack: async () => {
      const parameters = {
        name: null,
        memoryMiB: 64,
        cpuCount: 1,
        cid: null,
        eifSha384: sha384(image),
        eifBytes: image.length,
        grantChain: Buffer.from(grant).toString('base64url'),
        release: Buffer.from(release as Uint8Array).toString('base64url'),
        [field]: true,
      }
      return findingOf(await ask(target, 'operator', { action: 'run-enclave', parameters }, image))
    },
    twin,
  }))
}

function withSignatureOf(image: Uint8Array, signed: Uint8Array): Uint8Array {
  return writeEif({ ...parseEif(image), signature: parseEif(signed).signature })
}
