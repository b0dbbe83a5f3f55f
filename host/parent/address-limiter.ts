/**
 * New sessions of one address: a token bucket each, so that a flood of handshakes is turned away before it costs a signature.
 * The table is bounded; addresses that have been quiet long enough to be full again are forgotten.
 */
const BURST = 400
const PER_SECOND = 200
const MAX_ADDRESSES = 10_000

type Bucket = { tokens: number; atMs: number }

export class AddressLimiter {
  readonly #now: () => number
  readonly #buckets = new Map<string, Bucket>()

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  take(address: string): boolean {
    const now = this.#now()
    const bucket = this.#buckets.get(address) ?? { tokens: BURST, atMs: now }
    bucket.tokens = Math.min(BURST, bucket.tokens + ((now - bucket.atMs) / 1000) * PER_SECOND)
    bucket.atMs = now
    if (!this.#buckets.has(address)) {
      if (this.#buckets.size >= MAX_ADDRESSES) this.#forget(now)
      if (this.#buckets.size >= MAX_ADDRESSES) return false
      this.#buckets.set(address, bucket)
    }
    if (bucket.tokens < 1) return false
    bucket.tokens -= 1
    return true
  }

  #forget(now: number): void {
    for (const [address, bucket] of this.#buckets)
      if (bucket.tokens + ((now - bucket.atMs) / 1000) * PER_SECOND >= BURST) this.#buckets.delete(address)
  }
}
