/** Waiting children: started, locked down, dialled to the parent, ready for one launch each. */
import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import { TICK_MS } from '../../../assembly/abi/limits.ts'
import { DIAL_TOKEN_BYTES } from '../../wire/control.ts'
import { dialUnix } from './native.ts'
import { Slot } from './slot.ts'

export type PoolOptions = {
  bundle: string
  enclavesSocket: string
  size: number
  /** Announces a dial to the parent; fulfils when the parent has taken it. */
  introduce(slot: number, token: Uint8Array): Promise<void>
}

export class Pool {
  readonly #options: PoolOptions
  readonly #waiting: Promise<Slot>[] = []
  #next = 1
  #stopped = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** Brings the pool to its size. Starting a child holds the loop for a millisecond: never on a request's path. */
  fill(): void {
    while (!this.#stopped && this.#waiting.length < this.#options.size) {
      const slot = this.#start()
      slot.catch(() => {})
      this.#waiting.push(slot)
    }
  }

  /** A waiting child, or a fresh one. The pool refills when the loop is idle. */
  async take(): Promise<Slot> {
    const slot = await (this.#waiting.shift() ?? this.#start())
    setTimeout(() => this.fill(), 50)
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
    return new Slot(number, this.#options.bundle, fd)
  }
}
