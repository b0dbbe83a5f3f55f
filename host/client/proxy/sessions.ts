/**
 * The proxy's sessions with its enclave: as many as its open requests need, made when they are needed, each appraised before anything is
 * sent over it. A session that ended is replaced at the next request. What was under way on it fails, and is never sent again from here.
 */
import { randomBytes } from 'node:crypto'
import { MAX_STREAMS } from '../../../assembly/abi/limits.ts'
import { type ErrorCode, UnavailableError, WasmclaveError } from '../../errors.ts'
import type { Enclave } from '../connect.ts'
import type { ChannelResponse, Exchange } from '../fetch.ts'
import type { HeaderList } from '../head.ts'

export type RelayedRequest = { method: string; path: string; headers: HeaderList; body: Uint8Array | null }

export type SessionsOptions = {
  /** Connects and appraises. @throws like `connect` */
  connect(): Promise<Enclave>
  /** After each appraisal. */
  appraised?(enclave: Enclave): void
  /** After each answer's head. */
  answered?(enclave: Enclave): void
}

/** A session is full with so many; the rest of what it may have is for requests that begin while another session is being made. */
const FULL = MAX_STREAMS - 16
/** With FULL requests each: more than the proxy takes sockets. */
const MAX_SESSIONS = 24
/** After an attempt that failed, others fail the same way for so long. */
const PAUSE_MS = 250

/** Why nothing was sent. `cause` is what `connect` threw. */
export class NotSentError extends UnavailableError {
  /** Whether the enclave is another one than it should be, which waiting does not mend. */
  readonly refused: boolean

  constructor(cause: unknown) {
    const known = cause instanceof WasmclaveError
    super(known ? cause.code : ('ERR_PROXY_CONNECT' as ErrorCode), known ? cause.message : String(cause), { cause })
    this.refused = known && !(cause instanceof UnavailableError)
  }
}

export class Sessions {
  readonly #options: SessionsOptions
  readonly #sessions: Enclave[] = []
  /** Of each session: whether its enclave judges by tokens. It is the same enclave as long as the session lasts. */
  readonly #judges = new WeakMap<Enclave, Promise<boolean>>()
  #attempt: Promise<Enclave> | undefined
  #failure: { error: NotSentError; untilMs: number } | undefined

  constructor(options: SessionsOptions) {
    this.#options = options
  }

  /** A session with room, there already or made now. @throws NotSentError */
  enclave(): Enclave | Promise<Enclave> {
    const sessions = this.#sessions
    for (let i = 0; i < sessions.length; i++) {
      const each = sessions[i] as Enclave
      if (each.ended) sessions.splice(i--, 1)
      else if (each.openRequests < FULL) return each
    }
    return this.#connect()
  }

  /** @throws NotSentError; UsageError ERR_HEAD_SIZE, ERR_FETCH_BODY. What `response` rejects with came after the request was sent. */
  async send(request: RelayedRequest): Promise<Exchange> {
    const ready = this.enclave()
    return this.#exchange(ready instanceof Promise ? await ready : ready, request)
  }

  /**
   * Sends what somebody asks whose only credential is their Authorization, which is in the request. The session is its owner's: so nothing
   * is sent over one whose enclave has not shown that it goes by the token. @returns undefined where it has not. @throws as `send`
   */
  async lend(request: RelayedRequest): Promise<Exchange | undefined> {
    const tokens = request.headers.filter(([name]) => name === 'authorization')
    if (tokens.length !== 1) return undefined
    const enclave = await this.enclave()
    let shown = this.#judges.get(enclave)
    if (shown === undefined) {
      shown = judgesTokens(enclave)
      this.#judges.set(enclave, shown)
      shown.catch(() => this.#judges.delete(enclave))
    }
    return (await shown) ? this.#exchange(enclave, request) : undefined
  }

  #exchange(enclave: Enclave, request: RelayedRequest): Exchange {
    let exchange: Exchange
    try {
      exchange = enclave.exchange(request)
    } catch (error) {
      throw error instanceof UnavailableError ? new NotSentError(error) : error
    }
    if (this.#options.answered === undefined) return exchange
    const response = this.#noting(enclave, exchange.response)
    response.catch(() => {})
    return { response, cancel: exchange.cancel }
  }

  close(): void {
    for (const each of this.#sessions.splice(0)) each.close()
  }

  async #noting(enclave: Enclave, response: Promise<ChannelResponse>): Promise<ChannelResponse> {
    const answer = await response
    this.#options.answered?.(enclave)
    return answer
  }

  // One attempt at a time: whoever waits for it gets the same session.
  #connect(): Promise<Enclave> {
    if (this.#attempt !== undefined) return this.#attempt
    if (this.#failure !== undefined && performance.now() < this.#failure.untilMs)
      return Promise.reject(this.#failure.error)
    if (this.#sessions.length >= MAX_SESSIONS)
      return Promise.reject(
        new NotSentError(
          new UnavailableError('ERR_PROXY_SESSIONS', `${MAX_SESSIONS} sessions are full of open requests`),
        ),
      )
    this.#attempt = this.#options
      .connect()
      .then(
        (enclave) => {
          this.#failure = undefined
          this.#sessions.push(enclave)
          this.#options.appraised?.(enclave)
          return enclave
        },
        (error: unknown) => {
          this.#failure = { error: new NotSentError(error), untilMs: performance.now() + PAUSE_MS }
          throw this.#failure.error
        },
      )
      .finally(() => {
        this.#attempt = undefined
      })
    return this.#attempt
  }
}

/** What `www-authenticate` of an enclave says that judges tokens (assembly/workloads/kubernetes/http/response.ts). */
const CHALLENGE = 'Bearer realm="wasmclave enclave"'

/**
 * Asks what an owner may ask, with a token that nobody has issued: who takes it for the owner's word answers, who judges it refuses it by
 * name. A workload that knows nothing of tokens does not say so by chance. @throws NotSentError
 */
async function judgesTokens(enclave: Enclave): Promise<boolean> {
  const token = `Bearer ${[1, 2, 3].map(() => randomBytes(32).toString('base64url')).join('.')}`
  try {
    const { response } = enclave.exchange({
      method: 'GET',
      path: '/version',
      headers: [['authorization', token]],
      body: null,
    })
    const { status, headers, body } = await response
    if (!(body instanceof Uint8Array)) await body.cancel()
    return status === 401 && headers.some(([name, value]) => name === 'www-authenticate' && value === CHALLENGE)
  } catch (error) {
    // The request itself was not sent yet
    throw error instanceof UnavailableError ? new NotSentError(error) : error
  }
}
