// The headers by which a client says who asks, found in one look: most requests have none of them.
import { Request } from '../../../sdk/request'
import { percentDecode, Span } from '../../../sdk/span'

const NEWLINE: u8 = 0x0a
const COLON: u8 = 0x3a

export const IMPERSONATE = 'impersonate-'

/** Whether there is an Authorization, and whether anything of impersonation. */
export const SAYS_AUTHORIZATION = 1
export const SAYS_IMPERSONATION = 2

export function identityHeaders(request: Request): i32 {
  let found = 0
  const end = request.headers.at + request.headers.length
  for (let at = request.headers.at; at < end; ) {
    const first = load<u8>(at) // SAFETY: at < end
    if (first == 0x61 && begins(at, end, 'authorization:')) found |= SAYS_AUTHORIZATION
    else if (first == 0x69 && begins(at, end, IMPERSONATE)) found |= SAYS_IMPERSONATION
    while (at < end && load<u8>(at) != NEWLINE) at++
    at++
  }
  return found
}

/** All values of a header, in order. `name` in small letters. */
export function headerValues(request: Request, name: string): Span[] {
  const values: Span[] = []
  const lines = new HeaderLines(request)
  while (lines.next()) if (lines.name.is(name)) values.push(lines.value)
  return values
}

export class HeaderLines {
  name: Span = new Span(0, 0)
  value: Span = new Span(0, 0)
  private rest: Span

  constructor(request: Request) {
    this.rest = request.headers
  }

  next(): bool {
    const end = this.rest.find(NEWLINE)
    const colon = this.rest.find(COLON)
    if (end < 0 || colon < 0 || colon > end) return false
    this.name = this.rest.cut(0, colon)
    this.value = this.rest.cut(colon + 1, end).trim()
    this.rest = this.rest.cut(end + 1, this.rest.length)
    return true
  }
}

/** The key of Impersonate-Extra-KEY: percent-decoded where it can be, as Go's PathUnescape does. */
export function extraKey(name: Span): string {
  const decoded = percentDecode(name)
  return (decoded ? decoded : name).text().toLowerCase()
}

function begins(at: usize, end: usize, text: string): bool {
  return end - at >= <usize>text.length && new Span(at, end - at).begins(text)
}
