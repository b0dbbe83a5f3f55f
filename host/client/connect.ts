/** `connect`: from a URL, a policy and a key to an attested session with `fetch` on it. */
import { MESSAGE_FRAMES, NONCE_BYTES } from '../../assembly/abi/channel.ts'
import { CLOSE_CODE_BASE, CLOSE_HANDSHAKE } from '../../assembly/abi/wire.ts'
import { type Core, loadCore } from '../core/index.ts'
import { RefusedError, UnavailableError, type WasmclaveError } from '../errors.ts'
import { appraiseOffer, type Evidence } from './appraisal.ts'
import { type ChannelResponse, type Exchange, exchangeOver, type FetchInit, fetchOver, requestOver } from './fetch.ts'
import { type Accepted, hello, readAccepted, readOffer, sealKeys } from './handshake.ts'
import type { HeaderList } from './head.ts'
import type { Identity } from './identity.ts'
import { checkPolicy, type Policy } from './policy.ts'
import { Session } from './session.ts'
import { dial, type Transport } from './transport.ts'

/** The whole handshake takes no longer. */
const HANDSHAKE_MS = 15_000

/** An attested session with one enclave. Having one means that its evidence satisfied the policy when it was made. */
export type Enclave = {
  fetch(path: string, init?: FetchInit): Promise<Response>
  /** The same without a Response around it: for servers and tools that count microseconds. */
  request(path: string, init?: FetchInit): Promise<ChannelResponse>
  /** The same again for who relays: headers as they go, and a request that can be given up. */
  exchange(request: { method: string; path: string; headers: HeaderList; body: Uint8Array | null }): Exchange
  /** Requests whose answers have not ended: assembly/abi/limits.ts has the most of a session, MAX_STREAMS. */
  readonly openRequests: number
  /** What was appraised: measurements, grant and records. */
  readonly evidence: Evidence
  readonly role: string
  /** The latest head token seen; keep it and present it with the next policy. */
  readonly headToken: Uint8Array | null
  readonly ended: boolean
  /** Fulfilled with the reason once the session is over. */
  readonly closed: Promise<WasmclaveError>
  close(): void
}

/**
 * @param url `ws://HOST:PORT/enclaves/NAME`
 * @throws UsageError (the policy), RefusedError (the evidence or this key), UnavailableError (nobody there)
 */
export async function connect(url: string, policy: Policy, identity: Identity): Promise<Enclave> {
  checkPolicy(policy)
  const core = await sharedCore()
  const inbox = new Inbox()
  const transport = await dial(url, inbox)
  const timer = setTimeout(() => {
    inbox.fail(new UnavailableError('ERR_HANDSHAKE_TIMEOUT', `no session within ${HANDSHAKE_MS} ms`))
    transport.close()
  }, HANDSHAKE_MS)
  try {
    return await establish(core, transport, inbox, policy, identity)
  } catch (error) {
    transport.close()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

async function establish(
  core: Core,
  transport: Transport,
  inbox: Inbox,
  policy: Policy,
  identity: Identity,
): Promise<Enclave> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
  const m1 = hello(nonce)
  transport.send(m1)
  const offer = readOffer(core, m1, nonce, await inbox.next())
  const evidence = await appraiseOffer(core, offer, policy, Date.now())
  const keys = await sealKeys(core, offer, identity, policy.headToken ?? null)
  transport.send(keys.message)
  const m4 = await inbox.next()
  if (m4[0] !== MESSAGE_FRAMES)
    throw new RefusedError('ERR_HANDSHAKE_SYNTAX', `message ${m4[0]} where an acceptance is due`)
  const accepted = readAccepted(keys.incoming, m4)
  let report!: (error: WasmclaveError) => void
  const closed = new Promise<WasmclaveError>((resolve) => {
    report = resolve
  })
  const session = new Session(transport, keys.outgoing, keys.incoming, report)
  inbox.handOver(session)
  return new AttestedEnclave(session, evidence, accepted, closed, accepted.headToken ?? policy.headToken ?? null)
}

class AttestedEnclave implements Enclave {
  readonly evidence: Evidence
  readonly role: string
  readonly closed: Promise<WasmclaveError>
  headToken: Uint8Array | null
  readonly #session: Session

  constructor(
    session: Session,
    evidence: Evidence,
    accepted: Accepted,
    closed: Promise<WasmclaveError>,
    headToken: Uint8Array | null,
  ) {
    this.#session = session
    this.evidence = evidence
    this.role = accepted.role
    this.closed = closed
    this.headToken = headToken
  }

  get ended(): boolean {
    return this.#session.ended !== undefined
  }

  fetch(path: string, init: FetchInit = {}): Promise<Response> {
    return fetchOver(this.#session, path, init, this.#keep)
  }

  request(path: string, init: FetchInit = {}): Promise<ChannelResponse> {
    return requestOver(this.#session, path, init, this.#keep)
  }

  exchange(request: { method: string; path: string; headers: HeaderList; body: Uint8Array | null }): Exchange {
    return exchangeOver(this.#session, request, this.#keep)
  }

  get openRequests(): number {
    return this.#session.openStreams
  }

  close(): void {
    this.#session.close()
  }

  readonly #keep = (token: string): void => {
    this.headToken = Uint8Array.from(atob(token.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))
  }
}

/** Messages of the handshake one by one; afterwards they go to the session. */
class Inbox {
  readonly #messages: Uint8Array[] = []
  #waiter: { resolve(message: Uint8Array): void; reject(error: WasmclaveError): void } | undefined
  #failure: WasmclaveError | undefined
  #session: Session | undefined

  readonly onMessage = (message: Uint8Array): void => {
    if (this.#session !== undefined) return this.#session.receive(message)
    if (this.#waiter === undefined) return void this.#messages.push(message)
    this.#waiter.resolve(message)
    this.#waiter = undefined
  }

  readonly onClose = (code: number): void => {
    if (this.#session !== undefined) return this.#session.lost(code)
    this.fail(
      code === CLOSE_CODE_BASE + CLOSE_HANDSHAKE
        ? new RefusedError('ERR_HANDSHAKE_REFUSED', 'the enclave refused the handshake')
        : new UnavailableError('ERR_HANDSHAKE_TRUNCATED', `the connection ended during the handshake, code ${code}`),
    )
  }

  next(): Promise<Uint8Array> {
    const message = this.#messages.shift()
    if (message !== undefined) return Promise.resolve(message)
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject }
    })
  }

  handOver(session: Session): void {
    this.#session = session
    for (const message of this.#messages.splice(0)) session.receive(message)
    if (this.#failure !== undefined) session.end(this.#failure)
  }

  fail(error: WasmclaveError): void {
    this.#failure ??= error
    this.#waiter?.reject(error)
    this.#waiter = undefined
  }
}

let loading: Promise<Core> | undefined
function sharedCore(): Promise<Core> {
  loading ??= loadCore()
  return loading
}
