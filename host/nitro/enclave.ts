/**
 * One running enclave as nitro sees it: its registers, its NSM, its process. To nitro an enclave is the channel it speaks on. Documents
 * are signed for it only while PCR16-18 are locked with exactly the values it was launched with.
 */

import type { PreparedLaunch } from './launch.ts'
import { documentPayload, signDocument } from './nsm/document.ts'
import { type AttestationRequest, attestationResponse, errorResponse, handleNsm } from './nsm/nsm.ts'
import { PcrBank } from './nsm/pcr-bank.ts'
import type { Signer } from './nsm/signer.ts'
import type { Pki } from './pki/pki.ts'
import type { Slot } from './pool/slot.ts'
import type { EnclaveState, Entry } from './registry.ts'

export type EnclaveServices = { pki: Pki; signer: Signer; now(): number; nudge(slot: number): void }

export class Enclave implements Entry {
  readonly name: string
  readonly moduleId: string
  readonly cid: number
  readonly cpuIds: number[]
  readonly memoryMiB: number
  readonly startedMs: number
  /** Attestation documents made. */
  documents = 0
  readonly launch: PreparedLaunch
  readonly slot: Slot
  state: EnclaveState = 'RUNNING'
  readonly #services: EnclaveServices
  readonly #pcrs: PcrBank

  constructor(
    facts: { name: string; moduleId: string; cid: number; cpuIds: number[]; memoryMiB: number; startedMs: number },
    launch: PreparedLaunch,
    slot: Slot,
    services: EnclaveServices,
  ) {
    this.name = facts.name
    this.moduleId = facts.moduleId
    this.cid = facts.cid
    this.cpuIds = facts.cpuIds
    this.memoryMiB = facts.memoryMiB
    this.startedMs = facts.startedMs
    this.launch = launch
    this.slot = slot
    this.#services = services
    this.#pcrs = new PcrBank(launch.bootPcrs)
    slot.nsm = (request, ticket) => this.#handle(request, ticket)
  }

  get processId(): number {
    return this.slot.pid
  }

  #handle(request: Uint8Array, ticket: number): Uint8Array | undefined {
    const outcome = handleNsm(request, this.#pcrs, this.moduleId)
    if ('response' in outcome) return outcome.response
    if (!this.#measured()) return errorResponse('InvalidOperation')
    const submitted = this.#services.signer.submit(this.moduleId, () => this.#attest(outcome.attestation, ticket))
    return submitted ? undefined : errorResponse('InternalError')
  }

  /** Whether grant, admission and boot record are locked into PCR16-18. */
  #measured(): boolean {
    return Object.entries(this.launch.recordPcrs).every(([index, value]) => {
      const register = this.#pcrs.describe(Number(index))
      return register?.locked === true && Buffer.from(register.value).toString('hex') === value
    })
  }

  async #attest(request: AttestationRequest, ticket: number): Promise<void> {
    const { pki, now, nudge } = this.#services
    let response: Uint8Array
    try {
      const leaf = pki.leaf(this.moduleId)
      const payload = documentPayload({
        ...request,
        moduleId: this.moduleId,
        timestampMs: now(),
        pcrs: this.#pcrs.locked,
        certificate: leaf.certificate,
        cabundle: leaf.cabundle,
      })
      response = attestationResponse(await signDocument(payload, leaf.key))
      this.documents++
    } catch {
      response = errorResponse('InternalError')
    }
    this.slot.finish(ticket, response)
    nudge(this.slot.number)
  }
}
