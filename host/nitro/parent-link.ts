/**
 * Nitro's end of the control pipe: starts the parent, tells it what to serve, and reads what it says as hostile.
 * A parent that breaks the framing is killed; a parent that dies is reported, and its owner starts another.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { FatalError } from '../errors.ts'
import { ControlReader, encodeControl, TO_NITRO, TO_PARENT, type ToNitro, type ToParent } from '../wire/control.ts'

/** The parent listens within this time, or the host does not start. */
const START_MS = 10_000

export type ParentSettings = {
  /** The parent's bundle, and the folder it may write to. */
  bundle: string
  storeFolder: string
  address: string
  port: number
  origins: string[]
  hosts: string[]
  stepDeadlineMs: number
  /** Where the KMS answers for stores; empty where it does not. */
  kmsSocket: string
  /** What keeps the stores, in JSON: the parent's to understand. */
  store: string
  /** Port of the metrics in decimal; empty: none. */
  metrics: string
  /** Folder of the modules that its bundle leaves outside, which have native parts. */
  modules: string
}

export class ParentLink {
  readonly enclavesSocket: string
  readonly exited: Promise<void>
  readonly #process: ChildProcess
  readonly #pipe: Duplex
  readonly #onMessage: (message: ToNitro) => void
  readonly #introductions = new Map<number, () => void>()
  /** What the parent says it gave up, once it listens. */
  layers: readonly string[] = []
  metricsPort = 0
  #listening: ((port: number) => void) | undefined
  #failed: ((reason: string) => void) | undefined

  constructor(settings: ParentSettings, onMessage: (message: ToNitro) => void) {
    this.#onMessage = onMessage
    this.enclavesSocket = `${settings.storeFolder}/enclaves.sock`
    this.#process = spawn(process.execPath, parentArguments(settings), {
      // No environment: nothing of the host's leaks, and no NODE_OPTIONS opens an inspector.
      env: {},
      stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    })
    this.#pipe = this.#process.stdio[3] as Duplex
    this.#pipe.on('error', () => this.kill())
    this.exited = once(this.#process, 'exit').then(() => {})
    const reader = new ControlReader(TO_NITRO)
    this.#pipe.on('data', (chunk: Buffer) => {
      try {
        for (const message of reader.push(chunk)) this.#receive(message)
      } catch {
        this.kill()
      }
    })
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  /** @returns the port of gateway and admin endpoint. @throws FatalError ERR_PARENT_START */
  async start(settings: ParentSettings): Promise<number> {
    const port = new Promise<number>((resolve, reject) => {
      this.#listening = resolve
      this.#failed = (reason) => reject(new FatalError('ERR_PARENT_START', `the parent cannot serve: ${reason}`))
      setTimeout(() => this.#failed?.(`silent for ${START_MS} ms`), START_MS).unref()
    })
    this.exited.then(() => this.#failed?.('it died while it started'))
    this.tell({
      type: 'configure',
      address: settings.address,
      port: settings.port,
      enclavesSocket: this.enclavesSocket,
      origins: settings.origins,
      hosts: settings.hosts,
      stepDeadlineMs: settings.stepDeadlineMs,
      kmsSocket: settings.kmsSocket,
      store: settings.store,
      metrics: settings.metrics,
    })
    return port
  }

  tell(message: ToParent): void {
    if (!this.#pipe.destroyed) this.#pipe.write(encodeControl(TO_PARENT, message))
  }

  /** Announces a dial and fulfils when the parent has taken it for this slot. */
  introduced(slot: number, token: Uint8Array): Promise<void> {
    this.tell({ type: 'slot', slot, token })
    return new Promise((resolve) => this.#introductions.set(slot, resolve))
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }

  #receive(message: ToNitro): void {
    switch (message.type) {
      case 'listening':
        this.layers = message.layers.slice(0, 16)
        this.metricsPort = message.metricsPort
        this.#listening?.(message.port)
        this.#failed = undefined
        return
      case 'failed':
        this.#failed?.(message.reason.slice(0, 200))
        return
      case 'introduced':
        this.#introductions.get(message.slot)?.()
        this.#introductions.delete(message.slot)
        return
      default:
        this.#onMessage(message)
    }
  }
}

function parentArguments(settings: ParentSettings): string[] {
  return [
    '--no-warnings',
    '--permission',
    '--allow-net',
    '--allow-ffi',
    // LMDB is native code. What that may do, Landlock bounds from before the first peer on.
    '--allow-addons',
    `--allow-fs-read=${settings.modules}`,
    `--allow-fs-read=${settings.bundle}`,
    `--allow-fs-read=${settings.storeFolder}`,
    `--allow-fs-write=${settings.storeFolder}`,
    '--disable-sigusr1',
    '--disable-proto=delete',
    settings.bundle,
  ]
}
