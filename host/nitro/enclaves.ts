/** The enclaves of this host, from launch to end: admitted, put into a process, watched, and taken off the books by whatever ends them. */
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { limitDataOf } from '../confine/limits.ts'
import type { Parameters } from '../control/actions.ts'
import type { SignedGenesis } from '../control/genesis.ts'
import { FatalError, RefusedError } from '../errors.ts'
import type { Admitted } from '../log/proofs/entry.ts'
import type { BootRecord } from '../verifier/index.ts'
import type { ToParent } from '../wire/control.ts'
import { HASH_ALGORITHM } from './eif/describe.ts'
import { Enclave } from './enclave.ts'
import { type LaunchInput, prepareLaunch } from './launch.ts'
import { Signer } from './nsm/signer.ts'
import type { Pki } from './pki/pki.ts'
import { describeEpitaph } from './pool/epitaph.ts'
import { sameLayers } from './pool/isolation.ts'
import type { Pool } from './pool/pool.ts'
import type { Watchdog } from './pool/watchdog.ts'
import { printedId, Registry } from './registry.ts'

const MAX_ENCLAVES = 256
const MIB = 1_048_576
/** What Node itself holds as data: about 580 MB of reserved code range, measured on 26.10, and its heap. RLIMIT_AS would count reservations. */
const PROCESS_DATA_BYTES = 700 * MIB
/** Images that are kept for a restart, all together. */
const MAX_KEPT_BYTES = 256 * MIB

export type EnclavesOptions = {
  instanceId: string
  genesis: SignedGenesis
  pki: Pki
  boot: Omit<BootRecord, 'isolation'>
  cpuCount: number
  /** Layers around a child, and those around the parent. */
  isolation(): Promise<BootRecord['isolation']>
  /** What the host knows of a name from its log. */
  admitted(name: string): Admitted | undefined
  isQuarantined(name: string): boolean
  /** The store is being put back, and nobody opens it meanwhile. */
  isRestoring(storeId: string): boolean
  /** By which releases are judged, at this moment. */
  admission(): Pick<LaunchInput, 'policy' | 'rolledOut'>
  tell(message: ToParent): void
  onEvent(event: Record<string, unknown>): void
  now(): number
  nsmNow(): number
}

type Source = { eif: Uint8Array; parameters: Parameters['run-enclave'] }
type Logged = { index: number; checkpoint: string }
export type Launched = { result: Record<string, unknown>; admitted: Admitted }
/** Of one enclave; counts of what it did, nothing of what it was asked. */
export type Health = { name: string; state: string; uptimeSeconds: number; restarts: number; documents: number }

export class Enclaves {
  readonly #options: EnclavesOptions
  readonly #pool: Pool
  readonly #watchdog: Watchdog
  readonly #registry = new Registry<Enclave>(MAX_ENCLAVES)
  readonly #signer = new Signer()
  /** What ran under a name, until it is ended on purpose. */
  readonly #kept = new Map<string, Source & { restarts: number }>()

  constructor(options: EnclavesOptions, pool: Pool, watchdog: Watchdog) {
    this.#options = options
    this.#pool = pool
    this.#watchdog = watchdog
  }

  get all(): Enclave[] {
    return this.#registry.all
  }

  byName(name: string): Enclave | undefined {
    return this.#registry.byName(name)
  }

  byId(id: string): Enclave | undefined {
    return this.#registry.byId(id)
  }

  kill(): void {
    for (const enclave of this.all) enclave.slot.kill()
  }

  /** @throws RefusedError ERR_LAUNCH_*, ERR_IMAGE_*, ERR_GRANT_*, ERR_ENCLAVE_QUARANTINED, FatalError ERR_LAUNCH_ISOLATION */
  async run(source: Source, logged: Logged): Promise<Launched> {
    const launched = await this.#launch(source, logged)
    this.#keep(launched.result.EnclaveName as string, source, 0)
    return launched
  }

  /** @throws RefusedError ERR_ENCLAVE_NOT_FOUND, and what `run` throws */
  async restart({ name }: Parameters['restart'], logged: Logged): Promise<Launched> {
    const kept = this.#kept.get(name)
    if (kept === undefined) throw notFound(name)
    const running = this.byName(name)
    if (running !== undefined) await this.#end(running)
    const launched = await this.#launch(kept, logged)
    this.#keep(name, kept, kept.restarts + 1)
    return launched
  }

  /** @throws RefusedError ERR_ENCLAVE_NOT_FOUND */
  async terminate(parameters: Parameters['terminate-enclave']): Promise<unknown> {
    const chosen =
      'all' in parameters
        ? this.all
        : ['id' in parameters ? this.byId(parameters.id) : this.byName(parameters.name)].filter((e) => e !== undefined)
    if (chosen.length === 0 && !('all' in parameters)) throw notFound(JSON.stringify(parameters))
    const ended = await Promise.all(chosen.map((enclave) => this.#endForGood(enclave)))
    return 'all' in parameters ? ended : ended[0]
  }

  /** Open sessions go on; new ones find nobody. @throws RefusedError ERR_ENCLAVE_NOT_FOUND */
  drain({ name }: Parameters['drain']): unknown {
    const enclave = this.#running(name)
    enclave.state = 'DRAINING'
    this.#options.tell({ type: 'drain', slot: enclave.slot.number })
    return { EnclaveName: name, State: enclave.state }
  }

  /** @throws RefusedError ERR_ENCLAVE_NOT_FOUND */
  async stop({ name, graceSeconds }: Parameters['stop']): Promise<unknown> {
    this.drain({ name })
    const enclave = this.#running(name)
    await Promise.race([wait(graceSeconds * 1000), enclave.slot.exited])
    return this.#endForGood(enclave)
  }

  /** @throws RefusedError ERR_ENCLAVE_NOT_FOUND: the name was never launched here */
  async quarantine({ name }: Parameters['quarantine']): Promise<unknown> {
    const enclave = this.byName(name)
    if (enclave === undefined && this.#options.admitted(name) === undefined) throw notFound(name)
    if (enclave !== undefined) await this.#endForGood(enclave)
    return { EnclaveName: name, Quarantined: true, Terminated: enclave !== undefined }
  }

  /** @throws RefusedError ERR_ENCLAVE_NOT_FOUND, ERR_STORE_NONE */
  storeOf(name: string): string {
    const { grant } = this.#running(name).launch
    if (grant.kmsKey === null)
      throw new RefusedError('ERR_STORE_NONE', `${name} keeps no store: its grant names no KMS`)
    return grant.storeId
  }

  /** @throws RefusedError ERR_RESTORE_RUNNING */
  refuseUsed(storeId: string): void {
    const user = this.all.find(({ launch }) => launch.grant.storeId === storeId)
    if (user !== undefined)
      throw new RefusedError('ERR_RESTORE_RUNNING', `${user.name} uses this store: terminate it first`)
  }

  describe(metadata: boolean): unknown[] {
    return this.all.map((enclave) => describe(enclave, metadata))
  }

  health(): Health[] {
    return this.all.map((enclave) => ({
      name: enclave.name,
      state: enclave.state,
      uptimeSeconds: Math.floor((this.#options.now() - enclave.startedMs) / 1000),
      restarts: this.#kept.get(enclave.name)?.restarts ?? 0,
      documents: enclave.documents,
    }))
  }

  async #launch({ eif, parameters }: Source, logged: Logged): Promise<Launched> {
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
    const grantChain = new Uint8Array(Buffer.from(parameters.grantChain, 'base64url'))
    const launch = await prepareLaunch({
      eif,
      grantChain,
      release: parameters.release === null ? null : new Uint8Array(Buffer.from(parameters.release, 'base64url')),
      ...this.#options.admission(),
      memoryMiB: parameters.memoryMiB,
      moduleId,
      instanceId,
      genesisDigest: genesis.digest,
      boot: { ...this.#options.boot, isolation: await this.#options.isolation() },
      logged,
      now: new Date(now()),
    })
    const { enclaveName: name, owners } = launch.grant
    this.#checkName(name, parameters.name, launch.firstOwner)
    const cid = this.#registry.takeCid(parameters.cid)
    const cpuIds = Array.from({ length: parameters.cpuCount }, (_, index) => index)
    const slot = await this.#pool.take()
    const facts = { name, moduleId, cid, cpuIds, memoryMiB: parameters.memoryMiB, startedMs: now() }
    const enclave = new Enclave(facts, launch, slot, {
      pki: this.#options.pki,
      signer: this.#signer,
      now: nsmNow,
      nudge: (number) => this.#options.tell({ type: 'nudge', slot: number }),
    })
    try {
      // The record is measured before the child is chosen: it must hold for this one
      if (!sameLayers(slot.isolation, isolation))
        throw new FatalError(
          'ERR_LAUNCH_ISOLATION',
          `the layers around the new process are ${JSON.stringify(slot.isolation)}, the boot record says ${JSON.stringify(isolation)}`,
        )
      limitDataOf(slot.pid, PROCESS_DATA_BYTES + parameters.memoryMiB * MIB)
      // With nothing awaited before it is registered: a restore looks for it there
      if (this.#options.isRestoring(launch.grant.storeId))
        throw new RefusedError('ERR_RESTORE_BUSY', `the store of ${name} is being restored`)
      this.#registry.add(enclave)
      this.#follow(enclave)
      // Before the kernel is there to ask for it
      if (launch.grant.kmsKey !== null)
        this.#options.tell({
          type: 'store',
          slot: slot.number,
          storeId: new Uint8Array(Buffer.from(launch.grant.storeId, 'hex')),
        })
      await slot.launch(launch.record)
    } catch (error) {
      slot.kill()
      throw error
    }
    this.#options.tell({ type: 'enclave', slot: slot.number, name, enclaveId: printedId(moduleId) })
    const grant = createHash('sha384').update(grantChain).digest('hex')
    return { result: runInfo(enclave), admitted: { grant, firstOwner: launch.firstOwner, owners } }
  }

  #checkName(name: string, asked: string | null, firstOwner: string): void {
    // A client takes the name from the grant: no other would find it.
    if (asked !== null && asked !== name)
      throw new RefusedError('ERR_LAUNCH_NAME', `the name is ${asked}, the grant is for ${name}`)
    if (this.byName(name) !== undefined)
      throw new RefusedError('ERR_LAUNCH_NAME', `an enclave ${name} is running already`)
    // Entries under a name are read by its owner: the name stays theirs.
    const before = this.#options.admitted(name)
    if (before !== undefined && before.firstOwner !== firstOwner)
      throw new RefusedError(
        'ERR_LAUNCH_OWNER',
        `the name ${name} belongs to ${before.firstOwner} on this host, the grant is of ${firstOwner}`,
      )
    if (this.#options.isQuarantined(name))
      throw new RefusedError('ERR_ENCLAVE_QUARANTINED', `${name} is quarantined: lift-quarantine first`)
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
      this.#options.tell({ type: 'gone', slot: slot.number })
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

  #running(name: string): Enclave {
    const enclave = this.byName(name)
    if (enclave === undefined) throw notFound(name)
    return enclave
  }

  async #end(enclave: Enclave): Promise<void> {
    enclave.state = 'TERMINATING'
    enclave.slot.kill()
    await enclave.slot.exited
  }

  async #endForGood(enclave: Enclave): Promise<unknown> {
    this.#kept.delete(enclave.name)
    await this.#end(enclave)
    return { EnclaveName: enclave.name, EnclaveID: printedId(enclave.moduleId), Terminated: true }
  }

  #keep(name: string, { eif, parameters }: Source, restarts: number): void {
    this.#kept.delete(name)
    let bytes = eif.length
    for (const each of this.#kept.values()) bytes += each.eif.length
    // Oldest first: it can be launched again by whoever has its image
    for (const [other, each] of this.#kept) {
      if (bytes <= MAX_KEPT_BYTES) break
      this.#kept.delete(other)
      bytes -= each.eif.length
    }
    this.#kept.set(name, { eif, parameters, restarts })
  }
}

function describe(enclave: Enclave, metadata: boolean): unknown {
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

function notFound(name: string): RefusedError {
  return new RefusedError('ERR_ENCLAVE_NOT_FOUND', `no such enclave: ${name}`)
}
