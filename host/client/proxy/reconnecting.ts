/**
 * A session that comes back: when it ends, the next request connects anew, and appraises anew, before it sends anything.
 * One connection attempt at a time; a request that was under way fails and is never repeated behind the caller's back.
 */
import type { Enclave } from '../connect.ts'

export class ReconnectingEnclave {
  readonly #connect: () => Promise<Enclave>
  #enclave: Promise<Enclave> | undefined

  constructor(connect: () => Promise<Enclave>) {
    this.#connect = connect
  }

  /** The session in force, or a new one. */
  async enclave(): Promise<Enclave> {
    const previous = this.#enclave
    const current = await previous?.catch(() => undefined)
    if (current !== undefined && !current.ended) return current
    // Somebody else may have begun while this one waited.
    if (this.#enclave !== undefined && this.#enclave !== previous) return this.#enclave
    const attempt = this.#connect()
    this.#enclave = attempt
    attempt.catch(() => {
      if (this.#enclave === attempt) this.#enclave = undefined
    })
    return attempt
  }
}
