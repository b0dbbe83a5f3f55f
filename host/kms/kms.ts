/** The KMS: one call in, one answer and one audit event out. Time is an argument of the whole; the network is somebody else's. */
import type { Place } from './account.ts'
import { cloudTrailEvent } from './audit/event.ts'
import type { AuditTrail } from './audit/trail.ts'
import { Call } from './call.ts'
import type { Caller } from './caller.ts'
import { Fault } from './fault.ts'
import { Input } from './input.ts'
import { KeyMaker, materialOf } from './keys/key-maker.ts'
import type { Key, KeyStore } from './keys/key-store.ts'
import { makeMaterial } from './keys/spec.ts'
import { MAX_CALLS } from './limits.ts'
import type { Output } from './metadata.ts'
import { OPERATIONS } from './operations/index.ts'
import { nextRotationMs } from './operations/rotation.ts'
import { type RecipientRules, RecipientVerifier } from './recipient/recipient.ts'

const PREFIX = 'TrentService.'

export type KmsOptions = {
  place: Place
  store: KeyStore
  trail: AuditTrail
  recipients: RecipientRules
  /** The KMS's clock, by which documents age, keys rotate and go. */
  now(): number
  /** What is wrong with the KMS itself, for whoever runs it. Never content. */
  onFailure(error: unknown): void
}

export class Kms {
  readonly #options: KmsOptions
  readonly #recipients: RecipientVerifier
  readonly #maker = new KeyMaker()
  #atWork = 0

  constructor(options: KmsOptions) {
    this.#options = options
    this.#recipients = new RecipientVerifier(options.recipients)
  }

  /**
   * @param target as in X-Amz-Target @param body as it came, its size bounded
   * @throws Fault: everything that is not answered, also what is no fault of the caller (KMSInternalException)
   */
  async answer(target: string, body: Uint8Array, caller: Caller, requestId: string): Promise<Output | undefined> {
    const operation = target.startsWith(PREFIX) ? target.slice(PREFIX.length) : ''
    const known = OPERATIONS.get(operation)
    if (known === undefined) throw new Fault('UnknownOperationException', `${target.slice(0, 80)} is no operation here`)
    if (this.#atWork >= MAX_CALLS) throw new Fault('ThrottlingException', 'Rate exceeded')
    const { place, store, trail, now } = this.#options
    const nowMs = now()
    this.#atWork++
    let call: Call | undefined
    let output: Output | undefined
    let fault: Fault | undefined
    try {
      const input = Input.parse(body)
      const recipients = this.#recipients
      call = new Call({ operation, input, caller, nowMs, place, store, maker: this.#maker, recipients })
      output = await known.run(call)
    } catch (error) {
      fault = error instanceof Fault ? error : this.#internal(error)
    } finally {
      this.#atWork--
    }
    try {
      trail.append(
        cloudTrailEvent({
          operation,
          readOnly: known.readOnly,
          region: place.region,
          requestId,
          caller,
          nowMs,
          input: call?.input,
          resources: [...(call?.resources ?? [])],
          recipient: call?.recipient,
          warnings: [...(call?.warnings ?? [])],
          fault,
        }),
      )
    } catch (error) {
      // What is not on record is not given out.
      throw this.#internal(error)
    }
    if (fault !== undefined) throw fault
    return output
  }

  /** Erases keys whose time is over, and rotates those whose time has come. */
  async tick(): Promise<void> {
    const { store, now } = this.#options
    const nowMs = now()
    for (const key of store.all) {
      try {
        if (key.deletionMs !== null && key.deletionMs <= nowMs) store.erase(key)
        else if (isDue(key, nowMs)) await this.#rotate(key, nowMs)
      } catch (error) {
        // A full disk, say: the other keys have their turn, and this one again at the next tick.
        this.#options.onFailure(error)
      }
    }
  }

  async #rotate(key: Key, nowMs: number): Promise<void> {
    const { store } = this.#options
    const material = materialOf(await makeMaterial('SYMMETRIC_DEFAULT'), nowMs, 'AUTOMATIC')
    if (store.get(key.keyId) === key) store.change(key, { materials: [...key.materials, material] })
  }

  #internal(error: unknown): Fault {
    this.#options.onFailure(error)
    return new Fault('KMSInternalException', 'the KMS failed; its host knows more')
  }
}

function isDue(key: Key, nowMs: number): boolean {
  const due = nextRotationMs(key)
  return key.enabled && key.deletionMs === null && due !== undefined && due <= nowMs
}
