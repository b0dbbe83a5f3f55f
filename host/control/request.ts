/**
 * Admin requests (PROTOCOLS.md 7): a compact JWS per request, EdDSA and nothing else, for this genesis and this host, for at most five
 * minutes. Having a SignedRequest means that the key of an office signed it; only `judgeRequest` says whether it may take effect, and only
 * the log whether it came before.
 */
import type { KeyObject } from 'node:crypto'
import { createHash } from 'node:crypto'
import { CompactSign, compactVerify } from 'jose'
import { RefusedError } from '../errors.ts'
import { HOST } from '../log/proofs/entry.ts'
import { decodeCanonicalJson, encodeCanonicalJson, type Json } from '../wire/canonical-json.ts'
import { type Action, isAction, isGuarded, parseAction, type Request } from './actions.ts'
import type { Genesis } from './genesis.ts'
import { publicKeyFromRaw, rawPublicKey, thumbprint } from './keys.ts'
import type { Office } from './offices.ts'

const TYPE = 'wasmclave-admin+jws'
const MAX_LIFETIME_SECONDS = 300
/** A clock may be off by this much. */
const MAX_SKEW_SECONDS = 60
const MAX_CHARACTERS = 65536

export type Audience = { genesis: string; host: string }
/** `digest`: SHA-256 of the payload, hex: by it the log knows a request again. */
export type SignedRequest = { kid: string; office: Office; digest: string; payload: Uint8Array }
/** `request` may take effect where `refusal` is undefined, and only then. */
export type Judged = { action: Action | null; request: Request | undefined; refusal: RefusedError | undefined }

/** A request's compact JWS. `nonce`: 16 random bytes. */
export async function signRequest(
  key: KeyObject,
  audience: Audience,
  request: Request,
  nowMs: number,
  nonce: Uint8Array,
): Promise<string> {
  const iat = Math.floor(nowMs / 1000)
  const payload = {
    aud: audience,
    iat,
    exp: iat + MAX_LIFETIME_SECONDS,
    nonce: Buffer.from(nonce).toString('hex'),
    ...request,
  }
  return await new CompactSign(encodeCanonicalJson(payload as unknown as Json))
    .setProtectedHeader({ alg: 'EdDSA', typ: TYPE, kid: thumbprint(rawPublicKey(key)) })
    .sign(key)
}

/** SHA-256 of what a request's JWS signs, hex: what the log calls it. */
export function requestDigest(jws: string): string {
  return createHash('sha256')
    .update(Buffer.from(jws.split('.')[1] ?? '', 'base64url'))
    .digest('hex')
}

/**
 * That the key of an office has signed this. It does not mean that the request is allowed: see `judgeRequest`.
 * @throws RefusedError ERR_ADMIN_SYNTAX, ERR_ADMIN_KEY, ERR_ADMIN_SIGNATURE
 */
export async function verifyRequest(
  jws: string,
  officeOf: (kid: string) => Office | undefined,
): Promise<SignedRequest> {
  if (jws.length > MAX_CHARACTERS) throw syntax(`${jws.length} characters, at most ${MAX_CHARACTERS}`)
  const kid = parseKid(jws)
  const office = officeOf(kid)
  if (office === undefined) throw new RefusedError('ERR_ADMIN_KEY', `key ${kid} holds no office on this host`)
  try {
    const { payload } = await compactVerify(jws, publicKeyFromRaw(office.key), { algorithms: ['EdDSA'] })
    return { kid, office, digest: createHash('sha256').update(payload).digest('hex'), payload }
  } catch (error) {
    throw new RefusedError('ERR_ADMIN_SIGNATURE', 'the signature does not verify under the key of kid', {
      cause: error,
    })
  }
}

/**
 * Whether this is for this host, now, and an action of the signer's. Replays are the log's to know, and owners' subjects and guards are
 * judged here. The request is there as far as it could be read, so that the log can name it. Never throws on what was signed.
 */
export function judgeRequest(
  { office, payload }: SignedRequest,
  roles: Genesis['roles'],
  audience: Audience,
  nowMs: number,
): Judged {
  const judged: Judged = { action: null, request: undefined, refusal: undefined }
  try {
    const { aud, iat, exp, action, parameters } = parsePayload(payload)
    if (aud.genesis !== audience.genesis || aud.host !== audience.host)
      throw new RefusedError(
        'ERR_ADMIN_AUDIENCE',
        `signed for host ${aud.host} under genesis ${aud.genesis}, this is ${audience.host} under ${audience.genesis}`,
      )
    if (isAction(action)) judged.action = action
    judged.request = parseAction(action, parameters)
    const now = Math.floor(nowMs / 1000)
    if (exp - iat > MAX_LIFETIME_SECONDS || iat > now + MAX_SKEW_SECONDS || exp < now)
      throw new RefusedError(
        'ERR_ADMIN_EXPIRED',
        `valid from ${iat} to ${exp} (at most ${MAX_LIFETIME_SECONDS} s), the host's clock says ${now}`,
      )
    if (!allows(office, judged.request, roles))
      throw new RefusedError('ERR_ADMIN_ROLE', `${judged.request.action} is no action of the ${office.role} role`)
    if (isGuarded(judged.request.action))
      throw new RefusedError(
        'ERR_ADMIN_GUARDED',
        `${judged.request.action} is guarded, never asked for alone: "admin propose ${judged.request.action}", then approvals, then "admin execute"`,
      )
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    judged.refusal = error
  }
  return judged
}

// Default deny. Owners read the entries of their own enclaves and of what concerns all, and nothing else.
function allows(office: Office, request: Request, roles: Genesis['roles']): boolean {
  if (office.role !== 'owner') return roles[office.role].includes(request.action)
  if (request.action !== 'read-log') return false
  return request.parameters.subject === HOST || office.subjects.has(request.parameters.subject)
}

function parseKid(jws: string): string {
  const parts = jws.split('.')
  if (parts.length !== 3) throw syntax('no compact JWS')
  let header: Record<string, unknown>
  try {
    header = JSON.parse(Buffer.from(parts[0] as string, 'base64url').toString('utf8')) as Record<string, unknown>
  } catch {
    throw syntax('the protected header is no JSON')
  }
  if (header === null || typeof header !== 'object') throw syntax('the protected header is no object')
  if (Object.keys(header).sort().join() !== 'alg,kid,typ')
    throw syntax('the protected header has exactly alg, typ and kid')
  if (header.alg !== 'EdDSA' || header.typ !== TYPE || typeof header.kid !== 'string' || header.kid.length !== 43)
    throw syntax(`the protected header demands alg EdDSA, typ ${TYPE} and a thumbprint as kid`)
  return header.kid
}

type Payload = { aud: Audience; iat: number; exp: number; nonce: string; action: unknown; parameters: unknown }

function parsePayload(bytes: Uint8Array): Payload {
  let payload: Record<string, unknown>
  try {
    // Only what has one way to be written: no key twice, no number that is none
    payload = decodeCanonicalJson(bytes) as Record<string, unknown>
  } catch (error) {
    throw syntax(`the payload is no canonical JSON: ${(error as Error).message}`)
  }
  if (payload === null || typeof payload !== 'object' || Array.isArray(payload))
    throw syntax('the payload is no object')
  if (Object.keys(payload).sort().join() !== 'action,aud,exp,iat,nonce,parameters')
    throw syntax('the payload has exactly aud, iat, exp, nonce, action and parameters')
  const aud = payload.aud as Record<string, unknown> | null
  if (aud === null || typeof aud !== 'object' || typeof aud.genesis !== 'string' || typeof aud.host !== 'string')
    throw syntax('aud names a genesis and a host')
  if (!Number.isSafeInteger(payload.iat) || !Number.isSafeInteger(payload.exp))
    throw syntax('iat and exp are whole seconds')
  if (typeof payload.nonce !== 'string' || !/^[0-9a-f]{32}$/.test(payload.nonce))
    throw syntax('nonce is 16 bytes in hex')
  return payload as Payload
}

function syntax(message: string): RefusedError {
  return new RefusedError('ERR_ADMIN_SYNTAX', message)
}
