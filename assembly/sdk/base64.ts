// Base64, RFC 4648 section 4, with padding.

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

export function base64(bytes: Uint8Array): string {
  const out = new Uint8Array(((bytes.length + 2) / 3) * 4)
  let to = 0
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i
    const three = (<u32>bytes[i] << 16) | (left > 1 ? <u32>bytes[i + 1] << 8 : 0) | (left > 2 ? <u32>bytes[i + 2] : 0)
    out[to++] = <u8>ALPHABET.charCodeAt(three >> 18)
    out[to++] = <u8>ALPHABET.charCodeAt((three >> 12) & 63)
    out[to++] = left > 1 ? <u8>ALPHABET.charCodeAt((three >> 6) & 63) : 0x3d
    out[to++] = left > 2 ? <u8>ALPHABET.charCodeAt(three & 63) : 0x3d
  }
  return String.UTF8.decodeUnsafe(out.dataStart, out.length)
}
