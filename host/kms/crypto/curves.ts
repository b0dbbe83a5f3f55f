/** Short Weierstrass curves y² = x³ + ax + b over public values: SP 800-186 3.2.1 and SEC 2 2.4.1. Variable time: for verification only. */

export type Curve = { p: bigint; a: bigint; n: bigint; g: Point; bytes: number; ecdh: string }
export type Point = { x: bigint; y: bigint }
/** Jacobian: x/z², y/z³; z = 0 is the point at infinity. */
type Jacobian = { x: bigint; y: bigint; z: bigint }

function curve(ecdh: string, bytes: number, p: bigint, a: bigint, n: bigint, x: bigint, y: bigint): Curve {
  return { ecdh, bytes, p, a, n, g: { x, y } }
}

const P256 = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn
const P384 = (1n << 384n) - (1n << 128n) - (1n << 96n) + (1n << 32n) - 1n
const P521 = (1n << 521n) - 1n
const K256 = (1n << 256n) - (1n << 32n) - 977n

export const CURVES: Record<string, Curve> = {
  'P-256': curve(
    'prime256v1',
    32,
    P256,
    P256 - 3n,
    0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
    0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
  ),
  'P-384': curve(
    'secp384r1',
    48,
    P384,
    P384 - 3n,
    0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7n,
    0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5fn,
  ),
  'P-521': curve(
    'secp521r1',
    66,
    P521,
    P521 - 3n,
    0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
    0x00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66n,
    0x011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650n,
  ),
  secp256k1: curve(
    'secp256k1',
    32,
    K256,
    0n,
    0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
    0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n,
    0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n,
  ),
}

/** The x of u·G + v·Q, or undefined at infinity. */
export function combine(curve: Curve, u: bigint, v: bigint, q: Point): bigint | undefined {
  const { p } = curve
  const points = [
    { ...curve.g, z: 1n },
    { ...q, z: 1n },
  ] as [Jacobian, Jacobian]
  const both = add(curve, ...points)
  let sum: Jacobian = { x: 1n, y: 1n, z: 0n }
  for (let bit = BigInt(curve.bytes * 8 - 1); bit >= 0n; bit--) {
    sum = double(curve, sum)
    const which = Number((u >> bit) & 1n) + 2 * Number((v >> bit) & 1n)
    if (which !== 0) sum = add(curve, sum, [points[0], points[1], both][which - 1] as Jacobian)
  }
  if (sum.z === 0n) return undefined
  const inverse = invert(sum.z, p)
  return (sum.x * inverse * inverse) % p
}

/** By Euclid; m is prime and x is not a multiple of it. */
export function invert(x: bigint, m: bigint): bigint {
  let [a, b] = [modulo(x, m), m]
  let [s, t] = [1n, 0n]
  while (a > 1n) {
    const quotient = b / a
    ;[a, b] = [b - quotient * a, a]
    ;[s, t] = [t - quotient * s, s]
  }
  return modulo(s, m)
}

export function modulo(x: bigint, m: bigint): bigint {
  const rest = x % m
  return rest < 0n ? rest + m : rest
}

// RFC 6090 F.2, Jacobian in place of homogeneous coordinates.
function double({ p, a }: Curve, { x, y, z }: Jacobian): Jacobian {
  if (z === 0n || y === 0n) return { x: 1n, y: 1n, z: 0n }
  const yy = (y * y) % p
  const s = (4n * x * yy) % p
  const m = (3n * x * x + a * (z * z) ** 2n) % p
  const x3 = modulo(m * m - 2n * s, p)
  return { x: x3, y: modulo(m * (s - x3) - 8n * yy * yy, p), z: (2n * y * z) % p }
}

function add(curve: Curve, a: Jacobian, b: Jacobian): Jacobian {
  if (a.z === 0n) return b
  if (b.z === 0n) return a
  const { p } = curve
  const [az, bz] = [(a.z * a.z) % p, (b.z * b.z) % p]
  const [u1, u2] = [(a.x * bz) % p, (b.x * az) % p]
  const [s1, s2] = [(a.y * bz * b.z) % p, (b.y * az * a.z) % p]
  if (u1 === u2) return s1 === s2 ? double(curve, a) : { x: 1n, y: 1n, z: 0n }
  const h = modulo(u2 - u1, p)
  const r = modulo(s2 - s1, p)
  const hh = (h * h) % p
  const hhh = (hh * h) % p
  const v = (u1 * hh) % p
  const x = modulo(r * r - hhh - 2n * v, p)
  return { x, y: modulo(r * (v - x) - s1 * hhh, p), z: (h * a.z * b.z) % p }
}
