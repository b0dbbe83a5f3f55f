/**
 * Admin requests (PROTOCOLS.md 7): a compact JWS per request, EdDSA and nothing else, for this genesis and this host,
 * for at most five minutes, once. Having an AuthorisedRequest means that a key of the genesis asked for an action of its role.
 */

import type { KeyObject } from 'node:crypto'
import { createHash } from 'node:crypto'
import { CompactSign, compactVerify } from 'jose'
import { RefusedError } from '../errors.ts'
import { parseAction, type Request, type Role } from './actions.ts'
import { type Genesis, roleOf } from './genesis.ts'
import { publicKeyFromRaw, rawPublicKey, thumbprint } from './keys.ts'

const TYPE = 'wasmclave-admin+jws'
const MAX_LIFETIME_SECONDS = 300
/** A clock may be off by this much. */
const MAX_SKEW_SECONDS = 60
const MAX_CHARACTERS = 65536

export type Audience = { genesis: string; host: string }
export type AuthorisedRequest = Request & { role: Role; kid: string; digest: string }

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
  return await new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
    .setProtectedHeader({ alg: 'EdDSA', typ: TYPE, kid: thumbprint(rawPublicKey(key)) })
    .sign(key)
}

/** Requests seen, until they have expired. The log takes this over once there is one. */
export class ReplayGuard {
  readonly #seen = new Map<string, number>()

  /** @returns false when this digest was there before */
  admit(digest: string, expSeconds: number, nowSeconds: number): boolean {
    for (const [old, exp] of this.#seen) {
      if (exp + MAX_SKEW_SECONDS >= nowSeconds) break
      this.#seen.delete(old)
    }
    if (this.#seen.has(digest)) return false
    this.#seen.set(digest, expSeconds)
    return true
  }
}

/** @throws RefusedError ERR_ADMIN_SYNTAX, _KEY, _SIGNATURE, _AUDIENCE, _EXPIRED, _REPLAY, _ACTION, _PARAMETERS, _ROLE */
export async function authoriseRequest(
  jws: string,
  genesis: Genesis,
  audience: Audience,
  replays: ReplayGuard,
  nowMs: number,
): Promise<AuthorisedRequest> {
  if (jws.length > MAX_CHARACTERS) throw syntax(`${jws.length} characters, at most ${MAX_CHARACTERS}`)
  const kid = parseKid(jws)
  const office = roleOf(genesis, kid)
  if (office === undefined) throw new RefusedError('ERR_ADMIN_KEY', `key ${kid} holds no office on this host`)
  let bytes: Uint8Array
  try {
    bytes = (await compactVerify(jws, publicKeyFromRaw(office.key), { algorithms: ['EdDSA'] })).payload
  } catch (error) {
    throw new RefusedError('ERR_ADMIN_SIGNATURE', 'the signature does not verify under the key of kid', {
      cause: error,
    })
  }
  const payload = parsePayload(bytes)
  if (payload.aud.genesis !== audience.genesis || payload.aud.host !== audience.host)
    throw new RefusedError(
      'ERR_ADMIN_AUDIENCE',
      `signed for host ${payload.aud.host} under genesis ${payload.aud.genesis}, this is ${audience.host} under ${audience.genesis}`,
    )
  const now = Math.floor(nowMs / 1000)
  if (payload.exp - payload.iat > MAX_LIFETIME_SECONDS || payload.iat > now + MAX_SKEW_SECONDS || payload.exp < now)
    throw new RefusedError(
      'ERR_ADMIN_EXPIRED',
      `valid from ${payload.iat} to ${payload.exp} (at most ${MAX_LIFETIME_SECONDS} s), the host's clock says ${now}`,
    )
  const request = parseAction(payload.action, payload.parameters)
  if (!genesis.roles[office.role].includes(request.action))
    throw new RefusedError('ERR_ADMIN_ROLE', `${request.action} is no action of the ${office.role} role`)
  const digest = createHash('sha256').update(bytes).digest('hex')
  if (!replays.admit(digest, payload.exp, now))
    throw new RefusedError('ERR_ADMIN_REPLAY', 'this request was made before')
  return { ...request, role: office.role, kid, digest }
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
    payload = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Record<string, unknown>
  } catch {
    throw syntax('the payload is no JSON')
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
