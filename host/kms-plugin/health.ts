/**
 * What Status answers from: the newest self-test of the enclave's current key, with its age. It is made again on a timer, and by whoever
 * asks while there is none that counts. What is too old or has failed is an error and never "ok": kube-apiserver goes on extending the life
 * of its write key for any answer without a gRPC error (kubernetes#138950). A key_id that was left is never told again, as KMS v2 demands:
 * a store that was put back to an older key wants a rotation first.
 */
import { RefusedError, UnavailableError, WasmclaveError } from '../errors.ts'
import type { KeyVersion } from './provider.ts'

export type HealthOptions = {
  check(): Promise<KeyVersion>
  pollMs: number
  /** How old a self-test may be. */
  maxAgeMs: number
  /** Whether the session that it was made over counts still: where it does not, nor does the self-test. */
  counts(): boolean
  /** The key_id has changed, or is known for the first time. */
  changed?(key: KeyVersion, previous: KeyVersion | undefined): void
}

/** key_ids that were left: of one process, and more than a cluster rotates in its life. */
const MAX_LEFT = 4096

export class KeyHealth {
  readonly #options: HealthOptions
  #key: KeyVersion | undefined
  #checkedAtMs = Number.NEGATIVE_INFINITY
  #error: WasmclaveError | undefined
  #attempt: Promise<KeyVersion> | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #left = new Set<string>()

  constructor(options: HealthOptions) {
    this.#options = options
  }

  /** Polls from now on. */
  start(): void {
    this.#timer = setInterval(() => void this.#check().catch(() => {}), this.#options.pollMs).unref()
    void this.#check().catch(() => {})
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  get ageMs(): number {
    return performance.now() - this.#checkedAtMs
  }

  /** The key that the newest self-test was of, where it counts. */
  get good(): KeyVersion | undefined {
    const { maxAgeMs, counts } = this.#options
    return this.#error === undefined && this.ageMs < maxAgeMs && counts() ? this.#key : undefined
  }

  /** Why there is none; undefined where there is one, or none was made yet. */
  get error(): WasmclaveError | undefined {
    return this.#error
  }

  /** The key as it was found lately, or is found now. @throws what `check` throws, RefusedError ERR_KMS_PLUGIN_KEY_ID */
  key(): KeyVersion | Promise<KeyVersion> {
    return this.good ?? this.#check()
  }

  /** What was found counts no more. A new self-test begins at once. */
  invalidate(error: WasmclaveError): void {
    this.#error = error
    void this.#check().catch(() => {})
  }

  // One at a time: whoever waits for it gets the same answer.
  #check(): Promise<KeyVersion> {
    this.#attempt ??= this.#options
      .check()
      .then(
        (key) => this.#adopt(key),
        (cause: unknown) => {
          const known = cause instanceof WasmclaveError
          this.#error = known ? cause : new UnavailableError('ERR_KMS_PLUGIN_STATUS', String(cause), { cause })
          throw this.#error
        },
      )
      .finally(() => {
        this.#attempt = undefined
      })
    return this.#attempt
  }

  #adopt(key: KeyVersion): KeyVersion {
    const previous = this.#key
    if (this.#left.has(key.keyId)) {
      this.#error = new RefusedError(
        'ERR_KMS_PLUGIN_KEY_ID',
        `the enclave is back at ${key.keyId}, which was left for ${previous?.keyId}: rotate, so that no key_id comes again`,
      )
      throw this.#error
    }
    if (previous?.keyId !== key.keyId) {
      if (previous !== undefined && this.#left.size < MAX_LEFT) this.#left.add(previous.keyId)
      this.#options.changed?.(key, previous)
    }
    this.#key = key
    this.#checkedAtMs = performance.now()
    this.#error = undefined
    return key
  }
}
