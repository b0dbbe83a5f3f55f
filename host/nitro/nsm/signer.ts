/**
 * Who is signed for next: round-robin over enclaves, as many at once as there are threads to sign, and work-conserving. A bucket
 * binds an enclave only while another one waits, so that a flood at one does not delay the others.
 */

/** PROTOCOLS 4: a second's signatures, and how many may come at once. */
const PER_SECOND = 50
const BURST = 100
/** Requests of one enclave that wait; more are refused. */
const MAX_QUEUED = 256
/** node:crypto signs on libuv's pool of four. */
const CONCURRENCY = 2

type Job = () => Promise<void>
type Queue = { jobs: Job[]; tokens: number; atMs: number }

export class Signer {
  readonly #now: () => number
  readonly #queues = new Map<string, Queue>()
  #running = 0
  #retry: NodeJS.Timeout | undefined

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** @returns false when this enclave has as many waiting as it may */
  submit(enclave: string, job: Job): boolean {
    const queue = this.#queues.get(enclave) ?? { jobs: [], tokens: BURST, atMs: this.#now() }
    this.#queues.set(enclave, queue)
    if (queue.jobs.length >= MAX_QUEUED) return false
    queue.jobs.push(job)
    this.#run()
    return true
  }

  forget(enclave: string): void {
    this.#queues.delete(enclave)
  }

  #run(): void {
    while (this.#running < CONCURRENCY) {
      const job = this.#next()
      if (job === undefined) return
      this.#running++
      job()
        .catch(() => {})
        .finally(() => {
          this.#running--
          this.#run()
        })
    }
  }

  // The first waiting enclave that has a token; else, should it wait alone, the first.
  #next(): Job | undefined {
    const now = this.#now()
    let waiting = 0
    let chosen: string | undefined
    let first: string | undefined
    for (const [enclave, queue] of this.#queues) {
      queue.tokens = Math.min(BURST, queue.tokens + ((now - queue.atMs) / 1000) * PER_SECOND)
      queue.atMs = now
      if (queue.jobs.length === 0) continue
      waiting++
      first ??= enclave
      if (queue.tokens >= 1) chosen ??= enclave
    }
    const enclave = chosen ?? (waiting === 1 ? first : undefined)
    if (enclave === undefined) {
      if (waiting > 0) this.#retryLater()
      return undefined
    }
    const queue = this.#queues.get(enclave) as Queue
    queue.tokens = Math.max(0, queue.tokens - 1)
    // To the end of the round
    this.#queues.delete(enclave)
    this.#queues.set(enclave, queue)
    return queue.jobs.shift()
  }

  #retryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined
      this.#run()
    }, 1000 / PER_SECOND)
  }
}
