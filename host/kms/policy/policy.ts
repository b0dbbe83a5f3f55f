/**
 * A key policy in IAM's language, parsed once. Elements that a key policy does not have are refused, as is what could be read in two
 * ways: a policy that is not understood must not be stored.
 */
import { RefusedError } from '../../errors.ts'
import { type Condition, parseCondition } from './condition.ts'
import { parseStrictJson, type StrictJson } from './json.ts'
import { type Principal, parsePrincipal } from './principal.ts'

/** Bytes, API_PutKeyPolicy. */
export const MAX_POLICY_BYTES = 32_768
/** Characters that API_PutKeyPolicy lets in. */
const CHARACTERS = /^[\t\n\r\u0020-\u00ff]+$/
const VERSIONS = ['2008-10-17', '2012-10-17']
/** Variables are a matter of the newer version; in the older one `${` is two characters. */
const VERSION_WITH_VARIABLES = '2012-10-17'

export type Names = { not: boolean; patterns: string[] }

export type Statement = {
  sid: string | undefined
  effect: 'Allow' | 'Deny'
  /** `not`: NotPrincipal. */
  principals: { not: boolean; list: Principal[] }
  actions: Names
  resources: Names
  conditions: Condition[]
}

export type Policy = { account: string; id: string | undefined; statements: Statement[] }

const POLICY_FIELDS = ['Version', 'Id', 'Statement']
const STATEMENT_FIELDS = [
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
]

/**
 * @param account the key's own, twelve digits
 * @throws RefusedError ERR_KMS_POLICY, with the place in the policy and the reason
 */
export function parsePolicy(text: string, account: string): Policy {
  if (Buffer.byteLength(text) > MAX_POLICY_BYTES)
    throw refused('the policy', `${Buffer.byteLength(text)} bytes, a key policy has at most ${MAX_POLICY_BYTES}`)
  if (!CHARACTERS.test(text))
    throw refused('the policy', 'it is empty, or has a character other than tab, line ends and U+0020 to U+00FF')
  const document = objectOf(parseStrictJson(text), 'the policy', POLICY_FIELDS)
  const version = document.get('Version') ?? VERSIONS[0]
  if (!VERSIONS.includes(version as string))
    throw refused('Version', `${JSON.stringify(version)}, there are ${VERSIONS.join(' and ')}`)
  const id = document.get('Id')
  if (id !== undefined && typeof id !== 'string') throw refused('Id', 'it is no text')
  const given = document.get('Statement')
  if (given === undefined) throw refused('Statement', 'it is missing')
  const list = Array.isArray(given) ? given : [given]
  if (list.length === 0) throw refused('Statement', 'there is none')
  const statements = list.map((each, index) =>
    parseStatement(
      each,
      Array.isArray(given) ? `Statement[${index}]` : 'Statement',
      version === VERSION_WITH_VARIABLES,
    ),
  )
  return { account, id: id as string | undefined, statements }
}

function parseStatement(value: StrictJson, place: string, variables: boolean): Statement {
  const fields = objectOf(value, place, STATEMENT_FIELDS)
  const sid = fields.get('Sid')
  if (sid !== undefined && typeof sid !== 'string') throw refused(`${place}.Sid`, 'it is no text')
  const effect = fields.get('Effect')
  if (effect !== 'Allow' && effect !== 'Deny') throw refused(`${place}.Effect`, 'it is Allow or Deny')
  const principals = parsePrincipals(fields, place)
  if (principals.not && effect === 'Allow')
    throw refused(`${place}.NotPrincipal`, 'with Allow it would let in everybody who is not named: it goes with Deny')
  const actions = namesOf(fields, 'Action', place)
  for (const pattern of actions.patterns)
    if (pattern !== '*' && !/^kms:[A-Za-z0-9*?]+$/i.test(pattern))
      throw refused(`${place}.${actions.not ? 'NotAction' : 'Action'}`, `${pattern} is no action of kms:`)
  const resources = namesOf(fields, 'Resource', place)
  for (const pattern of resources.patterns) {
    if (pattern !== '*' && !/^arn:aws[a-z*?-]*:/.test(pattern) && !/^arn:[*?]/.test(pattern))
      throw refused(`${place}.Resource`, `${pattern} is neither "*", this key, nor an ARN`)
    if (variables && pattern.includes('${'))
      throw refused(`${place}.Resource`, `${pattern}: policy variables are not supported; name the key, or "*"`)
  }
  const condition = fields.get('Condition')
  const conditions = condition === undefined ? [] : parseCondition(condition, `${place}.Condition`, variables)
  return { sid: sid as string | undefined, effect, principals, actions, resources, conditions }
}

function parsePrincipals(fields: Map<string, StrictJson>, place: string): Statement['principals'] {
  const name = oneOf(fields, 'Principal', 'NotPrincipal', place)
  const at = `${place}.${name}`
  const value = fields.get(name) as StrictJson
  const not = name === 'NotPrincipal'
  if (value === '*') return { not, list: [{ kind: 'everyone' }] }
  if (!(value instanceof Map) || value.size === 0)
    throw refused(at, 'it is "*", or an object such as {"AWS": "arn:aws:iam::111122223333:role/name"}')
  const list = [...value].flatMap(([type, names]) =>
    textsOf(names, `${at}.${type}`).map((each) => parsePrincipal(type, each, `${at}.${type}`)),
  )
  return { not, list }
}

function namesOf(fields: Map<string, StrictJson>, name: string, place: string): Names {
  const field = oneOf(fields, name, `Not${name}`, place)
  return { not: field !== name, patterns: textsOf(fields.get(field) as StrictJson, `${place}.${field}`) }
}

function oneOf(fields: Map<string, StrictJson>, name: string, other: string, place: string): string {
  if (fields.has(name) === fields.has(other))
    throw refused(place, `it has ${fields.has(name) ? 'both' : 'neither'} ${name} and ${other}: one of them is due`)
  return fields.has(name) ? name : other
}

function textsOf(value: StrictJson, place: string): string[] {
  const list = Array.isArray(value) ? value : [value]
  if (list.length === 0) throw refused(place, 'the list is empty')
  for (const each of list) if (typeof each !== 'string' || each === '') throw refused(place, 'it has texts, none empty')
  return list as string[]
}

function objectOf(value: StrictJson, place: string, names: string[]): Map<string, StrictJson> {
  if (!(value instanceof Map)) throw refused(place, 'it is no object')
  for (const name of value.keys())
    if (!names.includes(name)) throw refused(place, `it has no element ${name.slice(0, 60)}: ${names.join(', ')}`)
  return value
}

function refused(place: string, reason: string): RefusedError {
  return new RefusedError('ERR_KMS_POLICY', `${place}: ${reason}`)
}
