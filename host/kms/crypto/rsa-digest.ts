/**
 * RSA signatures over a digest that the caller has made (RFC 8017): the encoding is ours, the exponentiation OpenSSL's. A signature is
 * verified by what it opens to, compared with, or parsed as, the one encoding that is right.
 */
import { constants, createHash, type KeyObject, privateEncrypt, publicDecrypt, randomBytes } from 'node:crypto'

/** DigestInfo before the digest, RFC 8017 9.2 note 1. */
const DIGEST_INFO: Record<string, string> = {
  sha256: '3031300d060960864801650304020105000420',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
}

export function signPkcs1Digest(hash: string, digest: Uint8Array, key: KeyObject): Buffer {
  // RSASSA-PKCS1-v1_5 is type 1 padding of DigestInfo, which is what privateEncrypt does.
  return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, digestInfo(hash, digest))
}

export function verifyPkcs1Digest(hash: string, digest: Uint8Array, signature: Uint8Array, key: KeyObject): boolean {
  try {
    return publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature).equals(digestInfo(hash, digest))
  } catch {
    return false
  }
}

/** Salt as long as the digest, as AWS's. */
export function signPssDigest(hash: string, digest: Uint8Array, key: KeyObject): Buffer {
  const encoded = encodePss(hash, digest, randomBytes(digest.length), modulusBits(key) - 1)
  return privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded)
}

/** RFC 8017 9.1.2 with a salt as long as the digest: takes the salt out, and encodes again. */
export function verifyPssDigest(hash: string, digest: Uint8Array, signature: Uint8Array, key: KeyObject): boolean {
  let encoded: Buffer
  try {
    encoded = publicDecrypt({ key, padding: constants.RSA_NO_PADDING }, signature)
  } catch {
    return false
  }
  const length = digest.length
  const h = encoded.subarray(encoded.length - length - 1, encoded.length - 1)
  const masked = encoded.subarray(0, encoded.length - length - 1)
  const salt = xor(masked, mgf1(hash, h, masked.length)).subarray(masked.length - length)
  return encodePss(hash, digest, salt, modulusBits(key) - 1).equals(encoded)
}

// Sizes of 2,048 bits and more: the encoding is as long as the modulus, with one bit free.
function encodePss(hash: string, digest: Uint8Array, salt: Uint8Array, bits: number): Buffer {
  const length = Math.ceil(bits / 8)
  const h = createHash(hash).update(Buffer.alloc(8)).update(digest).update(salt).digest()
  const data = Buffer.alloc(length - h.length - 1)
  data[data.length - salt.length - 1] = 1
  data.set(salt, data.length - salt.length)
  const masked = xor(data, mgf1(hash, h, data.length))
  masked[0] = (masked[0] as number) & (0xff >> (8 * length - bits))
  return Buffer.concat([masked, h, Uint8Array.of(0xbc)])
}

function mgf1(hash: string, seed: Uint8Array, length: number): Buffer {
  const blocks: Buffer[] = []
  for (let counter = 0, made = 0; made < length; counter++) {
    const index = Buffer.alloc(4)
    index.writeUInt32BE(counter)
    const block = createHash(hash).update(seed).update(index).digest()
    blocks.push(block)
    made += block.length
  }
  return Buffer.concat(blocks).subarray(0, length)
}

function digestInfo(hash: string, digest: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(DIGEST_INFO[hash] as string, 'hex'), digest])
}

function modulusBits(key: KeyObject): number {
  return key.asymmetricKeyDetails?.modulusLength as number
}

function xor(a: Uint8Array, b: Uint8Array): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] as number)))
}
