// Formats of strings and numbers that apiextensions checks. One that is not here is let pass, as the real server lets pass what it does not know.
import { Span } from '../../../sdk/span'
import { decodeBase64 } from '../object/base64'
import { isSubdomain, MAX_SUBDOMAIN } from '../object/names'
import { parseTime } from '../object/time'
import { compareDecimals } from './decimal'

const NAMES: StaticArray<string> = ['', 'date-time', 'date', 'byte', 'uuid', 'ipv4', 'ipv6', 'hostname', 'email', 'int32', 'int64', 'uuid4', 'cidr', 'duration']
export const FORMAT_NONE: u8 = 0
const DATE_TIME: u8 = 1
const DATE: u8 = 2
const BYTE: u8 = 3
const UUID: u8 = 4
const IPV4: u8 = 5
const IPV6: u8 = 6
const HOSTNAME: u8 = 7
const EMAIL: u8 = 8
const INT32: u8 = 9
const INT64: u8 = 10
const UUID4: u8 = 11
const CIDR: u8 = 12
const DURATION: u8 = 13

export function formatOf(name: string): u8 {
  for (let i = 1; i < NAMES.length; i++) if (NAMES[i] == name) return <u8>i
  return FORMAT_NONE
}

export function formatName(format: u8): string {
  return NAMES[format]
}

/** Whether a string is of the format; formats of numbers are met by every string. */
export function textIsOf(text: Span, format: u8): bool {
  switch (format) {
    case DATE_TIME: return parseTime(text)
    case DATE: return isDate(text)
    case BYTE: return decodeBase64(text) != null
    case UUID: return isUuid(text)
    case UUID4: return isUuid(text) && load<u8>(text.at, 14) == 0x34
    case IPV4: return isIpv4(text)
    case IPV6: return isIpv6(text)
    case HOSTNAME: return text.length <= MAX_SUBDOMAIN && isSubdomain(lower(text))
    case EMAIL: return isEmail(text)
    case CIDR: return isCidr(text)
    case DURATION: return isDuration(text)
  }
  return true
}

/** Whether a whole number lies in the range of int32 or int64. */
export function numberIsOf(text: Span, format: u8): bool {
  if (format == INT32) return isWithin(text, LEAST_INT32, MOST_INT32)
  return format != INT64 || isWithin(text, LEAST_INT64, MOST_INT64)
}

/** The texts of the ends of both ranges stay here, for their spans. */
const ENDS = [bytesOf('-2147483648'), bytesOf('2147483647'), bytesOf('-9223372036854775808'), bytesOf('9223372036854775807')]
const LEAST_INT32 = Span.of(ENDS[0])
const MOST_INT32 = Span.of(ENDS[1])
const LEAST_INT64 = Span.of(ENDS[2])
const MOST_INT64 = Span.of(ENDS[3])

function isWithin(text: Span, least: Span, most: Span): bool {
  return compareDecimals(text, least) >= 0 && compareDecimals(text, most) <= 0
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.wrap(String.UTF8.encode(text))
}

// With a time behind it, it is one that parseTime reads.
function isDate(text: Span): bool {
  if (text.length != 10) return false
  const whole = new Uint8Array(20)
  memory.copy(whole.dataStart, text.at, 10) // SAFETY: of that length
  const rest = 'T00:00:00Z'
  for (let i = 0; i < rest.length; i++) whole[10 + i] = <u8>rest.charCodeAt(i)
  return parseTime(Span.of(whole))
}

// 8-4-4-4-12 hexadecimal digits
function isUuid(text: Span): bool {
  if (text.length != 36) return false
  for (let i: usize = 0; i < 36; i++) {
    const c = load<u8>(text.at + i) // SAFETY: 36 bytes
    if (i == 8 || i == 13 || i == 18 || i == 23 ? c != 0x2d : !isHex(c)) return false
  }
  return true
}

function isHex(c: u8): bool {
  return isDigit(c) || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x66)
}

function isDigit(c: u8): bool {
  return c >= 0x30 && c <= 0x39
}

function isIpv4(text: Span): bool {
  let rest = text
  for (let i = 0; i < 4; i++) {
    const dot = rest.find(0x2e)
    if ((dot < 0) != (i == 3)) return false
    const part = dot < 0 ? rest : rest.cut(0, dot)
    if (!isNumberUpTo(part, 255)) return false
    if (dot >= 0) rest = rest.cut(dot + 1, rest.length)
  }
  return true
}

// Without a zero in front.
function isNumberUpTo(text: Span, most: i32): bool {
  if (text.length == 0 || text.length > 3 || (text.length > 1 && load<u8>(text.at) == 0x30)) return false
  let value = 0
  for (let i: usize = 0; i < text.length; i++) {
    const c = load<u8>(text.at + i) // SAFETY: i < length
    if (!isDigit(c)) return false
    value = value * 10 + <i32>(c - 0x30)
  }
  return value <= most
}

// RFC 4291 section 2.2: eight groups, one run of them left out by ::, the last two perhaps as IPv4
function isIpv6(text: Span): bool {
  if (text.length < 2 || text.length > 45) return false
  let groups = 0
  let compressed = false
  let at: usize = 0
  if (load<u8>(text.at) == 0x3a) {
    if (load<u8>(text.at, 1) != 0x3a) return false
    compressed = true
    at = 2
  }
  while (at < text.length) {
    let end = at
    while (end < text.length && load<u8>(text.at + end) != 0x3a) end++ // SAFETY: end < length
    const part = text.cut(at, end)
    if (part.find(0x2e) >= 0) {
      if (end != text.length || !isIpv4(part)) return false
      groups += 2
    } else {
      if (part.length == 0 || part.length > 4) return false
      for (let i: usize = 0; i < part.length; i++) if (!isHex(load<u8>(part.at + i))) return false // SAFETY: i < length
      groups++
    }
    at = end
    if (at == text.length) break
    at++
    if (at == text.length) return false
    if (load<u8>(text.at + at) != 0x3a) continue
    if (compressed) return false
    compressed = true
    at++
  }
  return compressed ? groups < 8 : groups == 8
}

function isCidr(text: Span): bool {
  const slash = text.find(0x2f)
  if (slash < 0) return false
  const address = text.cut(0, slash)
  const bits = text.cut(slash + 1, text.length)
  return isIpv4(address) ? isNumberUpTo(bits, 32) : isIpv6(address) && isNumberUpTo(bits, 128)
}

function isEmail(text: Span): bool {
  const mark = text.find(0x40)
  if (mark <= 0 || <usize>mark + 1 == text.length) return false
  for (let i: usize = 0; i < text.length; i++) {
    const c = load<u8>(text.at + i) // SAFETY: i < length
    if (c <= 0x20 || c == 0x7f || (c == 0x40 && i != <usize>mark)) return false
  }
  return true
}

// As Go's time.ParseDuration: 1h30m, 1.5s, -2ms
function isDuration(text: Span): bool {
  let at: usize = text.length > 0 && (load<u8>(text.at) == 0x2d || load<u8>(text.at) == 0x2b) ? 1 : 0
  if (text.cut(at, text.length).is('0')) return true
  let parts = 0
  while (at < text.length) {
    let digits = 0
    let points = 0
    for (; at < text.length; at++) {
      const c = load<u8>(text.at + at) // SAFETY: at < length
      if (c == 0x2e) points++
      else if (isDigit(c)) digits++
      else break
    }
    const from = at
    while (at < text.length && !isDigit(load<u8>(text.at + at)) && load<u8>(text.at + at) != 0x2e) at++
    if (digits == 0 || points > 1 || !isUnit(text.cut(from, at))) return false
    parts++
  }
  return parts > 0
}

function isUnit(text: Span): bool {
  return text.is('h') || text.is('m') || text.is('s') || text.is('ms') || text.is('us') || text.is('ns') || text.text() == 'µs'
}

function lower(text: Span): Span {
  const copy = new Uint8Array(<i32>text.length)
  for (let i: usize = 0; i < text.length; i++) {
    const c = load<u8>(text.at + i) // SAFETY: i < length
    copy[<i32>i] = c >= 0x41 && c <= 0x5a ? c | 0x20 : c
  }
  return Span.of(copy)
}
