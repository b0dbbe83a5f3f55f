// Numbers of JSON compared by their digits: no float stands between, so that 9007199254740993 is not 9007199254740992.
import { Span } from '../../../sdk/span'

/** Of a multipleOf: what is left of a division stays below 2^63. */
export const MAX_DIVISOR_DIGITS: usize = 9

/** Exponents of more digits are as good as this. */
const FAR: i64 = 1000000000000

/** Sign, the significant digits without zeros around them, and the power of ten of the last one. */
class Decimal {
  negative: bool = false
  /** -1, 0, 1 */
  sign: i32 = 0
  digits: Uint8Array = new Uint8Array(0)
  length: i32 = 0
  /** Of the last digit. */
  exponent: i64 = 0

  read(text: Span): this {
    let at: usize = 0
    this.negative = text.length > 0 && load<u8>(text.at) == 0x2d
    if (this.negative) at++
    if (<usize>this.digits.length < text.length) this.digits = new Uint8Array(<i32>text.length)
    let length = 0
    let behindPoint: i64 = -1
    this.exponent = 0
    for (; at < text.length; at++) {
      const c = load<u8>(text.at + at) // SAFETY: at < length
      if (c == 0x2e) behindPoint = 0
      else if (c - 0x30 < 10) {
        if (length > 0 || c != 0x30) this.digits[length++] = c - 0x30
        if (behindPoint >= 0) behindPoint++
      } else break
    }
    if (at < text.length) this.exponent = readExponent(text.at + at + 1, text.at + text.length)
    if (behindPoint > 0) this.exponent -= behindPoint
    while (length > 0 && this.digits[length - 1] == 0) {
      length--
      this.exponent++
    }
    this.length = length
    this.sign = length == 0 ? 0 : this.negative ? -1 : 1
    return this
  }

  /** Power of ten of the first digit. */
  get magnitude(): i64 {
    return this.exponent + <i64>this.length
  }
}

const one = new Decimal()
const other = new Decimal()

/** @returns below 0, 0, above 0 */
export function compareDecimals(a: Span, b: Span): i32 {
  one.read(a)
  other.read(b)
  if (one.sign != other.sign) return one.sign - other.sign
  if (one.sign == 0) return 0
  return one.sign * compareMagnitudes()
}

function compareMagnitudes(): i32 {
  if (one.magnitude != other.magnitude) return one.magnitude < other.magnitude ? -1 : 1
  const shared = min(one.length, other.length)
  for (let i = 0; i < shared; i++) if (one.digits[i] != other.digits[i]) return one.digits[i] < other.digits[i] ? -1 : 1
  return one.length - other.length
}

/** Whether nothing is behind the point, as in 1.0 and 1e3. */
export function isWhole(text: Span): bool {
  return one.read(text).exponent >= 0 || one.sign == 0
}

/** Whether it is above 0 and has no more digits than a divisor may. */
export function isDivisor(text: Span): bool {
  return one.read(text).sign > 0 && <usize>one.length <= MAX_DIVISOR_DIGITS
}

/** @param divisor as `isDivisor` takes it */
export function isMultiple(text: Span, divisor: Span): bool {
  one.read(text)
  other.read(divisor)
  if (one.sign == 0) return true
  // Neither ends in 0: what is smaller at its end is no multiple
  if (one.exponent < other.exponent) return false
  let modulus: u64 = 0
  for (let i = 0; i < other.length; i++) modulus = modulus * 10 + other.digits[i]
  let left: u64 = 0
  for (let i = 0; i < one.length; i++) left = (left * 10 + one.digits[i]) % modulus
  return (left * powerOfTen(one.exponent - other.exponent, modulus)) % modulus == 0
}

function powerOfTen(exponent: i64, modulus: u64): u64 {
  let power: u64 = 1 % modulus
  let base: u64 = 10 % modulus
  for (let left = exponent; left > 0; left >>= 1) {
    if ((left & 1) == 1) power = (power * base) % modulus
    base = (base * base) % modulus
  }
  return power
}

function readExponent(from: usize, end: usize): i64 {
  let at = from
  const first: u8 = at < end ? load<u8>(at) : 0
  if (first == 0x2b || first == 0x2d) at++
  let value: i64 = 0
  for (; at < end; at++) {
    value = value * 10 + <i64>(load<u8>(at) - 0x30) // SAFETY: at < end
    if (value > FAR) {
      value = FAR
      break
    }
  }
  return first == 0x2d ? -value : value
}
