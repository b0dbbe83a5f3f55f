// Who asks, of the request under way. It is who opened the channel: an owner is in system:masters, anybody else is themselves. A request that
// carries Authorization is whom that token names and nobody else: what opened the channel then counts for nothing, for it may be a proxy
// that lends its session to the token's bearer (PROTOCOLS 8). A header that says less than a token is refused, never passed over.
import { ROLE_OWNER } from '../../../abi/channel'
import { Request } from '../../../sdk/request'
import { fail } from '../http/failure'
import { beginDecisions } from './authorize'
import { headerValues, identityHeaders, SAYS_AUTHORIZATION, SAYS_IMPERSONATION } from './headers'
import { impersonate } from './impersonation'
import { AUTHENTICATED, MASTERS, Subject } from './subject'
import { ISSUER, verifyToken } from './token'

const KEY_BYTES: usize = 32
/** Of `Bearer `, RFC 6750 section 2.1. */
const SCHEME: usize = 7

/** The key that the last channel was opened with, as what, and its subject: most requests come from the same. */
const lastKey = memory.data(32)
let lastRole: u32 = 0
let lastSubject: Subject | null = null

/** Whose token was none. */
const NOBODY = new Subject('', [])

let request: Request | null = null
/** Whom a token names; null where none was sent. */
let bearer: Subject | null = null
let impersonated: Subject | null = null
/** Nothing but the channel speaks, and it is an owner's. */
let plainOwner = false
/** Whether the last `identify` said so: who was refused is nobody's master, whatever is asked of them afterwards. */
let identified = false

/** To be called before anything else of a request is looked at. @returns false with a failure: 401, or 403 for an impersonation */
export function identify(asked: Request): bool {
  request = asked
  beginDecisions()
  bearer = null
  impersonated = null
  plainOwner = false
  identified = false
  const said = identityHeaders(asked)
  if ((said & SAYS_AUTHORIZATION) != 0) {
    bearer = bearerOf(asked)
    if (!bearer) {
      bearer = NOBODY
      return failUnauthorized()
    }
  }
  if ((said & SAYS_IMPERSONATION) != 0) {
    impersonated = impersonate(user(), asked)
    identified = impersonated !== null
    return identified
  }
  plainOwner = !bearer && asked.role == ROLE_OWNER
  identified = true
  return true
}

// Of exactly one Authorization, which is a bearer's and whose token is for this API.
function bearerOf(asked: Request): Subject | null {
  const values = headerValues(asked, 'authorization')
  if (values.length != 1) return null
  const value = values[0]
  if (value.length <= SCHEME || value.cut(0, SCHEME).text().toLowerCase() != 'bearer ') return null
  const verified = verifyToken(value.cut(SCHEME, value.length).trim())
  return verified && verified.isFor(ISSUER) ? verified.subject : null
}

/** Who has identified themselves, to the channel or by a token. */
export function user(): Subject {
  return bearer ? <Subject>bearer : ofChannel(<Request>request)
}

/** As whom the request is judged: `user`, or whom they impersonate. */
export function subject(): Subject {
  return impersonated ? <Subject>impersonated : user()
}

export function isImpersonated(): bool {
  return impersonated !== null
}

/** Whether all may be done; makes nothing. */
export function isMaster(): bool {
  return identified && (plainOwner || subject().isMaster)
}

/** One code and one message for every token that is none. Always false. */
export function failUnauthorized(): bool {
  fail(401, 'Unauthorized', 'Unauthorized')
  return false
}

function ofChannel(asked: Request): Subject {
  const known = lastSubject
  if (known && lastRole == asked.role && memory.compare(lastKey, asked.key.at, KEY_BYTES) == 0) return known
  memory.copy(lastKey, asked.key.at, KEY_BYTES) // SAFETY: a request's key has 32 bytes
  lastRole = asked.role
  // The key is all that an enrolment has of a user (kernel/users.ts): nobody can choose another's name
  const made = new Subject(nameOf(lastKey), asked.role == ROLE_OWNER ? [MASTERS, AUTHENTICATED] : [AUTHENTICATED])
  lastSubject = made
  return made
}

/** `ed25519:` and the key in hexadecimal digits. */
function nameOf(key: usize): string {
  let text = 'ed25519:'
  for (let i: usize = 0; i < KEY_BYTES; i++) {
    const byte = load<u8>(key + i) // SAFETY: 32 bytes
    text += (byte < 16 ? '0' : '') + byte.toString(16)
  }
  return text
}
