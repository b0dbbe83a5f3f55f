/** `describe-eif`: what nitro-cli 1.5 prints of an image, key by key. A wrong CRC is shown, not refused. */
import type { X509Certificate } from 'node:crypto'
import { errorCode, RefusedError } from '../../errors.ts'
import { type Eif, eifCrc, parseEif, storedCrc } from './format.ts'
import { type Measurements, measureEif } from './measure.ts'
import { type EifSignature, parseSignature, verifySignature } from './signature.ts'

/** nitro-cli prints this text, not a name of the algorithm. */
export const HASH_ALGORITHM = 'Sha384 { ... }'

export function describeEif(bytes: Uint8Array): Record<string, unknown> {
  const { eif, checkCrc } = parseLeniently(bytes)
  const signature = eif.signature === null ? null : parseSignature(eif.signature)
  const measurements = measureEif(eif, signature?.certificate.raw ?? null)
  const metadata = parseMetadata(eif.metadata)
  return {
    EifVersion: eif.version,
    Measurements: printed(measurements),
    IsSigned: signature !== null,
    ...(signature !== null && { SigningCertificate: describeCertificate(signature.certificate) }),
    CheckCRC: checkCrc,
    ...(signature !== null && { SignatureCheck: signatureHolds(eif, signature) }),
    ImageName: metadata.ImageName,
    ImageVersion: metadata.ImageVersion,
    Metadata: { ...metadata.BuildMetadata, DockerInfo: metadata.DockerInfo, ...metadata.CustomMetadata },
  }
}

/** Measurements as nitro-cli prints them. */
export function printed(measurements: Measurements): Record<string, string> {
  return { HashAlgorithm: HASH_ALGORITHM, ...measurements }
}

export type EifMetadata = {
  ImageName: string
  ImageVersion: string
  BuildMetadata: Record<string, unknown>
  DockerInfo: unknown
  CustomMetadata: Record<string, unknown> | null
}

/** @throws RefusedError ERR_IMAGE_METADATA */
export function parseMetadata(section: Uint8Array): EifMetadata {
  let value: Partial<EifMetadata> | null
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(section)) as Partial<EifMetadata> | null
  } catch {
    throw new RefusedError('ERR_IMAGE_METADATA', 'the metadata section is no JSON')
  }
  if (
    typeof value?.ImageName !== 'string' ||
    typeof value.ImageVersion !== 'string' ||
    value.BuildMetadata === null ||
    typeof value.BuildMetadata !== 'object'
  )
    throw new RefusedError('ERR_IMAGE_METADATA', 'the metadata section names no image, version and build')
  return value as EifMetadata
}

function parseLeniently(bytes: Uint8Array): { eif: Eif; checkCrc: boolean } {
  try {
    return { eif: parseEif(bytes), checkCrc: true }
  } catch (error) {
    if (errorCode(error) !== 'ERR_IMAGE_CRC') throw error
    const mended = bytes.slice()
    new DataView(mended.buffer).setUint32(544, eifCrc(bytes))
    return { eif: parseEif(mended), checkCrc: storedCrc(bytes) === eifCrc(bytes) }
  }
}

const NAMES: Record<string, string> = {
  C: 'countryName',
  CN: 'commonName',
  O: 'organizationName',
  OU: 'organizationalUnitName',
  ST: 'stateOrProvinceName',
  L: 'localityName',
}

// Whether it was made by the key of its certificate for these bytes. Dates are shown, and judged at a launch.
function signatureHolds(eif: Eif, { certificate }: EifSignature): boolean {
  try {
    verifySignature(eif, new Date(certificate.validFrom))
    return true
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return false
  }
}

/** What signs the certificate itself, as nitro-cli shows it: the third part of its DER (RFC 5280 section 4.1), a bit string. */
function certificateSignature(der: Uint8Array): Uint8Array {
  const part = (at: number): { from: number; to: number } => {
    const first = der[at + 1] as number
    const more = first < 0x80 ? 0 : first & 0x7f
    let length = more === 0 ? first : 0
    for (let i = 0; i < more; i++) length = length * 256 + (der[at + 2 + i] as number)
    return { from: at + 2 + more, to: at + 2 + more + length }
  }
  const signed = part(part(0).from)
  const { from, to } = part(part(signed.to).to)
  return der.subarray(from + 1, to)
}

function describeCertificate(certificate: X509Certificate): Record<string, unknown> {
  const issuer: Record<string, string> = {}
  for (const line of certificate.issuer.split('\n')) {
    const [key, ...value] = line.split('=')
    if (key !== undefined) issuer[NAMES[key] ?? key] = value.join('=')
  }
  return {
    IssuerName: issuer,
    Algorithm: certificate.signatureAlgorithm,
    NotBefore: certificate.validFrom,
    NotAfter: certificate.validTo,
    Signature: (
      Buffer.from(certificateSignature(certificate.raw)).toString('hex').toUpperCase().match(/../g) ?? []
    ).join(':'),
  }
}
