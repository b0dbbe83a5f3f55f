/**
 * The plugin as a whole: gRPC on unix sockets, an attested link to one enclave, health beside it. Holds no key: a KEK never leaves the
 * enclave. The seeds of kube-apiserver pass through this process in clear, as they do through kube-apiserver's.
 */
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js'
import type { Enclave } from '../client/index.ts'
import { FatalError } from '../errors.ts'
import { printable } from '../wire/printable.ts'
import { grpcFailure } from './grpc-status.ts'
import { KeyHealth } from './health.ts'
import { HealthServer } from './health-server.ts'
import { AttestedLink } from './link.ts'
import { Meter } from './meter.ts'
import { type Calls, KEY_MANAGEMENT_SERVICE, MAX_REQUEST_BYTES, MAX_UID_BYTES } from './protocol.ts'
import { KeyProvider } from './provider.ts'
import { KeyManagement } from './service.ts'
import { bindPrivately, claimSocket, parseListen, removeSocket } from './socket.ts'

export type PluginOptions = {
  /** `unix:///PATH`, one at least. */
  listen: string[]
  /** Connects and appraises. @throws like `connect` of host/client */
  connect(headToken: Uint8Array | null): Promise<Enclave>
  /** Name of the key in the enclave. */
  keyName: string
  timeoutMs: number
  /** How old an appraisal may be. */
  appraisalAgeMs: number
  pollMs: number
  /** How old a self-test may be. */
  statusAgeMs: number
  /** `127.0.0.1:PORT` */
  healthAddress?: string
  /** One event a call, and one for each change. Nothing in it is secret. */
  log(event: Record<string, unknown>): void
  appraised?(enclave: Enclave): void
}

/** Calls of one connection that are under way; kube-apiserver has one connection a socket. */
const MAX_CONCURRENT = 128
/** Calls that are under way when the plugin stops may end. */
const STOP_MS = 5000

export class KmsPlugin {
  readonly link: AttestedLink
  readonly health: KeyHealth
  readonly #options: PluginOptions
  readonly #service: KeyManagement
  readonly #meter: Meter
  readonly #healthServer: HealthServer
  readonly #server = new Server({
    'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
    'grpc.max_concurrent_streams': MAX_CONCURRENT,
  })
  #paths: string[] = []

  constructor(options: PluginOptions) {
    this.#options = options
    const { log, appraised } = options
    this.link = new AttestedLink({
      connect: options.connect,
      maxAgeMs: options.appraisalAgeMs,
      appraised: (enclave) => {
        this.#meter.appraised()
        const { moduleId, pcrs } = enclave.evidence.appraisal
        log({ event: 'appraised', moduleId, pcr0: pcrs[0] })
        appraised?.(enclave)
      },
      lost: (error) => {
        log({ event: 'lost', error: error.code, message: error.message })
        this.health.invalidate(error)
      },
    })
    const provider = new KeyProvider(this.link, options.keyName, options.timeoutMs)
    this.health = new KeyHealth({
      check: () => provider.status(),
      pollMs: options.pollMs,
      maxAgeMs: options.statusAgeMs,
      counts: () => this.link.appraisalAgeMs < options.appraisalAgeMs,
      changed: (key, previous) => {
        if (previous !== undefined) this.#meter.keyChanged()
        log({
          event: 'key',
          keyId: key.keyId,
          version: key.version,
          measurement: key.measurement,
          previous: previous?.keyId,
        })
      },
    })
    this.#service = new KeyManagement(this.health, provider)
    this.#meter = new Meter(this.health, this.link)
    this.#healthServer = new HealthServer(this.health, this.#meter.registry)
    this.#server.addService(KEY_MANAGEMENT_SERVICE, {
      Status: this.#unary<'Status'>('Status', () => this.#service.status()),
      Encrypt: this.#unary<'Encrypt'>('Encrypt', (request) => this.#service.encrypt(request)),
      Decrypt: this.#unary<'Decrypt'>('Decrypt', (request) => this.#service.decrypt(request)),
    })
  }

  /** Serves, also while the enclave is not there: then with errors. @returns where health is served. @throws UsageError, RefusedError */
  async start(): Promise<{ health: string | undefined }> {
    const paths = this.#options.listen.map(parseListen)
    const { healthAddress } = this.#options
    const health = healthAddress === undefined ? undefined : await this.#healthServer.listen(healthAddress)
    for (const path of paths) {
      await claimSocket(path)
      await bindPrivately(path, () => this.#bind(path))
      this.#paths.push(path)
    }
    this.health.start()
    return { health }
  }

  /** Lets calls end, for a while; then the sockets are gone. */
  async stop(): Promise<void> {
    this.health.stop()
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.#server.forceShutdown()
        resolve()
      }, STOP_MS)
      this.#server.tryShutdown(() => {
        clearTimeout(timer)
        resolve()
      })
    })
    this.#healthServer.close()
    this.link.close()
    for (const path of this.#paths.splice(0)) removeSocket(path)
  }

  #bind(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(new FatalError('ERR_KMS_PLUGIN_BIND', `${path}: ${error.message}`)),
      )
    })
  }

  #unary<Name extends keyof Calls>(
    method: Name,
    run: (request: Calls[Name][0]) => Promise<Calls[Name][1]>,
  ): (call: ServerUnaryCall<Calls[Name][0], Calls[Name][1]>, reply: sendUnaryData<Calls[Name][1]>) => void {
    return async (call, reply) => {
      const started = performance.now()
      const { uid, keyId } = call.request as { uid?: string; keyId?: string }
      const done = (code: number, answered?: { keyId?: string }, details?: string) => {
        const ms = performance.now() - started
        this.#meter.count(method, code, ms)
        const named = answered?.keyId ?? keyId
        this.#options.log({
          event: 'call',
          method,
          ...(uid !== undefined && { uid: printable(uid, MAX_UID_BYTES) }),
          ...(named !== undefined && { keyId: printable(named, MAX_UID_BYTES) }),
          code: status[code],
          ...(details !== undefined && { details: printable(details, 1000) }),
          ms: Math.round(ms * 100) / 100,
        })
      }
      try {
        const answer = await run(call.request)
        reply(null, answer)
        done(status.OK, answer as { keyId?: string })
      } catch (error) {
        const failure = grpcFailure(error)
        reply({ ...failure, details: printable(failure.details, 1000) })
        done(failure.code, undefined, failure.details)
      }
    }
  }
}
