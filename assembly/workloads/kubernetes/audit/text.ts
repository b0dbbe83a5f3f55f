// Text of others on its way into an event: JSON that is ASCII whatever came, never longer than was said, and never ending within an escape.
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'

/** Some text of the event was longer than it may be. */
export let isCut = false

export function beginText(): void {
  isCut = false
}

/** A JSON string of at most `most` bytes between its quotation marks. What is no printable ASCII is percent-encoded. */
export function writeBounded(out: TextWriter, text: Span, most: usize): void {
  out.byte(0x22)
  const end = out.length + most
  for (let i: usize = 0; i < text.length; i++) {
    const c = load<u8>(text.at + i) // SAFETY: i < length
    const plain = c >= 0x20 && c < 0x7f
    const size: usize = !plain ? 3 : c == 0x22 || c == 0x5c ? 2 : 1
    if (out.length + size > end) {
      isCut = true
      break
    }
    if (!plain) out.byte(0x25).byte(hexDigit(c >> 4)).byte(hexDigit(c & 15))
    else {
      if (size == 2) out.byte(0x5c)
      out.byte(c)
    }
  }
  out.byte(0x22)
}

function hexDigit(digit: u8): u8 {
  return digit < 10 ? 0x30 + digit : 0x41 + digit - 10
}
