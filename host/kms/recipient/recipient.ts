/**
 * A request's `Recipient`: an enclave's attestation document, verified, and the RSA key in it. What it may be given is the key policy's
 * word: the document is one of a debug enclave or of any image until the policy has looked at its registers, as at AWS.
 */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { RefusedError } from '../../errors.ts'
import { type AttestationDocument, PURPOSES, parseAttestationDocument } from '../../verifier/index.ts'
import { checkAge } from '../../verifier/rules/freshness.ts'
import { verifyDocumentSignature } from '../../verifier/rules/signature.ts'
import { Fault } from '../fault.ts'
import type { Input } from '../input.ts'
import { MAX_DOCUMENT } from '../limits.ts'
import { sealEnvelope } from './envelope.ts'
import { VerifiedChains } from './verified-chains.ts'

/** API_RecipientInfo: the only one. */
const KEY_ENCRYPTION = ['RSAES_OAEP_SHA_256'] as const
/** AWS's SDK makes keys of these sizes. */
const MODULUS_BITS = [2048, 3072, 4096]
const MIN_EXPONENT = 65537n
/** PROTOCOLS 1: documents that were made for one consumer each, who is not this one. */
const FOREIGN = [PURPOSES.channel, PURPOSES.keyRelease].map((label) => Buffer.from(label))

export type RecipientRules = {
  /** SHA-256 of the DER of each root that is trusted, hex: what the admin policy names. A document brings the root itself. */
  roots: string[]
  /**
   * Seconds. AWS's value is documented nowhere, and observations contradict each other. null: for as long as the leaf is valid, at most
   * three hours.
   */
  maxDocumentAge: number | null
}

/** Having one means that a trusted hypervisor signed the document, and when. It does not mean that the code is anybody's: the policy says. */
export class Recipient {
  readonly document: AttestationDocument
  readonly #key: KeyObject
  readonly #spki: Uint8Array

  constructor(document: AttestationDocument, key: KeyObject, spki: Uint8Array) {
    this.document = document
    this.#key = key
    this.#spki = spki
  }

  /** Condition keys of this request: registers in lower-case hex (reference: conditions-nitro-enclave). */
  get conditions(): Record<string, string[]> {
    const keys: Record<string, string[]> = {}
    for (const [index, value] of this.document.pcrs) {
      const hex = Buffer.from(value).toString('hex')
      keys[`kms:RecipientAttestation:PCR${index}`] = [hex]
      if (index === 0) keys['kms:RecipientAttestation:ImageSha384'] = [hex]
    }
    return keys
  }

  /** For this enclave alone. */
  seal(plaintext: Uint8Array): Buffer {
    try {
      return sealEnvelope(plaintext, this.#key, this.#spki)
    } catch {
      // A modulus that is no product of primes can look like one until it is used.
      throw new Fault(
        'ValidationException',
        'The attestation document is refused, ERR_EVIDENCE_KEY: public_key cannot encrypt',
      )
    }
  }
}

export class RecipientVerifier {
  readonly #rules: RecipientRules
  readonly #chains = new VerifiedChains()

  constructor(rules: RecipientRules) {
    this.#rules = rules
  }

  /** @returns undefined where the request has no Recipient @throws Fault ValidationException: never another kind of answer instead */
  async read(input: Input, nowMs: number): Promise<Recipient | undefined> {
    const fields = input.object('Recipient')
    if (fields === undefined) return undefined
    fields.choice('KeyEncryptionAlgorithm', KEY_ENCRYPTION)
    const bytes = fields.blob('AttestationDocument', { min: 1, max: MAX_DOCUMENT })
    try {
      return await this.#verify(bytes, new Date(nowMs))
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      throw new Fault('ValidationException', `The attestation document is refused, ${error.code}: ${error.message}`)
    }
  }

  async #verify(bytes: Uint8Array, now: Date): Promise<Recipient> {
    const document = parseAttestationDocument(bytes)
    const key = await this.#chains.verify(document, this.#rootOf(document), now)
    await verifyDocumentSignature(document, key)
    if (this.#rules.maxDocumentAge !== null) checkAge(document, this.#rules.maxDocumentAge, now)
    checkUse(document)
    return new Recipient(document, rsaKey(document), document.publicKey as Uint8Array)
  }

  #rootOf(document: AttestationDocument): Uint8Array {
    const root = document.cabundle[0] as Uint8Array
    const found = createHash('sha256').update(root).digest('hex')
    if (!this.#rules.roots.includes(found))
      throw new RefusedError(
        'ERR_EVIDENCE_CHAIN',
        `the chain begins with root ${found}, trusted here are ${this.#rules.roots.join(', ') || 'none'}`,
      )
    return root
  }
}

function checkUse(document: AttestationDocument): void {
  const userData = document.userData ?? new Uint8Array(0)
  const label = FOREIGN.find((each) => each.equals(userData.subarray(0, each.length)))
  if (label !== undefined)
    throw new RefusedError(
      'ERR_EVIDENCE_PURPOSE',
      `user_data begins with ${label.toString('latin1').slice(0, -1)}: the document was made for that, not for Recipient`,
    )
}

function rsaKey(document: AttestationDocument): KeyObject {
  const der = document.publicKey
  if (der === null) throw keyRefused('public_key is absent, an RSA key in SubjectPublicKeyInfo is due')
  let key: KeyObject
  try {
    key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' })
  } catch {
    throw keyRefused(`public_key (${der.length} bytes) is no SubjectPublicKeyInfo in DER`)
  }
  const { modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType !== 'rsa') throw keyRefused(`public_key is of type ${key.asymmetricKeyType}, expected rsa`)
  if (!MODULUS_BITS.includes(modulusLength ?? 0))
    throw keyRefused(`public_key has ${modulusLength} bits, expected ${MODULUS_BITS.join(', ')}`)
  if (publicExponent === undefined || publicExponent < MIN_EXPONENT || publicExponent % 2n === 0n)
    throw keyRefused(`public_key has exponent ${publicExponent}, expected an odd one from ${MIN_EXPONENT}`)
  if (!key.export({ format: 'der', type: 'spki' }).equals(der))
    throw keyRefused('public_key is followed by other bytes, or is not in its one DER form')
  return key
}

function keyRefused(reason: string): RefusedError {
  return new RefusedError('ERR_EVIDENCE_KEY', reason)
}
