// Heads of requests and responses: CBOR on the channel, plain text for the workload (abi/README.md). What could split a header or a path
// in somebody's HTTP library goes in neither direction.
import { CborReader } from '../codec/cbor-reader'
import { Writer } from '../codec/writer'
import { copy, store32 } from '../mem/bytes'
import { TOKEN_TEXT } from './store/token'

/** u32 method, path, headers and body length, u32 role, 32 bytes key: little-endian, as the workload reads it. */
export const REQUEST_HEADER_BYTES: usize = 52
export const BODY_LENGTH_AT: usize = 12
const PATH_LENGTH_AT: usize = 4
const HEADERS_LENGTH_AT: usize = 8
const ROLE_AT: usize = 16
const KEY_AT: usize = 20
const MAX_HEADERS: i32 = 128
const MAX_TOKEN_BYTES: usize = 256
/** With each acknowledged write: the head that holds it (PROTOCOLS 5). */
const HEAD_HEADER = 'wasmclave-head'
const tokenRoom = memory.data(139) // TOKEN_TEXT

const LINE_FEED: u8 = 0x0a
const SPACE: u8 = 0x20
const SLASH: u8 = 0x2f
const COLON: u8 = 0x3a

/**
 * [method, path, [[name, value]…]] into the workload's layout, in an empty buffer, with room for the whole of it: what is written is
 * never longer than 52 bytes and the CBOR. @returns false for anything else
 */
export function readRequestHead(buffer: Writer, role: u32, user: usize, at: usize, length: usize): bool {
  const reader = new CborReader(at, at + length)
  const header = buffer.grow(REQUEST_HEADER_BYTES)
  memory.fill(header, 0, REQUEST_HEADER_BYTES)
  store<u32>(header, role, ROLE_AT)
  copy(header + KEY_AT, user, 32)
  reader.array(3)
  reader.text()
  if (reader.failed || !isToken(reader.at, reader.length)) return false
  buffer.raw(reader.at, reader.length)
  store<u32>(buffer.at, <u32>reader.length)
  reader.text()
  if (reader.failed || !isPath(reader.at, reader.length)) return false
  buffer.raw(reader.at, reader.length)
  store<u32>(buffer.at, <u32>reader.length, PATH_LENGTH_AT)
  const count = reader.arrayUpTo(MAX_HEADERS)
  const headers = buffer.length
  for (let i = 0; i < count; i++) {
    reader.array(2)
    reader.text()
    if (reader.failed || !isHeaderName(reader.at, reader.length)) return false
    buffer.raw(reader.at, reader.length)
    buffer.byte(COLON)
    buffer.byte(SPACE)
    reader.text()
    if (reader.failed || !isHeaderValue(reader.at, reader.length)) return false
    buffer.raw(reader.at, reader.length)
    buffer.byte(LINE_FEED)
  }
  if (!reader.done()) return false
  store<u32>(buffer.at, <u32>(buffer.length - headers), HEADERS_LENGTH_AT)
  return true
}

/** Of a head that was made with room for a token: where that is. */
export let tokenAt: u32 = 0

/**
 * "name: value\n" each into u32 n ‖ CBOR [status, [[name, value]…]], with room for a head token as the last header where one is to go out
 * with it. @returns false for anything else
 */
export function writeResponseHead(head: Writer, status: i32, headers: usize, length: usize, withToken: bool): bool {
  const end = headers + length
  if (length > 0 && load<u8>(end - 1) != LINE_FEED) return false
  let count = 0
  for (let p = headers; p < end; p++) if (load<u8>(p) == LINE_FEED) count++
  if (count > MAX_HEADERS) return false
  head.clear()
  head.grow(4)
  head.cborArray(2)
  head.cborUint(status)
  head.cborArray(count + (withToken ? 1 : 0))
  let line = headers
  for (let i = 0; i < count; i++) {
    let colon = line
    while (load<u8>(colon) != COLON && load<u8>(colon) != LINE_FEED) colon++ // SAFETY: the last byte is a line feed
    let next = colon
    while (load<u8>(next) != LINE_FEED) next++
    if (next - colon < 2 || load<u8>(colon, 1) != SPACE) return false
    if (!isHeaderName(line, colon - line) || isKernelHeader(line, colon - line) || !isHeaderValue(colon + 2, next - colon - 2)) return false
    head.cborArray(2)
    head.cborText(line, colon - line)
    head.cborText(colon + 2, next - colon - 2)
    line = next + 1
  }
  tokenAt = 0
  if (withToken) {
    head.cborArray(2)
    head.cborAscii(HEAD_HEADER)
    head.cborText(tokenRoom, TOKEN_TEXT)
    tokenAt = <u32>(head.length - TOKEN_TEXT)
  }
  store32(head.at, <u32>(head.length - 4))
  return true
}

// A workload gives no head tokens
function isKernelHeader(at: usize, length: usize): bool {
  if (length != <usize>HEAD_HEADER.length) return false
  for (let i = 0; i < HEAD_HEADER.length; i++) if (load<u8>(at + i) != <u8>HEAD_HEADER.charCodeAt(i)) return false // SAFETY: i < length
  return true
}

// RFC 9110 section 5.6.2, less the marks that nobody uses
function isToken(at: usize, length: usize): bool {
  if (length == 0 || length > MAX_TOKEN_BYTES) return false
  for (let i: usize = 0; i < length; i++) {
    const c = load<u8>(at + i) // SAFETY: i < length
    const ok = (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || (c >= 0x30 && c <= 0x39) || c == 0x2d || c == 0x5f || c == 0x2e
    if (!ok) return false
  }
  return true
}

// Visible ASCII behind a slash: what a URL parser makes of a path and its query
function isPath(at: usize, length: usize): bool {
  if (length == 0 || load<u8>(at) != SLASH) return false
  for (let i: usize = 0; i < length; i++) {
    const c = load<u8>(at + i) // SAFETY: i < length
    if (c <= 0x20 || c >= 0x7f) return false
  }
  return true
}

function isHeaderName(at: usize, length: usize): bool {
  if (!isToken(at, length)) return false
  for (let i: usize = 0; i < length; i++) {
    const c = load<u8>(at + i) // SAFETY: i < length
    if (c >= 0x41 && c <= 0x5a) return false
  }
  return true
}

// Printable ASCII and tab; what is more than ASCII must be whole UTF-8, as CBOR's text is
function isHeaderValue(at: usize, length: usize): bool {
  for (let i: usize = 0; i < length; i++) {
    const c = <u32>load<u8>(at + i) // SAFETY: i < length
    if ((c < 0x20 && c != 9) || c == 0x7f) return false
    if (c < 0x80) continue
    const more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1
    if (c < 0xc2 || c > 0xf4 || length - i <= <usize>more) return false
    const second = <u32>load<u8>(at + i + 1)
    // RFC 3629 section 4: no overlong forms, no surrogates, nothing above U+10FFFF
    const least: u32 = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80
    const most: u32 = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf
    if (second < least || second > most) return false
    for (let j = 2; j <= more; j++) if ((load<u8>(at + i + j) & 0xc0) != 0x80) return false
    i += more
  }
  return true
}
