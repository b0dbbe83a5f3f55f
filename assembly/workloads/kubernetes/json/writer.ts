// Nodes to text: no spaces, members in their order, numbers as they were written, only the escapes that RFC 8259 section 7 demands.
import { TextWriter } from '../../../sdk/text-writer'
import { FLAG_ESCAPE, FLAG_KEY_ESCAPE, JsonNode, TYPE_ARRAY, TYPE_FALSE, TYPE_NULL, TYPE_NUMBER, TYPE_OBJECT, TYPE_STRING, TYPE_TRUE } from './node'

export function writeJson(out: TextWriter, node: JsonNode): void {
  switch (node.type) {
    case TYPE_NULL: out.ascii('null'); return
    case TYPE_FALSE: out.ascii('false'); return
    case TYPE_TRUE: out.ascii('true'); return
    case TYPE_NUMBER: out.raw(node.at, node.length); return
    case TYPE_STRING: writeString(out, node.at, node.length, (node.flags & FLAG_ESCAPE) != 0); return
  }
  const isObject = node.type == TYPE_OBJECT
  out.byte(isObject ? 0x7b : 0x5b)
  let child = node.first
  while (child) {
    if (child != node.first) out.byte(0x2c)
    if (isObject) {
      writeString(out, child.key, child.keyLength, (child.flags & FLAG_KEY_ESCAPE) != 0)
      out.byte(0x3a)
    }
    writeJson(out, child)
    child = child.next
  }
  out.byte(isObject ? 0x7d : 0x5d)
}

function writeString(out: TextWriter, at: usize, length: usize, escape: bool): void {
  out.byte(0x22)
  if (escape) writeEscaped(out, at, length)
  else out.raw(at, length)
  out.byte(0x22)
}

/** UTF-8 bytes as the inside of a JSON string. */
export function writeEscaped(out: TextWriter, at: usize, length: usize): void {
  let from = at
  const end = at + length
  for (let p = at; p < end; p++) {
    const c = load<u8>(p) // SAFETY: p < end
    if (c >= 0x20 && c != 0x22 && c != 0x5c) continue
    out.raw(from, p - from)
    from = p + 1
    if (c == 0x22) out.ascii('\\"')
    else if (c == 0x5c) out.ascii('\\\\')
    else if (c == 0x0a) out.ascii('\\n')
    else if (c == 0x0d) out.ascii('\\r')
    else if (c == 0x09) out.ascii('\\t')
    else out.ascii('\\u00').byte(hex(c >> 4)).byte(hex(c & 15))
  }
  out.raw(from, end - from)
}

/** A text, with its quotation marks. */
export function writeText(out: TextWriter, text: string): void {
  const bytes = String.UTF8.encode(text)
  writeBytes(out, changetype<usize>(bytes), bytes.byteLength)
}

/** UTF-8 bytes, with quotation marks. */
export function writeBytes(out: TextWriter, at: usize, length: usize): void {
  out.byte(0x22)
  writeEscaped(out, at, length)
  out.byte(0x22)
}

function hex(digit: u8): u8 {
  return digit < 10 ? 0x30 + digit : 0x61 + digit - 10
}
