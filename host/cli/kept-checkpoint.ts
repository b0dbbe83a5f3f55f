/**
 * The newest checkpoint that a caller has seen of the host's log, in a folder of the caller's own. It only ever goes forward; what
 * contradicts it is kept beside it as evidence.
 */
import { type createPublicKey, randomBytes, verify } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ContradictionError, type LogKey } from '../client/log/checkpoints.ts'
import { publicKeyFromRaw } from '../control/keys.ts'
import { RefusedError } from '../errors.ts'
import { logOrigin, openCheckpoint } from '../log/proofs/checkpoint.ts'
import { sha256 } from '../log/tree.ts'

/** @param genesis as it was signed, or what a grant says of it */
export function logKeyOf(logKey: string, genesisDigest: string): LogKey {
  return {
    name: logOrigin(genesisDigest),
    publicKey: new Uint8Array(Buffer.from(logKey, 'hex')),
    sha256,
    verify: verifyEd25519,
  }
}

const known = new Map<string, ReturnType<typeof createPublicKey>>()

export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const hex = Buffer.from(publicKey).toString('hex')
  const key = known.get(hex) ?? publicKeyFromRaw(publicKey)
  known.set(hex, key)
  return verify(null, message, key, signature)
}

export class KeptCheckpoint {
  readonly #folder: string
  readonly #path: string

  constructor(folder: string) {
    this.#folder = folder
    this.#path = join(folder, 'log.checkpoint')
  }

  read(): Uint8Array | undefined {
    return existsSync(this.#path) ? new Uint8Array(readFileSync(this.#path)) : undefined
  }

  /** Another call may have seen a later one meanwhile: that one stays. */
  advance(log: LogKey, note: Uint8Array): void {
    const before = this.read()
    const sizeOf = (bytes: Uint8Array) => openCheckpoint(log.sha256, log.verify, bytes, log).size
    if (before !== undefined && sizeOf(before) >= sizeOf(note)) return
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    const fresh = `${this.#path}.${process.pid}-${randomBytes(4).toString('hex')}`
    writeFileSync(fresh, note, { mode: 0o600 })
    renameSync(fresh, this.#path)
  }

  /** Runs what verifies; where the log contradicts itself, both notes are kept, and the error says where. */
  async guard<T>(run: () => T | Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      if (!(error instanceof ContradictionError)) throw error
      const folder = join(this.#folder, 'evidence')
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const stem = join(folder, `${new Date().toISOString().replace(/[:.]/g, '-')}-${randomBytes(2).toString('hex')}`)
      writeFileSync(`${stem}.older`, error.older, { mode: 0o600 })
      writeFileSync(`${stem}.newer`, error.newer, { mode: 0o600 })
      throw new RefusedError(
        error.code,
        `THE LOG CONTRADICTS ITSELF: ${error.message}. Both notes, each signed by the log, are kept: ${stem}.older and .newer. ` +
          'Trust nothing of this host until that is explained.',
        { cause: error },
      )
    }
  }
}
