// base64url without padding, RFC 4648 section 5, as the parts of a JWT are written.
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { allocateNode } from '../json/arena'
import { decodeBase64 } from '../object/base64'

const PLUS: u8 = 0x2b
const SLASH: u8 = 0x2f
const MINUS: u8 = 0x2d
const UNDERSCORE: u8 = 0x5f
const PAD: u8 = 0x3d

/** Appends. */
export function writeBase64url(out: TextWriter, bytes: Span): void {
  const from = out.length
  out.base64(bytes)
  while (out.length > from && load<u8>(out.at + out.length - 1) == PAD) out.shorten(out.length - 1) // SAFETY: length > 0
  for (let i = from; i < out.length; i++) {
    const c = load<u8>(out.at + i) // SAFETY: i < length
    if (c == PLUS) store<u8>(out.at + i, MINUS)
    else if (c == SLASH) store<u8>(out.at + i, UNDERSCORE)
  }
}

/** Into the arena. @returns null for what is none */
export function readBase64url(text: Span): Span | null {
  const padding: usize = (4 - (text.length & 3)) & 3
  const at = allocateNode(text.length + padding)
  for (let i: usize = 0; i < text.length; i++) {
    const c = load<u8>(text.at + i) // SAFETY: i < length
    store<u8>(at + i, c == MINUS ? PLUS : c == UNDERSCORE ? SLASH : c)
  }
  for (let i: usize = 0; i < padding; i++) store<u8>(at + text.length + i, PAD)
  return decodeBase64(new Span(at, text.length + padding))
}
