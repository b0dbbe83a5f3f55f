/** kernel.wasm as this process drives it: measured, trusted, without imports. */
import { FAULT_BASE } from '../../assembly/abi/fault.ts'
import { KERNEL_ABI } from '../../assembly/abi/limits.ts'

export type KernelExports = {
  memory: WebAssembly.Memory
  _start(): void
  kernelAbi(): number
  selfTest(): number
  inbox(length: number): number
  boot(length: number, nowMs: number): number
  phase(): number
  workloadReady(): number
  step(length: number, nowMs: number): number
  answer(ticket: number, length: number, nowMs: number): number
  pending(ticket: number): number
  tick(nowMs: number): number
  out(): number
  outLength(): number
  outTaken(): void
  nsm(): number
  nsmLength(): number
  nsmTaken(): void
  nextRequest(): number
  requestPointer(): number
  requestLength(): number
  requestDone(status: number): number
  nextNotice(): number
  noticeId(): number
  noticePointer(): number
  noticeLength(): number
  noticeDone(status: number): number
  scratch(length: number): number
  result(): number
  resultLength(): number
  callGet(key: number, keyLength: number): number
  callScan(
    prefix: number,
    prefixLength: number,
    after: number,
    afterLength: number,
    limit: number,
    room: number,
  ): number
  callPut(key: number, keyLength: number, value: number, valueLength: number): bigint
  callDelete(key: number, keyLength: number): bigint
  callRespond(
    request: number,
    status: number,
    headers: number,
    headersLength: number,
    body: number,
    length: number,
    end: number,
  ): number
  callStream(request: number, data: number, length: number, end: number): number
  callNow(): bigint
  callTime(): bigint
  callSettled(): number
  callRandom(length: number): number
  callSha256(from: number, length: number): number
  callHmac(key: number, keyLength: number, from: number, length: number): number
  callAttest(
    nonce: number,
    nonceLength: number,
    data: number,
    dataLength: number,
    key: number,
    keyLength: number,
  ): number
  faultKind(): number
  blame(): number
  counter(index: number): number
}

/** What ends this enclave: a kind of assembly/abi/fault.ts and whom it blames. Never content. */
export class EnclaveFault extends Error {
  readonly kind: number
  readonly blame: number

  constructor(kind: number, blame: number) {
    super(`fault ${kind}`)
    this.kind = kind
    this.blame = blame
  }
}

export class Kernel {
  readonly exports: KernelExports
  #view: Uint8Array

  constructor(wasm: Uint8Array) {
    const module = new WebAssembly.Module(wasm as Uint8Array<ArrayBuffer>)
    // No prototype: a name in the module finds nothing of the host's, and there is nothing else.
    const imports = Object.create(null) as WebAssembly.Imports
    this.exports = new WebAssembly.Instance(module, imports).exports as unknown as KernelExports
    this.exports._start()
    if (this.exports.kernelAbi() !== KERNEL_ABI) throw new Error('kernel of another ABI')
    this.#view = new Uint8Array(this.exports.memory.buffer)
  }

  /** The kernel's memory as it is now: growth makes earlier views void. */
  get view(): Uint8Array {
    if (this.#view.buffer !== this.exports.memory.buffer) this.#view = new Uint8Array(this.exports.memory.buffer)
    return this.#view
  }

  /** Puts an input into the inbox. @returns its length */
  put(bytes: Uint8Array): number {
    const at = this.exports.inbox(bytes.length) >>> 0
    this.view.set(bytes, at)
    return bytes.length
  }

  /** A status of the kernel, or the end. */
  check(status: number): number {
    if (status <= FAULT_BASE) throw new EnclaveFault(FAULT_BASE - status, this.exports.blame())
    return status
  }
}
