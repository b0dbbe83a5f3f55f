// continue tokens: where the next page begins, and of which state. Authenticated, for they come back by whoever likes to make one: base64url
// of u64 resourceVersion ‖ key ‖ 16 bytes of HMAC-SHA-256 over collection ‖ resourceVersion ‖ key, under a key that lies in the store.
import { STATUS_NOT_FOUND } from '../../../abi/status'
import { get, hmac, put, random } from '../../../sdk/calls'
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { Call } from '../http/call'
import { fail, failBadRequest } from '../http/failure'
import { allocateNode } from '../json/arena'
import { decodeBase64 } from '../object/base64'
import { collectionPrefix } from '../storage/key'
import { unchangedSince } from '../watch/history'

const MAC_BYTES: usize = 16
const KEY_BYTES: usize = 32
/** Of the store: no resource has the id 0. */
const SECRET_NAME = memory.data<u8>([0, 0x63]) // "c"
const SECRET_NAME_LENGTH: usize = 2
const MAX_TOKEN: usize = 2048

const secret = memory.data(40, 8) // u64 version, then the key
const mac = memory.data(32, 8)
const message = new TextWriter()
const token = new TextWriter()

export class ContinueToken {
  /** Of the list that it goes on with; 0 for the newest. */
  constructor(public resourceVersion: u64, public key: Span) {}
}

/** Draws the key of tokens, if there is none. @returns false where the call is to run again */
export function makeTokenKey(): bool {
  if (get(SECRET_NAME, SECRET_NAME_LENGTH, secret, 0) != STATUS_NOT_FOUND) return true
  random(secret, KEY_BYTES)
  return put(SECRET_NAME, SECRET_NAME_LENGTH, secret, KEY_BYTES) >= 0
}

/** @returns null with a failure */
export function readContinue(call: Call, text: Span): ContinueToken | null {
  const bytes = text.length <= MAX_TOKEN ? decodeBase64(standard(text)) : null
  if (!bytes || bytes.length < 8 + 1 + MAC_BYTES) return refuse()
  const version = load<u64>(bytes.at)
  const key = bytes.cut(8, bytes.length - MAC_BYTES)
  authenticate(call, version, key)
  // CT: all bytes are compared
  let difference: u8 = 0
  for (let i: usize = 0; i < MAC_BYTES; i++) difference |= load<u8>(mac + i) ^ load<u8>(key.at + key.length + i) // SAFETY: 16 bytes behind the key
  if (difference != 0) return refuse()
  const prefix = collectionPrefix(call.resource, call.namespace)
  if (version == 0 || unchangedSince(version, call.resource, prefix, key)) return new ContinueToken(version, key)
  const made = fail(410, 'Expired', 'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.')
  made.continueToken = writeContinue(call, 0, key)
  return null
}

export function writeContinue(call: Call, version: u64, key: Span): string {
  authenticate(call, version, key)
  const at = allocateNode(8 + key.length + MAC_BYTES)
  store<u64>(at, version)
  memory.copy(at + 8, key.at, key.length) // SAFETY: of that length
  memory.copy(at + 8 + key.length, mac, MAC_BYTES)
  token.clear().base64(new Span(at, 8 + key.length + MAC_BYTES))
  let length = token.length
  while (length > 0 && load<u8>(token.at + length - 1) == 0x3d) length--
  for (let i: usize = 0; i < length; i++) {
    const c = load<u8>(token.at + i) // SAFETY: i < length
    if (c == 0x2b) store<u8>(token.at + i, 0x2d)
    else if (c == 0x2f) store<u8>(token.at + i, 0x5f)
  }
  return new Span(token.at, length).text()
}

function authenticate(call: Call, version: u64, key: Span): void {
  get(SECRET_NAME, SECRET_NAME_LENGTH, secret, 8 + KEY_BYTES)
  const prefix = collectionPrefix(call.resource, call.namespace)
  message.clear().number(prefix.length).byte(0x3a).span(prefix).number(version).byte(0x3a).span(key)
  hmac(secret + 8, KEY_BYTES, message.at, message.length, mac)
}

// base64url to base64 with padding
function standard(text: Span): Span {
  const padding: usize = (4 - (text.length & 3)) & 3
  const at = allocateNode(text.length + padding)
  memory.copy(at, text.at, text.length)
  for (let i: usize = 0; i < text.length; i++) {
    const c = load<u8>(at + i) // SAFETY: i < length
    if (c == 0x2d) store<u8>(at + i, 0x2b)
    else if (c == 0x5f) store<u8>(at + i, 0x2f)
  }
  for (let i: usize = 0; i < padding; i++) store<u8>(at + text.length + i, 0x3d)
  return new Span(at, text.length + padding)
}

function refuse(): ContinueToken | null {
  failBadRequest('invalid continue token: continue key is not valid')
  return null
}
