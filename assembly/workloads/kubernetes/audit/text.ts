// Text of others on its way into an event: JSON that is ASCII whatever came, never longer than was said, and never ending within an escape.
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'

/** Some text of the event was longer than it may be. */
export let isCut = false

export function beginText(): void {
  isCut = false
}

/** It was. */
export function cut(): void {
  isCut = true
}

/** A JSON string of at most `most` bytes between its quotation marks. What is no printable ASCII is percent-encoded. */
export function writeBounded(out: TextWriter, text: Span, most: usize): void {
  out.byte(0x22)
  const end = out.length + most
  let from: usize = 0
  for (let i: usize = 0; i < text.length; i++) {
    const c = load<u8>(text.at + i) // SAFETY: i < length
    const size: usize = c < 0x20 || c > 0x7e ? 3 : c == 0x22 || c == 0x5c ? 2 : 1
    if (out.length + (i - from) + size > end) {
      isCut = true
      out.raw(text.at + from, i - from).byte(0x22)
      return
    }
    if (size == 1) continue
    out.raw(text.at + from, i - from)
    from = i + 1
    if (size == 3) out.byte(0x25).byte(hexDigit(c >> 4)).byte(hexDigit(c & 15))
    else out.byte(0x5c).byte(c)
  }
  out.raw(text.at + from, text.length - from).byte(0x22)
}

function hexDigit(digit: u8): u8 {
  return digit < 10 ? 0x30 + digit : 0x41 + digit - 10
}
