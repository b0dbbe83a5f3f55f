/**
 * ECDSA (FIPS 186-5 6.4) over a digest that the caller has made, which node:crypto does not offer: it always hashes. The multiplication by the
 * nonce is OpenSSL's.
 * LIMIT: the arithmetic modulo n is BigInt's, whose time depends on its operands; nonce and key enter it only multiplied by a random blind.
 */
import { createECDH, type KeyObject, randomBytes } from 'node:crypto'
import { CURVES, type Curve, combine, invert, modulo } from './curves.ts'

/** @param digest as long as the hash that goes with the curve @returns DER, as AWS gives it */
export function signDigest(digest: Uint8Array, key: KeyObject, curveName: string): Buffer {
  const curve = CURVES[curveName] as Curve
  const { n, bytes } = curve
  const d = integer(Buffer.from(key.export({ format: 'jwk' }).d as string, 'base64url'))
  const e = integer(digest)
  for (;;) {
    const [k, blind] = [randomScalar(curve), randomScalar(curve)]
    const ecdh = createECDH(curve.ecdh)
    ecdh.setPrivateKey(octets(k, bytes))
    // An uncompressed point: 4 ‖ x ‖ y
    const r = integer(ecdh.getPublicKey().subarray(1, 1 + bytes)) % n
    // (k·b)⁻¹ · (e·b + r·(d·b)) = k⁻¹ · (e + r·d)
    const blinded = modulo(e * blind, n) + modulo(r * modulo(d * blind, n), n)
    const s = modulo(invert(modulo(k * blind, n), n) * blinded, n)
    if (r !== 0n && s !== 0n) return encode(r, s)
  }
}

/** @param signature DER, and nothing else that reads like it @param key the public one */
export function verifyDigest(digest: Uint8Array, signature: Uint8Array, key: KeyObject, curveName: string): boolean {
  const curve = CURVES[curveName] as Curve
  const { n } = curve
  const parsed = decode(Buffer.from(signature), n)
  if (parsed === undefined) return false
  const { x, y } = key.export({ format: 'jwk' })
  const q = { x: integer(Buffer.from(x as string, 'base64url')), y: integer(Buffer.from(y as string, 'base64url')) }
  const w = invert(parsed.s, n)
  const point = combine(curve, modulo(integer(digest) * w, n), modulo(parsed.r * w, n), q)
  return point !== undefined && point % n === parsed.r
}

/** In 1..n-1, uniform: what does not fit is thrown away (FIPS 186-5 A.3.2). */
function randomScalar({ n, bytes }: Curve): bigint {
  const excess = BigInt(bytes * 8 - n.toString(2).length)
  for (;;) {
    const candidate = integer(randomBytes(bytes)) >> excess
    if (candidate > 0n && candidate < n) return candidate
  }
}

function encode(r: bigint, s: bigint): Buffer {
  const body = Buffer.concat([der(r), der(s)])
  return Buffer.concat([Buffer.from(body.length < 0x80 ? [0x30, body.length] : [0x30, 0x81, body.length]), body])
}

function der(value: bigint): Buffer {
  const hex = value.toString(16)
  const magnitude = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  const body = (magnitude[0] as number) >= 0x80 ? Buffer.concat([Uint8Array.of(0), magnitude]) : magnitude
  return Buffer.concat([Uint8Array.of(0x02, body.length), body])
}

// What encodes to these very bytes is DER; everything else is not.
function decode(signature: Buffer, n: bigint): { r: bigint; s: bigint } | undefined {
  const at = signature[1] === 0x81 ? 3 : 2
  const rBytes = signature.subarray(at + 2, at + 2 + (signature[at + 1] ?? 0))
  const sAt = at + 2 + rBytes.length
  const sBytes = signature.subarray(sAt + 2, sAt + 2 + (signature[sAt + 1] ?? 0))
  const [r, s] = [integer(rBytes), integer(sBytes)]
  if (r <= 0n || s <= 0n || r >= n || s >= n) return undefined
  return encode(r, s).equals(signature) ? { r, s } : undefined
}

function integer(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

function octets(value: bigint, bytes: number): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * bytes, '0'), 'hex')
}
