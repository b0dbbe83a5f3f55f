/** The few DER forms (X.690) that AWS's certificates are made of, written exactly. */

export function der(tag: number, ...content: Uint8Array[]): Uint8Array {
  const body = Buffer.concat(content)
  const length = body.length
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff]
  return new Uint8Array(Buffer.concat([Uint8Array.from(head), body]))
}

export const sequence = (...content: Uint8Array[]): Uint8Array => der(0x30, ...content)
export const set = (...content: Uint8Array[]): Uint8Array => der(0x31, ...content)
export const octets = (content: Uint8Array): Uint8Array => der(0x04, content)
export const utf8 = (text: string): Uint8Array => der(0x0c, Buffer.from(text, 'utf8'))
export const printable = (text: string): Uint8Array => der(0x13, Buffer.from(text, 'latin1'))
export const context = (tag: number, ...content: Uint8Array[]): Uint8Array => der(0xa0 | tag, ...content)
export const boolean = (value: boolean): Uint8Array => der(0x01, Uint8Array.of(value ? 0xff : 0))
export const bits = (bytes: Uint8Array, unused = 0): Uint8Array => der(0x03, Uint8Array.of(unused), bytes)

/** A positive integer from its bytes: no needless zero in front, one where the top bit is set. */
export function integer(bytes: Uint8Array): Uint8Array {
  let from = 0
  while (from < bytes.length - 1 && bytes[from] === 0) from++
  const body = bytes.subarray(from)
  return der(0x02, Uint8Array.from((body[0] ?? 0) >= 0x80 ? [0] : []), body)
}

/** Object identifier from its dotted form. */
export function oid(dotted: string): Uint8Array {
  const [a, b, ...rest] = dotted.split('.').map(Number) as [number, number, ...number[]]
  const out = [a * 40 + b]
  for (const arc of rest) {
    const groups = [arc & 0x7f]
    for (let value = arc >>> 7; value > 0; value >>>= 7) groups.unshift(0x80 | (value & 0x7f))
    out.push(...groups)
  }
  return der(0x06, Uint8Array.from(out))
}

/** UTCTime, RFC 5280 section 4.1.2.5.1: YYMMDDHHMMSSZ. */
export function utcTime(ms: number): Uint8Array {
  const text = new Date(ms).toISOString()
  return der(
    0x17,
    Buffer.from(
      `${text.slice(2, 4)}${text.slice(5, 7)}${text.slice(8, 10)}${text.slice(11, 13)}${text.slice(14, 16)}${text.slice(17, 19)}Z`,
    ),
  )
}
