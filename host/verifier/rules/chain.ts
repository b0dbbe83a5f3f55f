/** Rule: the leaf is vouched for by the pinned root, through AWS's chain, at the time of judgement. CRLs are not read, as AWS says. */
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { RefusedError } from '../../errors.ts'
import { equal, toHex } from '../bytes.ts'
import type { AttestationDocument } from '../document.ts'

const P384 = { name: 'ECDSA', namedCurve: 'P-384' }
const ECDSA_WITH_SHA384 = '1.2.840.10045.4.3.3'
const BASIC_CONSTRAINTS = '2.5.29.19'
const KEY_USAGE = '2.5.29.15'
/** Critical extensions that are understood here. */
const UNDERSTOOD = new Set([BASIC_CONSTRAINTS, KEY_USAGE])
/** Tag and length of SubjectPublicKeyInfo for an uncompressed point on the named curve P-384, RFC 5480. */
const SPKI_P384 = '3076301006072a8648ce3d020106052b8104002203620004'

export type Leaf = { key: CryptoKey; notAfter: Date }

/**
 * @param root DER of the pinned root; cabundle[0] counts for nothing unless it is this
 * @returns the leaf's key, which signs the document, and its end
 * @throws RefusedError ERR_EVIDENCE_CHAIN, ERR_EVIDENCE_DATES
 */
export async function verifyChain(document: AttestationDocument, root: Uint8Array, now: Date): Promise<Leaf> {
  try {
    return await walkChain(document, root, now)
  } catch (error) {
    if (error instanceof RefusedError) throw error
    // Parts of a certificate are parsed when they are first looked at.
    throw new RefusedError('ERR_EVIDENCE_CHAIN', 'a certificate does not parse', { cause: error })
  }
}

async function walkChain(document: AttestationDocument, root: Uint8Array, now: Date): Promise<Leaf> {
  const [claimed, ...intermediates] = document.cabundle as [Uint8Array, ...Uint8Array[]]
  if (!equal(claimed, root)) throw chain('cabundle begins with another root than the pinned one')
  const path = [root, ...intermediates, document.certificate].map(parse)
  for (const [depth, certificate] of path.entries()) {
    const isLeaf = depth === path.length - 1
    const below = path.length - 2 - depth // authorities between this one and the leaf
    checkDates(certificate, now)
    checkProfile(certificate, isLeaf, below)
    const issuer = path[Math.max(0, depth - 1)] as x509.X509Certificate
    if (
      !equal(new Uint8Array(certificate.issuerName.toArrayBuffer()), new Uint8Array(issuer.subjectName.toArrayBuffer()))
    )
      throw chain(
        `${certificate.subject} says it was issued by ${certificate.issuer}, the one above it is ${issuer.subject}`,
      )
    if (!(await certificate.verify({ publicKey: issuer.publicKey, signatureOnly: true })))
      throw chain(`the signature on ${certificate.subject} is not the one of ${issuer.subject}`)
  }
  const leaf = path[path.length - 1] as x509.X509Certificate
  return { key: await leaf.publicKey.export(P384, ['verify']), notAfter: leaf.notAfter }
}

function parse(der: Uint8Array): x509.X509Certificate {
  // The parser below lets bytes follow.
  if (sequenceBytes(der) !== der.length) throw chain('a certificate is not one DER sequence and nothing else')
  let certificate: x509.X509Certificate
  try {
    certificate = new x509.X509Certificate(der as Uint8Array<ArrayBuffer>)
  } catch (error) {
    throw new RefusedError('ERR_EVIDENCE_CHAIN', 'a certificate does not parse', { cause: error })
  }
  return certificate
}

/** Length of a DER sequence, its head included; 0 for what is none. A document's certificates have at most 1,024 bytes. */
function sequenceBytes(der: Uint8Array): number {
  const [tag, first = 0, high = 0, low = 0] = der
  if (tag !== 0x30) return 0
  if (first < 0x80) return 2 + first
  if (first === 0x81 && high >= 0x80) return 3 + high
  return first === 0x82 && high > 0 ? 4 + high * 256 + low : 0
}

function checkDates(certificate: x509.X509Certificate, now: Date): void {
  if (now < certificate.notBefore || now > certificate.notAfter)
    throw new RefusedError(
      'ERR_EVIDENCE_DATES',
      `${certificate.subject} is valid from ${certificate.notBefore.toISOString()} to ${certificate.notAfter.toISOString()}, judged at ${now.toISOString()}`,
    )
}

function checkProfile(certificate: x509.X509Certificate, isLeaf: boolean, below: number): void {
  const subject = certificate.subject
  if (!toHex(new Uint8Array(certificate.publicKey.rawData)).startsWith(SPKI_P384))
    throw chain(`the key of ${subject} is no uncompressed point on P-384`)
  const { algorithm } = certificate.signatureAlgorithm as unknown as {
    algorithm?: string
    name: string
    hash: { name: string }
  }
  const { name, hash } = certificate.signatureAlgorithm
  if (name !== 'ECDSA' || hash.name !== 'SHA-384')
    throw chain(`${subject} is signed with ${algorithm ?? name}, expected ${ECDSA_WITH_SHA384}`)
  // RFC 5280 section 4.2: otherwise two readers could see two certificates.
  if (new Set(certificate.extensions.map((extension) => extension.type)).size !== certificate.extensions.length)
    throw chain(`${subject} has an extension twice`)
  for (const extension of certificate.extensions)
    if (extension.critical && !UNDERSTOOD.has(extension.type))
      throw chain(`${subject} has an unknown critical extension ${extension.type}`)
  const constraints = certificate.getExtension(x509.BasicConstraintsExtension)
  const usage = certificate.getExtension(x509.KeyUsagesExtension)
  if (constraints === null || usage === null) throw chain(`${subject} lacks basic constraints or key usage`)
  if (isLeaf) {
    if (constraints.ca || constraints.pathLength !== undefined)
      throw chain(`the leaf ${subject} says it is an authority`)
    if ((usage.usages & x509.KeyUsageFlags.digitalSignature) === 0) throw chain(`the leaf ${subject} may not sign`)
    return
  }
  if (!constraints.ca) throw chain(`${subject} is no authority`)
  if (constraints.pathLength !== undefined && constraints.pathLength < below)
    throw chain(`${subject} allows ${constraints.pathLength} authorities below it, there are ${below}`)
  if ((usage.usages & x509.KeyUsageFlags.keyCertSign) === 0) throw chain(`${subject} may not sign certificates`)
}

function chain(message: string): RefusedError {
  return new RefusedError('ERR_EVIDENCE_CHAIN', message)
}
