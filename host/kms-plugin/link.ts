/**
 * The plugin's attested session with its enclave. An appraisal counts for so long and no longer: it is renewed at half of its age by a new
 * session, and once it is too old nothing is sent before another one. A session that was lost is made again at the next call, and appraised
 * again. Head tokens go from session to session, so that a store that was put back in between is noticed.
 */
import type { Enclave } from '../client/index.ts'
import { RefusedError, UnavailableError, WasmclaveError } from '../errors.ts'

export type LinkOptions = {
  /** Connects and appraises; shows the token where there is one. @throws like `connect` */
  connect(headToken: Uint8Array | null): Promise<Enclave>
  /** How old an appraisal may be. */
  maxAgeMs: number
  /** After each appraisal. */
  appraised?(enclave: Enclave): void
  /** A session is over, and why. */
  lost?(error: WasmclaveError): void
}

/** After an attempt that failed, others fail the same way for so long. */
const PAUSE_MS = 250
/** A renewal that failed is tried again. */
const RENEW_AGAIN_MS = 5000
/** Calls of a session that was replaced may end. */
const LINGER_MS = 15_000

export class AttestedLink {
  readonly #options: LinkOptions
  #enclave: Enclave | undefined
  #appraisedAtMs = Number.NEGATIVE_INFINITY
  #headToken: Uint8Array | null = null
  #attempt: Promise<Enclave> | undefined
  #failure: { error: WasmclaveError; untilMs: number } | undefined
  #renewal: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: LinkOptions) {
    this.#options = options
  }

  /** How old the appraisal of the session in use is; infinite where there is none. */
  get appraisalAgeMs(): number {
    return this.#enclave === undefined || this.#enclave.ended
      ? Number.POSITIVE_INFINITY
      : performance.now() - this.#appraisedAtMs
  }

  /** The latest head token that was seen. */
  get headToken(): Uint8Array | null {
    return this.#enclave?.headToken ?? this.#headToken
  }

  /** A session whose appraisal counts. @throws RefusedError (the evidence, this key, an enclave without a store), UnavailableError */
  session(): Enclave | Promise<Enclave> {
    const enclave = this.#enclave
    if (enclave !== undefined && this.appraisalAgeMs < this.#options.maxAgeMs) return enclave
    return this.#connect()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#renewal)
    this.#enclave?.close()
  }

  // One attempt at a time: whoever waits for it gets the same session.
  #connect(): Promise<Enclave> {
    if (this.#closed)
      return Promise.reject(new UnavailableError('ERR_KMS_PLUGIN_STOPPED', 'the plugin is being stopped'))
    if (this.#attempt !== undefined) return this.#attempt
    if (this.#failure !== undefined && performance.now() < this.#failure.untilMs)
      return Promise.reject(this.#failure.error)
    this.#attempt = this.#options
      .connect(this.headToken)
      .then((enclave) => this.#adopt(enclave))
      .catch((cause: unknown) => {
        const known = cause instanceof WasmclaveError
        const error = known ? cause : new UnavailableError('ERR_KMS_PLUGIN_CONNECT', String(cause), { cause })
        this.#failure = { error, untilMs: performance.now() + PAUSE_MS }
        this.#renewIn(RENEW_AGAIN_MS)
        throw error
      })
      .finally(() => {
        this.#attempt = undefined
      })
    return this.#attempt
  }

  #adopt(enclave: Enclave): Enclave {
    if (enclave.evidence.grant.kmsKey === null) {
      enclave.close()
      throw new RefusedError(
        'ERR_KMS_PLUGIN_STORE',
        'this enclave was granted no store: its keys would end with it, and what they encrypt would be lost',
      )
    }
    if (this.#closed) {
      enclave.close()
      throw new UnavailableError('ERR_KMS_PLUGIN_STOPPED', 'the plugin is being stopped')
    }
    const previous = this.#enclave
    if (previous !== undefined) {
      this.#headToken = previous.headToken
      if (!previous.ended) setTimeout(() => previous.close(), LINGER_MS).unref()
    }
    this.#failure = undefined
    this.#enclave = enclave
    this.#appraisedAtMs = performance.now()
    this.#renewIn(this.#options.maxAgeMs / 2)
    void enclave.closed.then((error) => {
      if (this.#enclave === enclave && !this.#closed) this.#options.lost?.(error)
    })
    this.#options.appraised?.(enclave)
    return enclave
  }

  #renewIn(ms: number): void {
    clearTimeout(this.#renewal)
    if (!this.#closed) this.#renewal = setTimeout(() => void this.#connect().catch(() => {}), ms).unref()
  }
}
