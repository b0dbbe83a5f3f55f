/** 32 platform configuration registers of SHA-384 (nsm-api): 0..15 locked at boot, 16..31 for the enclave to extend and lock. */
import { createHash } from 'node:crypto'

export const PCR_COUNT = 32
export const PCR_BYTES = 48
const BOOT_PCRS = 16

/** Codes of nsm-api's ErrorCode that a register call can give. */
export type PcrError = 'InvalidIndex' | 'ReadOnlyIndex'

export class PcrBank {
  readonly #values: Uint8Array[] = Array.from({ length: PCR_COUNT }, () => new Uint8Array(PCR_BYTES))
  readonly #locked = new Uint8Array(PCR_COUNT)

  /** @param boot hex values of registers 0..15 that are not zero */
  constructor(boot: Record<number, string>) {
    for (const [index, value] of Object.entries(boot))
      this.#values[Number(index)] = new Uint8Array(Buffer.from(value, 'hex'))
    this.#locked.fill(1, 0, BOOT_PCRS)
  }

  /** PCR := SHA384(PCR ‖ data), over the raw data. */
  extend(index: number, data: Uint8Array): Uint8Array | PcrError {
    const old = this.#values[index]
    if (old === undefined) return 'InvalidIndex'
    if (this.#locked[index] === 1) return 'ReadOnlyIndex'
    const value = new Uint8Array(createHash('sha384').update(old).update(data).digest())
    this.#values[index] = value
    return value
  }

  lock(index: number): PcrError | undefined {
    if (index >= PCR_COUNT) return 'InvalidIndex'
    if (this.#locked[index] === 1) return 'ReadOnlyIndex'
    this.#locked[index] = 1
    return undefined
  }

  /** Locks [0, range); those that are locked already stay so. */
  lockRange(range: number): PcrError | undefined {
    if (range > PCR_COUNT) return 'InvalidIndex'
    this.#locked.fill(1, 0, range)
    return undefined
  }

  describe(index: number): { value: Uint8Array; locked: boolean } | undefined {
    const value = this.#values[index]
    return value === undefined ? undefined : { value, locked: this.#locked[index] === 1 }
  }

  /** Registers as a document lists them: all that are locked, ascending. */
  get locked(): [index: number, value: Uint8Array][] {
    return this.#values.flatMap((value, index) =>
      this.#locked[index] === 1 ? [[index, value] as [number, Uint8Array]] : [],
    )
  }
}
