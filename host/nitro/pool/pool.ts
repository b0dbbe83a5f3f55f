/** Waiting children: started, locked down, dialled to the parent, rehearsed, ready for one launch each. */
import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import { TICK_MS } from '../../../assembly/abi/limits.ts'
import { DIAL_TOKEN_BYTES } from '../../wire/control.ts'
import { childUser } from './child-user.ts'
import type { Layer } from './isolation.ts'
import { dialUnix } from './native.ts'
import { rehearsalRecord } from './rehearsal.ts'
import { Slot } from './slot.ts'

/** A launch is over by then; starting a child holds the loop. */
const REFILL_MS = 50

export type PoolOptions = {
  bundle: string
  enclavesSocket: string
  size: number
  /** Whether each child gets a user of its own. */
  ownUsers: boolean
  /** The release's kernel, which a waiting child rehearses: a launch of another one is right, and slower. */
  kernel: Uint8Array
  /** Announces a dial to the parent; fulfils when the parent has taken it. */
  introduce(slot: number, token: Uint8Array): Promise<void>
}

export class Pool {
  readonly #options: PoolOptions
  readonly #waiting: Promise<Slot>[] = []
  readonly #rehearsal: Uint8Array
  readonly #isolation: Promise<Layer[]>
  #onIsolation!: (layers: Layer[]) => void
  #next = 1
  #stopped = false

  constructor(options: PoolOptions) {
    this.#options = options
    this.#rehearsal = rehearsalRecord(options.kernel)
    this.#isolation = new Promise((resolve) => {
      this.#onIsolation = resolve
    })
  }

  /** Layers that hold around children of this host: those of the first one that was ready. */
  get isolation(): Promise<Layer[]> {
    return this.#isolation
  }

  /** Brings the pool to its size. Starting a child holds the loop for a millisecond: never on a request's path. */
  fill(): void {
    while (!this.#stopped && this.#waiting.length < this.#options.size) {
      const slot = this.#start().then(async (started) => {
        await started.rehearse(this.#rehearsal)
        return started
      })
      slot.catch(() => {})
      this.#waiting.push(slot)
    }
  }

  /** A waiting child, or a fresh one. The pool refills when the loop is idle. */
  async take(): Promise<Slot> {
    const waiting = await this.#waiting.shift()?.catch(() => undefined)
    const slot = waiting === undefined || waiting.ended ? await this.#start() : waiting
    setTimeout(() => this.fill(), REFILL_MS)
    await slot.ready
    return slot
  }

  stop(): void {
    this.#stopped = true
    for (const waiting of this.#waiting.splice(0))
      waiting.then(
        (slot) => slot.kill(),
        () => {},
      )
  }

  async #start(): Promise<Slot> {
    const number = this.#next++
    const token = new Uint8Array(randomBytes(DIAL_TOKEN_BYTES))
    const introduced = this.#options.introduce(number, token)
    const fd = dialUnix(this.#options.enclavesSocket, TICK_MS)
    writeSync(fd, token)
    await introduced
    const slot = new Slot(number, this.#options.bundle, fd, this.#options.ownUsers ? childUser(number) : undefined)
    slot.ready.then(
      () => this.#onIsolation(slot.isolation),
      () => {},
    )
    return slot
  }
}
