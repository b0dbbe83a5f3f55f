/**
 * Certificate chains that were verified, kept for as long as they are valid: five P-384 signatures cost more than all else in a request, and an
 * enclave's chain is the same for hours. Whether a chain holds depends on its bytes, the root and the time alone; bytes and root are
 * the key here, the time is looked at each time.
 */
import { createHash, X509Certificate } from 'node:crypto'
import type { AttestationDocument } from '../../verifier/index.ts'
import { verifyChain } from '../../verifier/rules/chain.ts'

/** Enclaves with documents of the same hours; beyond, the chain that was used longest ago is verified again. */
const MAX_CHAINS = 512

type Verified = { key: CryptoKey; notBeforeMs: number; notAfterMs: number }

export class VerifiedChains {
  readonly #chains = new Map<string, Verified>()

  /** @param root DER @returns the leaf's key @throws RefusedError ERR_EVIDENCE_CHAIN, ERR_EVIDENCE_DATES */
  async verify(document: AttestationDocument, root: Uint8Array, now: Date): Promise<CryptoKey> {
    const path = [...document.cabundle, document.certificate]
    const id = digest([root, ...path])
    const known = this.#chains.get(id)
    const nowMs = now.getTime()
    if (known !== undefined && nowMs >= known.notBeforeMs && nowMs <= known.notAfterMs) {
      this.#chains.delete(id)
      this.#chains.set(id, known)
      return known.key
    }
    const { key } = await verifyChain(document, root, now)
    const certificates = path.map((der) => new X509Certificate(der))
    this.#chains.set(id, {
      key,
      notBeforeMs: Math.max(...certificates.map((certificate) => Date.parse(certificate.validFrom))),
      notAfterMs: Math.min(...certificates.map((certificate) => Date.parse(certificate.validTo))),
    })
    if (this.#chains.size > MAX_CHAINS) this.#chains.delete(this.#chains.keys().next().value as string)
    return key
  }
}

function digest(parts: Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const part of parts) {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(part.length)
    hash.update(length).update(part)
  }
  return hash.digest('hex')
}
