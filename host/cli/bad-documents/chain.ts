/**
 * A chain in AWS's profile with one thing wrong in it. Keys are made once and shared by all chains, so that one root serves them all and a
 * document differs from its twin in its fault alone.
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Extension,
  keyUsage,
  makeCertificate,
  type Rdn,
  spki,
  subjectKeyIdentifier,
} from '../../nitro/pki/certificate.ts'
import { bits, boolean, octets, oid, sequence } from '../../nitro/pki/der.ts'

const SECOND = 1000
const HOUR = 3600 * SECOND
const DAY = 24 * HOUR
const REGION = 'local-1'
export const MODULE_ID = 'i-0123456789abcdef0-enc018aa8b8e2285d13'

export const CA_USAGE = 0x86 // digitalSignature, keyCertSign, cRLSign
export const INSTANCE_USAGE = 0x04 // keyCertSign
export const LEAF_USAGE = 0xc0 // digitalSignature, nonRepudiation

/** Last bytes of the OIDs ecdsa-with-SHA384 and ecdsa-with-SHA256, RFC 5758 section 3.2. */
const SHA384_OID = Buffer.from('06082a8648ce3d040303', 'hex')
const SHA256_OID = Buffer.from('06082a8648ce3d040302', 'hex')

export const LEVELS = ['root', 'regional', 'zonal', 'instance', 'leaf'] as const
export type Level = (typeof LEVELS)[number]

/** What a certificate has otherwise than AWS's. */
export type Change = {
  notBeforeMs?: number
  notAfterMs?: number
  extensions?: Extension[]
  /** Appended to what there is. */
  more?: Extension[]
  issuer?: Rdn[]
  /** Its own key. */
  key?: KeyObject
  /** Who signs it. */
  signer?: KeyObject
  sha256?: boolean
  /** SubjectPublicKeyInfo in its DER. */
  publicKey?: (der: Uint8Array) => Uint8Array
  /** Of the finished certificate. */
  der?: (der: Uint8Array) => Uint8Array
}

export type Chain = { cabundle: Uint8Array[]; certificate: Uint8Array; leafKey: KeyObject }

export class ChainMaker {
  readonly atMs: number
  readonly keys: Record<Level, KeyObject>
  readonly #rootCertificate: Uint8Array
  readonly #names: Record<Level, Rdn[]>

  /** @param atMs when its documents are valid, whole seconds */
  constructor(atMs: number) {
    this.atMs = atMs
    this.keys = Object.fromEntries(LEVELS.map((level) => [level, newKey()])) as Record<Level, KeyObject>
    const hex = () => randomBytes(8).toString('hex')
    this.#names = {
      root: [...AMAZON, ['CN', 'wasmclave.bad-documents.nitro-enclaves']],
      regional: [...AMAZON, ['CN', `${hex()}.${REGION}.aws.nitro-enclaves`]],
      zonal: [...AMAZON, ['CN', `${hex()}.zonal.${REGION}.aws.nitro-enclaves`]],
      instance: [...AMAZON, ['CN', `i-0123456789abcdef0.${REGION}.aws.nitro-enclaves`]],
      leaf: [...AMAZON, ['CN', `${MODULE_ID}.${REGION}.aws`]],
    }
    this.#rootCertificate = this.certificate('root', {})
  }

  get root(): Uint8Array {
    return this.#rootCertificate
  }

  make(changes: Partial<Record<Level, Change>> = {}): Chain {
    const of = (level: Level) =>
      level === 'root' && changes.root === undefined
        ? this.#rootCertificate
        : this.certificate(level, changes[level] ?? {})
    return {
      cabundle: LEVELS.slice(0, 4).map(of),
      certificate: of('leaf'),
      leafKey: changes.leaf?.key ?? this.keys.leaf,
    }
  }

  certificate(level: Level, change: Change): Uint8Array {
    const above = LEVELS[Math.max(0, LEVELS.indexOf(level) - 1)] as Level
    const key = change.key ?? this.keys[level]
    const signer = change.signer ?? this.keys[above]
    const { from, until } = this.#validity(level)
    const certificate = makeCertificate(
      {
        serial: randomBytes(16),
        subject: this.#names[level],
        issuer: change.issuer ?? this.#names[above],
        notBeforeMs: change.notBeforeMs ?? from,
        notAfterMs: change.notAfterMs ?? until,
        publicKey: key,
        extensions: [...(change.extensions ?? this.#extensions(level, key, this.keys[above])), ...(change.more ?? [])],
      },
      signer,
    )
    const resigned =
      change.publicKey === undefined && !change.sha256 ? certificate : resign(certificate, key, signer, change)
    return change.der?.(resigned) ?? resigned
  }

  name(level: Level): Rdn[] {
    return this.#names[level]
  }

  // AWS's lifetimes, nitro.md 2.3; the document is made an hour into the leaf's.
  #validity(level: Level): { from: number; until: number } {
    const from = this.atMs - HOUR
    switch (level) {
      case 'root':
        return { from: Date.parse('2019-10-28T13:28:05Z'), until: Date.parse('2049-10-28T14:28:05Z') }
      case 'regional':
        return { from, until: from + 20 * DAY + HOUR }
      case 'zonal':
        return { from, until: from + 5.75 * DAY }
      case 'instance':
        return { from, until: from + DAY }
      case 'leaf':
        return { from: from - 3 * SECOND, until: from + 3 * HOUR }
    }
  }

  #extensions(level: Level, key: KeyObject, issuer: KeyObject): Extension[] {
    switch (level) {
      case 'root':
        return [basicConstraints(true, null), subjectKeyIdentifier(key), keyUsage(CA_USAGE, true)]
      case 'regional':
      case 'zonal':
        return [
          basicConstraints(true, level === 'regional' ? 2 : 1),
          authorityKeyIdentifier(issuer),
          subjectKeyIdentifier(key),
          keyUsage(CA_USAGE, true),
        ]
      case 'instance':
        return [basicConstraints(true, 0), keyUsage(INSTANCE_USAGE, true)]
      case 'leaf':
        return [basicConstraints(false, null), keyUsage(LEAF_USAGE, false)]
    }
  }
}

const AMAZON: Rdn[] = [
  ['C', 'US'],
  ['O', 'Amazon'],
  ['OU', 'AWS'],
]

export function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
}

/** An extension of an arc that nobody uses. @param length of its content */
export function unknownExtension(critical: boolean, length = 4): Extension {
  return sequence(oid('1.3.6.1.4.1.99999.1'), ...(critical ? [boolean(true)] : []), octets(new Uint8Array(length)))
}

/** The same point as `der`, compressed (SEC 1 section 2.3.3). */
export function compressedPoint(der: Uint8Array): Uint8Array {
  const point = der.subarray(-97)
  const odd = (point[96] as number) & 1
  const [algorithm] = children(der) as [Uint8Array]
  return sequence(algorithm, bits(Buffer.concat([Buffer.of(2 + odd), point.subarray(1, 49)])))
}

/** A point whose y is off by one: not on the curve. */
export function offCurve(der: Uint8Array): Uint8Array {
  const out = der.slice()
  out[out.length - 1] = (out.at(-1) as number) ^ 1
  return out
}

/** The same key with P-384's parameters spelled out, RFC 3279 section 2.3.5. */
export function explicitKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-384', paramEncoding: 'explicit' }).privateKey
}

// Changes what `makeCertificate` does not offer, and signs anew.
function resign(certificate: Uint8Array, key: KeyObject, signer: KeyObject, change: Change): Uint8Array {
  const parts = children(children(certificate)[0] as Uint8Array)
  // version, serial, signature, issuer, validity, subject, subjectPublicKeyInfo, extensions
  parts[6] = change.publicKey?.(spki(key)) ?? (parts[6] as Uint8Array)
  const algorithm = sequence(change.sha256 ? SHA256_OID : SHA384_OID)
  parts[2] = algorithm
  const body = sequence(...parts)
  return sequence(body, algorithm, bits(sign(change.sha256 ? 'sha256' : 'sha384', body, signer)))
}

/** Elements inside of a constructed element of DER. */
export function children(der: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = []
  const head = (at: number) => {
    const first = der[at + 1] as number
    const width = first < 0x80 ? 0 : first & 0x7f
    let length = width === 0 ? first : 0
    for (let i = 0; i < width; i++) length = length * 256 + (der[at + 2 + i] as number)
    return { from: at + 2 + width, length }
  }
  for (let at = head(0).from; at < der.length; ) {
    const { from, length } = head(at)
    found.push(der.subarray(at, from + length))
    at = from + length
  }
  return found
}
