/** The kernel's NSM requests over fd 4: each call returns at once, with an answer or a ticket; tickets are collected later. */
import { BLAME_NITRO, FAULT_PROTOCOL } from '../../assembly/abi/fault.ts'
import { MAX_LAUNCH_PAYLOAD } from '../../assembly/abi/limits.ts'
import {
  CONTROL_ANSWER,
  CONTROL_COLLECT,
  CONTROL_COLLECTED,
  CONTROL_NSM,
  CONTROL_PENDING,
} from '../../assembly/abi/wire.ts'
import { readControl, writeControl, writeControls } from './descriptors.ts'
import { EnclaveFault, type Kernel } from './kernel.ts'

const NOTHING = new Uint8Array(0)

export class NsmPort {
  readonly #kernel: Kernel
  #pending = 0

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  get pending(): boolean {
    return this.#pending > 0
  }

  /** Submits what the kernel asks, until it asks no more: all it asks at once in one message, answered in its order. */
  submit(nowMs: () => number): void {
    const { exports } = this.#kernel
    while (exports.nsmLength() > 0) {
      const at = exports.nsm() >>> 0
      const requests = split(this.#kernel.view.slice(at, at + exports.nsmLength()))
      exports.nsmTaken()
      writeControls(CONTROL_NSM, requests)
      for (let i = 0; i < requests.length; i++) this.#answer(nowMs())
    }
  }

  /** Takes finished answers, if any are due. */
  collect(nowMs: number): void {
    if (this.#pending === 0) return
    writeControl(CONTROL_COLLECT, NOTHING)
    const { type, payload } = readControl(MAX_LAUNCH_PAYLOAD)
    if (type !== CONTROL_COLLECTED) throw new EnclaveFault(FAULT_PROTOCOL, BLAME_NITRO)
    const view = new DataView(payload.buffer, payload.byteOffset)
    for (let at = 0; at < payload.length; ) {
      const ticket = view.getUint32(at)
      const length = view.getUint32(at + 4)
      const answer = payload.subarray(at + 8, at + 8 + length)
      this.#pending--
      this.#kernel.check(this.#kernel.exports.answer(ticket, this.#kernel.put(answer), nowMs))
      at += 8 + length
    }
  }

  #answer(nowMs: number): void {
    const { type, ticket, payload } = readControl(MAX_LAUNCH_PAYLOAD)
    const { exports } = this.#kernel
    if (type === CONTROL_PENDING) {
      this.#pending++
      this.#kernel.check(exports.pending(ticket))
    } else if (type === CONTROL_ANSWER) this.#kernel.check(exports.answer(0, this.#kernel.put(payload), nowMs))
    else throw new EnclaveFault(FAULT_PROTOCOL, BLAME_NITRO)
  }
}

// u32 length ‖ request, repeated
function split(requests: Uint8Array): Uint8Array[] {
  const view = new DataView(requests.buffer, requests.byteOffset, requests.length)
  const parts: Uint8Array[] = []
  for (let at = 0; at < requests.length; ) {
    const length = view.getUint32(at)
    parts.push(requests.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return parts
}
