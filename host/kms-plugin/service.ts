/**
 * KMS v2's three calls. Requests are checked here, sizes first; Encrypt seals under the key_id that Status tells, whatever was rotated in
 * between; annotations of a Decrypt are looked at for their size alone, because the key_id commits version and measurement already.
 */
import { MAX_CIPHERTEXT_BYTES, MAX_KEY_ID_BYTES, MAX_PLAINTEXT_BYTES } from '../../assembly/abi/kms-provider.ts'
import { errorCode, RefusedError, UnavailableError, type WasmclaveError } from '../errors.ts'
import type { KeyHealth } from './health.ts'
import { type Annotations, API_VERSION, type Calls, HEALTHY, MAX_ANNOTATION_BYTES, MAX_UID_BYTES } from './protocol.ts'
import type { KeyProvider } from './provider.ts'

/** What a session may have open, assembly/abi/limits.ts, less what polls and renewals need. */
const MAX_IN_FLIGHT = 240

/** Fully qualified domain names, as the contract demands. Stored in clear beside each object. */
const VERSION_ANNOTATION = 'kek-version.kms.wasmclave.dev'
const MEASUREMENT_ANNOTATION = 'measurement.kms.wasmclave.dev'

export class KeyManagement {
  readonly #health: KeyHealth
  readonly #provider: Pick<KeyProvider, 'encrypt' | 'decrypt'>
  #inFlight = 0

  constructor(health: KeyHealth, provider: Pick<KeyProvider, 'encrypt' | 'decrypt'>) {
    this.#health = health
    this.#provider = provider
  }

  /** @throws what the self-test found: never an answer but "ok" */
  async status(): Promise<Calls['Status'][1]> {
    const { keyId } = await this.#health.key()
    return { version: API_VERSION, healthz: HEALTHY, keyId }
  }

  /** @throws RefusedError ERR_KMS_PLUGIN_REQUEST and what KeyProvider throws */
  encrypt({ plaintext, uid }: Calls['Encrypt'][0]): Promise<Calls['Encrypt'][1]> {
    checkUid(uid)
    checkLength('plaintext', plaintext.length, MAX_PLAINTEXT_BYTES)
    return this.#counted(async () => {
      const { keyId } = await this.#health.key()
      try {
        const { ciphertext, version, measurement } = await this.#provider.encrypt(plaintext, keyId)
        const annotations = {
          [VERSION_ANNOTATION]: Buffer.from(version),
          [MEASUREMENT_ANNOTATION]: Buffer.from(measurement),
        }
        return { ciphertext, keyId, annotations }
      } catch (error) {
        // The key that Status tells is not there any more
        const code = errorCode(error)
        if (code === 'ERR_KEY_RETIRED' || code === 'ERR_KEY_UNKNOWN') this.#health.invalidate(error as WasmclaveError)
        throw error
      }
    })
  }

  /** @throws like `encrypt` */
  decrypt({ ciphertext, uid, keyId, annotations }: Calls['Decrypt'][0]): Promise<Calls['Decrypt'][1]> {
    checkUid(uid)
    checkLength('key_id', Buffer.byteLength(keyId), MAX_KEY_ID_BYTES)
    checkLength('ciphertext', ciphertext.length, MAX_CIPHERTEXT_BYTES)
    const bytes = annotationBytes(annotations)
    if (bytes > MAX_ANNOTATION_BYTES)
      throw invalid(`annotations of ${bytes} bytes, at most ${MAX_ANNOTATION_BYTES} may come`)
    return this.#counted(async () => ({ plaintext: await this.#provider.decrypt(ciphertext, keyId) }))
  }

  async #counted<T>(run: () => Promise<T>): Promise<T> {
    if (this.#inFlight >= MAX_IN_FLIGHT)
      throw new UnavailableError('ERR_KMS_PLUGIN_BUSY', `${MAX_IN_FLIGHT} requests are under way`)
    this.#inFlight++
    try {
      return await run()
    } finally {
      this.#inFlight--
    }
  }
}

function checkUid(uid: string): void {
  const length = Buffer.byteLength(uid)
  if (length > MAX_UID_BYTES) throw invalid(`a uid of ${length} bytes, at most ${MAX_UID_BYTES} may come`)
}

function checkLength(field: string, length: number, max: number): void {
  if (length < 1 || length > max) throw invalid(`${field} of ${length} bytes, 1 to ${max} may come`)
}

function annotationBytes(annotations: Annotations): number {
  let bytes = 0
  for (const [key, value] of Object.entries(annotations)) bytes += Buffer.byteLength(key) + value.length
  return bytes
}

function invalid(what: string): RefusedError {
  return new RefusedError('ERR_KMS_PLUGIN_REQUEST', what)
}
