/**
 * The control plane's one way in: a signed request is in the log before it takes effect, its outcome before it is answered (PROTOCOLS.md
 * 7). What the log cannot hold does not happen. Requests of strangers are counted, and so are replays beyond the first: neither can fill
 * the log. LIMIT: whoever holds a key of an office can, one entry a signature; the entries name the key.
 */
import { createHash } from 'node:crypto'
import { FatalError, RefusedError, WasmclaveError } from '../errors.ts'
import type { Log, Logged } from '../log/log.ts'
import { type Admitted, HOST } from '../log/proofs/entry.ts'
import { type AdminAnswer, type Answered, answeredBytes, encodeAnswer, type LogProof } from '../wire/admin.ts'
import type { Json } from '../wire/canonical-json.ts'
import { printable } from '../wire/printable.ts'
import type { Request } from './actions.ts'
import { thumbprint } from './keys.ts'
import type { Office } from './offices.ts'
import { type Audience, judgeRequest, type SignedRequest, verifyRequest } from './request.ts'
import type { ControlState } from './state.ts'

const COUNTED_MS = 60_000
const MAX_MESSAGE_CHARACTERS = 2000

/** Where a request came from, and the size of the checkpoint that its sender holds; 0 for none. */
export type Caller = { connection: number; request: number; since: number }
export type Context = { office: Office; intent: Logged; caller: Caller }
/** What an effect came to. `admitted`: a launch leaves it to its owners. */
export type Done = { result: unknown; admitted?: Admitted }

export type PlaneOptions = {
  log: Log
  state: ControlState
  audience: Audience
  now(): number
  /** How long what is only counted waits for its entry; a minute where nothing is said. */
  countedMs?: number
  /** Whom a request concerns: an enclave's name, or `host`. @throws RefusedError where it cannot concern anybody */
  subjectOf(request: Request): Promise<string>
  /** Runs once the intent is durable, and once at all. */
  effect(request: Request, context: Context): Promise<Done>
}

export class AdminPlane {
  readonly #options: PlaneOptions
  readonly #counted = { strangers: 0, repeats: 0 }
  #timer: NodeJS.Timeout | undefined
  /** Since the start; of no content. */
  readonly counters = { done: 0, failed: 0, refused: 0, strangers: 0, repeats: 0 }

  constructor(options: PlaneOptions) {
    this.#options = options
  }

  /** Closes what a crash left open: what was intended is not run again, and the log says so. Before the first request. */
  async recover(): Promise<void> {
    const { log, state } = this.#options
    await Promise.all(
      state.openIntents.map(({ index, subject, action, request }) =>
        log.append({ kind: 'outcome', subject, of: index, action, request, code: 'ERR_HOST_RESTARTED', answer: null }),
      ),
    )
  }

  async answer(jws: string, caller: Caller): Promise<AdminAnswer> {
    const { state } = this.#options
    try {
      let signed: SignedRequest
      try {
        signed = await verifyRequest(jws, (kid) => state.offices.byKid(kid))
      } catch (error) {
        if (error instanceof RefusedError) this.#count('strangers')
        throw error
      }
      return await this.#answerSigned(signed, caller)
    } catch (error) {
      return encodeAnswer({ error: describeError(error) }, undefined)
    }
  }

  async #answerSigned(signed: SignedRequest, caller: Caller): Promise<AdminAnswer> {
    const { log, state, audience, now, effect } = this.#options
    const claim = state.claim(signed.digest)
    const replay = new RefusedError('ERR_ADMIN_REPLAY', 'this request was made before')
    if (claim === 'repeat') {
      this.#count('repeats')
      throw replay
    }
    if (claim === 'replay') {
      const { subject, action } = state.seen(signed.digest) ?? { subject: HOST, action: null }
      return this.#refuse(signed, subject, action, replay, caller)
    }
    const judged = judgeRequest(signed, state.guard.policy.policy.roles, audience, now())
    let { refusal } = judged
    let subject = HOST
    if (judged.request !== undefined)
      try {
        subject = await this.#options.subjectOf(judged.request)
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error
        refusal ??= error
      }
    const { request } = judged
    if (request === undefined || refusal !== undefined)
      return this.#refuse(signed, subject, judged.action, refusal as RefusedError, caller)
    const { kid, office, digest } = signed
    const { action } = request
    const intent = await log.append({
      kind: 'intent',
      subject,
      action,
      request: digest,
      kid,
      role: office.role,
      approvedBy: request.action === 'execute' ? state.guard.approvedBy(request.parameters.proposal).map(kidOf) : [],
    })
    // CRASH: the intent is durable and may have taken effect or not: the next start closes it, and does not run it again.
    let answered: Answered
    let admitted: Admitted | undefined
    try {
      const done = await effect(request, { office, intent, caller })
      answered = { result: JSON.parse(JSON.stringify(done.result)) as Json }
      admitted = done.admitted
      this.counters.done++
    } catch (error) {
      answered = { error: describeError(error) }
      this.counters.failed++
    }
    const outcome = await log.append({
      kind: 'outcome',
      subject,
      of: intent.index,
      action,
      request: digest,
      code: 'error' in answered ? answered.error.code : null,
      answer: digestOf(answered),
      ...(admitted !== undefined && { admitted }),
    })
    // CRASH: the outcome is in the log, and nobody was answered: asking the log tells.
    return encodeAnswer(answered, this.#proof(outcome, caller.since))
  }

  async #refuse(
    { digest, kid }: SignedRequest,
    subject: string,
    action: string | null,
    refusal: RefusedError,
    caller: Caller,
  ): Promise<AdminAnswer> {
    this.counters.refused++
    const answered = { error: describeError(refusal) }
    const logged = await this.#options.log.append({
      kind: 'refused',
      subject,
      action,
      request: digest,
      kid,
      code: refusal.code,
      answer: digestOf(answered),
    })
    return encodeAnswer(answered, this.#proof(logged, caller.since))
  }

  #proof({ index, bytes, checkpoint, size }: Logged, since: number): LogProof {
    const { log } = this.#options
    return {
      entry: Buffer.from(bytes).toString('base64'),
      index,
      inclusion: base64(log.inclusionProof(index, size)),
      checkpoint: Buffer.from(checkpoint).toString('utf8'),
      consistency: since >= 1 && since <= size ? base64(log.consistencyProof(since, size)) : null,
    }
  }

  // One entry a minute for all of them, and none while there are none.
  #count(kind: 'strangers' | 'repeats'): void {
    this.counters[kind]++
    this.#counted[kind]++
    this.#timer ??= setTimeout(() => this.#logCounted(), this.#options.countedMs ?? COUNTED_MS).unref()
  }

  #logCounted(): void {
    this.#timer = undefined
    for (const kind of ['strangers', 'repeats'] as const) {
      const count = this.#counted[kind]
      this.#counted[kind] = 0
      // A log that takes no more refuses every later request by itself
      if (count > 0) this.#options.log.append({ kind, subject: HOST, count }).catch(() => {})
    }
  }
}

function kidOf(keyHex: string): string {
  return thumbprint(Buffer.from(keyHex, 'hex'))
}

export function base64(hashes: Uint8Array[]): string[] {
  return hashes.map((hash) => Buffer.from(hash).toString('base64'))
}

function digestOf(answered: Answered): string {
  return createHash('sha256').update(answeredBytes(answered)).digest('hex')
}

export function describeError(error: unknown): { code: string; message: string } {
  if (error instanceof FatalError && /^ERR_LOG_(WRITE|CLOCK)$/.test(error.code))
    return {
      code: 'ERR_LOG_WRITE',
      message: printable(`nothing happens that is not logged: ${error.message}`, MAX_MESSAGE_CHARACTERS),
    }
  if (error instanceof WasmclaveError)
    return { code: error.code, message: printable(error.message, MAX_MESSAGE_CHARACTERS) }
  return { code: 'ERR_HOST_INTERNAL', message: 'the host failed to answer' }
}
