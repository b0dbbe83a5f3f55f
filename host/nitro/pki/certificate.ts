/** One X.509 v3 certificate as AWS's Nitro PKI has them: P-384, ecdsa-with-SHA384, single-valued RDNs, extensions in the order given. */
import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { bits, boolean, context, der, integer, octets, oid, printable, sequence, set, utcTime, utf8 } from './der.ts'

const NAME_OIDS = { C: '2.5.4.6', ST: '2.5.4.8', L: '2.5.4.7', O: '2.5.4.10', OU: '2.5.4.11', CN: '2.5.4.3' } as const
export type Rdn = [type: keyof typeof NAME_OIDS, value: string]

const ECDSA_WITH_SHA384 = sequence(oid('1.2.840.10045.4.3.3')) // RFC 5758 section 3.2: no parameters

export type Extension = Uint8Array

export type CertificateFields = {
  serial: Uint8Array
  subject: Rdn[]
  issuer: Rdn[]
  notBeforeMs: number
  notAfterMs: number
  publicKey: KeyObject
  extensions: Extension[]
}

/** DER of the signed certificate. */
export function makeCertificate(fields: CertificateFields, signingKey: KeyObject): Uint8Array {
  const body = sequence(
    context(0, integer(Uint8Array.of(2))), // v3
    integer(fields.serial),
    ECDSA_WITH_SHA384,
    name(fields.issuer),
    sequence(utcTime(fields.notBeforeMs), utcTime(fields.notAfterMs)),
    name(fields.subject),
    spki(fields.publicKey),
    context(3, sequence(...fields.extensions)),
  )
  return sequence(body, ECDSA_WITH_SHA384, bits(sign('sha384', body, signingKey)))
}

// countryName is a PrintableString, all others are UTF8String: as AWS has it
function name(rdns: Rdn[]): Uint8Array {
  return sequence(
    ...rdns.map(([type, value]) => set(sequence(oid(NAME_OIDS[type]), type === 'C' ? printable(value) : utf8(value)))),
  )
}

export function spki(key: KeyObject): Uint8Array {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  return new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }))
}

/** RFC 5280 section 4.2.1.2, method 1: SHA-1 of the key's bits. */
export function keyIdentifier(key: KeyObject): Uint8Array {
  // A P-384 SPKI ends with the 97-byte uncompressed point.
  return new Uint8Array(createHash('sha1').update(spki(key).subarray(-97)).digest())
}

/** @param pathLength null for none; only of a CA */
export function basicConstraints(ca: boolean, pathLength: number | null): Extension {
  const content = [...(ca ? [boolean(true)] : []), ...(pathLength === null ? [] : [integer(Uint8Array.of(pathLength))])]
  return extension('2.5.29.19', true, sequence(...content))
}

/** @param bit RFC 5280 section 4.2.1.3, from the top: 0x80 digitalSignature, 0x40 nonRepudiation, 0x04 keyCertSign, 0x02 cRLSign */
export function keyUsage(bit: number, critical: boolean): Extension {
  const unused = Math.log2(bit & -bit)
  return extension('2.5.29.15', critical, bits(Uint8Array.of(bit), unused))
}

export function subjectKeyIdentifier(key: KeyObject): Extension {
  return extension('2.5.29.14', false, octets(keyIdentifier(key)))
}

export function authorityKeyIdentifier(key: KeyObject): Extension {
  return extension('2.5.29.35', false, sequence(der(0x80, keyIdentifier(key))))
}

export function crlDistributionPoint(url: string): Extension {
  return extension(
    '2.5.29.31',
    false,
    sequence(sequence(context(0, context(0, der(0x86, Buffer.from(url, 'latin1')))))),
  )
}

function extension(id: string, critical: boolean, content: Uint8Array): Extension {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(content))
}
