/** The hypervisor: parent, pool, enclaves and control plane under one roof. */
import type { Request } from '../control/actions.ts'
import type { SignedGenesis } from '../control/genesis.ts'
import { AdminPlane, type Context, type Done, describeError } from '../control/plane.ts'
import { Deliberation, type DeliberationRequest } from '../control/proposals/deliberation.ts'
import { Readings } from '../control/readings.ts'
import { RefusedError } from '../errors.ts'
import type { Logged } from '../log/log.ts'
import { HOST } from '../log/proofs/entry.ts'
import { type BootRecord, verifyGrantChain } from '../verifier/index.ts'
import { encodeAnswer } from '../wire/admin.ts'
import { MAX_ANSWER_CHARACTERS, type ToNitro } from '../wire/control.ts'
import { Enclaves } from './enclaves.ts'
import type { HostLog } from './log.ts'
import { ParentLink, type ParentSettings } from './parent-link.ts'
import type { Pki } from './pki/pki.ts'
import { Pool } from './pool/pool.ts'
import { Watchdog } from './pool/watchdog.ts'
import { Uploads } from './uploads.ts'

/** host/parent/confine.ts */
const PARENT_LAYERS = ['undumpable', 'files']

export type HostOptions = {
  instanceId: string
  version: string
  genesis: SignedGenesis
  log: HostLog
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
  readonly #uploads = new Uploads()
  readonly #watchdog: Watchdog
  readonly #parent: ParentLink
  readonly #pool: Pool
  readonly #enclaves: Enclaves
  readonly #plane: AdminPlane
  readonly #readings: Readings
  readonly #deliberation: Deliberation
  readonly #startedMs: number

  constructor(options: HostOptions) {
    const { genesis, instanceId, log } = options
    this.#options = options
    this.#startedMs = options.now()
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
    this.#enclaves = new Enclaves(
      {
        ...options,
        isolation: () => this.#isolation(),
        admitted: (name) => log.state.offices.admitted(name),
        admission: () => ({ policy: log.state.guard.policy, rolledOut: log.state.guard.rolledOut }),
        isQuarantined: (name) => log.state.isQuarantined(name),
        tell: (message) => this.#parent.tell(message),
      },
      this.#pool,
      this.#watchdog,
    )
    this.#plane = new AdminPlane({
      log: log.log,
      state: log.state,
      audience: { genesis: genesis.digest, host: instanceId },
      now: options.now,
      subjectOf: (request) => this.#subjectOf(request),
      effect: (request, context) => this.#execute(request, context),
    })
    this.#deliberation = new Deliberation(log.log, log.state.guard, options.now)
    this.#readings = new Readings(log.log, log.key, options.now, async () => this.#health())
  }

  /** @returns the gateway's port */
  async start(): Promise<number> {
    await this.#plane.recover()
    const port = await this.#parent.start(this.#options.parent)
    this.#pool.fill()
    return port
  }

  /** 0 where there are no metrics. As the parent says. */
  get metricsPort(): number {
    return this.#parent.metricsPort
  }

  /** Fulfilled when the parent has died: the host cannot serve any more. */
  get parentExited(): Promise<void> {
    return this.#parent.exited
  }

  stop(): void {
    this.#pool.stop()
    this.#watchdog.stop()
    this.#enclaves.kill()
    this.#parent.kill()
    this.#options.log.log.close()
  }

  #receive(message: ToNitro): void {
    switch (message.type) {
      case 'request':
        this.#answer(message.connection, message.request, message.jws, message.since)
        return
      case 'read':
        this.#read(message.connection, message.request, message.query)
        return
      case 'chunk':
        this.#uploads.chunk(message.connection, message.bytes)
        return
      case 'closed':
        this.#uploads.drop(message.connection)
        this.#readings.closed(message.connection)
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

  async #answer(connection: number, request: number, jws: string, since: number): Promise<void> {
    this.#send(connection, request, await this.#plane.answer(jws, { connection, request, since }))
  }

  async #read(connection: number, request: number, query: string): Promise<void> {
    try {
      this.#send(connection, request, { result: await this.#readings.read(connection, query) })
    } catch (error) {
      this.#send(connection, request, encodeAnswer({ error: describeError(error) }, undefined))
    }
  }

  #send(connection: number, request: number, answer: object): void {
    let json = JSON.stringify(answer)
    if (Buffer.byteLength(json) > MAX_ANSWER_CHARACTERS) {
      const error = { code: 'ERR_ADMIN_ANSWER_SIZE', message: `an answer of ${json.length} characters is too long` }
      json = JSON.stringify(encodeAnswer({ error }, undefined))
    }
    this.#parent.tell({ type: 'answer', connection, request, json })
  }

  // Names that the log does not know yet make no subject of their own, but by a launch under a grant that verifies.
  async #subjectOf(request: Request): Promise<string> {
    const { log } = this.#options.log
    const known = (name: string | undefined) =>
      name !== undefined && (this.#enclaves.byName(name) !== undefined || log.entriesOf(name).length > 0) ? name : HOST
    switch (request.action) {
      case 'run-enclave': {
        const chain = Buffer.from(request.parameters.grantChain, 'base64url')
        const { enclaveName } = (await verifyGrantChain(new Uint8Array(chain))).newest
        if (enclaveName === HOST)
          throw new RefusedError(
            'ERR_LAUNCH_NAME',
            `${HOST} is what the log calls what concerns all: no enclave has this name`,
          )
        return enclaveName
      }
      case 'terminate-enclave': {
        const { parameters } = request
        if ('all' in parameters) return HOST
        return known('id' in parameters ? this.#enclaves.byId(parameters.id)?.name : parameters.name)
      }
      case 'read-log':
        return known(request.parameters.subject)
      case 'drain':
      case 'stop':
      case 'restart':
      case 'quarantine':
      case 'lift-quarantine':
      case 'roll-out':
      case 'rotate-store-keys':
        return known(request.parameters.name)
      default:
        return HOST
    }
  }

  async #execute(request: Request, { office, intent, caller }: Context): Promise<Done> {
    const logged = { index: intent.index, checkpoint: Buffer.from(intent.checkpoint).toString('utf8') }
    switch (request.action) {
      case 'run-enclave': {
        const upload = this.#uploads.expect(caller.connection, request.parameters.eifBytes)
        this.#parent.tell({ type: 'upload', connection: caller.connection, request: caller.request })
        return this.#enclaves.run({ eif: await upload, parameters: request.parameters }, logged)
      }
      case 'restart':
        return this.#enclaves.restart(request.parameters, logged)
      case 'terminate-enclave':
        return { result: await this.#enclaves.terminate(request.parameters) }
      case 'drain':
        return { result: this.#enclaves.drain(request.parameters) }
      case 'stop':
        return { result: await this.#enclaves.stop(request.parameters) }
      case 'quarantine':
        return { result: await this.#enclaves.quarantine(request.parameters) }
      case 'lift-quarantine':
        return { result: { EnclaveName: request.parameters.name, Quarantined: false } }
      case 'describe-enclaves':
        return { result: this.#enclaves.describe(request.parameters.metadata) }
      case 'describe-host':
        return { result: await this.#describe() }
      case 'describe-health':
        return { result: { ...this.#health(), reading: this.#readings.open(caller.connection, 'health') } }
      case 'describe-log':
        return { result: this.#describeLog() }
      case 'propose':
      case 'approve':
      case 'withdraw':
      case 'execute':
      case 'describe-proposals':
      case 'show-proposal':
      case 'describe-policy':
      case 'show-policy-change':
        return { result: await this.#deliberate(request, office.key, intent) }
      case 'read-log':
        return { result: { reading: this.#readings.open(caller.connection, request.parameters) } }
      default:
        throw new RangeError(`${request.action} has no effect: it is guarded`)
    }
  }

  #deliberate(request: DeliberationRequest, key: Uint8Array, { entry }: Logged): Promise<unknown> {
    if (entry.kind !== 'intent') throw new RangeError(`${entry.kind} is no intent`)
    return this.#deliberation.take(request, Buffer.from(key).toString('hex'), entry.request)
  }

  async #describe(): Promise<unknown> {
    return {
      HostID: this.#options.instanceId,
      GenesisDigest: this.#options.genesis.digest,
      AttestationRoot: this.#options.pki.rootFingerprint,
      Boot: { ...this.#options.boot, isolation: await this.#isolation() },
    }
  }

  #describeLog(): { origin: string; key: string; size: number; checkpoint: string } {
    const { log } = this.#options.log
    return {
      origin: log.noteKey.name,
      key: Buffer.from(log.noteKey.publicKey).toString('hex'),
      size: log.size,
      checkpoint: Buffer.from(log.checkpoint).toString('utf8'),
    }
  }

  #health() {
    const { now, version, log } = this.#options
    return {
      version,
      node: process.versions.node,
      uptimeSeconds: Math.floor((now() - this.#startedMs) / 1000),
      enclaves: this.#enclaves.health(),
      requests: { ...this.#plane.counters },
      logEntries: log.log.size,
    }
  }

  /** Layers around a child, and those around the parent, which only the parent can know. */
  async #isolation(): Promise<BootRecord['isolation']> {
    const around = PARENT_LAYERS.map((layer) => ({
      layer: `parent-${layer}`,
      state: this.#parent.layers.includes(layer) ? ('reported' as const) : ('absent' as const),
    }))
    return [...(await this.#pool.isolation), ...around]
  }
}
