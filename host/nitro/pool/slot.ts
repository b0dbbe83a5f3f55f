/** One enclave's process, from its start to its end. Single use: it takes one launch, and whatever ends it ends it for good. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync } from 'node:fs'
import { setPriority } from 'node:os'
import type { Duplex } from 'node:stream'
import { MAX_CONTROL_PAYLOAD } from '../../../assembly/abi/limits.ts'
import {
  CONTROL_ANSWER,
  CONTROL_COLLECT,
  CONTROL_COLLECTED,
  CONTROL_EPITAPH,
  CONTROL_LAUNCH,
  CONTROL_NSM,
  CONTROL_OPENING,
  CONTROL_PENDING,
  CONTROL_READY,
  CONTROL_REHEARSE,
  CONTROL_REHEARSED,
  CONTROL_SERVING,
} from '../../../assembly/abi/wire.ts'
import { UnavailableError } from '../../errors.ts'
import { encodeFrame, type Frame, FrameReader } from '../../wire/frame.ts'
import type { ChildUser } from './child-user.ts'
import { describeEpitaph, type Epitaph, parseEpitaph } from './epitaph.ts'
import { inspectIsolation, type Layer } from './isolation.ts'
import { rehearsalNsm } from './rehearsal.ts'

const NICE = 10
/** Node's own start is 25 ms; a machine under load may take much longer. */
const READY_MS = 20_000
/** A workload's start-up has no step that the parent could time: what does not serve by then never will. */
const LAUNCH_MS = 20_000
/** A large store may take longer: as long as more of it comes within LAUNCH_MS each, up to this in all. */
const OPENING_MS = 600_000

export type ReadyReport = { pid: number; node: string; layers: string[] }
/** Undefined where it was killed and could not say. */
export type Exit = { epitaph: Epitaph | undefined; signal: string | null }

/** How nitro answers a slot's NSM requests: at once, or later under a ticket. */
export type NsmHandler = (request: Uint8Array, ticket: number) => Uint8Array | undefined

export class Slot {
  readonly number: number
  readonly ready: Promise<ReadyReport>
  /** What holds around it: of meaning once it is ready. */
  isolation: Layer[] = []
  readonly exited: Promise<Exit>
  nsm: NsmHandler | undefined
  readonly #process: ChildProcess
  readonly #control: Duplex
  readonly #reader = new FrameReader(MAX_CONTROL_PAYLOAD)
  #onReady!: (report: ReadyReport) => void
  #onServing: (() => void) | undefined
  #onOpening: (() => void) | undefined
  #onRehearsed: (() => void) | undefined
  #epitaph: Epitaph | undefined
  #ended = false
  #finished: { ticket: number; response: Uint8Array }[] = []
  #nextTicket = 1

  /** @param parentFd connected to the parent; belongs to the child from here on */
  constructor(number: number, bundle: string, parentFd: number, user: ChildUser | undefined) {
    this.number = number
    this.#process = spawn(process.execPath, enclaveArguments(bundle), {
      env: {},
      stdio: ['ignore', 'ignore', 'ignore', parentFd, 'pipe'],
      ...user,
    })
    closeSync(parentFd)
    if (this.pid > 0) setPriority(this.pid, NICE)
    this.#control = this.#process.stdio[4] as Duplex
    this.#control.on('error', () => this.kill())
    this.#control.on('data', (chunk: Buffer) => this.#receive(chunk))
    this.ready = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.kill()
        reject(new UnavailableError('ERR_LAUNCH_START', `an enclave process was not ready within ${READY_MS} ms`))
      }, READY_MS)
      this.#onReady = (report) => {
        clearTimeout(timer)
        this.isolation = inspectIsolation(this.pid, report.layers, user !== undefined)
        resolve(report)
      }
      this.#process.once('exit', () => {
        clearTimeout(timer)
        reject(new UnavailableError('ERR_LAUNCH_START', 'an enclave process died before it was ready'))
      })
    })
    this.ready.catch(() => {})
    this.exited = new Promise((resolve) => {
      const end = (signal: string | null) => {
        this.#ended = true
        resolve({ epitaph: this.#epitaph, signal })
      }
      this.#process.once('close', (_code, signal) => end(signal))
      this.#process.once('error', () => end(null))
    })
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Lets the child boot and forget a launch of nobody's. Fulfils when it waits again, or has ended. */
  async rehearse(record: Uint8Array): Promise<void> {
    await this.ready
    this.nsm = rehearsalNsm()
    const rehearsed = new Promise<void>((resolve) => {
      this.#onRehearsed = resolve
      this.exited.then(() => resolve())
    })
    this.#control.write(encodeFrame(CONTROL_REHEARSE, 0, record))
    await rehearsed
    this.nsm = undefined
  }

  /** Hands the launch over; fulfils when the workload serves, rejects when the process ends before. */
  async launch(record: Uint8Array): Promise<void> {
    await this.ready
    const serving = new Promise<void>((resolve, reject) => {
      const startMs = performance.now()
      let opening = false
      let late = false
      const expire = () => {
        late = true
        this.kill()
      }
      let timer = setTimeout(expire, LAUNCH_MS)
      this.#onOpening = () => {
        opening = true
        clearTimeout(timer)
        timer = setTimeout(expire, Math.min(LAUNCH_MS, startMs + OPENING_MS - performance.now()))
      }
      this.#onServing = () => {
        clearTimeout(timer)
        resolve()
      }
      this.exited.then(({ epitaph }) => {
        clearTimeout(timer)
        const slow = opening
          ? `it did not serve within ${LAUNCH_MS} ms of the last that came of its store: KMS, store or workload do not get on`
          : `it did not serve within ${LAUNCH_MS} ms`
        const killed = late ? slow : 'it was killed'
        const why = epitaph === undefined ? killed : describeEpitaph(epitaph)
        reject(new UnavailableError('ERR_LAUNCH_BOOT', `the enclave ended while it booted: ${why}`))
      })
    })
    this.#control.write(encodeFrame(CONTROL_LAUNCH, 0, record))
    return serving
  }

  /** Keeps a finished answer until the enclave collects it. */
  finish(ticket: number, response: Uint8Array): void {
    this.#finished.push({ ticket, response })
  }

  /** The only stop there is. */
  kill(): void {
    this.#process.kill('SIGKILL')
  }

  #receive(chunk: Uint8Array): void {
    try {
      for (const frame of this.#reader.push(chunk)) this.#frame(frame)
    } catch {
      this.kill()
    }
  }

  #frame({ type, payload }: Frame): void {
    switch (type) {
      case CONTROL_READY:
        this.#onReady(parseReady(payload, this.pid))
        return
      case CONTROL_SERVING:
        this.#onServing?.()
        return
      case CONTROL_OPENING:
        this.#onOpening?.()
        return
      case CONTROL_REHEARSED:
        this.#onRehearsed?.()
        return
      case CONTROL_NSM: {
        const ticket = this.#nextTicket
        const response = this.nsm?.(payload, ticket)
        if (response !== undefined) this.#control.write(encodeFrame(CONTROL_ANSWER, 0, response))
        else {
          this.#nextTicket++
          this.#control.write(encodeFrame(CONTROL_PENDING, ticket, new Uint8Array(0)))
        }
        return
      }
      case CONTROL_COLLECT:
        this.#control.write(encodeFrame(CONTROL_COLLECTED, 0, this.#collected()))
        return
      case CONTROL_EPITAPH:
        this.#epitaph = parseEpitaph(payload)
        return
      default:
        throw new RangeError(`control frame ${type}`)
    }
  }

  // u32 ticket ‖ u32 length ‖ response, repeated
  #collected(): Uint8Array {
    const parts = this.#finished.splice(0).map(({ ticket, response }) => {
      const part = Buffer.alloc(8 + response.length)
      part.writeUInt32BE(ticket, 0)
      part.writeUInt32BE(response.length, 4)
      part.set(response, 8)
      return part
    })
    return Buffer.concat(parts)
  }
}

/** Flags of an enclave's process; they stand in the boot record. */
export const ENCLAVE_FLAGS = [
  '--no-warnings',
  '--permission',
  '--allow-ffi',
  '--disable-sigusr1',
  '--disable-proto=delete',
  '--disallow-code-generation-from-strings',
  '--no-addons',
  '--max-old-space-size=64',
  '--v8-pool-size=1',
]

function enclaveArguments(bundle: string): string[] {
  return [...ENCLAVE_FLAGS, `--allow-fs-read=${bundle}`, bundle, String(process.pid)]
}

function parseReady(payload: Uint8Array, pid: number): ReadyReport {
  const report = JSON.parse(Buffer.from(payload).toString('utf8')) as Partial<ReadyReport>
  const layers = Array.isArray(report.layers)
    ? report.layers.filter((layer) => typeof layer === 'string').slice(0, 16)
    : []
  return { pid, node: String(report.node ?? ''), layers }
}
