/** The hypervisor: parent, pool, PKI and enclaves under one roof; admin requests in, answers out. */
import { createHash, randomBytes } from 'node:crypto'
import { limitDataOf } from '../confine/limits.ts'
import type { Parameters, Request } from '../control/actions.ts'
import type { SignedGenesis } from '../control/genesis.ts'
import { type AuthorisedRequest, authoriseRequest, ReplayGuard } from '../control/request.ts'
import { FatalError, RefusedError, WasmclaveError } from '../errors.ts'
import type { BootRecord } from '../verifier/index.ts'
import type { ToNitro } from '../wire/control.ts'
import { HASH_ALGORITHM } from './eif/describe.ts'
import { Enclave } from './enclave.ts'
import { prepareLaunch } from './launch.ts'
import { Signer } from './nsm/signer.ts'
import { ParentLink, type ParentSettings } from './parent-link.ts'
import type { Pki } from './pki/pki.ts'
import { describeEpitaph } from './pool/epitaph.ts'
import { sameLayers } from './pool/isolation.ts'
import { Pool } from './pool/pool.ts'
import { Watchdog } from './pool/watchdog.ts'
import { printedId, Registry } from './registry.ts'
import { Uploads } from './uploads.ts'

const MAX_ENCLAVES = 256
const MIB = 1_048_576
/** host/parent/confine.ts */
const PARENT_LAYERS = ['undumpable', 'files']
/** What Node itself holds as data: about 580 MB of reserved code range, measured on 26.10, and its heap. RLIMIT_AS would count reservations. */
const PROCESS_DATA_BYTES = 700 * MIB

export type HostOptions = {
  instanceId: string
  genesis: SignedGenesis
  pki: Pki
  /** The boot record, but for the layers around a child, which its pool finds out. */
  boot: Omit<BootRecord, 'isolation'>
  parent: ParentSettings
  enclaveBundle: string
  /** The release's kernel, for children that wait. */
  kernel: Uint8Array
  poolSize: number
  ownUsers: boolean
  cpuCount: number
  /** What happens, for whoever started the host. Never content. */
  onEvent(event: Record<string, unknown>): void
  now(): number
  /** Dates evidence; `now` but on a development host that shifts it. */
  nsmNow(): number
}

export class Host {
  readonly #options: HostOptions
  readonly #registry = new Registry<Enclave>(MAX_ENCLAVES)
  readonly #signer = new Signer()
  readonly #replays = new ReplayGuard()
  readonly #uploads = new Uploads()
  readonly #watchdog: Watchdog
  readonly #parent: ParentLink
  readonly #pool: Pool

  constructor(options: HostOptions) {
    this.#options = options
    this.#watchdog = new Watchdog(options.parent.stepDeadlineMs)
    this.#parent = new ParentLink(options.parent, (message) => this.#receive(message))
    this.#pool = new Pool({
      bundle: options.enclaveBundle,
      enclavesSocket: this.#parent.enclavesSocket,
      size: options.poolSize,
      ownUsers: options.ownUsers,
      kernel: options.kernel,
      introduce: (slot, token) => this.#parent.introduced(slot, token),
    })
  }

  /** @returns the gateway's port */
  async start(): Promise<number> {
    const port = await this.#parent.start(this.#options.parent)
    this.#pool.fill()
    return port
  }

  /** Fulfilled when the parent has died: the host cannot serve any more. */
  get parentExited(): Promise<void> {
    return this.#parent.exited
  }

  stop(): void {
    this.#pool.stop()
    this.#watchdog.stop()
    for (const enclave of this.#registry.all) enclave.slot.kill()
    this.#parent.kill()
  }

  #receive(message: ToNitro): void {
    switch (message.type) {
      case 'request':
        this.#answer(message.connection, message.request, message.jws)
        return
      case 'chunk':
        this.#uploads.chunk(message.connection, message.bytes)
        return
      case 'closed':
        this.#uploads.drop(message.connection)
        return
      case 'late':
        this.#watchdog.late(message.slot, message.waitedMs)
        return
      case 'trouble':
        this.#options.onEvent({ event: 'store-trouble', message: message.reason.slice(0, 500) })
        return
      default:
        return
    }
  }

  async #answer(connection: number, request: number, jws: string): Promise<void> {
    let json: unknown
    try {
      const { genesis, digest } = this.#options.genesis
      const audience = { genesis: digest, host: this.#options.instanceId }
      const authorised = await authoriseRequest(jws, genesis, audience, this.#replays, this.#options.now())
      json = { result: await this.#execute(authorised, connection, request) }
    } catch (error) {
      json = { error: describeError(error) }
    }
    this.#parent.tell({ type: 'answer', connection, request, json: JSON.stringify(json) })
  }

  async #execute(request: AuthorisedRequest & Request, connection: number, number: number): Promise<unknown> {
    switch (request.action) {
      case 'run-enclave': {
        const upload = this.#uploads.expect(connection, request.parameters.eifBytes)
        this.#parent.tell({ type: 'upload', connection, request: number })
        return this.#run(request.parameters, await upload)
      }
      case 'describe-enclaves':
        return this.#registry.all.map((enclave) => this.#describe(enclave, request.parameters.metadata))
      case 'terminate-enclave':
        return this.#terminate(request.parameters)
      case 'describe-host':
        return {
          HostID: this.#options.instanceId,
          GenesisDigest: this.#options.genesis.digest,
          AttestationRoot: this.#options.pki.rootFingerprint,
          Boot: { ...this.#options.boot, isolation: await this.#isolation() },
        }
    }
  }

  async #run(parameters: Parameters['run-enclave'], eif: Uint8Array): Promise<unknown> {
    const digest = createHash('sha384').update(eif).digest('hex')
    if (digest !== parameters.eifSha384)
      throw new RefusedError(
        'ERR_LAUNCH_IMAGE',
        `the image sent is ${digest}, the request names ${parameters.eifSha384}`,
      )
    if (parameters.cpuCount > this.#options.cpuCount)
      throw new RefusedError(
        'ERR_LAUNCH_CPU',
        `${parameters.cpuCount} CPUs were asked for, this host has ${this.#options.cpuCount}`,
      )
    const { instanceId, genesis, now, nsmNow } = this.#options
    const isolation = await this.#pool.isolation
    const moduleId = newModuleId(instanceId, nsmNow())
    const launch = await prepareLaunch({
      eif,
      grantChain: new Uint8Array(Buffer.from(parameters.grantChain, 'base64url')),
      memoryMiB: parameters.memoryMiB,
      moduleId,
      instanceId,
      genesis: genesis.genesis,
      genesisDigest: genesis.digest,
      boot: { ...this.#options.boot, isolation: await this.#isolation() },
      now: new Date(now()),
    })
    // A client takes the name from the grant: no other would find it.
    if (parameters.name !== null && parameters.name !== launch.grant.enclaveName)
      throw new RefusedError(
        'ERR_LAUNCH_NAME',
        `the name is ${parameters.name}, the grant is for ${launch.grant.enclaveName}`,
      )
    if (this.#registry.byName(launch.grant.enclaveName) !== undefined)
      throw new RefusedError('ERR_LAUNCH_NAME', `an enclave ${launch.grant.enclaveName} is running already`)
    const cid = this.#registry.takeCid(parameters.cid)
    const cpuIds = Array.from({ length: parameters.cpuCount }, (_, index) => index)
    const slot = await this.#pool.take()
    const facts = { name: launch.grant.enclaveName, moduleId, cid, cpuIds, memoryMiB: parameters.memoryMiB }
    const enclave = new Enclave(facts, launch, slot, {
      pki: this.#options.pki,
      signer: this.#signer,
      now: nsmNow,
      nudge: (number) => this.#parent.tell({ type: 'nudge', slot: number }),
    })
    try {
      // The record is measured before the child is chosen: it must hold for this one
      if (!sameLayers(slot.isolation, isolation))
        throw new FatalError(
          'ERR_LAUNCH_ISOLATION',
          `the layers around the new process are ${JSON.stringify(slot.isolation)}, the boot record says ${JSON.stringify(isolation)}`,
        )
      limitDataOf(slot.pid, PROCESS_DATA_BYTES + parameters.memoryMiB * MIB)
      this.#registry.add(enclave)
      this.#follow(enclave)
      // Before the kernel is there to ask for it
      if (launch.grant.kmsKey !== null)
        this.#parent.tell({
          type: 'store',
          slot: slot.number,
          storeId: new Uint8Array(Buffer.from(launch.grant.storeId, 'hex')),
        })
      await slot.launch(launch.record)
    } catch (error) {
      slot.kill()
      throw error
    }
    this.#parent.tell({ type: 'enclave', slot: slot.number, name: enclave.name, enclaveId: printedId(moduleId) })
    return runInfo(enclave)
  }

  /** Layers around a child, and those around the parent, which only the parent can know. */
  async #isolation(): Promise<BootRecord['isolation']> {
    const around = PARENT_LAYERS.map((layer) => ({
      layer: `parent-${layer}`,
      state: this.#parent.layers.includes(layer) ? ('reported' as const) : ('absent' as const),
    }))
    return [...(await this.#pool.isolation), ...around]
  }

  // From launch to end: watched, and taken off the books by whatever ends it.
  #follow(enclave: Enclave): void {
    const { slot } = enclave
    this.#watchdog.watch(slot.number, {
      pid: slot.pid,
      memoryBytes: enclave.memoryMiB * MIB,
      kill: (reason) => {
        this.#options.onEvent({ event: 'killed', enclave: enclave.name, reason })
        slot.kill()
      },
    })
    slot.exited.then(({ epitaph, signal }) => {
      enclave.state = 'EMPTY'
      this.#watchdog.forget(slot.number)
      this.#registry.remove(enclave.moduleId)
      this.#signer.forget(enclave.moduleId)
      this.#options.pki.forget(enclave.moduleId)
      this.#parent.tell({ type: 'gone', slot: slot.number })
      const reason = epitaph === undefined ? null : describeEpitaph(epitaph)
      this.#options.onEvent({
        event: 'ended',
        enclave: enclave.name,
        pid: slot.pid,
        epitaph: epitaph ?? null,
        reason,
        signal,
      })
    })
  }

  async #terminate(parameters: Parameters['terminate-enclave']): Promise<unknown> {
    const chosen =
      'all' in parameters
        ? this.#registry.all
        : ['id' in parameters ? this.#registry.byId(parameters.id) : this.#registry.byName(parameters.name)].filter(
            (e) => e !== undefined,
          )
    if (chosen.length === 0 && !('all' in parameters))
      throw new RefusedError('ERR_ENCLAVE_NOT_FOUND', `no such enclave: ${JSON.stringify(parameters)}`)
    const ended = await Promise.all(
      chosen.map(async (enclave) => {
        enclave.state = 'TERMINATING'
        enclave.slot.kill()
        await enclave.slot.exited
        return { EnclaveName: enclave.name, EnclaveID: printedId(enclave.moduleId), Terminated: true }
      }),
    )
    return 'all' in parameters ? ended : ended[0]
  }

  #describe(enclave: Enclave, metadata: boolean): unknown {
    const { launch } = enclave
    return {
      ...runInfo(enclave),
      State: enclave.state,
      Flags: 'NONE',
      Measurements: { HashAlgorithm: HASH_ALGORITHM, ...launch.measurements },
      ...(metadata && {
        ImageName: launch.metadata.ImageName,
        ImageVersion: launch.metadata.ImageVersion,
        Metadata: {
          ...launch.metadata.BuildMetadata,
          DockerInfo: launch.metadata.DockerInfo,
          ...launch.metadata.CustomMetadata,
        },
      }),
    }
  }
}

function runInfo(enclave: Enclave): Record<string, unknown> {
  return {
    EnclaveName: enclave.name,
    EnclaveID: printedId(enclave.moduleId),
    ProcessID: enclave.processId,
    EnclaveCID: enclave.cid,
    NumberOfCPUs: enclave.cpuIds.length,
    CPUIDs: enclave.cpuIds,
    MemoryMiB: enclave.memoryMiB,
  }
}

/** i-…-enc ‖ 48 bits of milliseconds ‖ 16 random bits, as documents write it. */
function newModuleId(instanceId: string, nowMs: number): string {
  return `${instanceId}-enc${nowMs.toString(16).padStart(12, '0')}${randomBytes(2).toString('hex')}`
}

function describeError(error: unknown): Record<string, unknown> {
  // JSON-RPC 2.0 leaves -32000 to servers.
  if (error instanceof WasmclaveError) return { code: -32000, message: error.message, data: { code: error.code } }
  return { code: -32000, message: 'the host failed to answer', data: { code: 'ERR_HOST_INTERNAL' } }
}
