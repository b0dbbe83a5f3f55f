// RFC 3339 times, as metav1.Time and MicroTime read and write them: any offset is read, UTC is written.
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'

const MICROS: i64 = 1000000
const DAY: i64 = 86400
/** Years that RFC 3339 can write. */
const MAX_YEAR = 9999

/** What `parseTime` read: microseconds since 1970. */
export let parsedMicros: i64 = 0

/** @returns whether it is a time, then in `parsedMicros` */
export function parseTime(text: Span): bool {
  const at = text.at
  const length = text.length
  if (length < 20) return false // 2006-01-02T15:04:05Z
  const year = digits(at, 4)
  const month = digits(at + 5, 2)
  const day = digits(at + 8, 2)
  const hour = digits(at + 11, 2)
  const minute = digits(at + 14, 2)
  const second = digits(at + 17, 2)
  if ((year | month | day | hour | minute | second) < 0) return false
  if (load<u8>(at, 4) != 0x2d || load<u8>(at, 7) != 0x2d || load<u8>(at, 10) != 0x54 || load<u8>(at, 13) != 0x3a || load<u8>(at, 16) != 0x3a) return false
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59) return false
  let p: usize = 19
  let micros: i64 = 0
  const c = load<u8>(at, 19)
  if (c == 0x2e || c == 0x2c) {
    let scale: i64 = 100000
    const from = ++p
    for (; p < length && load<u8>(at + p) - 0x30 < 10; p++) {
      micros += scale * <i64>(load<u8>(at + p) - 0x30) // SAFETY: p < length
      scale /= 10
    }
    if (p == from || p - from > 9) return false
  }
  let offset: i64 = 0
  if (p >= length) return false
  const zone = load<u8>(at + p)
  if (zone == 0x5a) {
    if (p + 1 != length) return false
  } else {
    if ((zone != 0x2b && zone != 0x2d) || length - p != 6 || load<u8>(at + p + 3) != 0x3a) return false
    const hours = digits(at + p + 1, 2)
    const minutes = digits(at + p + 4, 2)
    if ((hours | minutes) < 0 || hours > 24 || minutes > 59) return false
    offset = <i64>hours * 3600 + <i64>minutes * 60
    if (zone == 0x2d) offset = -offset
  }
  const seconds = daysFrom(year, month, day) * DAY + <i64>hour * 3600 + <i64>minute * 60 + <i64>second - offset
  parsedMicros = seconds * MICROS + micros
  return true
}

/** `2006-01-02T15:04:05Z`, with six decimals where asked for. */
export function writeTime(out: TextWriter, micros: i64, decimals: bool): void {
  let seconds = micros / MICROS
  let rest = micros % MICROS
  if (rest < 0) {
    rest += MICROS
    seconds--
  }
  let days = seconds / DAY
  let inDay = seconds % DAY
  if (inDay < 0) {
    inDay += DAY
    days--
  }
  // Days to date by 400-year eras that begin in March (H. Hinnant, chrono-compatible date algorithms)
  const z = days + 719468
  const era = (z >= 0 ? z : z - 146096) / 146097
  const dayOfEra = z - era * 146097
  const yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365
  const dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  const mp = (5 * dayOfYear + 2) / 153
  const day = dayOfYear - (153 * mp + 2) / 5 + 1
  const month = mp < 10 ? mp + 3 : mp - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  padded(out, max<i64>(0, min<i64>(year, MAX_YEAR)), 4)
  out.byte(0x2d)
  padded(out, month, 2)
  out.byte(0x2d)
  padded(out, day, 2)
  out.byte(0x54)
  padded(out, inDay / 3600, 2)
  out.byte(0x3a)
  padded(out, (inDay / 60) % 60, 2)
  out.byte(0x3a)
  padded(out, inDay % 60, 2)
  if (decimals) {
    out.byte(0x2e)
    padded(out, rest, 6)
  }
  out.byte(0x5a)
}

function padded(out: TextWriter, value: i64, width: i32): void {
  const to = out.reserve(width) // SAFETY: `width` bytes, written from the last
  for (let i = width; i > 0; i--, value /= 10) store<u8>(to + i - 1, 0x30 + <u8>(value % 10))
}

function digits(at: usize, count: usize): i32 {
  let value = 0
  for (let i: usize = 0; i < count; i++) {
    const digit = <i32>load<u8>(at + i) - 0x30 // SAFETY: the caller knows `count` bytes
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

function isLeap(year: i32): bool {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

function daysIn(year: i32, month: i32): i32 {
  if (month == 2) return isLeap(year) ? 29 : 28
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31
}

function daysFrom(year: i32, month: i32, day: i32): i64 {
  const y = <i64>(month <= 2 ? year - 1 : year)
  const era = (y >= 0 ? y : y - 399) / 400
  const yearOfEra = y - era * 400
  const dayOfYear = (153 * <i64>(month > 2 ? month - 3 : month + 9) + 2) / 5 + <i64>day - 1
  return era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719468
}
