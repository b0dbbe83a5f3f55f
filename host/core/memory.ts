/**
 * The core's linear memory, borrowed for the time of a call: bytes are copied in, the call runs, bytes are copied out, and every
 * byte that was used is erased. Views are made anew where memory has grown, which leaves the old ones with no bytes.
 */
import { UnavailableError, UsageError } from '../errors.ts'
import type { CoreExports } from './module.ts'

/** Arena for arguments and results of one call; grows to the largest call so far. */
const FIRST_BYTES = 65_536
/** The largest block of AssemblyScript's allocator is 2^30 - 4 bytes; above 2^32 a length would wrap on its way into Wasm. */
const MAX_BYTES = 2 ** 30 - 64

export class CoreMemory {
  readonly #exports: CoreExports
  #base: number
  #capacity = FIRST_BYTES
  #used = 0
  #view: Uint8Array
  /** What takeInto copied from last: calls of one size after another need no new view. */
  #taken: Uint8Array

  constructor(exports: CoreExports) {
    this.#exports = exports
    this.#base = this.#allocate(FIRST_BYTES)
    this.#view = new Uint8Array(exports.memory.buffer)
    this.#taken = this.#view.subarray(0, 0)
  }

  /**
   * Begins a call that needs at most `bytes` for all that it copies in and out.
   * @throws UsageError ERR_CORE_LENGTH above about 1 GiB
   */
  begin(bytes: number): void {
    if (bytes > MAX_BYTES) throw new UsageError('ERR_CORE_LENGTH', `a call of ${bytes} bytes; ${MAX_BYTES} at most`)
    this.#used = 0
    if (bytes > this.#capacity) {
      const base = this.#allocate(bytes)
      this.#exports.release(this.#base, this.#capacity)
      this.#base = base
      this.#capacity = bytes
    }
    this.#look()
  }

  /** Room for `length` bytes, 16-byte aligned. */
  room(length: number): number {
    const at = this.#base + this.#used
    this.#used += (length + 15) & ~15
    return at
  }

  put(bytes: Uint8Array): number {
    const at = this.room(bytes.length)
    this.#view.set(bytes, at)
    return at
  }

  putAt(at: number, bytes: Uint8Array): void {
    this.#view.set(bytes, at)
  }

  take(at: number, length: number): Uint8Array {
    return this.#view.slice(at, at + length)
  }

  takeInto(out: Uint8Array, at: number, length: number): void {
    if (this.#taken.length !== length || this.#taken.byteOffset !== at)
      this.#taken = this.#view.subarray(at, at + length)
    out.set(this.#taken)
  }

  /** Erases what the call used. */
  end(): void {
    this.#view.fill(0, this.#base, this.#base + this.#used)
  }

  /** State that outlives a call: key schedules and contexts. Give it back with `free`. */
  keep(bytes: number): number {
    const at = this.#allocate(bytes)
    this.#look()
    return at
  }

  copyWithin(to: number, from: number, length: number): void {
    this.#view.copyWithin(to, from, from + length)
  }

  free(at: number, bytes: number): void {
    this.#exports.release(at, bytes)
  }

  #look(): void {
    if (this.#view.length !== 0) return
    this.#view = new Uint8Array(this.#exports.memory.buffer)
    this.#taken = this.#view.subarray(0, 0)
  }

  #allocate(bytes: number): number {
    try {
      return this.#exports.allocate(bytes) >>> 0
    } catch (error) {
      throw new UnavailableError('ERR_CORE_MEMORY', `no room for ${bytes} bytes in the core's memory`, { cause: error })
    }
  }
}
