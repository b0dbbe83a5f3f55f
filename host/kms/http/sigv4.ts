/**
 * AWS Signature Version 4, both ends of it: who signed a request, and that not a byte of what was signed has changed. Header form only;
 * the KMS knows no presigned URLs. As at AWS, a signature can be played again within its five minutes by whoever saw the request.
 */
import { createHash, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'
import { Fault } from '../fault.ts'
import type { Credential } from './credentials.ts'

const ALGORITHM = 'AWS4-HMAC-SHA256'
const SERVICE = 'kms'
const TERMINATOR = 'aws4_request'
/** "Signature expired … - 5 min." */
const MAX_SKEW_MS = 5 * 60_000

/** Names in lower case, in the order they came. */
export type Headers = [name: string, value: string][]

/** What a request says of its signature. Having one means that it is well-formed and of this hour; `verifySignature` says whether it holds. */
export type Claim = {
  accessKeyId: string
  date: string
  region: string
  /** YYYYMMDDTHHMMSSZ */
  time: string
  signedHeaders: string[]
  signature: Buffer
  token: string | undefined
}

/** @throws Fault MissingAuthenticationTokenException, IncompleteSignatureException, InvalidSignatureException */
export function parseClaim(headers: Headers, nowMs: number): Claim {
  const authorization = one(headers, 'authorization')
  if (authorization === undefined)
    throw new Fault('MissingAuthenticationTokenException', 'Missing Authentication Token')
  const [algorithm, rest] = split(authorization, ' ')
  if (algorithm !== ALGORITHM) throw incomplete(`Unsupported AWS 'algorithm': the only one here is '${ALGORITHM}'.`)
  const parameters = new Map<string, string>()
  for (const part of rest.split(',')) {
    const [name, value] = split(part.trim(), '=')
    if (parameters.has(name)) throw incomplete(`'${name}' comes twice in the Authorization header.`)
    parameters.set(name, value)
  }
  for (const name of ['Credential', 'SignedHeaders', 'Signature'])
    if (!parameters.get(name)) throw incomplete(`Authorization header requires '${name}' parameter.`)
  const time = one(headers, 'x-amz-date') ?? one(headers, 'date')
  if (time === undefined)
    throw incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
  const scope = (parameters.get('Credential') as string).split('/')
  if (scope.length !== 5)
    throw incomplete('Credential must have exactly 5 slash-delimited elements: keyid/date/region/service/term.')
  const [accessKeyId, date, region, service, terminator] = scope as [string, string, string, string, string]
  const signature = parameters.get('Signature') as string
  if (!/^[0-9a-f]{64}$/.test(signature)) throw incomplete('Signature is not 64 lower-case hex digits.')
  checkTime(time, date, nowMs)
  if (service !== SERVICE)
    throw invalid(`Credential should be scoped to correct service: '${service}' is not '${SERVICE}'.`)
  if (terminator !== TERMINATOR) throw invalid(`Credential should be scoped with a valid terminator: '${TERMINATOR}'.`)
  // The region is the client's own setting, and only has to be the one it signed for: this KMS serves one place.
  if (!/^[a-z0-9-]{1,40}$/.test(region)) throw invalid('Credential should be scoped to a valid region.')
  const signedHeaders = (parameters.get('SignedHeaders') as string).split(';')
  checkSignedHeaders(signedHeaders, headers)
  return {
    accessKeyId,
    date,
    region,
    time,
    signedHeaders,
    signature: Buffer.from(signature, 'hex'),
    token: one(headers, 'x-amz-security-token'),
  }
}

/** @param body as it came, whole @throws Fault InvalidSignatureException, UnrecognizedClientException, ExpiredTokenException */
export function verifySignature(
  claim: Claim,
  credential: Credential,
  headers: Headers,
  body: Uint8Array,
  nowMs: number,
) {
  const digest = createHash('sha256').update(body).digest('hex')
  const stated = one(headers, 'x-amz-content-sha256')
  if (stated !== undefined && stated !== digest)
    throw invalid(`The body's SHA-256 is '${digest}', x-amz-content-sha256 says '${stated.slice(0, 64)}'.`)
  const expected = signatureOf(claim, credential.secretAccessKey, headers, digest)
  // CT: both are 32 bytes; how many are right shows in no time.
  if (!timingSafeEqual(expected, claim.signature))
    throw invalid(
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
    )
  if (!sameToken(claim.token, credential.sessionToken))
    throw new Fault('UnrecognizedClientException', 'The security token included in the request is invalid.')
  if (credential.notAfterMs !== undefined && nowMs > credential.notAfterMs)
    throw new Fault('ExpiredTokenException', 'The security token included in the request is expired')
}

/** The headers that make a POST to / a signed one: host, x-amz-date, x-amz-target, authorization, and the token where there is one. */
export function signRequest(
  credential: Pick<Credential, 'accessKeyId' | 'secretAccessKey' | 'sessionToken'>,
  request: { host: string; target: string; body: Uint8Array; region: string; nowMs: number },
): Record<string, string> {
  const time = amzDate(request.nowMs)
  const headers: Record<string, string> = {
    'content-type': 'application/x-amz-json-1.1',
    host: request.host,
    'x-amz-date': time,
    ...(credential.sessionToken !== undefined && { 'x-amz-security-token': credential.sessionToken }),
    'x-amz-target': request.target,
  }
  const signedHeaders = Object.keys(headers)
  const claim = { date: time.slice(0, 8), region: request.region, time, signedHeaders }
  const digest = createHash('sha256').update(request.body).digest('hex')
  const signature = signatureOf(claim, credential.secretAccessKey, Object.entries(headers), digest).toString('hex')
  const scope = [credential.accessKeyId, claim.date, request.region, SERVICE, TERMINATOR].join('/')
  headers.authorization = `${ALGORITHM} Credential=${scope}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`
  return headers
}

// Method, path and query are constants: the endpoint serves nothing but POST /, and its caller has checked that.
function signatureOf(
  claim: Pick<Claim, 'date' | 'region' | 'time' | 'signedHeaders'>,
  secret: string,
  headers: Headers,
  bodyDigest: string,
): Buffer {
  const canonicalHeaders = claim.signedHeaders
    .map(
      (name) =>
        `${name}:${values(headers, name)
          .map((value) => value.trim().replace(/ +/g, ' '))
          .join(',')}\n`,
    )
    .join('')
  const canonical = ['POST', '/', '', canonicalHeaders, claim.signedHeaders.join(';'), bodyDigest].join('\n')
  const scope = [claim.date, claim.region, SERVICE, TERMINATOR].join('/')
  const toSign = [ALGORITHM, claim.time, scope, createHash('sha256').update(canonical).digest('hex')].join('\n')
  return createHmac('sha256', signingKey(secret, claim.date, claim.region))
    .update(toSign)
    .digest()
}

/** By secret; of one day and region each, the last that were asked for. As secret as what it is made of. */
const signingKeys = new Map<string, { date: string; region: string; key: KeyObject }>()
/** Secrets come from the credentials file, which has a limit of its own; callers' tests have more. */
const MAX_SIGNING_KEYS = 1000

function signingKey(secret: string, date: string, region: string): KeyObject {
  const known = signingKeys.get(secret)
  if (known?.date === date && known.region === region) return known.key
  let key: Uint8Array = Buffer.from(`AWS4${secret}`)
  for (const part of [date, region, SERVICE, TERMINATOR]) key = createHmac('sha256', key).update(part).digest()
  if (signingKeys.size >= MAX_SIGNING_KEYS) signingKeys.clear()
  const made = createSecretKey(key)
  signingKeys.set(secret, { date, region, key: made })
  return made
}

function checkTime(time: string, date: string, nowMs: number): void {
  const at = /^\d{8}T\d{6}Z$/.test(time)
    ? Date.parse(time.replace(/(....)(..)(..)T(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6Z'))
    : Number.NaN
  if (Number.isNaN(at)) throw incomplete("Date must be in ISO-8601 'basic format': YYYYMMDDTHHMMSSZ.")
  if (time.slice(0, 8) !== date)
    throw invalid(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${date.slice(0, 20)}' != '${time.slice(0, 8)}'.`,
    )
  if (at < nowMs - MAX_SKEW_MS)
    throw invalid(
      `Signature expired: ${time} is now earlier than ${amzDate(nowMs - MAX_SKEW_MS)} (${amzDate(nowMs)} - 5 min.)`,
    )
  if (at > nowMs + MAX_SKEW_MS)
    throw invalid(
      `Signature not yet current: ${time} is still later than ${amzDate(nowMs + MAX_SKEW_MS)} (${amzDate(nowMs)} + 5 min.)`,
    )
}

// What decides about a request must be signed: AWS asks for the host and for every x-amz-* that is there.
function checkSignedHeaders(signedHeaders: string[], headers: Headers): void {
  const signed = new Set(signedHeaders)
  if (signed.size !== signedHeaders.length) throw incomplete('SignedHeaders names a header twice.')
  if (!signed.has('host')) throw invalid("'Host' must be a 'SignedHeader' in the AWS Authorization.")
  for (const [name] of headers)
    if (name.startsWith('x-amz-') && !signed.has(name))
      throw invalid(`'${name.slice(0, 60)}' must be a 'SignedHeader' in the AWS Authorization.`)
  for (const name of signedHeaders)
    if (!headers.some(([found]) => found === name))
      throw invalid(`the signed header '${name.slice(0, 60)}' is not there.`)
}

function sameToken(given: string | undefined, expected: string | undefined): boolean {
  if (given === undefined || expected === undefined) return given === expected
  // CT: digests of both, so that lengths compare too.
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(expected))
}

/** A header that may come once. @throws Fault IncompleteSignatureException */
function one(headers: Headers, name: string): string | undefined {
  const found = values(headers, name)
  if (found.length > 1) throw incomplete(`the header '${name}' comes twice.`)
  return found[0]
}

function values(headers: Headers, name: string): string[] {
  return headers.filter(([found]) => found === name).map(([, value]) => value)
}

function split(text: string, at: string): [string, string] {
  const index = text.indexOf(at)
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + at.length)]
}

function amzDate(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`
}

function incomplete(message: string): Fault {
  return new Fault('IncompleteSignatureException', message)
}

function invalid(message: string): Fault {
  return new Fault('InvalidSignatureException', message)
}
