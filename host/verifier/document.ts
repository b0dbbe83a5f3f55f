/** The attestation document: its shape, by AWS's table of fields as corrected by real documents. Nothing here is believed yet. */
import { RefusedError } from '../errors.ts'
import { type Cbor, decodeCbor } from '../wire/cbor.ts'
import { type CoseSign1, ES384, parseCoseSign1 } from './cose.ts'

/** A document's fields, as they came. Having one means that it is well-formed; it does not mean that anybody signed it: `appraise`. */
export type AttestationDocument = {
  moduleId: string
  digest: string
  /** Milliseconds since 1970, by the hypervisor's clock. */
  timestampMs: number
  pcrs: Map<number, Uint8Array>
  certificate: Uint8Array
  /** Root first; the anchor is the caller's own root, never this one. */
  cabundle: Uint8Array[]
  publicKey: Uint8Array | null
  userData: Uint8Array | null
  nonce: Uint8Array | null
  /** Lengths that other verifiers refuse. */
  warnings: string[]
  cose: CoseSign1
}

/** The SDK for C allocates as much. */
const MAX_DOCUMENT_BYTES = 16_384
const MAX_CERTIFICATE_BYTES = 1024
const MAX_CABUNDLE = 16
const MAX_PCRS = 32
const PCR_LENGTHS = [32, 48, 64]
const MAX_PUBLIC_KEY_BYTES = 1024
const FIELDS = [
  'module_id',
  'digest',
  'timestamp',
  'pcrs',
  'certificate',
  'cabundle',
  'public_key',
  'user_data',
  'nonce',
]

/** @throws RefusedError ERR_EVIDENCE_SYNTAX, ERR_CBOR_* */
export function parseAttestationDocument(bytes: Uint8Array): AttestationDocument {
  if (bytes.length > MAX_DOCUMENT_BYTES)
    throw syntax(`${bytes.length} bytes, a document has at most ${MAX_DOCUMENT_BYTES}`)
  const cose = parseCoseSign1(bytes)
  if (cose.algorithm !== ES384.id)
    throw syntax(`algorithm ${String(cose.algorithm)}, documents are signed with ES384 (${ES384.id})`)
  if (cose.otherHeaders > 0) throw syntax('headers beside the algorithm, of which documents have none')
  if (cose.signature.length !== ES384.signatureBytes)
    throw syntax(`a signature of ${cose.signature.length} bytes, ES384's has ${ES384.signatureBytes}`)
  const map = decodeCbor(cose.payload)
  if (!(map instanceof Map)) throw syntax('the payload is no map')
  for (const key of map.keys())
    if (!FIELDS.includes(key as string)) throw syntax(`an unknown field ${String(key).slice(0, 40)}`)
  const warnings: string[] = []
  return {
    moduleId: text(map.get('module_id'), 'module_id'),
    digest: digestName(map.get('digest')),
    timestampMs: timestamp(map.get('timestamp')),
    pcrs: pcrs(map.get('pcrs')),
    certificate: sized(map.get('certificate'), MAX_CERTIFICATE_BYTES, 'certificate'),
    cabundle: cabundle(map.get('cabundle')),
    publicKey: optional(map.get('public_key'), 'public_key', warnings, MAX_PUBLIC_KEY_BYTES),
    userData: optional(map.get('user_data'), 'user_data', warnings),
    nonce: optional(map.get('nonce'), 'nonce', warnings),
    warnings,
    cose,
  }
}

function text(value: Cbor | undefined, what: string): string {
  if (typeof value !== 'string' || value.length === 0) throw syntax(`${what} is no text, or empty`)
  return value
}

function digestName(value: Cbor | undefined): string {
  if (value !== 'SHA384') throw syntax(`digest is ${String(value).slice(0, 40)}, expected SHA384`)
  return value
}

function timestamp(value: Cbor | undefined): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value <= 0)
    throw syntax('timestamp is no positive number')
  return value
}

function pcrs(value: Cbor | undefined): Map<number, Uint8Array> {
  if (!(value instanceof Map) || value.size < 1 || value.size > MAX_PCRS)
    throw syntax('pcrs is no map of 1 to 32 registers')
  const found = new Map<number, Uint8Array>()
  for (const [index, register] of value) {
    if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= MAX_PCRS)
      throw syntax(`there is no PCR ${String(index)}`)
    if (!(register instanceof Uint8Array) || !PCR_LENGTHS.includes(register.length))
      throw syntax(`PCR${index} has not 32, 48 or 64 bytes`)
    found.set(index, register)
  }
  return found
}

function cabundle(value: Cbor | undefined): Uint8Array[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_CABUNDLE)
    throw syntax(`cabundle is no list of 1 to ${MAX_CABUNDLE} certificates`)
  return value.map((item) => sized(item, MAX_CERTIFICATE_BYTES, 'a certificate of cabundle'))
}

function sized(value: Cbor | undefined, max: number, what: string): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length < 1 || value.length > max)
    throw syntax(`${what} has not 1 to ${max} bytes`)
  return value
}

// The hypervisor bounds user_data and nonce by the request alone; other verifiers stop at 512 or 1,024.
function optional(value: Cbor | undefined, what: string, warnings: string[], max?: number): Uint8Array | null {
  if (value === undefined || value === null) return null
  if (!(value instanceof Uint8Array)) throw syntax(`${what} is no byte string`)
  if (max !== undefined && (value.length < 1 || value.length > max)) throw syntax(`${what} has not 1 to ${max} bytes`)
  for (const limit of [512, 1024])
    if (value.length > limit)
      warnings.push(`${what} has ${value.length} bytes; some verifiers refuse more than ${limit}`)
  return value
}

function syntax(message: string): RefusedError {
  return new RefusedError('ERR_EVIDENCE_SYNTAX', message)
}
