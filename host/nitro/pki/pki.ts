/**
 * The attestation PKI in AWS's five levels: root, regional, zonal, instance, and a leaf an enclave. Names, serials, lifetimes and
 * extensions are AWS's as read off real documents; the root is our own and says so in its name.
 */
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomUUID,
  X509Certificate,
} from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeDurably } from '../../disk/durable.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  crlDistributionPoint,
  keyUsage,
  makeCertificate,
  type Rdn,
  subjectKeyIdentifier,
} from './certificate.ts'

const SECOND = 1000
const HOUR = 3600 * SECOND
const DAY = 24 * HOUR
/** The leaf's CN, module id (39) ‖ "." ‖ region ‖ ".aws", has at most 64 characters (X.520 ub-common-name). */
export const REGION = 'local-1'
const ROOT_NAME: Rdn[] = [
  ['C', 'US'],
  ['O', 'Amazon'],
  ['OU', 'AWS'],
  ['CN', 'wasmclave.local.nitro-enclaves'],
]

/** AWS's own: 30 years and an hour, which also keeps the end within UTCTime (RFC 5280 section 4.1.2.5.1). */
const ROOT_FROM = Date.parse('2019-10-28T13:28:05Z')
const ROOT_LIFE = Date.parse('2049-10-28T14:28:05Z') - ROOT_FROM

const CA_USAGE = 0x86 // digitalSignature, keyCertSign, cRLSign
const INSTANCE_USAGE = 0x04 // keyCertSign
const LEAF_USAGE = 0xc0 // digitalSignature, nonRepudiation

const LEAF_LIFE = 3 * HOUR
/** A leaf is signed anew when it has less than this left; an authority, when a leaf could outlive it. */
const LEAF_MARGIN = 10 * 60 * SECOND
const AUTHORITY_MARGIN = LEAF_LIFE + HOUR

type Authority = { certificate: Uint8Array; key: KeyObject; subject: Rdn[]; notAfterMs: number }

/** What signs one enclave's documents at one time. */
export type Leaf = { certificate: Uint8Array; key: KeyObject; cabundle: Uint8Array[]; notAfterMs: number }

export class Pki {
  readonly #folder: string
  readonly #instanceId: string
  readonly #now: () => number
  readonly #root: Authority
  #regional: Authority
  #zonal: Authority
  #instance: Authority
  readonly #leaves = new Map<string, Leaf>()

  /** @param folder nitro's own, mode 0700 @param instanceId of this host, i-… with 17 hex digits */
  constructor(folder: string, instanceId: string, now: () => number = Date.now) {
    this.#folder = folder
    this.#instanceId = instanceId
    this.#now = now
    this.#root = this.#load('root') ?? this.#save('root', this.#makeRoot())
    this.#regional = this.#load('regional') ?? this.#save('regional', this.#makeRegional())
    this.#zonal = this.#load('zonal') ?? this.#save('zonal', this.#makeZonal())
    this.#instance = this.#load('instance') ?? this.#save('instance', this.#makeInstance())
  }

  get rootPem(): string {
    return new X509Certificate(this.#root.certificate).toString()
  }

  /** SHA-256 of the root's DER, hex. */
  get rootFingerprint(): string {
    return createHash('sha256').update(this.#root.certificate).digest('hex')
  }

  /** The leaf of an enclave, made at its first document and again before it expires. */
  leaf(moduleId: string): Leaf {
    const known = this.#leaves.get(moduleId)
    if (known !== undefined && known.notAfterMs - this.#now() > LEAF_MARGIN) return known
    this.#renew()
    const leaf = this.#makeLeaf(moduleId)
    this.#leaves.set(moduleId, leaf)
    return leaf
  }

  forget(moduleId: string): void {
    this.#leaves.delete(moduleId)
  }

  // A new authority means new ones below it: their issuer's key has changed.
  #renew(): void {
    const ends = (authority: Authority) => authority.notAfterMs - this.#now() < AUTHORITY_MARGIN
    const regional = ends(this.#regional)
    if (regional) this.#regional = this.#save('regional', this.#makeRegional())
    const zonal = regional || ends(this.#zonal)
    if (zonal) this.#zonal = this.#save('zonal', this.#makeZonal())
    if (zonal || ends(this.#instance)) this.#instance = this.#save('instance', this.#makeInstance())
  }

  #makeRoot(): Authority {
    const key = newKey()
    const extensions = [basicConstraints(true, null), subjectKeyIdentifier(key), keyUsage(CA_USAGE, true)]
    return this.#sign(
      { key, subject: ROOT_NAME, life: ROOT_LIFE, from: ROOT_FROM, serialBytes: 16, extensions },
      undefined,
    )
  }

  #makeRegional(): Authority {
    const key = newKey()
    const subject: Rdn[] = [...ROOT_NAME.slice(0, 3), ['CN', `${hex(8)}.${REGION}.aws.nitro-enclaves`]]
    const extensions = [
      basicConstraints(true, 2),
      authorityKeyIdentifier(this.#root.key),
      subjectKeyIdentifier(key),
      keyUsage(CA_USAGE, true),
      crlDistributionPoint(`http://aws-nitro-enclaves-crl.s3.amazonaws.com/crl/${randomUUID()}.crl`),
    ]
    return this.#sign(
      { key, subject, life: 20 * DAY + HOUR, from: this.#now(), serialBytes: 16, extensions },
      this.#root,
    )
  }

  #makeZonal(): Authority {
    const key = newKey()
    const cn = `${hex(8)}.zonal.${REGION}.aws.nitro-enclaves`
    const subject: Rdn[] = [
      ['CN', cn],
      ['OU', 'AWS'],
      ['O', 'Amazon'],
      ['C', 'US'],
      ['ST', 'WA'],
      ['L', 'Seattle'],
    ]
    const extensions = [
      basicConstraints(true, 1),
      authorityKeyIdentifier(this.#regional.key),
      subjectKeyIdentifier(key),
      keyUsage(CA_USAGE, true),
      crlDistributionPoint(
        `http://crl-${REGION}-aws-nitro-enclaves.s3.${REGION}.amazonaws.com/crl/${randomUUID()}.crl`,
      ),
    ]
    return this.#sign(
      { key, subject, life: 5.75 * DAY, from: this.#now(), serialBytes: 16, extensions },
      this.#regional,
    )
  }

  #makeInstance(): Authority {
    const key = newKey()
    const subject = seattle(`${this.#instanceId}.${REGION}.aws.nitro-enclaves`)
    // The form of 2025: with both identifiers
    const extensions = [
      basicConstraints(true, 0),
      keyUsage(INSTANCE_USAGE, true),
      subjectKeyIdentifier(key),
      authorityKeyIdentifier(this.#zonal.key),
    ]
    return this.#sign({ key, subject, life: DAY, from: this.#now(), serialBytes: 20, extensions }, this.#zonal)
  }

  #makeLeaf(moduleId: string): Leaf {
    const key = newKey()
    const issued = Math.floor(this.#now() / SECOND) * SECOND
    // Serial: the enclave's number, then the second of issue
    const serial = Buffer.alloc(16)
    Buffer.from(moduleId.split('-enc')[1] ?? '', 'hex').copy(serial)
    serial.writeBigUInt64BE(BigInt(issued / SECOND), 8)
    const certificate = makeCertificate(
      {
        serial,
        subject: seattle(`${moduleId}.${REGION}.aws`),
        issuer: this.#instance.subject,
        notBeforeMs: issued - 3 * SECOND,
        notAfterMs: issued + LEAF_LIFE,
        publicKey: key,
        extensions: [basicConstraints(false, null), keyUsage(LEAF_USAGE, false)],
      },
      this.#instance.key,
    )
    const cabundle = [this.#root, this.#regional, this.#zonal, this.#instance].map((authority) => authority.certificate)
    return { certificate, key, cabundle, notAfterMs: issued + LEAF_LIFE }
  }

  #sign(
    fields: {
      key: KeyObject
      subject: Rdn[]
      life: number
      from: number
      serialBytes: number
      extensions: Uint8Array[]
    },
    issuer: Authority | undefined,
  ): Authority {
    const notBeforeMs = Math.floor(fields.from / SECOND) * SECOND
    const notAfterMs = notBeforeMs + fields.life
    const serial = randomBytes(fields.serialBytes)
    const certificate = makeCertificate(
      { ...fields, serial, issuer: issuer?.subject ?? fields.subject, notBeforeMs, notAfterMs, publicKey: fields.key },
      issuer?.key ?? fields.key,
    )
    return { certificate, key: fields.key, subject: fields.subject, notAfterMs }
  }

  #save(name: string, authority: Authority): Authority {
    const { certificate, key, subject, notAfterMs } = authority
    const text = JSON.stringify({
      certificate: Buffer.from(certificate).toString('base64'),
      key: key.export({ format: 'pem', type: 'pkcs8' }),
      subject,
      notAfterMs,
    })
    writeDurably(join(this.#folder, `${name}.json`), text)
    return authority
  }

  #load(name: string): Authority | undefined {
    const path = join(this.#folder, `${name}.json`)
    if (!existsSync(path)) return undefined
    const { certificate, key, subject, notAfterMs } = JSON.parse(readFileSync(path, 'utf8')) as {
      certificate: string
      key: string
      subject: Rdn[]
      notAfterMs: number
    }
    // What has expired while the host was off is made anew, below.
    if (name !== 'root' && notAfterMs - this.#now() < AUTHORITY_MARGIN) return undefined
    // So is what was made while the clock was ahead.
    const from = Date.parse(new X509Certificate(Buffer.from(certificate, 'base64')).validFrom)
    if (name !== 'root' && from > this.#now()) return undefined
    return {
      certificate: new Uint8Array(Buffer.from(certificate, 'base64')),
      key: createPrivateKey(key),
      subject,
      notAfterMs,
    }
  }
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
}

function hex(bytes: number): string {
  return randomBytes(bytes).toString('hex')
}

function seattle(cn: string): Rdn[] {
  return [
    ['C', 'US'],
    ['ST', 'Washington'],
    ['L', 'Seattle'],
    ['O', 'Amazon'],
    ['OU', 'AWS'],
    ['CN', cn],
  ]
}
