// A guest whose every hypercall is the test's word: a request's body names the call and its arguments, the answer brings its status.
// It runs in the real shell (host/enclave/workload.ts) on the real kernel, without a process.
import { EnclaveFault } from '../../host/enclave/kernel.ts'
import { Workload } from '../../host/enclave/workload.ts'
import { readResponse } from './channel-peer.ts'
import { assemble } from './guest.ts'
import { KernelUnderTest, launchRecords, type PeerSession } from './kernel.ts'

export const PUPPET_MEMORY = 2 * 65_536
/** Calls by number, with how many i32 they take; the first two are the puppet's own. */
const CALLS = [
  ['grow', 1, 'i32'],
  ['peek', 1, 'i32'],
  ['get', 4, 'i32'],
  ['scan', 7, 'i32'],
  ['put', 4, 'i64'],
  ['delete', 2, 'i64'],
  ['respond', 7, 'i32'],
  ['stream', 4, 'i32'],
  ['settled', 1, 'i32'],
  ['random', 2, 'i32'],
  ['sha256', 3, 'i32'],
  ['hmac', 5, 'i32'],
  ['attest', 6, 'i32'],
] as const
export type Call = (typeof CALLS)[number][0]
const OWN = 2

const imports = CALLS.slice(OWN)
  .map(
    ([name, count, result]) =>
      `(import "kernel" "${name}" (func $${name} (param${' i32'.repeat(count)}) (result ${result})))`,
  )
  .join('\n')
const argument = (index: number) => `(i32.load offset=${4 + 4 * index} (local.get $body))`
const cases = CALLS.map(([name, count, result], number) => {
  const args = Array.from({ length: count }, (_, i) => argument(i)).join(' ')
  const call = number === 0 ? `(memory.grow ${args})` : number === 1 ? `(i32.load ${args})` : `(call $${name} ${args})`
  const value = result === 'i64' ? call : `(i64.extend_i32_s ${call})`
  return `(if (i32.eq (i32.load (local.get $body)) (i32.const ${number})) (then (local.set $status ${value})))`
}).join('\n')

// The request comes to 4096; the status is written behind it, at 8192, unless the call was `respond` itself.
const WASM = await assemble(`(module ${imports}
  (memory (export "memory") 2 4)
  (func (export "wasmclave_abi") (result i32) (i32.const 1))
  (func (export "allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param $request i32) (param $pointer i32) (param $length i32) (result i32)
    (local $body i32) (local $status i64)
    (local.set $body (i32.add (i32.add (local.get $pointer) (i32.const 52)) (i32.add
      (i32.add (i32.load (local.get $pointer)) (i32.load offset=4 (local.get $pointer)))
      (i32.load offset=8 (local.get $pointer)))))
    ${cases}
    (i64.store (i32.const 8192) (local.get $status))
    (if (i32.ne (i32.load (local.get $body)) (i32.const ${CALLS.findIndex(([name]) => name === 'respond')}))
      (then (drop (call $respond (local.get $request) (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 8192) (i32.const 8) (i32.const 1)))))
    (i32.const 0)))`)

export class Puppet {
  readonly under = new KernelUnderTest()
  readonly #session: PeerSession
  #lastRequest = 0

  constructor() {
    this.under.boot(
      launchRecords({ manifest: { attestCallerKey: true, workload: { name: 'echo', version: '1.0.0' } } }),
    )
    const workload = new Workload(this.under.kernel, WASM)
    workload.start()
    this.under.kernel.check(this.under.exports.workloadReady())
    this.under.handle = ({ id }) => {
      this.#lastRequest = id
      return workload.handle(id) ?? -1
    }
    this.#session = this.under.session()
  }

  /** The handle of the next request. */
  get nextRequest(): number {
    return this.#lastRequest + 1
  }

  /** Makes the guest call. @returns the status, or the fault that ended it */
  call(name: Call, ...args: number[]): bigint | EnclaveFault {
    const body = Buffer.alloc(4 + 4 * 7)
    body.writeUInt32LE(
      CALLS.findIndex(([each]) => each === name),
      0,
    )
    for (const [index, value] of args.entries()) body.writeInt32LE(value | 0, 4 + 4 * index)
    try {
      const frames = this.#session.send(this.#session.peer.request('POST', '/', body))
      const head = frames.find((frame) => (frame.kind & 0x7f) === 3)
      if (head === undefined) throw new Error('no answer')
      const answer = readResponse(head)
      return name === 'respond' ? BigInt(answer.status) : answer.body.readBigInt64LE(0)
    } catch (error) {
      if (error instanceof EnclaveFault) return error
      throw error
    }
  }

  /** `length` bytes of the guest's memory, read by the guest. */
  read(at: number, length: number): Buffer {
    const bytes = Buffer.alloc(length)
    for (let i = 0; i < length; i += 4) bytes.writeInt32LE(Number(this.call('peek', at + i)), i)
    return bytes
  }
}
