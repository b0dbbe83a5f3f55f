/**
 * Enclave processes as nitro starts them, without what surrounds a launch (signatures of requests, upload, registry): what is left is
 * the time from a launch record to a kernel that has booted and a workload that serves.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { developmentGrant, makeDevelopmentHost, pipelineFiles, readGenesis } from '../host/cli/development.ts'
import { signDevelopmentRelease } from '../host/cli/development-release.ts'
import { readFile, readText } from '../host/cli/files.ts'
import { foundingPolicy } from '../host/control/policy/document.ts'
import { measureBinaries } from '../host/nitro/boot-measurement.ts'
import { signEif } from '../host/nitro/eif/signature.ts'
import { Enclave } from '../host/nitro/enclave.ts'
import { type PreparedLaunch, prepareLaunch } from '../host/nitro/launch.ts'
import { Signer } from '../host/nitro/nsm/signer.ts'
import { Pki } from '../host/nitro/pki/pki.ts'
import { Pool } from '../host/nitro/pool/pool.ts'
import { ENCLAVE_FLAGS, type Slot } from '../host/nitro/pool/slot.ts'
import { imageOf, signedMeasurements } from '../test/kit/host.ts'
import { ParentUnderTest } from '../test/kit/parent.ts'

const MEMORY_MIB = 64

export class Children {
  readonly #parent: ParentUnderTest
  readonly #pki: Pki
  readonly #launch: PreparedLaunch
  readonly #moduleId: string
  readonly #root: string

  private constructor(parent: ParentUnderTest, pki: Pki, launch: PreparedLaunch, moduleId: string, root: string) {
    this.#parent = parent
    this.#pki = pki
    this.#launch = launch
    this.#moduleId = moduleId
    this.#root = root
  }

  static async prepare(workload: string): Promise<Children> {
    const { folder } = makeDevelopmentHost(mkdtempSync(join(tmpdir(), 'wc-')))
    const { genesis, digest } = readGenesis(folder)
    const files = pipelineFiles(folder)
    const eif = signEif(imageOf(workload), readText(files.certificate), readText(files.key))
    const measurements = signedMeasurements(eif)
    // Without a store: nobody would open it here
    const releaseRule = { pcr8: measurements.PCR8 as string }
    const facts = { enclaveName: workload, workloadName: workload, releaseRule, store: false }
    const bundles = { node: process.execPath, nitro: resolve('dist/nitro.mjs'), enclave: resolve('dist/enclave.cjs') }
    const moduleId = `${genesis.hostId}-enc${createHash('sha256').update(genesis.hostId).digest('hex').slice(0, 16)}`
    const released = await signDevelopmentRelease(folder, eif)
    if (released === undefined) throw new Error(`${workload} passes not the suite of the pipeline`)
    const launch = await prepareLaunch({
      eif,
      grantChain: await developmentGrant(folder, facts),
      release: released.envelope,
      policy: foundingPolicy({ genesis, digest }),
      rolledOut: new Map([[released.release.digest, released.release]]),
      memoryMiB: MEMORY_MIB,
      moduleId,
      instanceId: genesis.hostId,
      genesisDigest: digest,
      boot: {
        version: 1,
        ...(await measureBinaries(bundles)),
        flags: ENCLAVE_FLAGS,
        isolation: [],
        clock: 'host',
        development: true,
      },
      logged: { index: 1, checkpoint: '' },
      now: new Date(),
    })
    const parent = await new ParentUnderTest().start()
    return new Children(parent, new Pki(folder.nitro, genesis.hostId), launch, moduleId, folder.root)
  }

  /** @param size of waiting children; with 0 each is started when it is taken */
  pool(size: number): Pool {
    const pool = new Pool({
      bundle: resolve('dist/enclave.cjs'),
      enclavesSocket: join(this.#parent.folder, 'enclaves.sock'),
      size,
      ownUsers: false,
      kernel: readFile('assembly/kernel/kernel.wasm'),
      introduce: async (slot, token) => {
        this.#parent.tell({ type: 'slot', slot, token })
        await this.#parent.next('introduced')
      },
    })
    pool.fill()
    return pool
  }

  /** Fulfils when the workload serves. */
  async boot(slot: Slot): Promise<void> {
    const facts = { name: 'bench', moduleId: this.#moduleId, cid: 16, cpuIds: [0], memoryMiB: MEMORY_MIB, startedMs: 0 }
    const services = { pki: this.#pki, signer: new Signer(), now: Date.now, nudge: () => {} }
    new Enclave(facts, this.#launch, slot, services)
    await slot.launch(this.#launch.record)
  }

  async stop(): Promise<void> {
    await this.#parent.stop()
    rmSync(this.#root, { recursive: true, force: true })
  }
}
