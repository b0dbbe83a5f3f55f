// The kernel's key space, called as a workload's shell calls it, and a model of it that is plain JavaScript.

import { MAX_SCAN_ITEMS, WORKLOAD_TICK_MS } from '../../assembly/abi/limits.ts'
import { STATUS_BUFFER, STATUS_INVALID, STATUS_NOT_FOUND } from '../../assembly/abi/status.ts'
import { KernelUnderTest } from './kernel.ts'

const NOTICE_TICK = 3
const COUNTER_RECORDS = 2
const COUNTER_VERSION = 4

/** A transaction is one tick of the workload. */
export class SpaceUnderTest {
  readonly #under = KernelUnderTest.serving()

  begin(): void {
    const { exports, kernel } = this.#under
    this.#under.now += WORKLOAD_TICK_MS
    kernel.check(exports.tick(this.#under.now))
    if (exports.nextNotice() !== NOTICE_TICK) throw new Error('a tick is due')
  }

  end(keep: boolean): void {
    const { exports, kernel } = this.#under
    kernel.check(exports.noticeDone(keep ? 0 : -1))
    exports.outTaken()
  }

  put(key: Buffer, value: Buffer): bigint {
    const [k = 0, v = 0] = this.#under.copyIn(key, value)
    return this.#under.exports.callPut(k, key.length, v, value.length)
  }

  remove(key: Buffer): bigint {
    const [k = 0] = this.#under.copyIn(key)
    return this.#under.exports.callDelete(k, key.length)
  }

  /** u64 version ‖ value, or a status. */
  get(key: Buffer): Buffer | number {
    const [k = 0] = this.#under.copyIn(key)
    return this.#result(this.#under.exports.callGet(k, key.length))
  }

  scan(prefix: Buffer, after: Buffer, limit: number, room: number): Buffer | number {
    const [p = 0, a = 0] = this.#under.copyIn(prefix, after)
    return this.#result(this.#under.exports.callScan(p, prefix.length, a, after.length, limit, room))
  }

  /** All entries, in a transaction of its own. */
  everything(): Buffer {
    const parts: Buffer[] = []
    let after: Buffer = Buffer.alloc(0)
    this.begin()
    for (;;) {
      const page = this.scan(Buffer.alloc(0), after, 1000, 4_000_000) as Buffer
      if (page.length === 0) break
      parts.push(page)
      for (let at = 0; at < page.length; at += 16 + page.readUInt32LE(at) + page.readUInt32LE(at + 4))
        after = page.subarray(at + 16, at + 16 + page.readUInt32LE(at))
    }
    this.end(true)
    return Buffer.concat(parts)
  }

  get records(): number {
    return this.#under.exports.counter(COUNTER_RECORDS)
  }

  get version(): number {
    return this.#under.exports.counter(COUNTER_VERSION)
  }

  get memoryBytes(): number {
    return this.#under.exports.memory.buffer.byteLength
  }

  #result(status: number): Buffer | number {
    if (status < 0) return status
    const { exports, kernel } = this.#under
    const at = exports.result() >>> 0
    return Buffer.from(kernel.view.slice(at, at + status))
  }
}

type Entry = { value: Buffer; version: bigint }
const text = (key: Buffer) => key.toString('latin1')
const byBytes = (a: string, b: string) => (a < b ? -1 : 1)

/** Keys as Latin-1 texts: JavaScript orders those as bytes. */
export class SpaceModel {
  #records = new Map<string, Entry>()
  #order: string[] = []
  #writes = new Map<string, Entry | null>()
  version = 0

  put(key: Buffer, value: Buffer): bigint {
    return this.#write(text(key), { value, version: this.#next })
  }

  remove(key: Buffer): bigint {
    return this.#seen(text(key)) === undefined ? BigInt(STATUS_NOT_FOUND) : this.#write(text(key), null)
  }

  get(key: Buffer): Buffer | number {
    const entry = this.#seen(text(key))
    return entry === undefined ? STATUS_NOT_FOUND : Buffer.concat([u64(entry.version), entry.value])
  }

  scan(prefix: Buffer, after: Buffer, limit: number, room: number): Buffer | number {
    if (limit < 0) return STATUS_INVALID
    const parts: Buffer[] = []
    let length = 0
    let left = Math.min(limit, MAX_SCAN_ITEMS)
    for (const key of this.#keysBehind(text(prefix), text(after))) {
      if (left-- === 0) break
      const part = entryBytes(key, this.#seen(key) as Entry)
      if (length + part.length > room) return parts.length === 0 ? STATUS_BUFFER : Buffer.concat(parts)
      parts.push(part)
      length += part.length
    }
    return Buffer.concat(parts)
  }

  end(keep: boolean): void {
    if (keep && this.#writes.size > 0) {
      this.version++
      for (const [key, entry] of this.#writes) {
        const at = this.#place(key)
        const known = this.#order[at] === key
        if (entry === null) {
          this.#records.delete(key)
          if (known) this.#order.splice(at, 1)
        } else {
          this.#records.set(key, entry)
          if (!known) this.#order.splice(at, 0, key)
        }
      }
    }
    this.#writes.clear()
  }

  everything(): Buffer {
    return Buffer.concat(this.#order.map((key) => entryBytes(key, this.#records.get(key) as Entry)))
  }

  get size(): number {
    return this.#records.size
  }

  *#keysBehind(prefix: string, after: string): Generator<string> {
    const fresh = [...this.#writes.keys()].filter((key) => !this.#records.has(key)).sort(byBytes)
    let at = this.#place(after > prefix ? after : prefix)
    for (let next = 0; at < this.#order.length || next < fresh.length; ) {
      const [stored, written] = [this.#order[at], fresh[next]]
      const key = written === undefined || (stored !== undefined && stored < written) ? (stored as string) : written
      if (key === stored) at++
      else next++
      if (key.startsWith(prefix) && key > after && this.#seen(key) !== undefined) yield key
      else if (key > prefix && !key.startsWith(prefix)) return
    }
  }

  /** Where in the order a key is, or would be. */
  #place(key: string): number {
    let low = 0
    for (let high = this.#order.length; low < high; ) {
      const middle = (low + high) >> 1
      if ((this.#order[middle] as string) < key) low = middle + 1
      else high = middle
    }
    return low
  }

  get #next(): bigint {
    return BigInt(this.version + 1)
  }

  #write(key: string, entry: Entry | null): bigint {
    this.#writes.set(key, entry)
    return this.#next
  }

  #seen(key: string): Entry | undefined {
    const write = this.#writes.get(key)
    return write === undefined ? this.#records.get(key) : (write ?? undefined)
  }
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

// u32 key length, u32 value length, u64 version, key, value: abi/README.md
function entryBytes(key: string, { value, version }: Entry): Buffer {
  const lengths = Buffer.alloc(8)
  lengths.writeUInt32LE(key.length, 0)
  lengths.writeUInt32LE(value.length, 4)
  return Buffer.concat([lengths, u64(version), Buffer.from(key, 'latin1'), value])
}
