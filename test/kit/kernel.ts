// kernel.wasm without its process: booted on a grant of its own, with randomness that a test chooses. For vectors and exact tests.
import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { MAX_RELAY_PAYLOAD } from '../../assembly/abi/limits.ts'
import { rawPublicKey } from '../../host/control/keys.ts'
import { Kernel } from '../../host/enclave/kernel.ts'
import { imageManifest, part } from '../../host/nitro/eif/manifests.ts'
import { handleNsm } from '../../host/nitro/nsm/nsm.ts'
import { PcrBank } from '../../host/nitro/nsm/pcr-bank.ts'
import {
  encodeAdmissionRecord,
  encodeBootRecord,
  encodeGrant,
  encodeGrantChain,
  grantSigningInput,
  storeId,
} from '../../host/verifier/index.ts'
import { encodeCbor } from '../../host/wire/cbor.ts'
import { encodeFrame, type Frame, FrameReader } from '../../host/wire/frame.ts'

const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** An Ed25519 key from a seed of one repeated byte. */
export function fixedKey(byte: number): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8, Buffer.alloc(32, byte)]), format: 'der', type: 'pkcs8' })
}

export class KernelUnderTest {
  readonly kernel = new Kernel(readFileSync('assembly/kernel/kernel.wasm'))
  readonly attestations: Uint8Array[] = []
  readonly #pcrs = new PcrBank({})
  readonly #random: Uint8Array

  private constructor(random: Uint8Array) {
    this.#random = random
  }

  static async boot(owner: KeyObject, random: Uint8Array): Promise<KernelUnderTest> {
    const test = new KernelUnderTest(random)
    const ownerHex = Buffer.from(rawPublicKey(owner)).toString('hex')
    const grant = encodeGrant({
      version: 1,
      owners: [ownerHex],
      tenant: 'vectors',
      enclaveName: 'vectors',
      workloadName: 'echo',
      storeId: await storeId(ownerHex, 'vectors'),
      kmsKey: null,
      releaseRule: { pcr8: '08'.repeat(48) },
      minSecurityVersion: 1,
      logKey: null,
      genesisDigest: '00'.repeat(48),
      development: true,
    })
    const chain = encodeGrantChain([
      { bytes: grant, signature: new Uint8Array(sign(null, grantSigningInput(grant), owner)) },
    ])
    const manifest = imageManifest({
      format: 1,
      workload: { name: 'echo', version: '1' },
      securityVersion: 1,
      memory: { maxPages: 1 },
      table: { maxElements: 0 },
      imports: [],
      attestCallerKey: false,
      parts: [{ name: 'workload.wasm', ...part(new Uint8Array(1)) }],
    })
    const admission = encodeAdmissionRecord({
      version: 1,
      releaseDigest: null,
      securityVersion: 1,
      policyDigest: null,
      development: true,
      logIndex: null,
      checkpoint: null,
    })
    const digest = '11'.repeat(48)
    const boot = encodeBootRecord({
      version: 1,
      node: digest,
      flags: [],
      nitro: digest,
      enclave: digest,
      isolation: [],
      clock: 'host',
      development: true,
    })
    const { kernel } = test
    kernel.check(kernel.exports.boot(kernel.put(encodeCbor(['vectors', manifest, chain, admission, boot])), 0))
    test.#answer()
    kernel.check(kernel.exports.workloadReady())
    return test
  }

  /** One frame of the parent. @returns what the kernel answers, acknowledgements left out */
  step(type: number, session: number, payload: Uint8Array, nowMs = 1): Frame[] {
    const { kernel } = this
    kernel.check(kernel.exports.step(kernel.put(encodeFrame(type, session, payload)), nowMs))
    this.#answer()
    return this.out()
  }

  /** Gives a pending attestation this document. */
  attest(ticket: number, document: Uint8Array): Frame[] {
    const { kernel } = this
    const response = encodeCbor(new Map([['Attestation', new Map([['document', document]])]]) as never)
    kernel.check(kernel.exports.answer(ticket, kernel.put(response), 1))
    return this.out()
  }

  out(): Frame[] {
    const { exports } = this.kernel
    const at = exports.out() >>> 0
    const bytes = this.kernel.view.slice(at, at + exports.outLength())
    exports.outTaken()
    return [...new FrameReader(MAX_RELAY_PAYLOAD).push(bytes)].filter((frame) => frame.type !== 6)
  }

  #answer(): void {
    const { exports } = this.kernel
    while (exports.nsmLength() > 0) {
      const at = exports.nsm() >>> 0
      const requests = this.kernel.view.slice(at, at + exports.nsmLength())
      exports.nsmTaken()
      const view = new DataView(requests.buffer)
      for (let from = 0; from < requests.length; ) {
        const length = view.getUint32(from)
        this.#call(requests.slice(from + 4, from + 4 + length))
        from += 4 + length
      }
    }
  }

  #call(request: Uint8Array): void {
    const { kernel } = this
    const outcome = handleNsm(request, this.#pcrs, 'vectors')
    if ('attestation' in outcome) {
      this.attestations.push(request)
      kernel.check(kernel.exports.pending(this.attestations.length))
      return
    }
    const isRandom = Buffer.from(request).includes('GetRandom')
    const response = isRandom
      ? encodeCbor(new Map([['GetRandom', new Map([['random', this.#random]])]]) as never)
      : outcome.response
    kernel.check(kernel.exports.answer(0, kernel.put(response), 0))
  }
}
