/** COSE_Sign1, RFC 9052 section 4.2: shape, and the signature over Sig_structure. The algorithm is the caller's to name. */
import { RefusedError } from '../errors.ts'
import { type Cbor, decodeCbor, encodeCbor } from '../wire/cbor.ts'

/** Four elements, the algorithm not unprotected. Having one says nothing of its signature. */
export type CoseSign1 = {
  protectedHeaders: Uint8Array
  algorithm: number | undefined
  /** Headers beside the algorithm, protected or not: nothing here understands any. */
  otherHeaders: number
  payload: Uint8Array
  signature: Uint8Array
}

export type CoseAlgorithm = {
  id: number
  name: 'ES256' | 'ES384' | 'ES512'
  curve: string
  hash: string
  signatureBytes: number
}

/** RFC 9053 section 2.1 */
export const ES256: CoseAlgorithm = { id: -7, name: 'ES256', curve: 'P-256', hash: 'SHA-256', signatureBytes: 64 }
export const ES384: CoseAlgorithm = { id: -35, name: 'ES384', curve: 'P-384', hash: 'SHA-384', signatureBytes: 96 }

const TAG_SIGN1 = 0xd2 // tag 18
const HEADER_ALGORITHM = 1

/** Untagged, as AWS writes it, or with tag 18. @throws RefusedError ERR_EVIDENCE_SYNTAX, ERR_CBOR_* */
export function parseCoseSign1(bytes: Uint8Array): CoseSign1 {
  const value = decodeCbor(bytes[0] === TAG_SIGN1 ? bytes.subarray(1) : bytes)
  if (!Array.isArray(value) || value.length !== 4) throw syntax('a COSE_Sign1 is an array of four')
  const [headers, unprotected, payload, signature] = value
  if (!(headers instanceof Uint8Array) || !(payload instanceof Uint8Array) || !(signature instanceof Uint8Array))
    throw syntax('protected headers, payload and signature are byte strings')
  if (!(unprotected instanceof Map)) throw syntax('unprotected headers are a map')
  const parsed = headers.length === 0 ? new Map<Cbor, Cbor>() : decodeCbor(headers)
  if (!(parsed instanceof Map)) throw syntax('protected headers are a map')
  if (unprotected.has(HEADER_ALGORITHM)) throw syntax('the algorithm is not protected')
  const algorithm = parsed.get(HEADER_ALGORITHM)
  return {
    protectedHeaders: headers,
    algorithm: typeof algorithm === 'number' ? algorithm : undefined,
    otherHeaders: unprotected.size + parsed.size - (parsed.has(HEADER_ALGORITHM) ? 1 : 0),
    payload,
    signature,
  }
}

/** Whether the signature is this key's, by this algorithm and no other. @param key ECDSA, usage verify */
export async function verifyCoseSign1(cose: CoseSign1, key: CryptoKey, algorithm: CoseAlgorithm): Promise<boolean> {
  if (cose.algorithm !== algorithm.id || cose.signature.length !== algorithm.signatureBytes) return false
  const toVerify = encodeCbor(['Signature1', cose.protectedHeaders, new Uint8Array(0), cose.payload])
  return crypto.subtle.verify(
    { name: 'ECDSA', hash: algorithm.hash },
    key,
    cose.signature as Uint8Array<ArrayBuffer>,
    toVerify as Uint8Array<ArrayBuffer>,
  )
}

function syntax(message: string): RefusedError {
  return new RefusedError('ERR_EVIDENCE_SYNTAX', message)
}
