/** Text of others on its way to a log or a terminal: one line, no control characters, nothing that turns the reading direction round. */

/** Controls, formats (the marks of the bidirectional algorithm, UAX 9, are among them), line separators, halves of surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** Escapes what cannot be shown as \u{…}, and cuts off what is longer. */
export function printable(text: string, maxCharacters: number): string {
  const cut = text.length > maxCharacters ? `${text.slice(0, maxCharacters - 1)}…` : text
  return cut.replace(UNPRINTABLE, (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`)
}
