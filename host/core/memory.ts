/**
 * The core's linear memory, borrowed for the time of a call: bytes are copied in, the call runs, bytes are copied out, and every
 * byte that was used is erased. Views are made anew where memory has grown, which leaves the old ones with no bytes.
 * Small calls cost little more than their computation: no view is made for one, and nothing allocated but its result.
 */
import { UnavailableError, UsageError } from '../errors.ts'
import type { CoreExports } from './module.ts'

/** Arena for arguments and results of one call; grows to the largest call so far. */
const FIRST_BYTES = 65_536
/** The largest block of AssemblyScript's allocator is 2^30 - 4 bytes; above 2^32 a length would wrap on its way into Wasm. */
const MAX_BYTES = 2 ** 30 - 64
/** Up to here a loop is faster than the engine's copy, which is a call. */
export const LOOP_BYTES = 16
/** Results up to this long, 1 KiB and a tag, are copied out of views that are kept, one a length. */
export const KEPT_VIEW_BYTES = 1040

export class CoreMemory {
  readonly #exports: CoreExports
  readonly #erase: CoreExports['erase']
  #base: number
  #capacity = FIRST_BYTES
  #used = 0
  #view: Uint8Array
  /** Views of the arena's first bytes, by length. */
  #first: (Uint8Array | undefined)[]

  constructor(exports: CoreExports) {
    this.#exports = exports
    this.#erase = exports.erase
    this.#base = this.#allocate(FIRST_BYTES)
    this.#view = new Uint8Array(exports.memory.buffer)
    this.#first = noViews()
  }

  /**
   * Begins a call that needs at most `bytes` for all that it copies in and out.
   * @throws UsageError ERR_CORE_LENGTH above about 1 GiB
   */
  begin(bytes: number): void {
    if (bytes > MAX_BYTES) throw new UsageError('ERR_CORE_LENGTH', `a call of ${bytes} bytes; ${MAX_BYTES} at most`)
    this.#used = 0
    if (bytes > this.#capacity) this.#grow(bytes)
    else if (this.#view.length === 0) this.#look()
  }

  /** Room for `length` bytes, 16-byte aligned. The call's first is where `takeInto` copies from. */
  room(length: number): number {
    const at = this.#base + this.#used
    this.#used += (length + 15) & ~15
    return at
  }

  put(bytes: Uint8Array): number {
    const at = this.room(bytes.length)
    this.putAt(at, bytes)
    return at
  }

  putAt(at: number, bytes: Uint8Array): void {
    const { length } = bytes
    const view = this.#view
    if (length > LOOP_BYTES) view.set(bytes, at)
    else for (let i = 0; i < length; i++) view[at + i] = bytes[i] as number
  }

  take(at: number, length: number): Uint8Array {
    return this.#view.slice(at, at + length)
  }

  /** Copies out of the call's first room. */
  takeInto(out: Uint8Array, length: number): void {
    if (length > KEPT_VIEW_BYTES) out.set(this.#view.subarray(this.#base, this.#base + length))
    else {
      this.#first[length] ??= this.#view.subarray(this.#base, this.#base + length)
      out.set(this.#first[length] as Uint8Array)
    }
  }

  /** Erases what the call used. */
  end(): void {
    this.#erase(this.#base, this.#used)
  }

  /** State that outlives a call: key schedules and contexts. Give it back with `free`. */
  keep(bytes: number): number {
    const at = this.#allocate(bytes)
    if (this.#view.length === 0) this.#look()
    return at
  }

  copyWithin(to: number, from: number, length: number): void {
    this.#view.copyWithin(to, from, from + length)
  }

  free(at: number, bytes: number): void {
    this.#exports.release(at, bytes)
  }

  #grow(bytes: number): void {
    const base = this.#allocate(bytes)
    this.#exports.release(this.#base, this.#capacity)
    this.#base = base
    this.#capacity = bytes
    this.#look()
  }

  #look(): void {
    this.#view = new Uint8Array(this.#exports.memory.buffer)
    this.#first = noViews()
  }

  #allocate(bytes: number): number {
    try {
      return this.#exports.allocate(bytes) >>> 0
    } catch (error) {
      throw new UnavailableError('ERR_CORE_MEMORY', `no room for ${bytes} bytes in the core's memory`, { cause: error })
    }
  }
}

function noViews(): (Uint8Array | undefined)[] {
  return new Array(KEPT_VIEW_BYTES + 1).fill(undefined)
}
