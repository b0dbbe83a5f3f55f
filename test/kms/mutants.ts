// Requests that are nearly right: a corpus of every operation on keys of every kind, and mutations of them, as JSON and as bytes, from one seed.
import { generateKeyPairSync } from 'node:crypto'
import { CreateAliasCommand, CreateKeyCommand, EncryptCommand, SignCommand } from '@aws-sdk/client-kms'
import { OPERATIONS } from '../../host/kms/operations/index.ts'
import type { Seeded } from '../kit/seeded.ts'
import { TestEnclave } from './kit.ts'
import type { KmsProcess } from './process.ts'

type Json = Record<string, unknown>
export type Request = { operation: string; input: Json }

const base64 = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('base64')
const MESSAGE = base64(Buffer.from('attack at dawn'))

/** One valid request at least of each operation; the keys are made for it. */
export async function makeCorpus(kms: KmsProcess): Promise<Request[]> {
  const client = kms.client()
  const make = async (input: Json = {}) => (await client.send(new CreateKeyCommand(input))).KeyMetadata?.KeyId as string
  const key = await make()
  const other = await make()
  const rsa = await make({ KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' })
  const signer = await make({ KeySpec: 'ECC_NIST_P521', KeyUsage: 'SIGN_VERIFY' })
  const mac = await make({ KeySpec: 'HMAC_512', KeyUsage: 'GENERATE_VERIFY_MAC' })
  const agreement = await make({ KeySpec: 'ECC_NIST_P384', KeyUsage: 'KEY_AGREEMENT' })
  await client.send(new CreateAliasCommand({ AliasName: 'alias/fuzz', TargetKeyId: key }))
  const EncryptionContext = { purpose: 'fuzz' }
  const Plaintext = Buffer.from('attack at dawn')
  const sealed = await client.send(new EncryptCommand({ KeyId: key, Plaintext, EncryptionContext }))
  const EncryptionAlgorithm = 'RSAES_OAEP_SHA_256'
  const byRsa = await client.send(new EncryptCommand({ KeyId: rsa, Plaintext, EncryptionAlgorithm }))
  const ecdsa = { KeyId: signer, SigningAlgorithm: 'ECDSA_SHA_512' } as const
  const { Signature } = await client.send(new SignCommand({ ...ecdsa, Message: Plaintext }))
  const document = await new TestEnclave(kms).document()
  const Recipient = { AttestationDocument: base64(document), KeyEncryptionAlgorithm: EncryptionAlgorithm }
  const peer = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'der', type: 'spki' })
  const agree = { KeyId: agreement, KeyAgreementAlgorithm: 'ECDH', PublicKey: base64(peer) }
  const CiphertextBlob = base64(sealed.CiphertextBlob)
  const Tags = [{ TagKey: 'team', TagValue: 'red' }]
  const rows: [operation: string, ...inputs: Json[]][] = [
    ['CancelKeyDeletion', { KeyId: other }],
    ['CreateAlias', { AliasName: 'alias/more', TargetKeyId: other }],
    ['CreateKey', { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC', Description: 'fuzz', Tags }],
    [
      'Decrypt',
      { CiphertextBlob, EncryptionContext },
      { CiphertextBlob, EncryptionContext, KeyId: 'alias/fuzz', Recipient },
      { CiphertextBlob: base64(byRsa.CiphertextBlob), KeyId: rsa, EncryptionAlgorithm },
    ],
    ['DeleteAlias', { AliasName: 'alias/more' }],
    ['DeriveSharedSecret', agree, { ...agree, Recipient }],
    ['DescribeKey', { KeyId: 'alias/fuzz' }],
    ['DisableKey', { KeyId: other }],
    ['DisableKeyRotation', { KeyId: key }],
    ['EnableKey', { KeyId: other }],
    ['EnableKeyRotation', { KeyId: key, RotationPeriodInDays: 90 }],
    [
      'Encrypt',
      { KeyId: key, Plaintext: MESSAGE, EncryptionContext },
      { KeyId: rsa, Plaintext: MESSAGE, EncryptionAlgorithm },
    ],
    ['GenerateDataKey', { KeyId: key, KeySpec: 'AES_256' }, { KeyId: key, NumberOfBytes: 64, Recipient }],
    ['GenerateDataKeyPair', { KeyId: key, KeyPairSpec: 'ECC_NIST_P256' }],
    ['GenerateDataKeyPairWithoutPlaintext', { KeyId: key, KeyPairSpec: 'ECC_SECG_P256K1' }],
    ['GenerateDataKeyWithoutPlaintext', { KeyId: key, KeySpec: 'AES_128' }],
    ['GenerateMac', { KeyId: mac, Message: MESSAGE, MacAlgorithm: 'HMAC_SHA_512' }],
    ['GenerateRandom', { NumberOfBytes: 32 }, { NumberOfBytes: 32, Recipient }],
    ['GetKeyPolicy', { KeyId: key, PolicyName: 'default' }],
    ['GetKeyRotationStatus', { KeyId: key }],
    ['GetPublicKey', { KeyId: signer }],
    ['ListAliases', { KeyId: key, Limit: 5 }],
    ['ListKeyPolicies', { KeyId: key }],
    ['ListKeyRotations', { KeyId: key, IncludeKeyMaterial: 'ALL_KEY_MATERIAL' }],
    ['ListKeys', { Limit: 5, Marker: 'x' }],
    ['ListResourceTags', { KeyId: key }],
    ['PutKeyPolicy', { KeyId: other, Policy: JSON.stringify(POLICY) }],
    ['ReEncrypt', { CiphertextBlob, SourceEncryptionContext: EncryptionContext, DestinationKeyId: key }],
    ['RotateKeyOnDemand', { KeyId: key }],
    ['ScheduleKeyDeletion', { KeyId: other, PendingWindowInDays: 7 }],
    ['Sign', { ...ecdsa, Message: MESSAGE }, { ...ecdsa, Message: base64(Buffer.alloc(64, 7)), MessageType: 'DIGEST' }],
    ['TagResource', { KeyId: key, Tags }],
    ['UntagResource', { KeyId: key, TagKeys: ['team'] }],
    ['UpdateAlias', { AliasName: 'alias/fuzz', TargetKeyId: key }],
    ['UpdateKeyDescription', { KeyId: key, Description: 'fuzz' }],
    ['Verify', { ...ecdsa, Message: MESSAGE, Signature: base64(Signature) }],
    ['VerifyMac', { KeyId: mac, Message: MESSAGE, MacAlgorithm: 'HMAC_SHA_512', Mac: base64(Buffer.alloc(64)) }],
  ]
  const missing = [...OPERATIONS.keys()].filter((name) => !rows.some(([operation]) => operation === name))
  if (missing.length > 0) throw new Error(`the corpus has no ${missing.join(', ')}`)
  return rows.flatMap(([operation, ...inputs]) => inputs.map((input) => ({ operation, input })))
}

const POLICY = {
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: '*',
      Action: 'kms:*',
      Resource: '*',
      Condition: { StringNotLike: { 'kms:EncryptionContext:purpose': ['evil*'] } },
    },
  ],
}

/** What programs trip over. */
const HOSTILE: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  2 ** 31,
  2 ** 53,
  1e308,
  0.5,
  '',
  '\0',
  '\ud800',
  '__proto__',
  'alias/',
  'arn:aws:kms:::',
  '*'.repeat(300),
  'A'.repeat(20_000),
  'é'.repeat(9000),
  [],
  [[]],
  {},
  { length: 1 },
  { toString: null },
]
const EXTRA: readonly [string, unknown][] = [
  ['GrantTokens', ['x']],
  ['DryRun', true],
  ['__proto__', { KeyId: 'x' }],
  ['constructor', null],
  ['Limit', 1],
  ['EncryptionContext', { a: 'b', A: 'c' }],
]

/** The body of a request, changed in one to three places; now and then not at all. */
export function mutant({ input }: Request, random: Seeded): Buffer {
  const changed = structuredClone(input)
  for (let i = random.below(4); i > 0; i--) mutateJson(changed, random)
  const bytes = Buffer.from(random.chance(3) ? nested(JSON.stringify(changed), random) : JSON.stringify(changed))
  return random.chance(40) ? mutateBytes(bytes, random) : bytes
}

function mutateJson(at: Json, random: Seeded): void {
  const names = Object.keys(at)
  const name = names.length === 0 ? 'KeyId' : random.pick(names)
  const value = at[name]
  // By definition, as assigning to __proto__ would not add a field. A copy, as what is put in is mutated in its turn.
  const put = (field: string, content: unknown) =>
    Object.defineProperty(at, field, {
      value: structuredClone(content),
      enumerable: true,
      configurable: true,
      writable: true,
    })
  switch (random.below(7)) {
    case 0:
      delete at[name]
      break
    case 1:
      put(name, random.pick(HOSTILE))
      break
    case 2:
      put(...random.pick(EXTRA))
      break
    case 3:
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) mutateJson(value as Json, random)
      else if (typeof value === 'string') put(name, mutateText(value, random))
      break
    case 4:
      if (typeof value === 'string') put(name, mutateBlob(value, random))
      break
    case 5:
      put(random.pick(names.length === 0 ? ['KeyId'] : names), value)
      break
    default:
      if (typeof value === 'number') put(name, value + random.pick([-1, 1, -0.5, 1e6, -1e6]))
  }
}

function mutateText(text: string, random: Seeded): string {
  const at = random.below(text.length + 1)
  return random.pick([
    text.slice(0, at),
    text.slice(at),
    `${text.slice(0, at)}${String.fromCharCode(random.below(0x10000))}${text.slice(at)}`,
    text.toUpperCase(),
    text + text,
  ])
}

function mutateBlob(text: string, random: Seeded): string {
  return mutateBytes(Buffer.from(text, 'base64'), random).toString('base64')
}

function mutateBytes(bytes: Buffer, random: Seeded): Buffer {
  if (bytes.length === 0) return random.bytes(1 + random.below(8))
  const at = random.below(bytes.length)
  const changed = Buffer.from(bytes)
  switch (random.below(5)) {
    case 0:
      changed[at] = (changed[at] as number) ^ (1 << random.below(8))
      return changed
    case 1:
      return changed.subarray(0, at)
    case 2:
      return Buffer.concat([changed.subarray(0, at), random.bytes(1 + random.below(16)), changed.subarray(at)])
    case 3:
      return Buffer.concat([changed.subarray(0, at), changed.subarray(random.below(bytes.length))])
    default:
      changed.fill(random.below(256), at, Math.min(bytes.length, at + 1 + random.below(32)))
      return changed
  }
}

function nested(json: string, random: Seeded): string {
  const depth = 1 + random.below(50_000)
  return `{"Deep":${'['.repeat(depth)}${']'.repeat(depth)},${json.slice(1)}`
}
