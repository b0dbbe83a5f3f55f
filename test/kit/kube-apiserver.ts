// What kube-apiserver does with a KMS v2 plugin, from its sources: primes and polls Status, encrypts a seed for each new key_id, derives a key
// for each write, and stores an EncryptedObject. Time is the caller's: `poll` is one tick of its clock. It throws where kube-apiserver
// would count the plugin as unhealthy.
import { createCipheriv, createDecipheriv, createHmac, randomBytes, randomUUID } from 'node:crypto'
import { Client, credentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

export type EncryptedObject = {
  data: Buffer
  keyId: string
  seed: Buffer
  annotations: Record<string, Buffer>
}
type Status = { version: string; healthz: string; keyId: string }
type Encrypted = { ciphertext: Buffer; keyId: string; annotations: Record<string, Buffer> }

const MAX_ANNOTATIONS = 32 * 1024
/** Fully qualified, two labels at least. */
const DOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$/

export class KmsV2 {
  readonly #client: Client & Record<string, (...args: unknown[]) => void>

  constructor(path: string) {
    const definition = loadSync('test/kms-plugin/api.proto', { keepCase: false, defaults: true })
    // biome-ignore lint/suspicious/noExplicitAny: grpc-js makes it from the definition
    const { v2 } = loadPackageDefinition(definition) as any
    this.#client = new v2.KeyManagementService(`unix:${path}`, credentials.createInsecure(), {
      'grpc.default_authority': 'localhost',
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 200,
    })
  }

  call<T>(method: 'Status' | 'Encrypt' | 'Decrypt', request: object, timeoutMs = 10_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = this.#client[method] as (...args: unknown[]) => void
      const done = (error: ServiceError | null, answer: T) => (error === null ? resolve(answer) : reject(error))
      run.call(this.#client, request, { deadline: Date.now() + timeoutMs, waitForReady: true }, done)
    })
  }

  close(): void {
    Client.prototype.close.call(this.#client)
  }
}

export class KubeApiserver {
  readonly kms: KmsV2
  #write: { seed: Buffer; sealed: Encrypted } | undefined
  readonly #seeds = new Map<string, Buffer>()
  /** Calls that were made, by method. */
  readonly calls = { Status: 0, Encrypt: 0, Decrypt: 0 }

  constructor(path: string) {
    this.kms = new KmsV2(path)
  }

  get keyId(): string | undefined {
    return this.#write?.sealed.keyId
  }

  /** One look at Status, and a new seed where the key_id is a new one. @throws where it would be unhealthy */
  async poll(): Promise<void> {
    this.calls.Status++
    const { version, healthz, keyId } = await this.kms.call<Status>('Status', {})
    if (version !== 'v2' || healthz !== 'ok') throw new Error(`status ${version} ${healthz}`)
    checkKeyId(keyId)
    if (keyId === this.keyId) return
    const seed = randomBytes(32)
    this.calls.Encrypt++
    const sealed = await this.kms.call<Encrypted>('Encrypt', { plaintext: seed, uid: randomUUID() })
    if (sealed.keyId !== keyId) throw new Error(`Encrypt names ${sealed.keyId}, Status ${keyId}`)
    checkSize('ciphertext', sealed.ciphertext.length, 1024)
    let annotated = 0
    for (const [key, value] of Object.entries(sealed.annotations)) {
      if (!DOMAIN.test(key)) throw new Error(`annotation ${key}`)
      annotated += key.length + value.length
    }
    if (annotated > MAX_ANNOTATIONS) throw new Error(`annotations of ${annotated} bytes`)
    if (sealed.ciphertext.includes(seed)) throw new Error('the seed is in the ciphertext')
    this.#write = { seed, sealed }
    this.#seeds.set(cacheKey(sealed), seed)
  }

  /** @param etcdKey such as /registry/secrets/default/a */
  write(etcdKey: string, value: Uint8Array): EncryptedObject {
    if (this.#write === undefined) throw new Error('no key to write with')
    const { seed, sealed } = this.#write
    const info = randomBytes(32)
    const nonce = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', expand(seed, info), nonce).setAAD(Buffer.from(etcdKey))
    const data = Buffer.concat([info, nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()])
    return { data, keyId: sealed.keyId, seed: sealed.ciphertext, annotations: sealed.annotations }
  }

  /** Asks the plugin where the seed is not cached. */
  async read(etcdKey: string, { data, keyId, seed: ciphertext, annotations }: EncryptedObject): Promise<Buffer> {
    const at = cacheKey({ ciphertext, keyId, annotations })
    let seed = this.#seeds.get(at)
    if (seed === undefined) {
      this.calls.Decrypt++
      const request = { ciphertext, keyId, annotations, uid: randomUUID() }
      seed = (await this.kms.call<{ plaintext: Buffer }>('Decrypt', request)).plaintext
      this.#seeds.set(at, seed)
    }
    const decipher = createDecipheriv('aes-256-gcm', expand(seed, data.subarray(0, 32)), data.subarray(32, 44))
      .setAAD(Buffer.from(etcdKey))
      .setAuthTag(data.subarray(-16))
    return Buffer.concat([decipher.update(data.subarray(44, -16)), decipher.final()])
  }

  /** Whether a no-op write would rewrite it. */
  isStale(object: EncryptedObject): boolean {
    return object.keyId !== this.keyId
  }

  /** Nothing is cached any more, as after a restart. */
  restart(): void {
    this.#write = undefined
    this.#seeds.clear()
  }

  close(): void {
    this.kms.close()
  }
}

/** HKDF-Expand-SHA-256 of one block, RFC 5869 section 2.3: without Extract. */
function expand(seed: Uint8Array, info: Uint8Array): Buffer {
  return createHmac('sha256', seed)
    .update(info)
    .update(Uint8Array.from([1]))
    .digest()
}

function cacheKey({ ciphertext, keyId, annotations }: Encrypted): string {
  return JSON.stringify([ciphertext.toString('hex'), keyId, Object.entries(annotations).sort()])
}

function checkKeyId(keyId: string): void {
  checkSize('key_id', keyId.length, 1024)
}

function checkSize(what: string, length: number, max: number): void {
  if (length < 1 || length > max) throw new Error(`${what} of ${length} bytes`)
}
