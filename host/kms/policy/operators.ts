/**
 * IAM's condition operators, as far as one value of a request is compared with one of a policy. `undefined` says that the request's
 * value cannot be compared at all (no number, no date, no ARN).
 */
import { BlockList, isIP } from 'node:net'
import { matchesArn, matchesPattern } from './pattern.ts'

/** @returns undefined where the request's value is not of the operator's type */
export type Comparison = (wanted: string, found: string) => boolean | undefined

export type Operator = {
  compare: Comparison
  /** Holds when no value of the policy compares true, and when the key is absent. */
  negated: boolean
  /** What a policy's value must look like. */
  accepts: (wanted: string) => boolean
  expects: string
  /** Values are texts of which a policy variable could be a part. */
  textual: boolean
}

const any = () => true
const lower = (text: string) => text.toLowerCase()

const string = (compare: Comparison, negated: boolean): Operator => ({
  compare,
  negated,
  accepts: any,
  expects: 'a text',
  textual: true,
})
const equals: Comparison = (wanted, found) => wanted === found
const equalsIgnoreCase: Comparison = (wanted, found) => lower(wanted) === lower(found)

function ordered(parse: (text: string) => number | undefined, expects: string) {
  return (holds: (found: number, wanted: number) => boolean, negated = false): Operator => ({
    compare: (wanted, found) => {
      const value = parse(found)
      return value === undefined ? undefined : holds(value, parse(wanted) as number)
    },
    negated,
    accepts: (wanted) => parse(wanted) !== undefined,
    expects,
    textual: false,
  })
}

const number = ordered(parseNumber, 'a number')
const date = ordered(parseDate, 'a date of ISO 8601, or seconds since 1970')
const arn = (negated: boolean): Operator => ({
  compare: matchesArn,
  negated,
  accepts: (wanted) => matchesArn(wanted, wanted) !== undefined,
  expects: 'an ARN of six parts',
  textual: true,
})
const address = (negated: boolean): Operator => ({
  compare: (wanted, found) => {
    const family = isIP(found)
    return family === 0 ? undefined : (blockList(wanted) as BlockList).check(found, family === 4 ? 'ipv4' : 'ipv6')
  },
  negated,
  accepts: (wanted) => blockList(wanted) !== undefined,
  expects: 'an address or a block such as 192.0.2.0/24',
  textual: false,
})

/** By name, without IfExists and without ForAllValues: or ForAnyValue:. `Null` is no comparison and stands in condition.ts. */
export const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ['StringEquals', string(equals, false)],
  ['StringNotEquals', string(equals, true)],
  ['StringEqualsIgnoreCase', string(equalsIgnoreCase, false)],
  ['StringNotEqualsIgnoreCase', string(equalsIgnoreCase, true)],
  ['StringLike', string(matchesPattern, false)],
  ['StringNotLike', string(matchesPattern, true)],
  ['NumericEquals', number((found, wanted) => found === wanted)],
  ['NumericNotEquals', number((found, wanted) => found === wanted, true)],
  ['NumericLessThan', number((found, wanted) => found < wanted)],
  ['NumericLessThanEquals', number((found, wanted) => found <= wanted)],
  ['NumericGreaterThan', number((found, wanted) => found > wanted)],
  ['NumericGreaterThanEquals', number((found, wanted) => found >= wanted)],
  ['DateEquals', date((found, wanted) => found === wanted)],
  ['DateNotEquals', date((found, wanted) => found === wanted, true)],
  ['DateLessThan', date((found, wanted) => found < wanted)],
  ['DateLessThanEquals', date((found, wanted) => found <= wanted)],
  ['DateGreaterThan', date((found, wanted) => found > wanted)],
  ['DateGreaterThanEquals', date((found, wanted) => found >= wanted)],
  ['Bool', { compare: bool, negated: false, accepts: isBool, expects: 'true or false', textual: false }],
  ['BinaryEquals', { compare: binary, negated: false, accepts: isBase64, expects: 'base64', textual: false }],
  ['ArnEquals', arn(false)],
  ['ArnLike', arn(false)],
  ['ArnNotEquals', arn(true)],
  ['ArnNotLike', arn(true)],
  ['IpAddress', address(false)],
  ['NotIpAddress', address(true)],
])

export function isBool(text: string): boolean {
  return /^(true|false)$/i.test(text)
}

function bool(wanted: string, found: string): boolean | undefined {
  return isBool(found) ? lower(wanted) === lower(found) : undefined
}

function isBase64(text: string): boolean {
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)
}

function binary(wanted: string, found: string): boolean | undefined {
  return isBase64(found) ? Buffer.from(wanted, 'base64').equals(Buffer.from(found, 'base64')) : undefined
}

function parseNumber(text: string): number | undefined {
  return /^[+-]?\d{1,30}(?:\.\d{1,30})?$/.test(text) ? Number(text) : undefined
}

const SECONDS = /^\d{1,12}$/
/** The W3C's profile of ISO 8601, which IAM names: a year, a month, a day, or a time with its zone. */
const ISO = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?)?)?$/

// Four digits are a year in a policy's reading, and seconds are longer than that since the second hour of 1970.
function parseDate(text: string): number | undefined {
  const iso = ISO.exec(text)
  if (iso !== null) {
    const ms = Date.parse(text)
    const [, year, month, day] = iso.map(Number) as [number, number, number, number]
    // Date.parse takes the 31st of a shorter month for the 1st of the next one.
    if (Number.isNaN(ms) || (iso[3] !== undefined && day > new Date(Date.UTC(year, month, 0)).getUTCDate()))
      return undefined
    return ms
  }
  return SECONDS.test(text) ? Number(text) * 1000 : undefined
}

const blockLists = new Map<string, BlockList | undefined>()

function blockList(text: string): BlockList | undefined {
  if (!blockLists.has(text)) {
    // Policies change seldom; should somebody change them often, memory stays bounded.
    if (blockLists.size >= 1000) blockLists.clear()
    blockLists.set(text, makeBlockList(text))
  }
  return blockLists.get(text)
}

function makeBlockList(text: string): BlockList | undefined {
  const [, address, length] = /^([0-9a-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(address ?? '')
  if (family === 0) return undefined
  const bits = family === 4 ? 32 : 128
  const prefix = length === undefined ? bits : Number(length)
  if (prefix > bits) return undefined
  const list = new BlockList()
  list.addSubnet(address as string, prefix, family === 4 ? 'ipv4' : 'ipv6')
  return list
}
