// A host's attestation PKI, an owner, and the kernel's half of assembly/abi/STORE.md, written from that page on the encryption core.
import { createHash, createHmac, generateKeyPairSync, type KeyObject, randomBytes, sign, verify } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import {
  REGISTER_ADVANCE,
  REGISTER_READ,
  REGISTER_REWRAP,
  STORE_CREATE,
  STORE_REFUSED,
  STORE_REGISTERED,
  STORE_RELEASED,
} from '../../assembly/abi/store.ts'
import { publicKeyFromRaw, rawPublicKey } from '../../host/control/keys.ts'
import { loadCore } from '../../host/core/index.ts'
import { StoreKeys, type StoreKeysOptions } from '../../host/kms/store-keys/index.ts'
import { documentPayload, signDocument } from '../../host/nitro/nsm/document.ts'
import { PcrBank } from '../../host/nitro/nsm/pcr-bank.ts'
import { Pki } from '../../host/nitro/pki/pki.ts'
import {
  type AdmissionRecord,
  type BootRecord,
  encodeAdmissionRecord,
  encodeBootRecord,
  encodeGrant,
  encodeGrantChain,
  grantSigningInput,
  type LaunchGrant,
  storeId,
} from '../../host/verifier/index.ts'
import { decodeCbor, encodeCbor } from '../../host/wire/cbor.ts'

type Bytes = Uint8Array
const HOST = 'i-0123456789abcdef0'
export const MODULE = `${HOST}-enc018aa8b8e2285d13`
export const PCRS: Record<number, string> = {
  0: 'a0'.repeat(48),
  1: 'a1'.repeat(48),
  2: 'a2'.repeat(48),
  8: 'a8'.repeat(48),
}
export const GENESIS = '99'.repeat(48)
const core = await loadCore()

export const lp = (bytes: Bytes): Buffer => Buffer.concat([u(bytes.length, 4), bytes])
export const sha384 = (...parts: (Bytes | string)[]): Buffer => {
  const hash = createHash('sha384')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
export function u(value: number | bigint, width: 2 | 4 | 8): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes.subarray(8 - width)
}

/** What a kernel may be, and what a hostile one makes of its request. Each is one change to what fits. */
export type Changes = {
  mode?: number
  pcrs?: Record<number, string>
  debug?: boolean
  admission?: Partial<AdmissionRecord>
  boot?: Partial<BootRecord>
  grant?: Partial<LaunchGrant>
  /** Instead of a chain made of `grant`. */
  grantChain?: Bytes
  wrappedDek?: Bytes | null
  /** Records that are shown, where they are not those that were measured. */
  shown?: { grantChain?: Bytes; admissionRecord?: Bytes; bootRecord?: Bytes }
  label?: string
  nonce?: Bytes | null
  documentKey?: Bytes
  publicKey?: Bytes
  ageMs?: number
  pki?: Pki
  /** What the document is bound to, where it is not this B. */
  boundTo?: Bytes
}

export class Side {
  readonly folder: string
  readonly pki: Pki
  readonly owner: KeyObject
  readonly rootKey = new Uint8Array(randomBytes(32))
  nowMs = Date.parse('2026-03-04T05:06:07.000Z')
  kmsKey = ''

  constructor(t: Test) {
    this.folder = mkdtempSync(join(tmpdir(), 'wasmclave-store-keys-'))
    t.teardown(() => rmSync(this.folder, { recursive: true, force: true }))
    this.pki = this.otherPki()
    this.owner = generateKeyPairSync('ed25519').privateKey
  }

  otherPki(): Pki {
    return new Pki(mkdtempSync(join(this.folder, 'pki-')), HOST, () => this.nowMs)
  }

  get options(): StoreKeysOptions {
    return {
      rootKey: this.rootKey,
      attestationRoots: [this.pki.rootFingerprint],
      genesisDigest: GENESIS,
      now: () => this.nowMs,
    }
  }

  async open(changes: Partial<StoreKeysOptions> = {}): Promise<StoreKeys> {
    const keys = await StoreKeys.open(join(this.folder, 'store-keys'), { ...this.options, ...changes })
    this.kmsKey = keys.publicKey
    return keys
  }

  async grantOf(changes: Partial<LaunchGrant> = {}): Promise<LaunchGrant> {
    const owner = Buffer.from(rawPublicKey(this.owner)).toString('hex')
    const enclaveName = changes.enclaveName ?? 'vault'
    return {
      version: 1,
      owners: [owner],
      tenant: 'tenant',
      enclaveName,
      workloadName: 'keyvalue',
      storeId: await storeId(owner, enclaveName),
      kmsKey: this.kmsKey,
      releaseRule: { pcr8: PCRS[8] as string },
      minSecurityVersion: 1,
      logKey: null,
      genesisDigest: GENESIS,
      development: true,
      ...changes,
    }
  }

  /** The newest is `changes`; those before it are the same but for the version. */
  async chainOf(changes: Partial<LaunchGrant> = {}): Promise<Bytes> {
    const newest = await this.grantOf(changes)
    const chain = Array.from({ length: newest.version }, (_, index) => {
      const bytes = encodeGrant({ ...newest, version: index + 1 })
      return { bytes, signature: new Uint8Array(sign(null, grantSigningInput(bytes), this.owner)) }
    })
    return encodeGrantChain(chain)
  }

  /** Time passes, so that the next document is newer. */
  pass(ms = 1000): void {
    this.nowMs += ms
  }
}

export type Released = {
  dek: Buffer
  wrapped: Bytes
  generation: number
  head: Buffer
  grantVersion: number
  securityVersion: number
  flags: number
  random: Buffer
}
export type Registered = { status: number; generation: bigint; head: Buffer; flags: number; wrapped: Buffer }

/** One enclave's kernel: one K1, and the register under its key. */
export class KernelPeer {
  readonly #side: Side
  readonly k1: Bytes
  readonly #secret: Bytes
  readonly #r: Buffer
  readonly storeId: Buffer
  #registerKey: Bytes | undefined
  counter = 0n

  private constructor(side: Side, k1: Bytes, secret: Bytes, r: Buffer, id: string) {
    this.#side = side
    this.k1 = k1
    this.#secret = secret
    this.#r = r
    this.storeId = Buffer.from(id, 'hex')
  }

  static async boot(side: Side, changes: Changes = {}): Promise<KernelPeer> {
    const grantChain = changes.grantChain ?? (await side.chainOf(changes.grant))
    const admissionRecord = encodeAdmissionRecord({
      version: 1,
      releaseDigest: null,
      securityVersion: 1,
      policyDigest: null,
      development: true,
      logIndex: null,
      checkpoint: null,
      ...changes.admission,
    })
    const bootRecord = encodeBootRecord({
      version: 1,
      node: '01'.repeat(48),
      flags: [],
      nitro: '02'.repeat(48),
      enclave: '03'.repeat(48),
      isolation: [
        { layer: 'process', state: 'verified' },
        { layer: 'permission-model', state: 'reported' },
        { layer: 'seccomp', state: 'absent' },
      ],
      clock: 'host',
      development: true,
      ...changes.boot,
    })
    const bank = new PcrBank(changes.debug ? { 4: 'a4'.repeat(48) } : { ...PCRS, ...changes.pcrs })
    const records: [number, string, Bytes][] = [
      [16, 'wasmclave/launch\0', grantChain],
      [17, 'wasmclave/admission\0', admissionRecord],
      [18, 'wasmclave/boot\0', bootRecord],
    ]
    for (const [index, label, record] of records)
      bank.extend(index, Buffer.concat([Buffer.from(label), sha384(record)]))
    bank.lockRange(19)
    const secret = new Uint8Array(randomBytes(32))
    const publicKey = changes.publicKey ?? core.x25519.publicKey(secret)
    const body = encodeCbor([
      changes.mode ?? STORE_CREATE,
      changes.shown?.grantChain ?? grantChain,
      changes.shown?.admissionRecord ?? admissionRecord,
      changes.shown?.bootRecord ?? bootRecord,
      changes.wrappedDek ?? null,
      publicKey,
    ])
    const pki = changes.pki ?? side.pki
    const leaf = pki.leaf(MODULE)
    const payload = documentPayload({
      moduleId: MODULE,
      timestampMs: side.nowMs - (changes.ageMs ?? 0),
      pcrs: bank.locked,
      certificate: leaf.certificate,
      cabundle: leaf.cabundle,
      publicKey: changes.documentKey ?? publicKey,
      userData: Buffer.concat([
        Buffer.from(changes.label ?? 'wasmclave/key-release\0'),
        sha384(lp(changes.boundTo ?? body)),
      ]),
      nonce: changes.nonce === undefined ? new Uint8Array(randomBytes(32)) : changes.nonce,
    })
    const document = await signDocument(payload, leaf.key)
    const k1 = new Uint8Array(Buffer.concat([Buffer.of(1), encodeCbor([body, document])]))
    const { storeId } = await side.grantOf(changes.grant)
    return new KernelPeer(side, k1, secret, sha384(lp(body), lp(document)), storeId)
  }

  /** Sends K1 and opens the answer. */
  async release(keys: StoreKeys): Promise<Released> {
    return this.open(await keys.handle(this.k1))
  }

  /** As the page says: the signature first, then the ciphertext. @throws where it does not fit */
  open(answer: Bytes, kmsKey = this.#side.kmsKey): Released {
    if (answer[0] === STORE_REFUSED) throw new Error(`refused: ${refusal(answer).code} ${refusal(answer).reason}`)
    if (answer[0] !== STORE_RELEASED) throw new Error(`an answer of type ${answer[0]}`)
    const [enc, ct, sig] = decodeCbor(answer.subarray(1)) as [Bytes, Bytes, Bytes]
    const label = Buffer.from('wasmclave/release\0')
    const signed = Buffer.concat([label, sha384(this.#r, lp(enc), lp(ct))])
    if (!verify(null, signed, publicKeyFromRaw(Buffer.from(kmsKey, 'hex')), sig)) throw new Error('signature')
    const context = core.hpke.setupBaseR(enc, this.#secret, Buffer.concat([label, this.#r]))
    const plaintext = context.open(new Uint8Array(0), ct)
    this.#registerKey = context.export(Buffer.concat([Buffer.from('wasmclave/register\0'), this.#r]), 32)
    this.counter = 0n
    const [dek, wrapped, register, flags, random] = decodeCbor(plaintext) as [Bytes, Bytes, unknown[], number, Bytes]
    const [generation, head, grantVersion, securityVersion] = register as [number, Bytes, number, number]
    return {
      dek: Buffer.from(dek),
      wrapped,
      generation,
      head: Buffer.from(head),
      grantVersion,
      securityVersion,
      flags,
      random: Buffer.from(random),
    }
  }

  read(): Bytes {
    return this.#request(REGISTER_READ, Buffer.alloc(0))
  }

  rewrap(): Bytes {
    return this.#request(REGISTER_REWRAP, Buffer.alloc(0))
  }

  advance(from: number | bigint, fromHead: Bytes, toHead: Bytes, to = BigInt(from) + 1n): Bytes {
    return this.#request(REGISTER_ADVANCE, Buffer.concat([u(from, 8), fromHead, u(to, 8), toHead]))
  }

  #request(operation: number, content: Buffer): Bytes {
    const holder = this.#r.subarray(0, 16)
    const body = Buffer.concat([
      Buffer.of(3),
      this.storeId,
      holder,
      u(++this.counter, 8),
      Buffer.of(operation),
      content,
    ])
    return new Uint8Array(Buffer.concat([body, this.#mac('wasmclave/register-request\0', body)]))
  }

  /** R2 under this kernel's key and counter. @throws where it does not fit */
  answered(answer: Bytes, counter = this.counter): Registered {
    if (answer[0] === STORE_REFUSED) throw new Error(`refused: ${refusal(answer).code} ${refusal(answer).reason}`)
    const bytes = Buffer.from(answer)
    const body = bytes.subarray(0, bytes.length - 32)
    if (bytes[0] !== STORE_REGISTERED || !this.#mac('wasmclave/register-answer\0', body).equals(bytes.subarray(-32)))
      throw new Error('not an answer of the KMS')
    const mine = Buffer.concat([this.storeId, this.#r.subarray(0, 16), u(counter, 8)])
    if (!bytes.subarray(1, 57).equals(mine)) throw new Error('an answer to something else')
    return {
      status: bytes[57] as number,
      generation: bytes.readBigUInt64BE(58),
      head: bytes.subarray(66, 98),
      flags: bytes[98] as number,
      wrapped: body.subarray(99),
    }
  }

  #mac(label: string, body: Bytes): Buffer {
    return createHmac('sha256', this.#registerKey as Bytes)
      .update(label)
      .update(body)
      .digest()
  }
}

export function refusal(answer: Bytes): { code: number; reason: string } {
  if (answer[0] !== STORE_REFUSED) throw new Error(`not refused: type ${answer[0]}`)
  const bytes = Buffer.from(answer)
  return { code: bytes.readUInt16BE(1), reason: bytes.subarray(3).toString('utf8') }
}

export const head = (fill: number): Buffer => Buffer.alloc(32, fill)
export const NO_HEAD = Buffer.alloc(32)
