/**
 * The proxy's own credential (PROTOCOLS.md 8): a bearer token in a 0600 file, so that no other local user is the owner.
 * The proxy strips it; any other `Authorization` is the caller's business with the enclave and passes unchanged.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { FatalError } from '../../errors.ts'

const TOKEN_BYTES = 32
const HEADER_LINE = /^Authorization: Bearer ([A-Za-z0-9_-]{43})\n?$/

export type Verdict = { admitted: boolean; forward: string | undefined }

export class ProxyCredential {
  readonly #digest: Buffer

  constructor(token: string) {
    this.#digest = digest(token)
  }

  /** Reads the header file, one line for `curl -H @FILE`, or makes it. */
  static open(path: string): ProxyCredential {
    if (!existsSync(path)) {
      const token = randomBytes(TOKEN_BYTES).toString('base64url')
      writeFileSync(path, `Authorization: Bearer ${token}\n`, { mode: 0o600, flag: 'wx' })
      return new ProxyCredential(token)
    }
    const token = HEADER_LINE.exec(readFileSync(path, 'utf8'))?.[1]
    if (token === undefined)
      throw new FatalError(
        'ERR_PROXY_CREDENTIAL',
        `${path} is no header line of this proxy; remove it to get a new one`,
      )
    return new ProxyCredential(token)
  }

  /**
   * Judges all `Authorization` values of a request. One of them is the proxy's; a second is forwarded.
   * CT: digests of equal length are compared, so that neither length nor prefix of the token shows.
   */
  judge(authorizations: readonly string[]): Verdict {
    let admitted = false
    const others: string[] = []
    for (const value of authorizations) {
      const token = /^Bearer (.*)$/i.exec(value)?.[1]
      if (token !== undefined && timingSafeEqual(digest(token), this.#digest)) admitted = true
      else others.push(value)
    }
    return { admitted: admitted && others.length <= 1, forward: others[0] }
  }
}

const digest = (token: string): Buffer => createHash('sha256').update(token).digest()
