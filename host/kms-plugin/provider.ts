/**
 * One named key of the workload `kms-provider`, over the attested link. Each call has one deadline; what is lost with its session is asked
 * once more, because none of these calls changes anything twice. Answers come from appraised code and are parsed all the same.
 */
import { CIPHERTEXT_OVERHEAD_BYTES, MAX_PLAINTEXT_BYTES } from '../../assembly/abi/kms-provider.ts'
import type { ChannelResponse, Enclave, FetchInit } from '../client/index.ts'
import { type ErrorCode, RefusedError, UnavailableError } from '../errors.ts'
import { printable } from '../wire/printable.ts'

/** A version of a key, as the enclave tells it. All of it is public. */
export type KeyVersion = {
  keyId: string
  version: number
  state: 'current' | 'previous' | 'retired'
  createdMs: number
  /** PCR0 of the code that made it, hex. */
  measurement: string
}
export type Sealed = { ciphertext: Uint8Array; keyId: string; version: string; measurement: string }

/** What the link gives: a session that was appraised, or why there is none. */
export type Link = { session(): Enclave | Promise<Enclave> }

const KEY_ID = /^wasmclave:[0-9a-f]{64}$/
const MEASUREMENT = /^[0-9a-f]{96}$/
/** 256 versions of under 300 bytes are below. */
const MAX_ANSWER_BYTES = 131_072
const MAX_MESSAGE_CHARACTERS = 300

export class KeyProvider {
  readonly #link: Link
  readonly #path: string
  readonly #timeoutMs: number

  /** @param name of the key, checked by the workload; a DNS label */
  constructor(link: Link, name: string, timeoutMs: number) {
    this.#link = link
    this.#path = `/v1/keys/${encodeURIComponent(name)}`
    this.#timeoutMs = timeoutMs
  }

  /** The current version, once it has sealed and opened inside the enclave. @throws RefusedError with the enclave's code, UnavailableError */
  async status(): Promise<KeyVersion> {
    return version(parse((await this.#call('/status', { method: 'GET' })).body))
  }

  /** @param keyId of the version to seal with, which the caller has told its cluster. @throws like `status` */
  async encrypt(plaintext: Uint8Array, keyId: string): Promise<Sealed> {
    const { headers, body } = await this.#call('/encrypt', {
      method: 'POST',
      body: plaintext as Uint8Array<ArrayBuffer>,
      headers: { 'kms-key-id': keyId },
    })
    const told = Object.fromEntries(headers)
    const { 'kms-key-version': number = '', 'kms-measurement': measurement = '' } = told
    const right =
      told['kms-key-id'] === keyId &&
      /^[1-9]\d{0,9}$/.test(number) &&
      MEASUREMENT.test(measurement) &&
      body.length === plaintext.length + CIPHERTEXT_OVERHEAD_BYTES
    if (!right) throw badAnswer(`a ciphertext of ${body.length} bytes under ${told['kms-key-id']}, asked for ${keyId}`)
    return { ciphertext: body, keyId, version: number, measurement }
  }

  /** @throws like `status`; RefusedError ERR_OPEN_FAILED for every reason */
  async decrypt(ciphertext: Uint8Array, keyId: string): Promise<Uint8Array> {
    if (!KEY_ID.test(keyId)) throw new RefusedError('ERR_KEY_UNKNOWN', 'no version of this name has this key_id')
    const { body } = await this.#call('/decrypt', {
      method: 'POST',
      body: ciphertext as Uint8Array<ArrayBuffer>,
      headers: { 'kms-key-id': keyId },
    })
    if (body.length < 1 || body.length > MAX_PLAINTEXT_BYTES) throw badAnswer(`a plaintext of ${body.length} bytes`)
    return body
  }

  /** All versions that are kept, oldest first. For owners. */
  async versions(): Promise<KeyVersion[]> {
    const { versions } = parse((await this.#call('', { method: 'GET' })).body)
    if (!Array.isArray(versions)) throw badAnswer('no list of versions')
    return versions.map(version)
  }

  /** A new version, current from then on. For owners. Not asked twice: each time would make another. */
  async rotate(): Promise<KeyVersion> {
    return version(parse((await this.#call('/rotate', { method: 'POST' }, 1)).body))
  }

  /** Erases a version's key, for good. For owners. @param current also where it is the current one: nothing is sealed until a rotation */
  async retire(keyId: string, current: boolean): Promise<KeyVersion> {
    if (!KEY_ID.test(keyId)) throw new RefusedError('ERR_KEY_UNKNOWN', 'no version of this name has this key_id')
    const path = current ? '/retire?current' : '/retire'
    return version(parse((await this.#call(path, { method: 'POST', headers: { 'kms-key-id': keyId } })).body))
  }

  async #call(path: string, init: FetchInit, attempts = 2): Promise<ChannelResponse & { body: Uint8Array }> {
    const signal = AbortSignal.timeout(this.#timeoutMs)
    for (let attempt = 1; ; attempt++) {
      try {
        const enclave = await within(signal, this.#link.session())
        const answer = await enclave.request(`${this.#path}${path}`, { ...init, signal })
        const body = await whole(answer.body)
        if (answer.status >= 300) throw refusalOf(answer.status, body)
        return { ...answer, body }
      } catch (error) {
        if (signal.aborted)
          throw new UnavailableError('ERR_KMS_PLUGIN_TIMEOUT', `no answer within ${this.#timeoutMs} ms`)
        const lost = error instanceof UnavailableError && /^ERR_(SESSION|STREAM|CONNECTION)/.test(error.code)
        if (!lost || attempt >= attempts) throw error
      }
    }
  }
}

function within<T>(signal: AbortSignal, value: T | Promise<T>): T | Promise<T> {
  if (!(value instanceof Promise)) return value
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    value.then(resolve, reject)
  })
}

async function whole(body: Uint8Array | ReadableStream<Uint8Array>): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    length += chunk.length
    if (length > MAX_ANSWER_BYTES) throw badAnswer(`above ${MAX_ANSWER_BYTES} bytes`)
  }
  return Buffer.concat(chunks)
}

// The workload's own words, or the kernel's: {"error", "message"}. What waiting may mend has a status of 5xx, but for a failed self-test.
function refusalOf(status: number, body: Uint8Array): RefusedError | UnavailableError {
  const { error, message } = parse(body)
  const code = (
    typeof error === 'string' && /^ERR_[A-Z_]{1,60}$/.test(error) ? error : 'ERR_KMS_PLUGIN_ANSWER'
  ) as ErrorCode
  const text = printable(typeof message === 'string' ? message : `status ${status}`, MAX_MESSAGE_CHARACTERS)
  return status === 503 ? new UnavailableError(code, text) : new RefusedError(code, text)
}

function parse(body: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {}
  throw badAnswer('no JSON object')
}

function version(value: unknown): KeyVersion {
  const { keyId, version: number, state, createdMs, measurement } = (value ?? {}) as Record<string, unknown>
  const right =
    typeof keyId === 'string' &&
    KEY_ID.test(keyId) &&
    Number.isSafeInteger(number) &&
    Number.isSafeInteger(createdMs) &&
    (state === 'current' || state === 'previous' || state === 'retired') &&
    typeof measurement === 'string' &&
    MEASUREMENT.test(measurement)
  if (!right) throw badAnswer('no key version')
  return { keyId, version: number as number, state, createdMs: createdMs as number, measurement }
}

function badAnswer(what: string): RefusedError {
  return new RefusedError('ERR_KMS_PLUGIN_ANSWER', `the enclave answered ${printable(what, MAX_MESSAGE_CHARACTERS)}`)
}
