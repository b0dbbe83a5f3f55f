// Tokens of ServiceAccounts: JWTs (RFC 7519) with HMAC-SHA-256 under a key that never leaves the enclave, with the claims of Kubernetes
// (KEP-1205). A token is good while it has not expired and its ServiceAccount, and the Secret that it is bound to, are those of its uids.
// Who steals one is its ServiceAccount until then: a token is for whoever bears it, and no session is bound to it.
import { time } from '../../../sdk/calls'
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { writeUuid } from '../http/response'
import { decimal } from '../http/query'
import { JsonNode } from '../json/node'
import { parse } from '../json/parser'
import { writeText } from '../json/writer'
import { treeOf } from '../http/render'
import { memberText, metadataOf } from '../object/metadata'
import { Resource, secrets, serviceAccounts } from '../resources/table'
import { readRecord } from '../storage/store'
import { arenaSpan } from './attributes'
import { readBase64url, writeBase64url } from './base64url'
import { MAC_BYTES, sign } from './signing-key'
import { ACCOUNT_PREFIX, AUTHENTICATED, Extra, Subject } from './subject'

/** `iss`, and the audience of this API. */
export const ISSUER = 'https://kubernetes.default.svc'
const ACCOUNTS = 'system:serviceaccounts'
/** base64url of {"alg":"HS256","typ":"JWT"}: no token has another, so none is read for what it says of itself. */
const HEADER = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9'
const SIGNATURE_CHARACTERS: usize = 43 // of 32 bytes
/** An honest one has some 700 bytes; names and audiences can make it longer. */
const MAX_TOKEN_BYTES: usize = 8192
/** A clock may be behind the one that issued it by so much. */
const LEEWAY_SECONDS: i64 = 60

const claims = new TextWriter()
const token = new TextWriter()
const expected = new TextWriter()

export class BoundSecret {
  constructor(public name: string, public uid: string) {}
}

/** What a token that is good says. */
export class VerifiedToken {
  constructor(public subject: Subject, public audiences: string[]) {}

  isFor(audience: string): bool {
    return this.audiences.includes(audience)
  }
}

/** @returns "" where there is no key */
export function issueToken(namespace: string, account: string, uid: string, audiences: string[], seconds: i64, bound: BoundSecret | null): string {
  const now = time() / 1000
  claims.clear().ascii('{"aud":[')
  for (let i = 0; i < audiences.length; i++) writeText(i > 0 ? claims.byte(0x2c) : claims, audiences[i])
  claims.ascii('],"exp":').number(now + seconds).ascii(',"iat":').number(now).ascii(',"iss":"' + ISSUER + '","jti":"')
  writeUuid(claims)
  claims.ascii('","kubernetes.io":{"namespace":')
  writeText(claims, namespace)
  if (bound) writeObject(claims.ascii(',"secret":'), bound.name, bound.uid)
  writeObject(claims.ascii(',"serviceaccount":'), account, uid)
  writeText(claims.ascii('},"nbf":').number(now).ascii(',"sub":'), ACCOUNT_PREFIX + namespace + ':' + account)
  claims.byte(0x7d)
  writeBase64url(token.clear().ascii(HEADER).byte(0x2e), new Span(claims.at, claims.length))
  const mac = sign(new Span(token.at, token.length))
  if (mac == 0) return ''
  writeBase64url(token.byte(0x2e), new Span(mac, MAC_BYTES))
  return token.length > MAX_TOKEN_BYTES ? '' : new Span(token.at, token.length).text()
}

function writeObject(out: TextWriter, name: string, uid: string): void {
  writeText(out.ascii('{"name":'), name)
  writeText(out.ascii(',"uid":'), uid)
  out.byte(0x7d)
}

/** @returns null for what is no token of here, or no longer; why is nobody's business */
export function verifyToken(text: Span): VerifiedToken | null {
  const signed = signedPart(text)
  const payload = signed ? readBase64url(signed.cut(HEADER.length + 1, signed.length)) : null
  // Behind a right signature stands what `issueToken` wrote
  const root = payload ? parse(payload.at, payload.length) : null
  return root && root.isObject ? judge(root) : null
}

// All in front of the signature, if that is right. It is compared as it is written: so there is one text for each token.
function signedPart(text: Span): Span | null {
  if (text.length > MAX_TOKEN_BYTES || text.length < <usize>HEADER.length + 2 + SIGNATURE_CHARACTERS) return null
  if (!text.begins(HEADER + '.')) return null
  const end = text.length - SIGNATURE_CHARACTERS
  const signed = text.cut(0, end - 1)
  const mac = sign(signed)
  if (mac == 0) return null
  writeBase64url(expected.clear(), new Span(mac, MAC_BYTES))
  // CT: all characters are compared
  let difference = load<u8>(text.at + end - 1) ^ 0x2e // SAFETY: end > 0
  for (let i: usize = 0; i < SIGNATURE_CHARACTERS; i++) difference |= load<u8>(text.at + end + i) ^ load<u8>(expected.at + i) // SAFETY: 43 characters in both
  return difference == 0 ? signed : null
}

function judge(root: JsonNode): VerifiedToken | null {
  const now = time() / 1000
  const about = root.get('kubernetes.io')
  const account = about ? about.get('serviceaccount') : null
  if (!about || !account || memberText(root, 'iss') != ISSUER) return null
  if (number(root, 'exp') <= now || number(root, 'nbf') > now + LEEWAY_SECONDS) return null
  const namespace = memberText(about, 'namespace')
  const name = memberText(account, 'name')
  const uid = memberText(account, 'uid')
  if (!isThere(serviceAccounts, namespace, name, uid)) return null
  const bound = about.get('secret')
  if (bound && !isThere(secrets, namespace, memberText(bound, 'name'), memberText(bound, 'uid'))) return null
  const subject = new Subject(ACCOUNT_PREFIX + namespace + ':' + name, accountGroups(namespace))
  subject.groups.push(AUTHENTICATED)
  subject.uid = uid
  subject.extra = [new Extra('authentication.kubernetes.io/credential-id', ['JTI=' + memberText(root, 'jti')])]
  const audiences: string[] = []
  const list = root.get('aud')
  let each = list ? list.first : null
  while (each) {
    audiences.push(each.text())
    each = each.next
  }
  return new VerifiedToken(subject, audiences)
}

/** Of all ServiceAccounts, and of those of a namespace. */
export function accountGroups(namespace: string): string[] {
  return [ACCOUNTS, ACCOUNTS + ':' + namespace]
}

// One that was deleted and made again is another.
function isThere(resource: Resource, namespace: string, name: string, uid: string): bool {
  const record = readRecord(resource, arenaSpan(namespace), arenaSpan(name))
  return record != null && !record.isTerminating && uid.length > 0 && memberText(metadataOf(treeOf(record)), 'uid') == uid
}

function number(root: JsonNode, name: string): i64 {
  const node = root.get(name)
  return node ? decimal(new Span(node.at, node.length)) : -1
}
