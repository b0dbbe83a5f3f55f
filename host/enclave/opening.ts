/** Tells nitro that a store is on its way in, and when more of it has come: what bounds an opening is standing still. */
import { CONTROL_OPENING } from '../../assembly/abi/wire.ts'
import { writeControl } from './descriptors.ts'
import type { Kernel } from './kernel.ts'

/** Index of the kernel's counter of records. */
const COUNTER_RECORDS = 2
const REPORT_MS = 1000

export class Opening {
  readonly #kernel: Kernel
  #records = -1
  #toldMs = Number.NEGATIVE_INFINITY

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  report(nowMs: number): void {
    const records = this.#kernel.exports.counter(COUNTER_RECORDS)
    if (records === this.#records || nowMs - this.#toldMs < REPORT_MS) return
    this.#records = records
    this.#toldMs = nowMs
    writeControl(CONTROL_OPENING, new Uint8Array(0))
  }
}
