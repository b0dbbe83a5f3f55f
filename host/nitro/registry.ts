/**
 * The enclaves of this host: names, ids, CIDs and CPUs as nitro-cli gives them out (reference: nitro-cli 1.5, resource_manager).
 * Pure bookkeeping; the processes behind it belong to the life cycle.
 */
import { RefusedError } from '../errors.ts'

/** CIDs that mean something else: hypervisor 0, local 1, host 2, parent 3, any. */
const FIRST_CID = 16
const RESERVED_CIDS = new Set([1, 2, 3, 0xffff_ffff])

export type EnclaveState = 'RUNNING' | 'DRAINING' | 'TERMINATING' | 'EMPTY'

export type Entry = {
  name: string
  /** Document form, zero-padded: i-…-enc + 16 hex. */
  moduleId: string
  processId: number
  cid: number
  cpuIds: number[]
  memoryMiB: number
  state: EnclaveState
}

export class Registry<E extends Entry> {
  readonly #entries = new Map<string, E>()
  readonly #maxEnclaves: number

  constructor(maxEnclaves: number) {
    this.#maxEnclaves = maxEnclaves
  }

  get all(): E[] {
    return [...this.#entries.values()]
  }

  /** @throws RefusedError ERR_LAUNCH_CAPACITY */
  add(entry: E): void {
    if (this.#entries.size >= this.#maxEnclaves)
      throw new RefusedError('ERR_LAUNCH_CAPACITY', `this host runs ${this.#maxEnclaves} enclaves already, its limit`)
    this.#entries.set(entry.moduleId, entry)
  }

  remove(moduleId: string): void {
    this.#entries.delete(moduleId)
  }

  byName(name: string): E | undefined {
    return this.all.find((entry) => entry.name === name)
  }

  /** `id` as nitro-cli prints it, without the padding of documents. */
  byId(id: string): E | undefined {
    return this.all.find((entry) => printedId(entry.moduleId) === id || entry.moduleId === id)
  }

  /** @throws RefusedError ERR_LAUNCH_CID */
  takeCid(wanted: number | null): number {
    const taken = new Set(this.all.map((entry) => entry.cid))
    if (wanted === null || wanted === 0) {
      let cid = FIRST_CID
      while (taken.has(cid)) cid++
      return cid
    }
    if (RESERVED_CIDS.has(wanted) || wanted > 0xffff_ffff)
      throw new RefusedError('ERR_LAUNCH_CID', `CID ${wanted} is reserved`)
    if (taken.has(wanted)) throw new RefusedError('ERR_LAUNCH_CID', `CID ${wanted} is in use by another enclave`)
    return wanted
  }
}

/** nitro-cli prints the enclave's number in lower hex without leading zeros; documents pad it. */
export function printedId(moduleId: string): string {
  const [instance, number] = moduleId.split('-enc') as [string, string]
  return `${instance}-enc${number.replace(/^0+/, '') || '0'}`
}
