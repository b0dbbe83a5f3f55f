// Query parameters, percent-decoded with + as a space (application/x-www-form-urlencoded, as Go's net/url reads a query).
import { Request } from '../../../sdk/request'
import { percentDecode, Span } from '../../../sdk/span'

const PLUS: u8 = 0x2b

/** The first value of a parameter; null where it is absent or not percent-encoded. Valid during this call of the workload. */
export function query(request: Request, name: string): Span | null {
  const raw = request.parameter(name)
  if (!raw || raw.length == 0) return raw
  const decoded = percentDecode(plusAsSpace(raw))
  return decoded
}

export function queryText(request: Request, name: string): string {
  const value = query(request, name)
  return value ? value.text() : ''
}

/** As apimachinery converts it: anything but "false" and "0" is true, also the empty value. */
export function queryBool(request: Request, name: string): bool {
  const value = request.parameter(name)
  if (!value) return false
  return !(value.is('false') || value.is('False') || value.is('0'))
}

/** Decimal digits alone. @returns -1 for anything else, and for what is above 2^63 - 1 */
export function decimal(text: Span): i64 {
  if (text.length == 0 || text.length > 19) return -1
  let value: i64 = 0
  for (let i: usize = 0; i < text.length; i++) {
    const digit = <i64>load<u8>(text.at + i) - 0x30 // SAFETY: i < length
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

function plusAsSpace(raw: Span): Span {
  if (raw.find(PLUS) < 0) return raw
  const copy = new Uint8Array(<i32>raw.length)
  for (let i: usize = 0; i < raw.length; i++) {
    const c = load<u8>(raw.at + i) // SAFETY: i < length
    copy[<i32>i] = c == PLUS ? 0x20 : c
  }
  return Span.of(copy)
}
