// A kernel with a store, a played parent that keeps it and a played KMS that holds its key, all of it without a process: booted, killed and
// booted again upon what is left.
import { PHASE_MEASURED, PHASE_OPENING } from '../../assembly/abi/phase.ts'
import { RELAY_KMS, RELAY_KMS_ANSWER } from '../../assembly/abi/wire.ts'
import type { Json } from '../../host/wire/canonical-json.ts'
import { encodeFrame, type Frame } from '../../host/wire/frame.ts'
import type { PeerIdentity } from './channel-peer.ts'
import {
  type Answer,
  fixed,
  grantOf,
  type Handled,
  KernelUnderTest,
  type LaunchRecords,
  launchRecords,
  owner,
} from './kernel.ts'
import { StoreKms } from './store-kms.ts'
import { StoreParent } from './store-parent.ts'
import { StoreRecords } from './store-records.ts'

export const STORE_ID = fixed('store id', 32)

/** Writes `[key, value | null]…` in one transaction, or reads; the body of the request is JSON. */
export type StoreRequest = { put?: [string, string | null][]; get?: string[]; scan?: string }

export class StoreWorld {
  readonly parent = new StoreParent()
  readonly kms: StoreKms
  wasm: Uint8Array | undefined
  /** A change to what the parent answers. */
  meddle: ((frame: Frame, answers: Uint8Array[]) => Uint8Array[]) | undefined
  #boots = 0
  #randoms = 0

  constructor(name = 'kms') {
    this.kms = new StoreKms(fixed(`${name} key`, 32), STORE_ID, (length) =>
      fixed(`${name} random ${this.#randoms++}`, length),
    )
  }

  get records(): StoreRecords {
    return new StoreRecords(this.kms.state?.dek as Buffer, STORE_ID)
  }

  launchRecords(owners: PeerIdentity[] = [owner], changes: Partial<LaunchRecords> = {}): LaunchRecords {
    const grant = grantOf(1, owners) as Record<string, Json>
    return launchRecords({
      grants: [
        {
          grant: { ...grant, kmsKey: this.kms.identity.publicKey.toString('hex'), storeId: STORE_ID.toString('hex') },
          signer: owners[0] as PeerIdentity,
        },
      ],
      ...changes,
    })
  }

  /** Boots up to a store that is open, or stale. @throws EnclaveFault */
  boot(records = this.launchRecords()): KernelUnderTest {
    const under = new KernelUnderTest(this.wasm)
    under.randomName = `nsm random of boot ${this.#boots++}`
    under.store = (frame) => this.answer(frame)
    under.handle = (request) => handleStoreRequest(under, request)
    under.boot(records)
    under.run()
    this.serve(under)
    return under
  }

  /** Makes the played workload where the kernel is ready for one. */
  serve(under: KernelUnderTest): void {
    for (let i = 0; i < 100 && under.exports.phase() === PHASE_OPENING; i++) under.tick(under.now + 1000)
    if (under.exports.phase() !== PHASE_MEASURED) return
    under.kernel.check(under.exports.workloadReady())
    under.run()
  }

  answer(frame: Frame): Uint8Array[] {
    const honest =
      frame.type === RELAY_KMS
        ? [encodeFrame(RELAY_KMS_ANSWER, frame.id, this.kms.receive(frame.payload))]
        : this.parent.receive(frame)
    return this.meddle?.(frame, honest) ?? honest
  }
}

/** What the played workload does: all of a request in one transaction. */
export function handleStoreRequest(under: KernelUnderTest, { body }: Handled): Answer {
  const request = JSON.parse(body.toString()) as StoreRequest
  const versions: number[] = []
  for (const [key, value] of request.put ?? []) {
    const [k = 0, v = 0] = under.copyIn(Buffer.from(key), Buffer.from(value ?? ''))
    const length = Buffer.byteLength(key)
    const version = Number(
      value === null
        ? under.exports.callDelete(k, length)
        : under.exports.callPut(k, length, v, Buffer.byteLength(value)),
    )
    if (version === -4) return -4
    // What it has written before goes with it
    if (version < 0) return versions.length > 0 ? version : { status: 507, body: Buffer.from(String(version)) }
    versions.push(version)
  }
  const found = (request.get ?? []).map((key) => {
    const [k = 0] = under.copyIn(Buffer.from(key))
    const length = under.exports.callGet(k, Buffer.byteLength(key))
    if (length < 0) return null
    const at = under.exports.result() >>> 0
    return Buffer.from(under.kernel.view.slice(at + 8, at + length)).toString()
  })
  return { status: 200, body: Buffer.from(JSON.stringify(request.put === undefined ? found : versions)) }
}
