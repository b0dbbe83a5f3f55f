import { spawnSync } from 'node:child_process'
import { createHash, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CreateKeyCommand,
  type CreateKeyCommandInput,
  DecryptCommand,
  DeriveSharedSecretCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateDataKeyPairCommand,
  GenerateRandomCommand,
  GetPublicKeyCommand,
} from '@aws-sdk/client-kms'
import { ContentInfo, CryptoEngine, EnvelopedData, setEngine } from 'pkijs'
import t from 'tap'
import { MAX_PLAINTEXT, MAX_RANDOM } from '../../host/kms/limits.ts'
import { KmsUnderTest, TestEnclave } from './kit.ts'

const kms = await KmsUnderTest.start()
t.teardown(() => kms.stop())
const client = kms.client()
const enclave = new TestEnclave(kms)
setEngine('node', new CryptoEngine({ name: 'node', crypto: globalThis.crypto }))

async function newKey(input: CreateKeyCommandInput = {}): Promise<string> {
  return (await client.send(new CreateKeyCommand(input))).KeyMetadata?.KeyId as string
}
const KeyId = await newKey()

function byOpenSsl(envelope: Uint8Array, key: KeyObject): Buffer | undefined {
  const keyFile = join(kms.folder, 'recipient.pem')
  const envelopeFile = join(kms.folder, 'envelope.der')
  writeFileSync(keyFile, key.export({ format: 'pem', type: 'pkcs8' }))
  writeFileSync(envelopeFile, envelope)
  const run = spawnSync('openssl', [
    'cms',
    '-decrypt',
    '-binary',
    '-inform',
    'DER',
    '-in',
    envelopeFile,
    '-inkey',
    keyFile,
  ])
  return run.error === undefined ? run.stdout : undefined
}

async function byPkijs(envelope: Uint8Array, key: KeyObject): Promise<Buffer> {
  const info = ContentInfo.fromBER(Uint8Array.from(envelope).buffer)
  const enveloped = new EnvelopedData({ schema: info.content })
  const pkcs8 = key.export({ format: 'der', type: 'pkcs8' })
  return Buffer.from(await enveloped.decrypt(0, { recipientPrivateKey: Uint8Array.from(pkcs8).buffer }))
}

/** What OpenSSL and pkijs find, when they agree. */
async function open(
  t: { same(a: unknown, b: unknown, m: string): unknown; comment(m: string): void },
  envelope: Uint8Array | undefined,
  key = enclave.privateKey,
): Promise<Buffer> {
  const found = await byPkijs(envelope as Uint8Array, key)
  const other = byOpenSsl(envelope as Uint8Array, key)
  if (other === undefined) t.comment('openssl is not installed: not asked')
  else t.same(other, found, 'OpenSSL and pkijs agree')
  return found
}

t.test("is AWS's envelope in every byte that is not a value", async (t) => {
  const { CiphertextForRecipient } = await client.send(
    new GenerateRandomCommand({ NumberOfBytes: 32, Recipient: await enclave.recipient() }),
  )
  const hex = Buffer.from(CiphertextForRecipient as Uint8Array).toString('hex')
  t.equal(hex.length / 2, 493, 'as long as the real ones for 32 bytes')
  // The head is fixed up to the key's identifier, whose value AWS does not document: ours is the SHA-256 of the key.
  t.equal(hex.slice(0, 66), '308006092a864886f70d010703a08030800201023182016b3082016702010280' + '20')
  t.equal(hex.slice(66, 130), createHash('sha256').update(enclave.spki).digest('hex'))
  const oaep =
    '303c06092a864886f70d010107302fa00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500'
  t.equal(hex.slice(130, 130 + oaep.length + 8), `${oaep}04820100`)
  const content = hex.slice(130 + oaep.length + 8 + 512)
  t.match(
    content,
    /^308006092a864886f70d010701301d060960864801650304012a0410[0-9a-f]{32}a0800430[0-9a-f]{96}(0000){5}$/,
  )
})

t.test('opens by OpenSSL and by pkijs, from one byte to the most there can be', async (t) => {
  for (const length of [1, 15, 16, 17, 32, MAX_PLAINTEXT - 1, MAX_PLAINTEXT]) {
    const Plaintext = new Uint8Array(length).map((_, index) => index * 7)
    const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId, Plaintext }))
    const answer = await client.send(new DecryptCommand({ CiphertextBlob, Recipient: await enclave.recipient() }))
    t.notOk(answer.Plaintext, `no plaintext beside it, ${length} bytes`)
    t.same(await open(t, answer.CiphertextForRecipient), Buffer.from(Plaintext))
  }
})

t.test('gives a data key to the enclave alone, and its ciphertext to everybody', async (t) => {
  const made = await client.send(
    new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', Recipient: await enclave.recipient() }),
  )
  t.notOk(made.Plaintext)
  const inside = await open(t, made.CiphertextForRecipient)
  const outside = await client.send(new DecryptCommand({ CiphertextBlob: made.CiphertextBlob }))
  t.same(inside, Buffer.from(outside.Plaintext as Uint8Array))
  t.equal(inside.length, 32)
})

t.test('gives a private key to the enclave alone', async (t) => {
  for (const KeyPairSpec of ['ECC_NIST_P384', 'RSA_2048'] as const) {
    const made = await client.send(
      new GenerateDataKeyPairCommand({ KeyId, KeyPairSpec, Recipient: await enclave.recipient() }),
    )
    t.notOk(made.PrivateKeyPlaintext)
    const der = await open(t, made.CiphertextForRecipient)
    const outside = await client.send(new DecryptCommand({ CiphertextBlob: made.PrivateKeyCiphertextBlob }))
    t.same(der, Buffer.from(outside.Plaintext as Uint8Array), KeyPairSpec)
  }
})

t.test('gives random bytes to the enclave alone', async (t) => {
  const made = await client.send(
    new GenerateRandomCommand({ NumberOfBytes: MAX_RANDOM, Recipient: await enclave.recipient() }),
  )
  t.notOk(made.Plaintext)
  t.equal((await open(t, made.CiphertextForRecipient)).length, MAX_RANDOM)
})

t.test('gives a shared secret to the enclave alone', async (t) => {
  for (const [KeySpec, namedCurve] of [
    ['ECC_NIST_P256', 'P-256'],
    ['ECC_NIST_P384', 'P-384'],
    ['ECC_NIST_P521', 'P-521'],
  ] as const) {
    const KeyId = await newKey({ KeySpec, KeyUsage: 'KEY_AGREEMENT' })
    const peer = generateKeyPairSync('ec', { namedCurve })
    const PublicKey = peer.publicKey.export({ format: 'der', type: 'spki' })
    const request = { KeyId, KeyAgreementAlgorithm: 'ECDH', PublicKey } as const
    const plain = await client.send(new DeriveSharedSecretCommand(request))
    const sealed = await client.send(
      new DeriveSharedSecretCommand({ ...request, Recipient: await enclave.recipient() }),
    )
    t.notOk(sealed.SharedSecret)
    const published = await client.send(new GetPublicKeyCommand({ KeyId }))
    const publicKey = createPublicKey({
      key: Buffer.from(published.PublicKey as Uint8Array),
      format: 'der',
      type: 'spki',
    })
    const expected = diffieHellman({ privateKey: peer.privateKey, publicKey })
    t.same(Buffer.from(plain.SharedSecret as Uint8Array), expected, namedCurve)
    t.same(await open(t, sealed.CiphertextForRecipient), expected)
  }
})

t.test('refuses a peer key on another curve or none, and accepts one on its own', async (t) => {
  const KeyId = await newKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'KEY_AGREEMENT' })
  const derive = (PublicKey: Uint8Array) =>
    client.send(new DeriveSharedSecretCommand({ KeyId, KeyAgreementAlgorithm: 'ECDH', PublicKey }))
  const spki = (type: string, options: object) =>
    (generateKeyPairSync as unknown as (type: string, options: object) => { publicKey: KeyObject })(
      type,
      options,
    ).publicKey.export({ format: 'der', type: 'spki' })
  const own = spki('ec', { namedCurve: 'P-256' })
  t.ok(await derive(own))
  const off = Buffer.from(own)
  off[off.length - 1] = (off.at(-1) as number) ^ 1
  for (const [what, wrong] of [
    ['a point beside the curve', off],
    ['another curve', spki('ec', { namedCurve: 'P-384' })],
    ['secp256k1, of the same length', spki('ec', { namedCurve: 'secp256k1' })],
    ['an RSA key', spki('rsa', { modulusLength: 2048 })],
    ['an X25519 key', spki('x25519', {})],
    ['noise', Buffer.alloc(91, 1)],
  ] as const)
    await t.rejects(derive(wrong), { name: 'ValidationException' }, what)
})

t.test('takes keys of 3,072 and 4,096 bits too', async (t) => {
  for (const bits of [3072, 4096]) {
    const other = new TestEnclave(kms, bits)
    const { CiphertextForRecipient } = await client.send(
      new GenerateRandomCommand({ NumberOfBytes: 32, Recipient: await other.recipient() }),
    )
    t.equal((await open(t, CiphertextForRecipient, other.privateKey)).length, 32, `${bits} bits`)
  }
})

t.test('refuses a document whose key is of no use, and accepts one with the right key', async (t) => {
  const ask = async (publicKey: Uint8Array | null) =>
    client.send(new GenerateRandomCommand({ NumberOfBytes: 32, Recipient: await enclave.recipient({ publicKey }) }))
  const spki = (modulusLength: number, publicExponent = 65537, type = 'rsa') =>
    (generateKeyPairSync as unknown as (type: string, options: object) => { publicKey: KeyObject })(type, {
      modulusLength,
      publicExponent,
    }).publicKey.export({ format: 'der', type: 'spki' })
  const even = Buffer.from(enclave.spki)
  // The modulus ends five bytes before the end: 02 03 01 00 01 follows.
  even[even.length - 6] = (even[even.length - 6] as number) & 0xfe
  for (const [what, publicKey] of [
    ['none', null],
    ['1,024 bits', spki(1024)],
    ['2,047 bits', spki(2047)],
    ['2,056 bits', spki(2056)],
    ['exponent 3', spki(2048, 3)],
    ['RSASSA-PSS', spki(2048, 65537, 'rsa-pss')],
    [
      'a point on P-256',
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'der', type: 'spki' }),
    ],
    ['an even modulus', even],
    ['noise', Buffer.alloc(294, 1)],
    ['a byte after it', Buffer.concat([enclave.spki, Buffer.of(0)])],
  ] as const)
    await t.rejects(ask(publicKey), { name: 'ValidationException', message: /ERR_EVIDENCE_KEY: public_key/ }, what)
  t.ok(await ask(enclave.spki))
  t.same(kms.failures, [])
})

t.test('refuses documents made for the channel or for key release, and accepts any other user data', async (t) => {
  const ask = async (userData: string | null) =>
    client.send(
      new GenerateRandomCommand({
        NumberOfBytes: 32,
        Recipient: await enclave.recipient({ userData: userData === null ? null : Buffer.from(userData) }),
      }),
    )
  for (const label of ['channel', 'key-release'])
    await t.rejects(ask(`wasmclave/${label}\0more`), {
      name: 'ValidationException',
      message: new RegExp(`ERR_EVIDENCE_PURPOSE.*wasmclave/${label}`),
    })
  for (const other of [null, '', 'wasmclave/channel', 'wasmclave/workload\0x', 'wasmclave/evidence\0x', 'anything'])
    t.ok(await ask(other), JSON.stringify(other))
})
