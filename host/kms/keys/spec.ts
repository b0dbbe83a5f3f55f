/** What a key can be, by AWS's names: its spec, its usages, and the algorithms that go with both (API_CreateKey). */
import { createPrivateKey, generateKeyPair, type KeyObject, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'

export const KEY_USAGES = ['ENCRYPT_DECRYPT', 'SIGN_VERIFY', 'GENERATE_VERIFY_MAC', 'KEY_AGREEMENT'] as const
export type KeyUsage = (typeof KEY_USAGES)[number]

type Symmetric = { kind: 'symmetric'; usages: KeyUsage[] }
type Hmac = { kind: 'hmac'; usages: KeyUsage[]; bytes: number; hash: string; mac: string }
type Rsa = { kind: 'rsa'; usages: KeyUsage[]; bits: number }
type Ec = { kind: 'ec'; usages: KeyUsage[]; curve: string; hash: string; signing: string }
export type SpecFacts = Symmetric | Hmac | Rsa | Ec

const hmac = (bytes: number, hash: string, mac: string): Hmac => ({
  kind: 'hmac',
  usages: ['GENERATE_VERIFY_MAC'],
  bytes,
  hash,
  mac,
})
const rsa = (bits: number): Rsa => ({ kind: 'rsa', usages: ['ENCRYPT_DECRYPT', 'SIGN_VERIFY'], bits })
const ec = (curve: string, hash: string, signing: string, usages: KeyUsage[]): Ec => ({
  kind: 'ec',
  usages,
  curve,
  hash,
  signing,
})

/** SM2 is for AWS's regions in China; the ML specs and Edwards25519 are not here. */
export const SPECS = {
  SYMMETRIC_DEFAULT: { kind: 'symmetric', usages: ['ENCRYPT_DECRYPT'] } as Symmetric,
  RSA_2048: rsa(2048),
  RSA_3072: rsa(3072),
  RSA_4096: rsa(4096),
  ECC_NIST_P256: ec('P-256', 'sha256', 'ECDSA_SHA_256', ['SIGN_VERIFY', 'KEY_AGREEMENT']),
  ECC_NIST_P384: ec('P-384', 'sha384', 'ECDSA_SHA_384', ['SIGN_VERIFY', 'KEY_AGREEMENT']),
  ECC_NIST_P521: ec('P-521', 'sha512', 'ECDSA_SHA_512', ['SIGN_VERIFY', 'KEY_AGREEMENT']),
  ECC_SECG_P256K1: ec('secp256k1', 'sha256', 'ECDSA_SHA_256', ['SIGN_VERIFY']),
  // The key is as long as the hash: "HMAC keys … of the length of the output", API_CreateKey
  HMAC_224: hmac(28, 'sha224', 'HMAC_SHA_224'),
  HMAC_256: hmac(32, 'sha256', 'HMAC_SHA_256'),
  HMAC_384: hmac(48, 'sha384', 'HMAC_SHA_384'),
  HMAC_512: hmac(64, 'sha512', 'HMAC_SHA_512'),
} as const satisfies Record<string, SpecFacts>

export type KeySpec = keyof typeof SPECS
export const KEY_SPECS = Object.keys(SPECS) as KeySpec[]

/** API_GenerateDataKeyPair. */
export const PAIR_SPECS = KEY_SPECS.filter((spec) => SPECS[spec].kind === 'rsa' || SPECS[spec].kind === 'ec')

export const ENCRYPTION_ALGORITHMS = ['SYMMETRIC_DEFAULT', 'RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'] as const
export type EncryptionAlgorithm = (typeof ENCRYPTION_ALGORITHMS)[number]

const RSA_SIGNING = [
  'RSASSA_PSS_SHA_256',
  'RSASSA_PSS_SHA_384',
  'RSASSA_PSS_SHA_512',
  'RSASSA_PKCS1_V1_5_SHA_256',
  'RSASSA_PKCS1_V1_5_SHA_384',
  'RSASSA_PKCS1_V1_5_SHA_512',
] as const
export const SIGNING_ALGORITHMS = [...RSA_SIGNING, 'ECDSA_SHA_256', 'ECDSA_SHA_384', 'ECDSA_SHA_512'] as const
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number]

export const MAC_ALGORITHMS = ['HMAC_SHA_224', 'HMAC_SHA_256', 'HMAC_SHA_384', 'HMAC_SHA_512'] as const

/** The lists of a key's metadata, each where the usage has it. */
export function algorithmsOf(spec: KeySpec, usage: KeyUsage): Record<string, string[]> {
  const facts: SpecFacts = SPECS[spec]
  switch (usage) {
    case 'ENCRYPT_DECRYPT':
      return {
        EncryptionAlgorithms: facts.kind === 'rsa' ? ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'] : ['SYMMETRIC_DEFAULT'],
      }
    case 'SIGN_VERIFY':
      return { SigningAlgorithms: facts.kind === 'ec' ? [facts.signing] : [...RSA_SIGNING] }
    case 'GENERATE_VERIFY_MAC':
      return { MacAlgorithms: facts.kind === 'hmac' ? [facts.mac] : [] }
    case 'KEY_AGREEMENT':
      return { KeyAgreementAlgorithms: ['ECDH'] }
  }
}

const pairOf = promisify(generateKeyPair) as unknown as (
  type: string,
  options: object,
) => Promise<{ privateKey: KeyObject }>

/** Fresh material: 32 bytes for SYMMETRIC_DEFAULT, the HMAC's bytes, or a private key as PKCS #8 in DER. */
export async function makeMaterial(spec: KeySpec): Promise<Buffer> {
  const facts: SpecFacts = SPECS[spec]
  switch (facts.kind) {
    case 'symmetric':
      return randomBytes(32)
    case 'hmac':
      return randomBytes(facts.bytes)
    case 'rsa':
      return pkcs8((await pairOf('rsa', { modulusLength: facts.bits })).privateKey)
    case 'ec':
      return pkcs8((await pairOf('ec', { namedCurve: facts.curve })).privateKey)
  }
}

export function privateKeyOf(material: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(material), format: 'der', type: 'pkcs8' })
}

function pkcs8(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'pkcs8' }) as unknown as Buffer
}
