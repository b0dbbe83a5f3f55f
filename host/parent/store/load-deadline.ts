/** A load ends, whoever takes it: a snapshot that is held keeps an engine from using space again. */
import { UnavailableError } from '../../errors.ts'

export class LoadDeadline {
  readonly #timer: ReturnType<typeof setTimeout>
  readonly #passed: Promise<never>

  constructor(ms: number) {
    const { promise, reject } = Promise.withResolvers<never>()
    // Not unhandled where nobody waits for it.
    promise.catch(() => {})
    this.#passed = promise
    this.#timer = setTimeout(
      () => reject(new UnavailableError('ERR_STORE_UNAVAILABLE', `the load was not taken within ${ms} ms`)),
      ms,
    )
  }

  /** @throws UnavailableError ERR_STORE_UNAVAILABLE */
  async within(step: Promise<void> | void): Promise<void> {
    await Promise.race([step, this.#passed])
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
