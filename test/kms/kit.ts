// A KMS under test: the endpoint in this process on a folder of its own, the AWS SDK for it, and an enclave that can attest by a test PKI.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateKeyCommand, type CreateKeyCommandInput, KMSClient } from '@aws-sdk/client-kms'
import { ACCOUNT } from '../../host/kms/account.ts'
import { AuditTrail, type TrailLimits } from '../../host/kms/audit/trail.ts'
import { type Credential, makeCredentials, parseCredentials } from '../../host/kms/http/credentials.ts'
import { KmsServer } from '../../host/kms/http/server.ts'
import { signRequest } from '../../host/kms/http/sigv4.ts'
import { KeyStore } from '../../host/kms/keys/key-store.ts'
import { Kms } from '../../host/kms/kms.ts'
import { documentPayload, signDocument } from '../../host/nitro/nsm/document.ts'
import { PcrBank } from '../../host/nitro/nsm/pcr-bank.ts'
import { Pki } from '../../host/nitro/pki/pki.ts'

export const REGION = 'local-1'
export const USER = `arn:aws:iam::${ACCOUNT}:user/developer`
export const ENCLAVE_ROLE = `arn:aws:sts::${ACCOUNT}:assumed-role/enclave/i-0123456789abcdef0`
export const ROOT = `arn:aws:iam::${ACCOUNT}:root`
const HOST_ID = 'i-0123456789abcdef0'

/** Registers of the image that policies of these tests let in. */
export const IMAGE: Record<number, string> = {
  0: '11'.repeat(48),
  1: '22'.repeat(48),
  2: '33'.repeat(48),
  4: '44'.repeat(48),
}

export type Options = { maxDocumentAge?: number | null; trail?: TrailLimits; folder?: string }

export class KmsUnderTest {
  readonly folder: string
  readonly credentials: Map<string, Credential>
  readonly pki: Pki
  readonly failures: unknown[] = []
  kms: Kms
  store: KeyStore
  /** The KMS's clock; signatures are judged by the real one. */
  nowMs = Date.now()
  #server: KmsServer
  #trail: AuditTrail
  port = 0
  readonly #options: Options
  readonly #clients = new Map<string, KMSClient>()

  private constructor(options: Options) {
    this.#options = options
    this.folder = options.folder ?? mkdtempSync(join(tmpdir(), 'wasmclave-kms-'))
    this.credentials = parseCredentials(makeCredentials({ default: USER, enclave: ENCLAVE_ROLE, root: ROOT }), ACCOUNT)
    this.pki = new Pki(mkdtempSync(join(this.folder, 'pki-')), HOST_ID, () => this.nowMs)
    ;[this.store, this.#trail, this.kms, this.#server] = this.#make()
  }

  static async start(options: Options = {}): Promise<KmsUnderTest> {
    const kms = new KmsUnderTest(options)
    kms.port = await kms.#server.listen('127.0.0.1', 0)
    return kms
  }

  #make(): [KeyStore, AuditTrail, Kms, KmsServer] {
    const store = new KeyStore(this.folder, ACCOUNT)
    const trail = new AuditTrail(this.folder, this.#options.trail)
    const kms = new Kms({
      place: { account: ACCOUNT, region: REGION },
      store,
      trail,
      recipients: {
        roots: [this.pki.rootFingerprint],
        maxDocumentAge: this.#options.maxDocumentAge === undefined ? 300 : this.#options.maxDocumentAge,
      },
      now: () => this.nowMs,
      onFailure: (error) => this.failures.push(error),
    })
    return [store, trail, kms, new KmsServer(kms, this.credentials)]
  }

  /** From here on no event can be written, as on a disk that is full. */
  breakTrail(): void {
    this.#trail.append = () => {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    }
  }

  /** As after a stop: everything from disk, at another port. */
  async restart(): Promise<void> {
    await this.#server.close()
    this.#trail.close()
    ;[this.store, this.#trail, this.kms, this.#server] = this.#make()
    this.port = await this.#server.listen('127.0.0.1', 0)
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.values()) client.destroy()
    await this.#server.close()
    this.#trail.close()
    rmSync(this.folder, { recursive: true, force: true })
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`
  }

  credential(principal = USER): Credential {
    return [...this.credentials.values()].find((each) => each.principal === principal) as Credential
  }

  /** The SDK as people use it, but for endpoint and credentials. */
  client(principal = USER, maxAttempts = 1): KMSClient {
    // One a caller: each keeps connections open, of which the KMS has so many and no more.
    const id = `${this.endpoint} ${principal} ${maxAttempts}`
    const known = this.#clients.get(id)
    if (known !== undefined) return known
    const { accessKeyId, secretAccessKey } = this.credential(principal)
    const client = new KMSClient({
      endpoint: this.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId, secretAccessKey },
      maxAttempts,
    })
    this.#clients.set(id, client)
    return client
  }

  /** @returns its id */
  async newKey(input: CreateKeyCommandInput = {}, principal = USER): Promise<string> {
    const { KeyMetadata } = await this.client(principal).send(new CreateKeyCommand(input))
    return KeyMetadata?.KeyId as string
  }

  /** A request as bytes, signed, for what the SDK would not send. */
  async raw(
    target: string,
    body: string | Uint8Array,
    principal = USER,
  ): Promise<{ status: number; json: Record<string, unknown> }> {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    const host = `127.0.0.1:${this.port}`
    const headers = signRequest(this.credential(principal), {
      host,
      target,
      body: bytes,
      region: REGION,
      nowMs: Date.now(),
    })
    const response = await fetch(this.endpoint, { method: 'POST', headers, body: Buffer.from(bytes) })
    const text = await response.text()
    return { status: response.status, json: text === '' ? {} : JSON.parse(text) }
  }

  get events(): Record<string, unknown>[] {
    return readFileSync(join(this.folder, 'audit.ndjson'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  }
}

export type Attestation = {
  pcrs?: Record<number, string>
  publicKey?: Uint8Array | null
  userData?: Uint8Array | null
  ageMs?: number
  pki?: Pki
}

/** Whose root signs, and when. */
export type Attesting = { readonly pki: Pki; readonly nowMs: number }

/** An enclave: an RSA key that never leaves this object, and documents about it. */
export class TestEnclave {
  readonly privateKey: KeyObject
  readonly spki: Buffer
  readonly #host: Attesting
  readonly moduleId = `${HOST_ID}-enc018aa8b8e2285d13`

  constructor(host: Attesting, modulusLength = 2048) {
    this.#host = host
    const pair = generateKeyPairSync('rsa', { modulusLength })
    this.privateKey = pair.privateKey
    this.spki = pair.publicKey.export({ format: 'der', type: 'spki' })
  }

  async document(facts: Attestation = {}): Promise<Uint8Array> {
    const leaf = (facts.pki ?? this.#host.pki).leaf(this.moduleId)
    const payload = documentPayload({
      moduleId: this.moduleId,
      timestampMs: this.#host.nowMs - (facts.ageMs ?? 0),
      pcrs: new PcrBank(facts.pcrs ?? IMAGE).locked,
      certificate: leaf.certificate,
      cabundle: leaf.cabundle,
      publicKey: facts.publicKey === undefined ? this.spki : facts.publicKey,
      userData: facts.userData ?? null,
      nonce: null,
    })
    return signDocument(payload, leaf.key)
  }

  async recipient(
    facts: Attestation = {},
  ): Promise<{ AttestationDocument: Uint8Array; KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256' }> {
    return { AttestationDocument: await this.document(facts), KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256' }
  }
}

/** A policy that lets its author manage the key and lets `action` through for documents of this image alone. */
export function attestedPolicy(
  actions: string[],
  pcr0: string,
  condition = 'kms:RecipientAttestation:ImageSha384',
): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'Manage',
        Effect: 'Allow',
        Principal: { AWS: USER },
        Action: ['kms:Describe*', 'kms:Put*', 'kms:Get*', 'kms:List*', 'kms:Schedule*', 'kms:Encrypt'],
        Resource: '*',
      },
      {
        Sid: 'Release',
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` },
        Action: actions,
        Resource: '*',
        Condition: { StringEqualsIgnoreCase: { [condition]: pcr0 } },
      },
    ],
  })
}
