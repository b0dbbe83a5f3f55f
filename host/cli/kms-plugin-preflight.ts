/**
 * `kms-plugin preflight`: what kube-apiserver will do, done before it does: through the socket of a plugin that serves, or without one over
 * a session of its own. And the configuration that tells kube-apiserver of it.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { Client, credentials, type ServiceError } from '@grpc/grpc-js'
import { RefusedError, UnavailableError } from '../errors.ts'
import { API_VERSION, type Calls, HEALTHY, KEY_MANAGEMENT_SERVICE } from '../kms-plugin/protocol.ts'
import { parseListen } from '../kms-plugin/socket.ts'

/** kube-apiserver's seed. */
const SEED_BYTES = 32

/** KMS v2 as kube-apiserver calls it. */
export class KmsClient {
  readonly #client: Client
  readonly #timeoutMs: number

  /** @param endpoint `unix:///PATH` */
  constructor(endpoint: string, timeoutMs: number) {
    this.#client = new Client(`unix:${parseListen(endpoint)}`, credentials.createInsecure(), {
      // kube-apiserver's since 1.32; older ones name the path of the socket, which HTTP/2 forbids.
      'grpc.default_authority': 'localhost',
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1000,
    })
    this.#timeoutMs = timeoutMs
  }

  /** @throws gRPC's ServiceError, with `code` and `details` */
  call<Name extends keyof Calls>(name: Name, request: Partial<Calls[Name][0]>): Promise<Calls[Name][1]> {
    const method = KEY_MANAGEMENT_SERVICE[name] as (typeof KEY_MANAGEMENT_SERVICE)[string]
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        { deadline: Date.now() + this.#timeoutMs },
        (error: ServiceError | null, response?: unknown) =>
          error === null ? resolve(response as Calls[Name][1]) : reject(error),
      )
    })
  }

  close(): void {
    this.#client.close()
  }
}

export type Preflight = {
  keyId: string
  statusMs: number
  encryptMs: number
  decryptMs: number
  ciphertextBytes: number
}

/** Status, Encrypt, Decrypt, and what the contract demands of their answers. @throws RefusedError ERR_KMS_PLUGIN_PREFLIGHT, UnavailableError */
export async function preflightOf(client: KmsClient): Promise<Preflight> {
  const seed = randomBytes(SEED_BYTES)
  const timed = async <T>(call: Promise<T>): Promise<[T, number]> => {
    const started = performance.now()
    try {
      const answer = await call
      return [answer, Math.round((performance.now() - started) * 100) / 100]
    } catch (error) {
      throw new UnavailableError('ERR_KMS_PLUGIN_PREFLIGHT', (error as Error).message, { cause: error })
    }
  }
  const [status, statusMs] = await timed(client.call('Status', {}))
  demand('version', status.version, API_VERSION)
  demand('healthz', status.healthz, HEALTHY)
  const [sealed, encryptMs] = await timed(client.call('Encrypt', { plaintext: seed, uid: 'preflight' }))
  demand('key_id of Encrypt', sealed.keyId, status.keyId)
  const { ciphertext, keyId, annotations } = sealed
  const [{ plaintext }, decryptMs] = await timed(
    client.call('Decrypt', { ciphertext, keyId, annotations, uid: 'preflight' }),
  )
  if (plaintext.length !== seed.length || !timingSafeEqual(plaintext, seed))
    throw new RefusedError('ERR_KMS_PLUGIN_PREFLIGHT', 'Decrypt gave another plaintext than was encrypted')
  const [again] = await timed(client.call('Status', {}))
  demand('key_id of a second Status', again.keyId, status.keyId)
  return { keyId: status.keyId, statusMs, encryptMs, decryptMs, ciphertextBytes: ciphertext.length }
}

/** For kube-apiserver's --encryption-provider-config. Secrets that are there already in clear stay readable by `identity`. */
export function encryptionConfiguration(endpoint: string, name: string, timeout: string): string {
  return `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources:
      - secrets
    providers:
      - kms:
          apiVersion: v2
          name: ${name}
          endpoint: ${endpoint}
          timeout: ${timeout}
      - identity: {}
`
}

function demand(what: string, found: string, expected: string): void {
  if (found !== expected)
    throw new RefusedError('ERR_KMS_PLUGIN_PREFLIGHT', `${what} is ${found}, expected ${expected}`)
}
