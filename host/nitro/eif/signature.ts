/**
 * The signature section: CBOR [{signing_certificate, signature}], both arrays of integers as serde writes them; the signature is an
 * untagged COSE_Sign1 over {register_index: 0, register_value: PCR0} (eif_signer.rs). Only PCR0 is signed; PCR8 names who signed.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto'
import { RefusedError, UsageError } from '../../errors.ts'
import { type Cbor, decodeCbor, encodeCbor } from '../../wire/cbor.ts'
import { type Eif, parseEif, writeEif } from './format.ts'
import { type Measurements, measureEif } from './measure.ts'

/** COSE algorithm, hash and curve, RFC 9053 section 2.1. */
const ALGORITHMS: Record<string, { id: number; hash: string }> = {
  prime256v1: { id: -7, hash: 'sha256' },
  secp384r1: { id: -35, hash: 'sha384' },
  secp521r1: { id: -36, hash: 'sha512' },
}
const MAX_SECTION_BYTES = 65_536
const PCR_BYTES = 48

export type EifSignature = {
  certificate: X509Certificate
  certificatePem: string
  payload: Uint8Array
  signature: Uint8Array
}

/** The image with a signature section, new or in the place of the old one. @throws UsageError ERR_IMAGE_KEY */
export function signEif(bytes: Uint8Array, certificatePem: string, privateKeyPem: string): Uint8Array {
  const eif = parseEif(bytes)
  const certificate = fromPem(() => new X509Certificate(certificatePem), 'certificate')
  fromPem(() => certificate.publicKey, 'key in the certificate')
  const key = fromPem(() => createPrivateKey(privateKeyPem), 'private key')
  if (!certificate.checkPrivateKey(key))
    throw new UsageError('ERR_IMAGE_KEY', 'the private key is not the one of the certificate')
  const algorithm = algorithmOf(key)
  const headers = encodeCbor(new Map<Cbor, Cbor>([[1, algorithm.id]]))
  const payload = pcrInfo(measureEif(eif, null))
  const signature = sign(algorithm.hash, sigStructure(headers, payload), { key, dsaEncoding: 'ieee-p1363' })
  const cose = encodeCbor([headers, new Map(), payload, new Uint8Array(signature)])
  // Integers one by one, not byte strings: serde without serde_bytes. Key order as the struct has it.
  const section = encodeInOrder([
    ['signing_certificate', [...Buffer.from(certificatePem)]],
    ['signature', [...cose]],
  ])
  return writeEif({ ...eif, signature: section })
}

/** @throws RefusedError ERR_IMAGE_SIGNATURE (shape) */
export function parseSignature(section: Uint8Array): EifSignature {
  if (section.length > MAX_SECTION_BYTES)
    throw refused(`${section.length} bytes, a signature section has at most ${MAX_SECTION_BYTES}`)
  const outer = decodeCbor(section)
  const first = Array.isArray(outer) && outer.length === 1 ? outer[0] : undefined
  if (!(first instanceof Map) || first.size !== 2) throw refused('it is no array of one map')
  const certificatePem = Buffer.from(integers(first.get('signing_certificate'))).toString('utf8')
  const cose = decodeCbor(integers(first.get('signature')))
  if (!Array.isArray(cose) || cose.length !== 4) throw refused('it holds no COSE_Sign1')
  const [headers, unprotected, payload, signature] = cose
  if (!(headers instanceof Uint8Array) || !(payload instanceof Uint8Array) || !(signature instanceof Uint8Array))
    throw refused('the COSE_Sign1 is malformed')
  if (!(unprotected instanceof Map) || unprotected.size !== 0) throw refused('unprotected headers are not empty')
  const certificate = parseCertificate(certificatePem)
  const algorithm = ALGORITHMS[kindOf(certificate.publicKey)]
  if (algorithm === undefined) throw refused(`its certificate has a key of ${kindOf(certificate.publicKey)}`)
  const expected = encodeCbor(new Map<Cbor, Cbor>([[1, algorithm.id]]))
  if (!Buffer.from(headers).equals(expected)) throw refused('the algorithm is not the one of its certificate')
  return { certificate, certificatePem, payload, signature }
}

/**
 * Verifies that the image was signed by the certificate it carries, within its dates. Whether that certificate is anybody's that one
 * trusts is PCR8's business. @throws RefusedError ERR_IMAGE_UNSIGNED, ERR_IMAGE_SIGNATURE
 */
export function verifySignature(eif: Eif, now: Date): { signature: EifSignature; measurements: Measurements } {
  if (eif.signature === null)
    throw new RefusedError('ERR_IMAGE_UNSIGNED', 'the image is not signed: sign it with sign-eif')
  const signature = parseSignature(eif.signature)
  const { certificate, payload } = signature
  const algorithm = algorithmOf(certificate.publicKey)
  const headers = encodeCbor(new Map<Cbor, Cbor>([[1, algorithm.id]]))
  const measurements = measureEif(eif, certificate.raw)
  if (!Buffer.from(payload).equals(pcrInfo(measurements))) throw refused('it was made for another PCR0')
  const key = { key: certificate.publicKey, dsaEncoding: 'ieee-p1363' as const }
  if (!verify(algorithm.hash, sigStructure(headers, payload), key, signature.signature))
    throw refused('it does not verify')
  if (now < new Date(certificate.validFrom) || now > new Date(certificate.validTo))
    throw refused(
      `its certificate is valid from ${certificate.validFrom} to ${certificate.validTo}, now is ${now.toUTCString()}`,
    )
  return { signature, measurements }
}

/** What is signed: {register_index: 0, register_value: [48 integers]}. */
export function pcrInfo(measurements: Measurements): Uint8Array {
  const value = [...Buffer.from(measurements.PCR0, 'hex')]
  if (value.length !== PCR_BYTES) throw new UsageError('ERR_IMAGE_PCR', 'PCR0 has 48 bytes')
  return encodeInOrder(
    [
      ['register_index', 0],
      ['register_value', value],
    ],
    false,
  )
}

/** SHA-384 of the certificate, hex: what PCR8 extends. */
export function certificateDigest(certificate: X509Certificate): string {
  return createHash('sha384').update(certificate.raw).digest('hex')
}

// OpenSSL decodes a certificate's key at its first use, and may refuse it only there.
function parseCertificate(pem: string): X509Certificate {
  try {
    const certificate = new X509Certificate(pem)
    if (certificate.publicKey.type === 'public') return certificate
  } catch {}
  throw refused('its certificate does not parse, or the key in it')
}

function fromPem<T>(read: () => T, what: string): T {
  try {
    return read()
  } catch {
    throw new UsageError('ERR_IMAGE_KEY', `the ${what} is no PEM that OpenSSL reads`)
  }
}

function algorithmOf(key: KeyObject): { id: number; hash: string } {
  const algorithm = ALGORITHMS[kindOf(key)]
  if (algorithm === undefined)
    throw new UsageError('ERR_IMAGE_KEY', `images are signed with P-256, P-384 or P-521 keys, this is ${kindOf(key)}`)
  return algorithm
}

function kindOf(key: KeyObject): string {
  const { asymmetricKeyDetails, asymmetricKeyType } = key.type === 'private' ? createPublicKey(key) : key
  return asymmetricKeyDetails?.namedCurve ?? String(asymmetricKeyType)
}

// RFC 9052 section 4.4
function sigStructure(headers: Uint8Array, payload: Uint8Array): Uint8Array {
  return encodeCbor(['Signature1', headers, new Uint8Array(0), payload])
}

// A map in the order given, which no sorting encoder would keep.
function encodeInOrder(entries: [string, Cbor][], inArray = true): Uint8Array {
  const body = entries.flatMap(([key, value]) => [encodeCbor(key), encodeCbor(value)])
  return new Uint8Array(Buffer.concat([Uint8Array.from([...(inArray ? [0x81] : []), 0xa0 + entries.length]), ...body]))
}

function integers(value: Cbor | undefined): Uint8Array {
  if (!Array.isArray(value) || value.length > MAX_SECTION_BYTES) throw refused('a field is no array of integers')
  return Uint8Array.from(
    value.map((item) => {
      if (typeof item !== 'number' || !Number.isInteger(item) || item < 0 || item > 255)
        throw refused('a field is no array of bytes')
      return item
    }),
  )
}

function refused(message: string): RefusedError {
  return new RefusedError('ERR_IMAGE_SIGNATURE', `the signature section: ${message}`)
}
