/** 8. Only tested software from the trusted pipeline runs. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { parseEif, writeEif } from '../../nitro/eif/format.ts'
import { type Attempt, type Finding, sharedTwin } from '../attempt.ts'
import type { Claim } from '../claim.ts'
import { ask, findingOf } from '../doors.ts'
import { grantFor, launch, measured, realPipeline, selfMadePipeline, signedBy, tampered } from '../launcher.ts'
import type { Signer, Target } from '../target.ts'

const WORKLOAD = 'hello'

type Try = { image: Uint8Array; grant: Uint8Array; signer?: Signer }

export const trustedPipeline: Claim = {
  number: 8,
  statement: 'Only tested software from the trusted pipeline runs',
  async attempts(target) {
    const image = signedBy(realPipeline(target), target.images.hello)
    const { PCR8 } = measured(image)
    const name = () => `claims-${randomBytes(4).toString('hex')}`
    const facts = () => ({ enclaveName: name(), workloadName: WORKLOAD, pcr8: PCR8 as string })
    const good = await grantFor(target, facts())
    const stranger = generateKeyPairSync('ed25519').privateKey
    const other = '0'.repeat(96)
    const own = selfMadePipeline(target)
    const ownImage = signedBy(own, target.images.hello)
    const ownFacts = { ...facts(), pcr8: measured(ownImage).PCR8 as string }
    const grant = (changed: Parameters<typeof grantFor>[2]) => grantFor(target, facts(), changed)
    const cases: [what: string, attempt: () => Promise<Try>][] = [
      ['an image that nobody signed', async () => ({ image: target.images.hello, grant: good })],
      ['an image of a self-made pipeline', async () => ({ image: ownImage, grant: good })],
      [
        'an image of a self-made pipeline, which its own grant lets run',
        async () => ({ image: ownImage, grant: await grantFor(target, ownFacts) }),
      ],
      [
        'an image of a self-made pipeline, under an owner of one’s own',
        async () => ({ image: ownImage, grant: await grantFor(target, ownFacts, {}, stranger) }),
      ],
      ['one bit of the workload flipped after it was signed', async () => ({ image: tampered(image), grant: good })],
      [
        'an image with the signature of another one',
        async () => ({
          image: withSignatureOf(target.images.echo, image),
          grant: await grant({ workloadName: 'echo' }),
        }),
      ],
      ['the image without its last byte', async () => ({ image: image.subarray(0, -1), grant: good })],
      [
        'a grant for another image',
        async () => ({
          image,
          grant: await grant({ releaseRule: { pins: [{ pcr0: other, pcr1: other, pcr2: other }] } }),
        }),
      ],
      ['a grant for another pipeline', async () => ({ image, grant: await grant({ releaseRule: { pcr8: other } }) })],
      ['a grant for another workload', async () => ({ image, grant: await grant({ workloadName: 'keyvalue' }) })],
      ['a grant under another genesis', async () => ({ image, grant: await grant({ genesisDigest: other }) })],
      [
        'a grant that demands a newer release',
        async () => ({ image, grant: await grant({ minSecurityVersion: 1_000_000 }) }),
      ],
      [
        'a grant in the owner’s name, signed by another key',
        async () => ({ image, grant: await forged(target, facts()) }),
      ],
      ['an approver launches', async () => ({ image, grant: good, signer: 'approver-1' })],
      ['a stranger launches', async () => ({ image, grant: good, signer: 'stranger' })],
    ]
    const twin = sharedTwin(
      'the image as the pipeline signed it, under the owner’s grant: it runs, and is ended again',
      () => launched(target, { image, grant: good }),
    )
    const attempts: Attempt[] = cases.map(([what, attempt]) => ({
      what: `launch: ${what}`,
      attack: async () => launched(target, await attempt()),
      twin,
    }))
    return [...attempts, ...switches(target, image, good, twin)]
  },
}

async function launched(target: Target, { image, grant, signer = 'operator' }: Try): Promise<Finding> {
  const answer = await launch(target, signer, image, grant)
  const id = (answer.result as { EnclaveID?: string } | undefined)?.EnclaveID
  if (id !== undefined) await ask(target, 'operator', { action: 'terminate-enclave', parameters: { id } })
  return findingOf(answer)
}

/** Fields that would open a way around, were they there. */
function switches(target: Target, image: Uint8Array, grant: Uint8Array, twin: Attempt['twin']): Attempt[] {
  return ['debugMode', 'attachConsole', 'allowUnsigned', 'skipAdmission', 'environment'].map((field) => ({
    what: `launch with ${field} in the request`,
    attack: async () => {
      const parameters = {
        name: null,
        memoryMiB: 64,
        cpuCount: 1,
        cid: null,
        eifSha384: '0'.repeat(96),
        eifBytes: image.length,
        grantChain: Buffer.from(grant).toString('base64url'),
        release: null,
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

/** Names the owner, and is signed by somebody else. */
async function forged(target: Target, facts: Parameters<typeof grantFor>[1]): Promise<Uint8Array> {
  const stranger = generateKeyPairSync('ed25519').privateKey
  return grantFor(target, facts, { owners: [target.owner] }, stranger)
}
