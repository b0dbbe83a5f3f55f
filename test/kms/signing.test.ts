// Signatures and MACs by every algorithm, cross-checked with node:crypto by the key that GetPublicKey gives; both directions.
import {
  constants,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  verify as nodeVerify,
} from 'node:crypto'
import {
  DeriveSharedSecretCommand,
  EncryptCommand,
  GenerateMacCommand,
  GetPublicKeyCommand,
  type KeySpec,
  type MacAlgorithmSpec,
  SignCommand,
  type SigningAlgorithmSpec,
  VerifyCommand,
  VerifyMacCommand,
} from '@aws-sdk/client-kms'
import t from 'tap'
import { algorithmsOf, KEY_SPECS, SPECS } from '../../host/kms/keys/spec.ts'
import { MAX_MESSAGE } from '../../host/kms/limits.ts'
import { KmsUnderTest } from './kit.ts'

t.setTimeout(120_000)
const kms = await KmsUnderTest.start()
t.teardown(() => kms.stop())
const client = kms.client()
const message = Buffer.from('attack at dawn')
const signers = KEY_SPECS.filter((spec) => (SPECS[spec].usages as string[]).includes('SIGN_VERIFY'))

async function publicKeyOf(KeyId: string): Promise<KeyObject> {
  const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId }))
  return createPublicKey({ key: Buffer.from(PublicKey as Uint8Array), format: 'der', type: 'spki' })
}

/** By node:crypto alone, of the message itself. */
function holds(algorithm: string, key: KeyObject, signature: Uint8Array): boolean {
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  return nodeVerify(
    `sha${algorithm.slice(-3)}`,
    message,
    { key, ...(algorithm.startsWith('RSASSA_PSS') && pss) },
    signature,
  )
}

for (const spec of signers)
  t.test(`${spec} signs by each of its algorithms, a message and a digest, and node:crypto agrees`, async (t) => {
    const KeyId = await kms.newKey({ KeySpec: spec, KeyUsage: 'SIGN_VERIFY' })
    const publicKey = await publicKeyOf(KeyId)
    const algorithms = algorithmsOf(spec, 'SIGN_VERIFY').SigningAlgorithms as SigningAlgorithmSpec[]
    t.equal(algorithms.length, spec.startsWith('RSA') ? 6 : 1)
    for (const SigningAlgorithm of algorithms) {
      const digest = createHash(`sha${SigningAlgorithm.slice(-3)}`)
        .update(message)
        .digest()
      const of = {
        RAW: { KeyId, SigningAlgorithm, MessageType: 'RAW', Message: message },
        DIGEST: { KeyId, SigningAlgorithm, MessageType: 'DIGEST', Message: digest },
      } as const
      for (const [made, checked] of [
        ['RAW', 'DIGEST'],
        ['DIGEST', 'RAW'],
      ] as const) {
        const { Signature } = await client.send(new SignCommand(of[made]))
        const what = `${SigningAlgorithm} of ${made}`
        t.ok(holds(SigningAlgorithm, publicKey, Signature as Uint8Array), what)
        for (const type of [made, checked])
          t.match(await client.send(new VerifyCommand({ ...of[type], Signature })), {
            SignatureValid: true,
            SigningAlgorithm,
          })
        const flipped = Buffer.from(Signature as Uint8Array)
        flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] as number) ^ 1
        const other = Buffer.from(of[checked].Message)
        other[0] = (other[0] as number) ^ 1
        for (const wrong of [
          { ...of[made], Signature: flipped },
          { ...of[checked], Signature: flipped },
          { ...of[checked], Signature, Message: other },
          { ...of[made], Signature: Buffer.concat([Signature as Uint8Array, Buffer.of(0)]) },
          { ...of[checked], Signature: (Signature as Uint8Array).subarray(1) },
        ])
          await t.rejects(client.send(new VerifyCommand(wrong)), { name: 'KMSInvalidSignatureException' }, what)
      }
      for (const length of [digest.length - 1, digest.length + 1])
        await t.rejects(client.send(new SignCommand({ ...of.DIGEST, Message: Buffer.alloc(length) })), {
          name: 'ValidationException',
          message: new RegExp(`${length} bytes, expected ${digest.length}`),
        })
    }
    const foreign = spec.startsWith('RSA') ? 'ECDSA_SHA_256' : 'RSASSA_PSS_SHA_256'
    await t.rejects(client.send(new SignCommand({ KeyId, SigningAlgorithm: foreign, Message: message })), {
      name: 'InvalidKeyUsageException',
    })
    await t.rejects(client.send(new EncryptCommand({ KeyId, Plaintext: message })), {
      name: 'InvalidKeyUsageException',
    })
  })

t.test('signs messages up to the limit, and refuses one without type or algorithm', async (t) => {
  const KeyId = await kms.newKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })
  const sign = (Message: Uint8Array, more = {}) =>
    client.send(new SignCommand({ KeyId, Message, SigningAlgorithm: 'ECDSA_SHA_256', ...more }))
  for (const length of [1, MAX_MESSAGE - 1, MAX_MESSAGE]) t.ok(await sign(Buffer.alloc(length)))
  for (const length of [0, MAX_MESSAGE + 1])
    await t.rejects(sign(Buffer.alloc(length)), { name: 'ValidationException', message: /'message'/ })
  for (const wrong of [{ SigningAlgorithm: undefined }, { SigningAlgorithm: 'ECDSA' }, { MessageType: 'EXTERNAL_MU' }])
    await t.rejects(sign(message, wrong), { name: 'ValidationException' }, JSON.stringify(wrong))
})

t.test('makes and checks MACs of every length, each by its own key', async (t) => {
  for (const spec of KEY_SPECS.filter((each) => each.startsWith('HMAC'))) {
    const KeyId = await kms.newKey({ KeySpec: spec as KeySpec, KeyUsage: 'GENERATE_VERIFY_MAC' })
    const MacAlgorithm = `HMAC_SHA_${spec.slice(5)}` as MacAlgorithmSpec
    const request = { KeyId, MacAlgorithm, Message: message }
    const { Mac } = await client.send(new GenerateMacCommand(request))
    t.equal(Mac?.length, Number(spec.slice(5)) / 8)
    t.same((await client.send(new GenerateMacCommand(request))).Mac, Mac, 'the same for the same')
    t.match(await client.send(new VerifyMacCommand({ ...request, Mac })), { MacValid: true, MacAlgorithm })
    const flipped = Buffer.from(Mac as Uint8Array)
    flipped[flipped.length - 1] = (flipped.at(-1) as number) ^ 1
    for (const wrong of [flipped, (Mac as Uint8Array).subarray(1), Buffer.concat([Mac as Uint8Array, Buffer.of(0)])])
      await t.rejects(client.send(new VerifyMacCommand({ ...request, Mac: wrong })), { name: 'KMSInvalidMacException' })
    await t.rejects(client.send(new VerifyMacCommand({ ...request, Mac, Message: Buffer.from('attack at dusk') })), {
      name: 'KMSInvalidMacException',
    })
    const other = MacAlgorithm === 'HMAC_SHA_256' ? 'HMAC_SHA_512' : 'HMAC_SHA_256'
    await t.rejects(client.send(new GenerateMacCommand({ ...request, MacAlgorithm: other })), {
      name: 'InvalidKeyUsageException',
    })
  }
})

t.test('agrees with node:crypto on a shared secret, on every curve', async (t) => {
  for (const [KeySpec, namedCurve] of [
    ['ECC_NIST_P256', 'P-256'],
    ['ECC_NIST_P384', 'P-384'],
    ['ECC_NIST_P521', 'P-521'],
  ] as const) {
    const KeyId = await kms.newKey({ KeySpec, KeyUsage: 'KEY_AGREEMENT' })
    const peer = generateKeyPairSync('ec', { namedCurve })
    const PublicKey = peer.publicKey.export({ format: 'der', type: 'spki' })
    const { SharedSecret } = await client.send(
      new DeriveSharedSecretCommand({ KeyId, KeyAgreementAlgorithm: 'ECDH', PublicKey }),
    )
    const expected = diffieHellman({ privateKey: peer.privateKey, publicKey: await publicKeyOf(KeyId) })
    t.same(Buffer.from(SharedSecret as Uint8Array), expected, KeySpec)
    await t.rejects(client.send(new SignCommand({ KeyId, Message: message, SigningAlgorithm: 'ECDSA_SHA_256' })), {
      name: 'InvalidKeyUsageException',
    })
  }
})

t.test('failed in none of these itself', async (t) => t.same(kms.failures, []))
