/**
 * The latest head token that the customer's side has seen of an enclave, in DIR/customer/NAME.head: shown with each new session, so that a
 * store that was put back together with its KMS is noticed all the same (PROTOCOLS.md 5).
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HEAD_TOKEN_BYTES } from '../../assembly/abi/channel.ts'
import { UsageError } from '../errors.ts'
import type { DataFolder } from '../nitro/data-folder.ts'

/** A token that is not written yet proves less by what was acknowledged in this time. */
const WRITE_MS = 100

export function headTokenPath(folder: DataFolder, enclaveName: string): string {
  return join(folder.customer, `${enclaveName}.head`)
}

/** @throws UsageError ERR_FILE_TOKEN */
export function readHeadToken(folder: DataFolder, enclaveName: string): Uint8Array | undefined {
  const path = headTokenPath(folder, enclaveName)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const token = new Uint8Array(Buffer.from(text.trim(), 'base64url'))
  if (token.length !== HEAD_TOKEN_BYTES)
    throw new UsageError('ERR_FILE_TOKEN', `${path} holds no head token: ${token.length} bytes, expected 104`)
  return token
}

export function writeHeadToken(folder: DataFolder, enclaveName: string, token: Uint8Array): void {
  const path = headTokenPath(folder, enclaveName)
  writeFileSync(`${path}.new`, `${Buffer.from(token).toString('base64url')}\n`, { mode: 0o600 })
  // CRASH: the old token stands: it proves less, and nothing wrong.
  renameSync(`${path}.new`, path)
}

/** Keeps the file up with the sessions of one process. */
export class HeadTokenFile {
  readonly #folder: DataFolder
  readonly #enclaveName: string
  #latest: Uint8Array | null = null
  #timer: NodeJS.Timeout | undefined

  constructor(folder: DataFolder, enclaveName: string) {
    this.#folder = folder
    this.#enclaveName = enclaveName
  }

  /** The token of a session as it stands now: of several sessions the one furthest on counts. Written soon, once for many. */
  keep(token: Uint8Array | null): void {
    if (token === null || token === this.#latest) return
    if (this.#latest !== null && generationOf(token) <= generationOf(this.#latest)) return
    this.#latest = token
    this.#timer ??= setTimeout(() => this.flush(), WRITE_MS)
  }

  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#latest !== null) writeHeadToken(this.#folder, this.#enclaveName, this.#latest)
  }
}

/** Store id[32] ‖ u64 generation ‖ … (assembly/abi/STORE-RECORDS.md). */
function generationOf(token: Uint8Array): bigint {
  return new DataView(token.buffer, token.byteOffset, token.length).getBigUint64(32)
}
