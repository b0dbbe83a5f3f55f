/** HMAC, RFC 2104, under a key that stays set up in the core's memory: its pads are hashed once, and the key itself is not kept. */
import { UsageError } from '../errors.ts'
import type { CoreMemory } from './memory.ts'
import type { CoreExports } from './module.ts'

export type MacKey = {
  /** @returns as many bytes as the hash has */
  sign(data: Uint8Array): Uint8Array
  /** Whether `mac` is the whole MAC of `data`, compared in constant time. One of another length is not, whatever it begins with. */
  verify(data: Uint8Array, mac: Uint8Array): boolean
  /** Erases the key; every later call throws ERR_KEY_DESTROYED. */
  destroy(): void
}

export class CoreMacKey implements MacKey {
  readonly #exports: CoreExports
  readonly #memory: CoreMemory
  readonly #macBytes: number
  #context: number

  /** @param hash the core's number of the hash @param macBytes what it gives */
  constructor(exports: CoreExports, memory: CoreMemory, hash: number, macBytes: number, key: Uint8Array) {
    this.#exports = exports
    this.#memory = memory
    this.#macBytes = macBytes
    memory.begin(key.length + 64)
    this.#context = memory.keep(exports.HMAC_CONTEXT.value as number)
    exports.hmacKey(this.#context, hash, memory.put(key), key.length)
    memory.end()
  }

  sign(data: Uint8Array): Uint8Array {
    const memory = this.#absorb(data)
    const out = memory.room(this.#macBytes)
    this.#exports.hmacEnd(this.#context, out)
    const mac = memory.take(out, this.#macBytes)
    memory.end()
    return mac
  }

  verify(data: Uint8Array, mac: Uint8Array): boolean {
    this.#live()
    if (mac.length !== this.#macBytes) return false // CT: a length is no secret
    const memory = this.#absorb(data)
    const right = this.#exports.hmacVerify(this.#context, memory.put(mac)) !== 0
    memory.end()
    return right
  }

  destroy(): void {
    if (this.#context === 0) return
    this.#memory.free(this.#context, this.#exports.HMAC_CONTEXT.value as number)
    this.#context = 0
  }

  #live(): void {
    if (this.#context === 0) throw new UsageError('ERR_KEY_DESTROYED', 'this key was destroyed')
  }

  #absorb(data: Uint8Array): CoreMemory {
    this.#live()
    const memory = this.#memory
    memory.begin(data.length + 192)
    this.#exports.hmacBegin(this.#context)
    this.#exports.hmacUpdate(this.#context, memory.put(data), data.length)
    return memory
  }
}
