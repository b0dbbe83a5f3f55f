/**
 * workload.wasm in its own instance with its own memory, and the shims between it and the kernel. A pointer and length of the workload
 * are an allegation: unsigned, checked against its memory as it is now, then copied. Nothing of the host is within its reach.
 */
import {
  BLAME_WORKLOAD,
  FAULT_BAD_CALL,
  FAULT_BAD_REGION,
  FAULT_BASE,
  FAULT_MEMORY,
  FAULT_TRAP,
} from '../../assembly/abi/fault.ts'
import { WORKLOAD_ABI } from '../../assembly/abi/limits.ts'
import { STATUS_BUFFER } from '../../assembly/abi/status.ts'
import { EnclaveFault, type Kernel } from './kernel.ts'

type WorkloadExports = {
  memory: WebAssembly.Memory
  _start?(): void
  wasmclave_abi(): number
  allocate(length: number): number
  handle(request: number, pointer: number, length: number): number
  init?(): number
  tick?(): number
  closed?(request: number): void
  drained?(request: number): void
  attested?(ticket: number, pointer: number, length: number): void
}

export class Workload {
  readonly #kernel: Kernel
  readonly #exports: WorkloadExports
  #view: Uint8Array
  #fault: EnclaveFault | undefined

  constructor(kernel: Kernel, wasm: Uint8Array) {
    this.#kernel = kernel
    const module = new WebAssembly.Module(wasm as Uint8Array<ArrayBuffer>)
    const instance = new WebAssembly.Instance(module, this.#imports())
    this.#exports = own(instance.exports) as unknown as WorkloadExports
    this.#view = new Uint8Array(this.#exports.memory.buffer)
  }

  /** Start-up: top-level statements, ABI, `init`. */
  start(): void {
    this.#enter(() => this.#exports._start?.())
    if (this.#enter(() => this.#exports.wasmclave_abi()) !== WORKLOAD_ABI)
      throw new EnclaveFault(FAULT_BAD_CALL, BLAME_WORKLOAD)
    this.#enter(() => this.#exports.init?.())
  }

  /** Hands the kernel's current request over. @returns the workload's status; null where it has no room */
  handle(request: number): number | null {
    const { exports, view } = this.#kernel
    const at = exports.requestPointer() >>> 0
    const length = exports.requestLength() >>> 0
    const pointer = this.#place(view, at, length)
    return pointer === null ? null : (this.#enter(() => this.#exports.handle(request, pointer, length)) ?? 0)
  }

  closed(request: number): void {
    this.#enter(() => this.#exports.closed?.(request))
  }

  drained(request: number): void {
    this.#enter(() => this.#exports.drained?.(request))
  }

  attested(ticket: number): void {
    const { exports, view } = this.#kernel
    const length = exports.noticeLength() >>> 0
    const pointer = this.#place(view, exports.noticePointer() >>> 0, length)
    if (pointer !== null) this.#enter(() => this.#exports.attested?.(ticket, pointer, length))
  }

  tick(): number {
    return this.#enter(() => this.#exports.tick?.()) ?? 0
  }

  // Copies bytes of the kernel to where the workload says it has room.
  #place(from: Uint8Array, at: number, length: number): number | null {
    const pointer = (this.#enter(() => this.#exports.allocate(length)) ?? 0) >>> 0
    if (pointer === 0) return null
    const memory = this.#memory()
    if (pointer > memory.length || length > memory.length - pointer)
      throw new EnclaveFault(FAULT_BAD_REGION, BLAME_WORKLOAD)
    memory.set(from.subarray(at, at + length), pointer)
    return pointer
  }

  // Whatever the guest does, what comes out is a value or a fault. A fault in a hypercall ends it, even should the guest go on.
  #enter<T>(call: () => T): T {
    let value: T
    try {
      value = call()
    } catch (error) {
      throw (
        this.#fault ??
        (error instanceof EnclaveFault
          ? error
          : new EnclaveFault(isMemory(error) ? FAULT_MEMORY : FAULT_TRAP, BLAME_WORKLOAD))
      )
    }
    if (this.#fault !== undefined) throw this.#fault
    return value
  }

  #memory(): Uint8Array {
    // subarray() of a detached view would be empty in silence
    if (this.#view.buffer !== this.#exports.memory.buffer) this.#view = new Uint8Array(this.#exports.memory.buffer)
    return this.#view
  }

  #bad(kind: number): never {
    this.#fault = new EnclaveFault(kind, BLAME_WORKLOAD)
    throw this.#fault
  }

  #demandRegion(rawPointer: number, rawLength: number): void {
    const pointer = rawPointer >>> 0
    const { length } = this.#memory()
    if (pointer > length || rawLength >>> 0 > length - pointer) this.#bad(FAULT_BAD_REGION)
  }

  // Copies alleged regions into the kernel's scratch, one behind the other. @returns where each begins
  #copyIn(...regions: [pointer: number, length: number][]): number[] {
    if (this.#fault !== undefined) throw this.#fault
    const memory = this.#memory()
    let total = 0
    for (const [pointer, length] of regions) {
      this.#demandRegion(pointer, length)
      total += length >>> 0
    }
    const scratch = this.#kernel.exports.scratch(total) >>> 0
    if (total > 0 && scratch === 0) this.#bad(FAULT_BAD_REGION)
    const view = this.#kernel.view
    let at = scratch
    return regions.map(([pointer, length]) => {
      const from = pointer >>> 0
      view.set(memory.subarray(from, from + (length >>> 0)), at)
      const place = at
      at += length >>> 0
      return place
    })
  }

  // The kernel's result to an alleged region of `room` bytes, whole or not at all.
  #copyOut(rawPointer: number, rawRoom: number, length: number): void {
    this.#demandRegion(rawPointer, rawRoom)
    if (length > rawRoom >>> 0) return
    const { exports, view } = this.#kernel
    const at = exports.result() >>> 0
    this.#memory().set(view.subarray(at, at + length), rawPointer >>> 0)
  }

  #checked(status: number): number {
    if (status > FAULT_BASE) return status
    this.#fault = new EnclaveFault(FAULT_BASE - status, this.#kernel.exports.blame())
    throw this.#fault
  }

  #checked64(status: bigint): bigint {
    this.#checked(Number(status))
    return status
  }

  #imports(): WebAssembly.Imports {
    const k = () => this.#kernel.exports
    const calls: Record<string, (...args: number[]) => number | bigint> = {
      get: (key = 0, keyLength = 0, out = 0, room = 0) => {
        this.#demandRegion(out, room)
        const [at = 0] = this.#copyIn([key, keyLength])
        const length = this.#checked(k().callGet(at, keyLength))
        if (length >= 0) this.#copyOut(out, room, length)
        return length
      },
      scan: (prefix = 0, prefixLength = 0, after = 0, afterLength = 0, limit = 0, out = 0, room = 0) => {
        this.#demandRegion(out, room)
        const [p = 0, a = 0] = this.#copyIn([prefix, prefixLength], [after, afterLength])
        const length = this.#checked(k().callScan(p, prefixLength, a, afterLength, limit, room))
        if (length >= 0) this.#copyOut(out, room, length)
        return length > room >>> 0 ? STATUS_BUFFER : length
      },
      put: (key = 0, keyLength = 0, value = 0, valueLength = 0) => {
        const [a = 0, b = 0] = this.#copyIn([key, keyLength], [value, valueLength])
        return this.#checked64(k().callPut(a, keyLength, b, valueLength))
      },
      delete: (key = 0, keyLength = 0) => {
        const [at = 0] = this.#copyIn([key, keyLength])
        return this.#checked64(k().callDelete(at, keyLength))
      },
      respond: (request = 0, status = 0, headers = 0, headersLength = 0, body = 0, length = 0, end = 0) => {
        const [a = 0, b = 0] = this.#copyIn([headers, headersLength], [body, length])
        return this.#checked(k().callRespond(request, status, a, headersLength, b, length, end))
      },
      stream: (request = 0, data = 0, length = 0, end = 0) => {
        const [at = 0] = this.#copyIn([data, length])
        return this.#checked(k().callStream(request, at, length, end))
      },
      now: () => k().callNow(),
      time: () => k().callTime(),
      settled: (out = 0) => this.#intoWorkload(out, 16, () => k().callSettled()),
      random: (out = 0, length = 0) => this.#intoWorkload(out, length, () => k().callRandom(length)),
      sha256: (from = 0, length = 0, out = 0) => {
        const [at = 0] = this.#copyIn([from, length])
        return this.#intoWorkload(out, 32, () => k().callSha256(at, length))
      },
      hmac: (key = 0, keyLength = 0, from = 0, length = 0, out = 0) => {
        const [a = 0, b = 0] = this.#copyIn([key, keyLength], [from, length])
        return this.#intoWorkload(out, 32, () => k().callHmac(a, keyLength, b, length))
      },
      attest: (nonce = 0, nonceLength = 0, data = 0, dataLength = 0, key = 0, keyLength = 0) => {
        const given = (length: number) => Math.max(0, length)
        const [n = 0, d = 0, p = 0] = this.#copyIn(
          [nonce, given(nonceLength)],
          [data, given(dataLength)],
          [key, given(keyLength)],
        )
        const at = (length: number, place: number) => (length < 0 ? 0 : place)
        return this.#checked(
          k().callAttest(
            at(nonceLength, n),
            given(nonceLength),
            at(dataLength, d),
            given(dataLength),
            at(keyLength, p),
            given(keyLength),
          ),
        )
      },
    }
    // Null prototypes: "constructor" and its kin are not there to be imported.
    const kernel = Object.assign(Object.create(null) as Record<string, WebAssembly.ImportValue>, calls)
    return Object.assign(Object.create(null) as WebAssembly.Imports, { kernel })
  }

  // The region is judged first, so that the kernel does nothing for one that is bad; the arguments in its scratch stay as they are.
  #intoWorkload(out: number, length: number, call: () => number): number {
    this.#demandRegion(out, length)
    const status = this.#checked(call())
    if (status >= 0) this.#copyOut(out, length, length)
    return status
  }
}

/** Exports by own property only, without a prototype in between. */
function own(exports: WebAssembly.Exports): Record<string, unknown> {
  const copy = Object.create(null) as Record<string, unknown>
  for (const name of Object.keys(exports)) copy[name] = exports[name]
  return copy
}

// The engine has no kind of its own for this; its text is the same in all V8 of this release.
function isMemory(error: unknown): boolean {
  return error instanceof RangeError && /memory/i.test(error.message)
}
