// A workload.wasm without kernel and process: the hypercalls of assembly/abi/README.md written once more, in JavaScript, strict about
// pointers and places. A second reading of that page, so that workloads are tried against the page and not against our kernel.
import { createHash, createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { FAULT_BAD_CALL, FAULT_BAD_HANDLE, FAULT_BAD_REGION } from '../../assembly/abi/fault.ts'
import {
  MAX_HEAD_BYTES,
  MAX_KEY_BYTES,
  MAX_RANDOM_BYTES,
  MAX_STREAM_BUFFER,
  MAX_TRANSACTION_BYTES,
  MAX_WRITES,
  WORKLOAD_ABI,
} from '../../assembly/abi/limits.ts'
import {
  STATUS_AGAIN,
  STATUS_BUFFER,
  STATUS_CLOSED,
  STATUS_INVALID,
  STATUS_NOT_FOUND,
  STATUS_OK,
  STATUS_QUOTA,
  STATUS_TOO_LARGE,
} from '../../assembly/abi/status.ts'

type Exports = {
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

type RequestParts = { body?: Uint8Array | string; headers?: Record<string, string>; role?: number; key?: Uint8Array }
/** Keys as latin1, whose order of code units is the order of bytes. A null value is a removal. */
type Records = Map<string, { version: bigint; value: Uint8Array | null }>

/** A fault of the workload: kind as in assembly/abi/fault.ts. */
export class ShellFault extends Error {
  readonly kind: number
  constructor(kind: number, call: string) {
    super(`fault ${kind} in ${call}`)
    this.kind = kind
  }
}

export class ShellResponse {
  readonly request: number
  /** 0 until the workload has responded. */
  status = 0
  headers: Record<string, string> = {}
  ended = false
  #chunks: Uint8Array[] = []

  constructor(request: number) {
    this.request = request
  }

  get waitingBytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  }

  push(bytes: Uint8Array, end: boolean): void {
    if (bytes.length > 0) this.#chunks.push(bytes)
    this.ended = end
  }

  /** What came since it was last taken. */
  take(): Buffer {
    const bytes = Buffer.concat(this.#chunks)
    this.#chunks = []
    return bytes
  }

  takeText(): string {
    return this.take().toString()
  }

  takeJson(): unknown {
    return JSON.parse(this.takeText())
  }

  takeLines(): Record<string, unknown>[] {
    const text = this.takeText()
    return text === ''
      ? []
      : text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line))
  }
}

export class WorkloadShell {
  nowMs = 0n
  timeMs = 1_795_000_000_000n
  /** Newest version that came to nothing, as `settled` tells it. */
  lost = 0n
  /** Newest version whose fate is known; unless set, that is all of them. */
  settledAt: bigint | undefined
  /** Writes from this one on answer AGAIN, as if another request were writing the same. */
  writesUntilAgain = Number.POSITIVE_INFINITY
  /** Bytes that a reader leaves untaken before `stream` says AGAIN. */
  maxWaitingBytes = MAX_STREAM_BUFFER
  maxSpaceBytes = 256 * 1024 * 1024
  version = 0n
  records: Records = new Map()
  /** Calls of the workload, by name. */
  readonly calls: Record<string, number> = {}
  readonly imports: string[]
  readonly #exports: Exports
  #writes: Records = new Map()
  #sorted: string[] | undefined
  readonly #open = new Map<number, ShellResponse>()
  #nextRequest = 1
  /** Documents asked for and not yet given. */
  readonly tickets: number[] = []
  #nextTicket = 1
  /** The response that `handle` or `tick` may stream to at all exists only while this is set. */
  #inside = false

  constructor(wasm: Uint8Array) {
    const module = new WebAssembly.Module(wasm as Uint8Array<ArrayBuffer>)
    this.imports = WebAssembly.Module.imports(module).map(({ module, name }) => `${module}.${name}`)
    this.#exports = new WebAssembly.Instance(module, { kernel: this.#hypercalls() }).exports as unknown as Exports
    this.#run(() => this.#exports._start?.())
    if (this.#exports.wasmclave_abi() !== WORKLOAD_ABI) throw new Error('another ABI')
    this.#finish(this.#run(() => this.#exports.init?.()) ?? 0)
  }

  static of(name: string): WorkloadShell {
    return new WorkloadShell(readFileSync(`assembly/workloads/${name}/workload.wasm`))
  }

  get memoryBytes(): number {
    return this.#exports.memory.buffer.byteLength
  }

  /** All of it, as it stands. */
  get memory(): Uint8Array {
    return new Uint8Array(this.#exports.memory.buffer)
  }

  get openRequests(): number {
    return this.#open.size
  }

  /** One request, as a kernel dispatches it. @returns its response, perhaps still open; status 500 where `handle` was negative */
  request(method: string, path: string, parts: RequestParts = {}): ShellResponse {
    const response = new ShellResponse(this.#nextRequest++)
    this.#open.set(response.request, response)
    const bytes = encodeRequest(method, path, parts)
    const pointer = this.#run(() => this.#exports.allocate(bytes.length)) >>> 0
    let status = -1
    if (pointer !== 0) {
      this.#region('allocate', pointer, bytes.length).set(bytes)
      status = this.#run(() => this.#exports.handle(response.request, pointer, bytes.length))
    }
    this.#finish(status)
    if (status < 0 && !response.ended) {
      response.status = 500
      response.ended = true
    }
    if (response.ended) this.#open.delete(response.request)
    return response
  }

  tick(): void {
    this.#finish(this.#run(() => this.#exports.tick?.()) ?? 0)
  }

  /** The document of the oldest ticket is there; of no bytes where there is none. */
  deliver(document: Uint8Array): void {
    const ticket = this.tickets.shift()
    if (ticket === undefined) throw new Error('no document was asked for')
    const pointer = this.#run(() => this.#exports.allocate(document.length)) >>> 0
    if (pointer !== 0) this.#region('allocate', pointer, document.length).set(document)
    this.#run(() => this.#exports.attested?.(ticket, pointer, document.length))
    this.#finish(0)
  }

  /** The client has taken what it had been sent, and there is room again. */
  drain(response: ShellResponse): void {
    this.#run(() => this.#exports.drained?.(response.request))
    this.#finish(0)
  }

  /** The client goes. */
  close(response: ShellResponse): void {
    this.#open.delete(response.request)
    this.#run(() => this.#exports.closed?.(response.request))
    this.#finish(0)
  }

  /** Forgets the client without telling the workload yet, as happens between a request and the notice. */
  vanish(response: ShellResponse): void {
    this.#open.delete(response.request)
  }

  #run<T>(call: () => T): T {
    this.#inside = true
    try {
      return call()
    } finally {
      this.#inside = false
    }
  }

  #finish(status: number): void {
    if (status >= 0 && this.#writes.size > 0) {
      this.version++
      for (const [key, write] of this.#writes) {
        if (!this.records.has(key) || write.value === null) this.#sorted = undefined
        if (write.value === null) this.records.delete(key)
        else this.records.set(key, write)
      }
    }
    this.#writes = new Map()
  }

  #region(call: string, pointer: number, length: number): Uint8Array {
    const size = this.#exports.memory.buffer.byteLength
    if (pointer >>> 0 > size || length >>> 0 > size - (pointer >>> 0)) throw new ShellFault(FAULT_BAD_REGION, call)
    return new Uint8Array(this.#exports.memory.buffer, pointer >>> 0, length >>> 0)
  }

  #find(key: string): { version: bigint; value: Uint8Array } | undefined {
    const found = this.#writes.get(key) ?? this.records.get(key)
    return found === undefined || found.value === null ? undefined : { version: found.version, value: found.value }
  }

  #keys(): string[] {
    this.#sorted ??= [...this.records.keys()].sort()
    if (this.#writes.size === 0) return this.#sorted
    return [...new Set([...this.#sorted, ...this.#writes.keys()])].sort()
  }

  #write(key: string, value: Uint8Array | null): bigint {
    if (--this.writesUntilAgain < 0) return BigInt(STATUS_AGAIN)
    const next = new Map(this.#writes).set(key, { version: this.version + 1n, value })
    const bytes = [...next].reduce((sum, [name, write]) => sum + name.length + (write.value?.length ?? 0), 0)
    if (next.size > MAX_WRITES || bytes > MAX_TRANSACTION_BYTES) return BigInt(STATUS_TOO_LARGE)
    this.#writes = next
    return this.version + 1n
  }

  #usedBytes(): number {
    let bytes = 0
    for (const [key, { value }] of this.records) bytes += key.length + (value?.length ?? 0)
    return bytes
  }

  #hypercalls(): Record<string, WebAssembly.ImportValue> {
    const region = (call: string, pointer: number, length: number) => this.#region(call, pointer, length)
    const text = (call: string, pointer: number, length: number) =>
      Buffer.from(region(call, pointer, length)).toString('latin1')
    const open = (call: string, request: number) => {
      if (request <= 0 || request >= this.#nextRequest) throw new ShellFault(FAULT_BAD_HANDLE, call)
      return this.#open.get(request)
    }
    const calls: Record<string, (...args: number[]) => number | bigint> = {
      get: (key = 0, keyLength = 0, out = 0, room = 0) => {
        const target = region('get', out, room)
        const found = this.#find(text('get', key, keyLength))
        if (found === undefined) return STATUS_NOT_FOUND
        const length = 8 + found.value.length
        if (length > room >>> 0) return length
        new DataView(target.buffer, target.byteOffset).setBigUint64(0, found.version, true)
        target.set(found.value, 8)
        return length
      },
      scan: (prefix = 0, prefixLength = 0, after = 0, afterLength = 0, limit = 0, out = 0, room = 0) => {
        const target = Buffer.from(region('scan', out, room).buffer, out >>> 0, room >>> 0)
        const begin = text('scan', prefix, prefixLength)
        const behind = text('scan', after, afterLength)
        if (limit < 0) return STATUS_INVALID
        let at = 0
        let count = 0
        for (const key of this.#keys()) {
          if (count >= limit) break
          if (!key.startsWith(begin) || key <= behind) continue
          const found = this.#find(key)
          if (found === undefined) continue
          const size = 16 + key.length + found.value.length
          if (size > target.length - at) return at === 0 ? STATUS_BUFFER : at
          target.writeUInt32LE(key.length, at)
          target.writeUInt32LE(found.value.length, at + 4)
          target.writeBigUInt64LE(found.version, at + 8)
          target.write(key, at + 16, 'latin1')
          target.set(found.value, at + 16 + key.length)
          at += size
          count++
        }
        return at
      },
      put: (key = 0, keyLength = 0, value = 0, valueLength = 0) => {
        const name = text('put', key, keyLength)
        const bytes = region('put', value, valueLength).slice()
        if (name.length === 0 || name.length > MAX_KEY_BYTES) return BigInt(STATUS_TOO_LARGE)
        const old = this.records.get(name)
        const used = this.#usedBytes() - (old === undefined ? 0 : name.length + (old.value?.length ?? 0))
        if (used + name.length + bytes.length > this.maxSpaceBytes) return BigInt(STATUS_QUOTA)
        return this.#write(name, bytes)
      },
      delete: (key = 0, keyLength = 0) => {
        const name = text('delete', key, keyLength)
        return this.#find(name) === undefined ? BigInt(STATUS_NOT_FOUND) : this.#write(name, null)
      },
      respond: (request = 0, status = 0, headers = 0, headersLength = 0, body = 0, length = 0, end = 0) => {
        const response = open('respond', request)
        const head = text('respond', headers, headersLength)
        const bytes = region('respond', body, length).slice()
        if (response === undefined) return STATUS_CLOSED
        if (response.status !== 0) throw new ShellFault(FAULT_BAD_CALL, 'respond')
        if (status < 200 || status > 599) return STATUS_INVALID
        if (head.length > MAX_HEAD_BYTES || bytes.length > MAX_STREAM_BUFFER) return STATUS_TOO_LARGE
        if (!/^(?:[!-9;-@[-~]+: [\t -~]*\n)*$/.test(head)) return STATUS_INVALID
        response.status = status
        for (const line of head.split('\n').slice(0, -1)) {
          const colon = line.indexOf(': ')
          response.headers[line.slice(0, colon)] = line.slice(colon + 2)
        }
        response.push(bytes, end !== 0)
        if (end !== 0) this.#open.delete(request)
        return STATUS_OK
      },
      stream: (request = 0, data = 0, length = 0, end = 0) => {
        const response = open('stream', request)
        const bytes = region('stream', data, length).slice()
        if (response === undefined) return STATUS_CLOSED
        if (response.status === 0) throw new ShellFault(FAULT_BAD_CALL, 'stream')
        if (bytes.length > MAX_STREAM_BUFFER) return STATUS_TOO_LARGE
        if (response.waitingBytes + bytes.length > this.maxWaitingBytes) return STATUS_AGAIN
        response.push(bytes, end !== 0)
        if (end !== 0) this.#open.delete(request)
        return STATUS_OK
      },
      now: () => this.nowMs,
      time: () => this.timeMs,
      settled: (out = 0) => {
        const target = region('settled', out, 16)
        const view = new DataView(target.buffer, target.byteOffset)
        view.setBigUint64(0, this.settledAt ?? this.version, true)
        view.setBigUint64(8, this.lost, true)
        return 16
      },
      random: (out = 0, length = 0) => {
        const target = region('random', out, length)
        if (length >>> 0 > MAX_RANDOM_BYTES) return STATUS_TOO_LARGE
        target.set(crypto.getRandomValues(new Uint8Array(target.length)))
        return STATUS_OK
      },
      attest: (nonce = 0, nonceLength = 0, data = 0, dataLength = 0, publicKey = 0, publicKeyLength = 0) => {
        for (const [pointer, length] of [
          [nonce, nonceLength],
          [data, dataLength],
          [publicKey, publicKeyLength],
        ] as const)
          if (length !== -1) region('attest', pointer, length)
        this.tickets.push(this.#nextTicket)
        return this.#nextTicket++
      },
      sha256: (from = 0, length = 0, out = 0) => {
        region('sha256', out, 32).set(
          createHash('sha256')
            .update(region('sha256', from, length))
            .digest(),
        )
        return STATUS_OK
      },
      hmac: (key = 0, keyLength = 0, from = 0, length = 0, out = 0) => {
        const mac = createHmac('sha256', region('hmac', key, keyLength)).update(region('hmac', from, length))
        region('hmac', out, 32).set(mac.digest())
        return STATUS_OK
      },
    }
    return Object.fromEntries(
      Object.entries(calls).map(([name, call]) => [
        name,
        (...args: number[]) => {
          if (!this.#inside) throw new ShellFault(FAULT_BAD_CALL, name)
          this.calls[name] = (this.calls[name] ?? 0) + 1
          return call(...args)
        },
      ]),
    )
  }
}

/** A request in the layout of the ABI page. */
export function encodeRequest(method: string, path: string, parts: RequestParts = {}): Buffer {
  const body = Buffer.from(parts.body ?? '')
  const headers = Object.entries(parts.headers ?? {})
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('')
  const strings = [method, path, headers].map((each) => Buffer.from(each, 'latin1'))
  const header = Buffer.alloc(52)
  for (const [i, each] of [...strings, body].entries()) header.writeUInt32LE(each.length, 4 * i)
  header.writeUInt32LE(parts.role ?? 1, 16)
  header.set(parts.key ?? new Uint8Array(32), 20)
  return Buffer.concat([header, ...strings, body])
}
