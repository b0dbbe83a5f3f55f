// What a decoded field is in JSON: strings (RFC 8259 section 7), bytes in base64, times as RFC 3339 has them.
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { broken, fail, LENGTH_DELIMITED, next, number, valueAt, valueLength, VARINT, varintValue, wireType } from './wire'

const QUOTE: u8 = 0x22
const BACKSLASH: u8 = 0x5c
const OPEN_BRACE: u8 = 0x7b
const OPEN_BRACKET: u8 = 0x5b
const CLOSE_BRACE: u8 = 0x7d
const CLOSE_BRACKET: u8 = 0x5d

/** Years 1 to 9999, in seconds from 1970: what RFC 3339 can say, and Go's time too. */
const MIN_SECONDS: i64 = -62135596800
const MAX_SECONDS: i64 = 253402300799
const DAY_SECONDS: i64 = 86400
const NANOS_IN_SECOND: i64 = 1000000000

export function writeString(out: TextWriter, at: usize, length: usize): void {
  if (!isUtf8(at, length)) return fail()
  out.ascii('"')
  let from: usize = 0
  for (let i: usize = 0; i < length; i++) {
    const c = load<u8>(at + i) // SAFETY: i < length
    if (c >= 0x20 && c != QUOTE && c != BACKSLASH) continue
    out.raw(at + from, i - from)
    from = i + 1
    if (c == QUOTE) out.ascii('\\"')
    else if (c == BACKSLASH) out.ascii('\\\\')
    else out.ascii(c < 0x10 ? '\\u000' : '\\u001').byte(hexDigit(c & 15))
  }
  out.raw(at + from, length - from).ascii('"')
}

export function writeBytes(out: TextWriter, at: usize, length: usize): void {
  out.ascii('"').base64(new Span(at, length)).ascii('"')
}

/**
 * FieldsV1, whose field 1 is JSON already: one object, which ends where the bytes do. What is in it the reader of the whole checks.
 * @returns whether there is any
 */
export function writeJson(out: TextWriter, at: usize, length: usize): bool {
  const end = at + length
  let raw: usize = 0
  let rawLength: usize = 0
  while (at < end) {
    at = next(at, end)
    if (number != 1) continue
    if (wireType != LENGTH_DELIMITED) fail()
    raw = valueAt
    rawLength = valueLength
  }
  if (broken || rawLength == 0) return false
  if (isOneObject(raw, rawLength)) out.raw(raw, rawLength)
  else fail()
  return true
}

/** A Time or MicroTime: seconds in field 1, nanoseconds in field 2. */
export function writeTime(out: TextWriter, at: usize, length: usize, micro: bool): void {
  let seconds: i64 = 0
  let nanos: i64 = 0
  const end = at + length
  while (at < end) {
    at = next(at, end)
    if (number > 2) continue
    if (wireType != VARINT) fail()
    if (number == 1) seconds = <i64>varintValue
    else nanos = <i64>varintValue
  }
  if (seconds < MIN_SECONDS || seconds > MAX_SECONDS || nanos < 0 || nanos >= NANOS_IN_SECOND) fail()
  if (broken) return
  const sinceYear1 = seconds - MIN_SECONDS
  writeDate(out.ascii('"'), <u32>(sinceYear1 / DAY_SECONDS))
  const second = <u32>(sinceYear1 % DAY_SECONDS)
  writeDigits(out.ascii('T'), second / 3600, 2)
  writeDigits(out.ascii(':'), (second / 60) % 60, 2)
  writeDigits(out.ascii(':'), second % 60, 2)
  if (micro) writeDigits(out.ascii('.'), <u32>nanos / 1000, 6)
  out.ascii('Z"')
}

// Days since 1 January of year 1, by the eras of 400 years that the calendar repeats in; years begin with March, so that a leap day is the last.
function writeDate(out: TextWriter, sinceYear1: u32): void {
  const days = sinceYear1 + 306 // since 1 March of year 0
  const era = days / 146097
  const day = days % 146097
  const year = (day - day / 1460 + day / 36524 - day / 146096) / 365
  const dayOfYear = day - (365 * year + year / 4 - year / 100)
  const fromMarch = (5 * dayOfYear + 2) / 153
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
  writeDigits(out, era * 400 + year + (month <= 2 ? 1 : 0), 4)
  writeDigits(out.ascii('-'), month, 2)
  writeDigits(out.ascii('-'), dayOfYear - (153 * fromMarch + 2) / 5 + 1, 2)
}

// With zeros in front.
function writeDigits(out: TextWriter, value: u32, width: usize): void {
  const to = out.reserve(width)
  for (let i = width; i > 0; i--, value /= 10) store<u8>(to + i - 1, <u8>(0x30 + (value % 10))) // SAFETY: i <= width
}

function hexDigit(value: u8): u8 {
  return value < 10 ? 0x30 + value : 0x57 + value
}

// Brackets outside of strings: the depth is nought behind the last byte, and nowhere before.
function isOneObject(at: usize, length: usize): bool {
  let depth = 0
  let quoted = false
  if (length < 2 || load<u8>(at) != OPEN_BRACE) return false
  for (let i: usize = 0; i < length; i++) {
    const c = load<u8>(at + i) // SAFETY: i < length
    if (quoted) {
      if (c == BACKSLASH) i++
      else if (c == QUOTE) quoted = false
    } else if (c == QUOTE) quoted = true
    else if (c == OPEN_BRACE || c == OPEN_BRACKET) depth++
    else if ((c == CLOSE_BRACE || c == CLOSE_BRACKET) && --depth == 0) return i == length - 1
  }
  return false
}

// RFC 3629 section 4: neither overlong forms nor surrogates, nor what is above U+10FFFF.
function isUtf8(at: usize, length: usize): bool {
  const end = at + length
  while (at < end) {
    const c = load<u8>(at++) // SAFETY: at < end
    if (c < 0x80) continue
    const more: usize = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1
    if (c < 0xc2 || c > 0xf4 || end - at < more) return false
    const second = load<u8>(at) // SAFETY: at + more <= end
    const low: u8 = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80
    const high: u8 = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf
    if (second < low || second > high) return false
    for (let i: usize = 1; i < more; i++) if ((load<u8>(at + i) & 0xc0) != 0x80) return false
    at += more
  }
  return true
}
