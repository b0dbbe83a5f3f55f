/**
 * The proxy's own credential (PROTOCOLS.md 8): a bearer token in a 0600 file, so that no other local user is the owner; or a client
 * certificate of the proxy's CA, which TLS has checked. The proxy strips the token; any other `Authorization` is the caller's business
 * with the enclave and passes unchanged. Who has the proxy's credential not, but a token that an enclave may have issued, is lent a session
 * for it, where the enclave has shown that it judges such a request by the token alone (sessions.ts).
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { FatalError } from '../../errors.ts'

const TOKEN_BYTES = 32
const HEADER_LINE = /^Authorization: Bearer ([A-Za-z0-9_-]{43})\n?$/
const BEARER = /^Bearer (.*)$/i

/** A JSON Web Token, RFC 7519, by its look: what nobody can have issued is not worth an enclave's time. */
const BEARER_TOKEN = /^Bearer [A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/i

export type Verdict = {
  admitted: boolean
  /** What of Authorization is for the enclave; at most one is. */
  forward: string | undefined
  /** Not admitted, and `forward` may be a token of the enclave's. */
  bearer: boolean
}

export class ProxyCredential {
  /** For the kubeconfig. */
  readonly token: string
  readonly #digest: Buffer

  constructor(token: string) {
    this.token = token
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
   * @param certified whether the connection has shown a certificate of the proxy's CA
   */
  judge(authorizations: readonly string[], certified: boolean): Verdict {
    let admitted = certified
    const others: string[] = []
    for (const value of authorizations) {
      const token = BEARER.exec(value)?.[1]
      if (token !== undefined && timingSafeEqual(digest(token), this.#digest)) admitted = true
      else others.push(value)
    }
    const forward = others.length === 1 ? others[0] : undefined
    admitted &&= others.length <= 1
    return { admitted, forward, bearer: !admitted && forward !== undefined && BEARER_TOKEN.test(forward) }
  }
}

/** What one connection was told last: most send the same `Authorization` with each request. */
export class JudgedConnection {
  readonly #credential: ProxyCredential
  readonly #certified: boolean
  #value: string | undefined
  #verdict: Verdict | undefined

  constructor(credential: ProxyCredential, certified: boolean) {
    this.#credential = credential
    this.#certified = certified
  }

  judge(authorizations: readonly string[]): Verdict {
    if (authorizations.length !== 1) return this.#credential.judge(authorizations, this.#certified)
    // Compared with what this very caller has sent before: it learns nothing by how long that takes.
    if (this.#verdict === undefined || this.#value !== authorizations[0]) {
      this.#value = authorizations[0]
      this.#verdict = this.#credential.judge(authorizations, this.#certified)
    }
    return this.#verdict
  }
}

const digest = (token: string): Buffer => createHash('sha256').update(token).digest()
