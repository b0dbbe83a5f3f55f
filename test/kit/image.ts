// An image in the hands of somebody who changes it, and the judgement that every launch passes: all of it but the process.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { developmentGrant, makeDevelopmentHost, pipelineFiles, readGenesis } from '../../host/cli/development.ts'
import { signDevelopmentRelease } from '../../host/cli/development-release.ts'
import { foundingPolicy } from '../../host/control/policy/document.ts'
import { errorCode } from '../../host/errors.ts'
import type { DataFolder } from '../../host/nitro/data-folder.ts'
import { signEif } from '../../host/nitro/eif/signature.ts'
import { prepareLaunch } from '../../host/nitro/launch.ts'
import type { BootRecord } from '../../host/verifier/index.ts'
import { imageOf, signedMeasurements } from './host.ts'

const BOOT: BootRecord = {
  version: 1,
  node: 'ab'.repeat(48),
  nitro: 'ab'.repeat(48),
  enclave: 'ab'.repeat(48),
  flags: [],
  isolation: [],
  clock: 'host',
  development: true,
}

export class ImageUnderAttack {
  readonly image: Uint8Array
  /** The same image, signed by a pipeline that this host does not know. */
  readonly signedByStranger: Uint8Array
  readonly #grantChain: Uint8Array
  readonly #genesis: ReturnType<typeof readGenesis>
  readonly #sign: (image: Uint8Array) => Uint8Array
  readonly #folder: DataFolder

  private constructor(
    image: Uint8Array,
    signedByStranger: Uint8Array,
    grantChain: Uint8Array,
    genesis: ReturnType<typeof readGenesis>,
    sign: (image: Uint8Array) => Uint8Array,
    folder: DataFolder,
  ) {
    this.image = image
    this.signedByStranger = signedByStranger
    this.#grantChain = grantChain
    this.#genesis = genesis
    this.#sign = sign
    this.#folder = folder
  }

  static async make(workload: string): Promise<ImageUnderAttack> {
    const folders = [mkdtempSync(join(tmpdir(), 'wc-')), mkdtempSync(join(tmpdir(), 'wc-'))]
    try {
      const [ours, strangers] = folders.map((each) => makeDevelopmentHost(each).folder)
      const signer = (folder: NonNullable<typeof ours>) => {
        const files = pipelineFiles(folder)
        const [certificate, key] = [readFileSync(files.certificate, 'utf8'), readFileSync(files.key, 'utf8')]
        return (image: Uint8Array) => signEif(image, certificate, key)
      }
      const sign = signer(ours as NonNullable<typeof ours>)
      const unsigned = imageOf(workload)
      const image = sign(unsigned)
      const grantChain = await developmentGrant(ours as NonNullable<typeof ours>, {
        enclaveName: workload,
        workloadName: workload,
        releaseRule: { pcr8: signedMeasurements(image).PCR8 as string },
      })
      const signedByStranger = signer(strangers as NonNullable<typeof ours>)(unsigned)
      return new ImageUnderAttack(
        image,
        signedByStranger,
        grantChain,
        readGenesis(ours as NonNullable<typeof ours>),
        sign,
        ours as NonNullable<typeof ours>,
      )
    } finally {
      // The pipeline's key is needed for as long as images are changed
      process.once('exit', () => {
        for (const folder of folders) rmSync(folder, { recursive: true, force: true })
      })
    }
  }

  /** What an insider at the pipeline could have it sign. */
  sign(image: Uint8Array): Uint8Array {
    return this.#sign(image)
  }

  /** The insider has it released and rolled out too. @returns 'launches', or the code of the refusal */
  async launch(eif: Uint8Array, memoryMiB = 1024): Promise<string> {
    const released = await signDevelopmentRelease(this.#folder, eif)
    try {
      await prepareLaunch({
        eif,
        grantChain: this.#grantChain,
        release: released?.envelope ?? null,
        policy: foundingPolicy(this.#genesis),
        rolledOut: new Map(released === undefined ? [] : [[released.release.digest, released.release]]),
        memoryMiB,
        moduleId: 'i-0123456789abcdef0-enc0123456789abcdef',
        instanceId: 'i-0123456789abcdef0',
        genesisDigest: this.#genesis.digest,
        boot: BOOT,
        logged: { index: 1, checkpoint: '' },
        now: new Date(),
      })
      return 'launches'
    } catch (error) {
      return errorCode(error) ?? String((error as Error).stack)
    }
  }
}
