// A request as the kernel hands it over: u32 lengths of method, path, headers and body, u32 role, the caller's key, then the four.
import { Span } from './span'

const HEADER_BYTES: usize = 52
const KEY_AT: usize = 20
const KEY_BYTES: usize = 32

export class Request {
  method: Span
  /** Without the query. */
  path: Span
  /** Behind the question mark; empty where there is none. */
  query: Span
  body: Span
  /** ROLE_OWNER or ROLE_USER, assembly/abi/channel.ts. */
  role: u32
  /** The caller's Ed25519 key, 32 bytes. */
  key: Span
  /** Lines "name: value\n", names lower-case. */
  headers: Span

  constructor(public id: u32, at: usize) {
    const method = <usize>load<u32>(at)
    const path = <usize>load<u32>(at, 4)
    const headers = <usize>load<u32>(at, 8)
    const start = at + HEADER_BYTES
    this.role = load<u32>(at, 16)
    this.key = new Span(at + KEY_AT, KEY_BYTES)
    this.method = new Span(start, method)
    const whole = new Span(start + method, path)
    const mark = whole.find(0x3f)
    this.path = mark < 0 ? whole : whole.cut(0, mark)
    this.query = mark < 0 ? new Span(0, 0) : whole.cut(mark + 1, path)
    this.headers = new Span(start + method + path, headers)
    this.body = new Span(start + method + path + headers, <usize>load<u32>(at, 12))
  }

  /** Value of the first header of this lower-case name, or null. */
  header(name: string): Span | null {
    let line = this.headers
    while (line.length > 0) {
      const end = line.find(0x0a)
      const colon = line.find(0x3a)
      if (end < 0 || colon < 0) return null
      if (colon == name.length && line.begins(name)) return line.cut(colon + 2, end)
      line = line.cut(end + 1, line.length)
    }
    return null
  }

  /** Raw value of a query parameter, null where it is absent, empty for `?name`. */
  parameter(name: string): Span | null {
    let rest = this.query
    while (rest.length > 0) {
      const found = rest.find(0x26)
      const pair = found < 0 ? rest : rest.cut(0, found)
      const equals = pair.find(0x3d)
      const key = equals < 0 ? pair : pair.cut(0, equals)
      if (key.is(name)) return equals < 0 ? pair.cut(pair.length, pair.length) : pair.cut(equals + 1, pair.length)
      if (found < 0) return null
      rest = rest.cut(found + 1, rest.length)
    }
    return null
  }
}
