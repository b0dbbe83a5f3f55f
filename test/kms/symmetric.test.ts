import { createPrivateKey, createPublicKey } from 'node:crypto'
import {
  CreateKeyCommand,
  DecryptCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateDataKeyPairCommand,
  GenerateDataKeyPairWithoutPlaintextCommand,
  GenerateDataKeyWithoutPlaintextCommand,
  GenerateRandomCommand,
  ReEncryptCommand,
} from '@aws-sdk/client-kms'
import t from 'tap'
import { BLOB_OVERHEAD } from '../../host/kms/crypto/blob.ts'
import { MAX_ENCRYPTION_CONTEXT, MAX_PLAINTEXT, MAX_RANDOM } from '../../host/kms/limits.ts'
import { KmsUnderTest } from './kit.ts'

const kms = await KmsUnderTest.start()
t.teardown(() => kms.stop())
const client = kms.client()
const newKey = async () => (await client.send(new CreateKeyCommand({}))).KeyMetadata?.KeyId as string
const KeyId = await newKey()
const text = Buffer.from('attack at dawn')

t.test('opens what it sealed, and says by which key and material', async (t) => {
  const sealed = await client.send(new EncryptCommand({ KeyId, Plaintext: text }))
  t.equal(sealed.EncryptionAlgorithm, 'SYMMETRIC_DEFAULT')
  t.equal(sealed.CiphertextBlob?.length, text.length + BLOB_OVERHEAD)
  const opened = await client.send(new DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob }))
  t.same(Buffer.from(opened.Plaintext as Uint8Array), text)
  t.match(opened, { KeyId: sealed.KeyId, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT', KeyMaterialId: /^[0-9a-f]{64}$/ })
  const again = await client.send(new EncryptCommand({ KeyId, Plaintext: text }))
  t.notSame(again.CiphertextBlob, sealed.CiphertextBlob, 'and never seals twice alike')
})

t.test('opens under the same encryption context alone, whatever its order', async (t) => {
  const EncryptionContext = { purpose: 'test', é: 'ü', '': 'empty' }
  const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId, Plaintext: text, EncryptionContext }))
  const open = (context: Record<string, string> | undefined) =>
    client.send(new DecryptCommand({ CiphertextBlob, ...(context && { EncryptionContext: context }) }))
  t.same(Buffer.from((await open({ '': 'empty', é: 'ü', purpose: 'test' })).Plaintext as Uint8Array), text)
  for (const wrong of [
    undefined,
    {},
    { purpose: 'test' },
    { ...EncryptionContext, more: '' },
    { ...EncryptionContext, purpose: 'Test' },
    { purpose: 'test', é: 'üempty', '': '' },
  ])
    await t.rejects(open(wrong), { name: 'InvalidCiphertextException' }, JSON.stringify(wrong))
})

t.test('refuses every changed byte with one name and one message, and accepts the blob unchanged', async (t) => {
  const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId, Plaintext: text }))
  const blob = Buffer.from(CiphertextBlob as Uint8Array)
  const messages = new Set<string>()
  for (let at = 0; at < blob.length; at++) {
    const changed = Buffer.from(blob)
    changed[at] = (changed[at] as number) ^ (1 << (at & 7))
    const error = (await client.send(new DecryptCommand({ CiphertextBlob: changed })).catch((e) => e)) as Error
    // Bytes 1 to 16 name the key: another one is not there.
    if (at >= 1 && at <= 16) t.equal(error.name, 'AccessDeniedException')
    else messages.add(`${error.name}: ${error.message}`)
  }
  for (const length of [1, 16, BLOB_OVERHEAD - 1, blob.length - 1])
    messages.add(
      String(
        await client
          .send(new DecryptCommand({ CiphertextBlob: blob.subarray(0, length) }))
          .catch((e) => `${e.name}: ${e.message}`),
      ),
    )
  t.equal(messages.size, 1, [...messages].join(' | '))
  t.match([...messages][0], /^InvalidCiphertextException/)
  t.ok(await client.send(new DecryptCommand({ CiphertextBlob: blob })))
})

t.test('refuses a key that the ciphertext is not of, and accepts its own', async (t) => {
  const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId, Plaintext: text }))
  await t.rejects(client.send(new DecryptCommand({ CiphertextBlob, KeyId: await newKey() })), {
    name: 'IncorrectKeyException',
  })
  t.ok(await client.send(new DecryptCommand({ CiphertextBlob, KeyId })))
})

t.test('accepts sizes up to the limit and refuses those beyond', async (t) => {
  for (const length of [1, MAX_PLAINTEXT - 1, MAX_PLAINTEXT])
    t.ok(await client.send(new EncryptCommand({ KeyId, Plaintext: new Uint8Array(length) })), `${length} bytes`)
  for (const length of [0, MAX_PLAINTEXT + 1])
    await t.rejects(
      client.send(new EncryptCommand({ KeyId, Plaintext: new Uint8Array(length) })),
      { name: 'ValidationException', message: /'plaintext'/ },
      `${length} bytes`,
    )
  for (const [total, accepted] of [
    [MAX_ENCRYPTION_CONTEXT - 1, true],
    [MAX_ENCRYPTION_CONTEXT, true],
    [MAX_ENCRYPTION_CONTEXT + 1, false],
  ] as const) {
    const EncryptionContext = { key: 'v'.repeat(total - 3) }
    const sent = client.send(new EncryptCommand({ KeyId, Plaintext: text, EncryptionContext }))
    if (accepted) t.ok(await sent, `${total} bytes of context`)
    else await t.rejects(sent, { name: 'ValidationException' }, `${total} bytes of context`)
  }
  for (const NumberOfBytes of [1, MAX_RANDOM - 1, MAX_RANDOM])
    t.equal((await client.send(new GenerateRandomCommand({ NumberOfBytes }))).Plaintext?.length, NumberOfBytes)
  for (const NumberOfBytes of [0, MAX_RANDOM + 1, undefined])
    await t.rejects(client.send(new GenerateRandomCommand({ NumberOfBytes })), { name: 'ValidationException' })
})

t.test('generates data keys that come back from their ciphertexts', async (t) => {
  const EncryptionContext = { for: 'data' }
  for (const [request, length] of [
    [{ KeySpec: 'AES_256' }, 32],
    [{ KeySpec: 'AES_128' }, 16],
    [{ NumberOfBytes: 1 }, 1],
    [{ NumberOfBytes: MAX_RANDOM }, MAX_RANDOM],
  ] as const) {
    const made = await client.send(new GenerateDataKeyCommand({ KeyId, EncryptionContext, ...request }))
    t.equal(made.Plaintext?.length, length)
    const opened = await client.send(new DecryptCommand({ CiphertextBlob: made.CiphertextBlob, EncryptionContext }))
    t.same(opened.Plaintext, made.Plaintext)
  }
  for (const wrong of [{}, { KeySpec: 'AES_256', NumberOfBytes: 32 }, { NumberOfBytes: MAX_RANDOM + 1 }] as const)
    await t.rejects(client.send(new GenerateDataKeyCommand({ KeyId, ...wrong })), { name: 'ValidationException' })
  const blind = await client.send(new GenerateDataKeyWithoutPlaintextCommand({ KeyId, KeySpec: 'AES_256' }))
  t.notOk('Plaintext' in blind)
  t.equal((await client.send(new DecryptCommand({ CiphertextBlob: blind.CiphertextBlob }))).Plaintext?.length, 32)
})

t.test('generates key pairs whose private half comes back from its ciphertext', async (t) => {
  for (const KeyPairSpec of [
    'RSA_2048',
    'ECC_NIST_P256',
    'ECC_NIST_P384',
    'ECC_NIST_P521',
    'ECC_SECG_P256K1',
  ] as const) {
    const made = await client.send(new GenerateDataKeyPairCommand({ KeyId, KeyPairSpec }))
    const der = Buffer.from(made.PrivateKeyPlaintext as Uint8Array)
    const publicKey = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
    t.same(publicKey.export({ format: 'der', type: 'spki' }), Buffer.from(made.PublicKey as Uint8Array), KeyPairSpec)
    const opened = await client.send(new DecryptCommand({ CiphertextBlob: made.PrivateKeyCiphertextBlob }))
    t.same(Buffer.from(opened.Plaintext as Uint8Array), der)
  }
  const blind = await client.send(
    new GenerateDataKeyPairWithoutPlaintextCommand({ KeyId, KeyPairSpec: 'ECC_NIST_P256' }),
  )
  t.notOk('PrivateKeyPlaintext' in blind)
  t.ok(blind.PublicKey)
  await t.rejects(client.send(new GenerateDataKeyPairCommand({ KeyId, KeyPairSpec: 'SM2' })), {
    name: 'ValidationException',
  })
})

t.test('moves a ciphertext to another key and context', async (t) => {
  const other = await newKey()
  const SourceEncryptionContext = { at: 'first' }
  const DestinationEncryptionContext = { at: 'second' }
  const { CiphertextBlob } = await client.send(
    new EncryptCommand({ KeyId, Plaintext: text, EncryptionContext: SourceEncryptionContext }),
  )
  const move = { CiphertextBlob, DestinationKeyId: other, DestinationEncryptionContext }
  await t.rejects(client.send(new ReEncryptCommand(move)), { name: 'InvalidCiphertextException' })
  const moved = await client.send(new ReEncryptCommand({ ...move, SourceEncryptionContext }))
  t.match(moved, {
    SourceKeyId: new RegExp(KeyId),
    KeyId: new RegExp(other),
    DestinationKeyMaterialId: /^[0-9a-f]{64}$/,
  })
  const opened = await client.send(
    new DecryptCommand({ CiphertextBlob: moved.CiphertextBlob, EncryptionContext: DestinationEncryptionContext }),
  )
  t.same(Buffer.from(opened.Plaintext as Uint8Array), text)
})

t.test('encrypts under RSA keys, also by their public half alone', async (t) => {
  const { KeyMetadata } = await client.send(new CreateKeyCommand({ KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' }))
  const KeyId = KeyMetadata?.KeyId as string
  for (const [EncryptionAlgorithm, max] of [
    ['RSAES_OAEP_SHA_1', 214],
    ['RSAES_OAEP_SHA_256', 190],
  ] as const) {
    const Plaintext = new Uint8Array(max).fill(9)
    const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId, EncryptionAlgorithm, Plaintext }))
    const opened = await client.send(new DecryptCommand({ KeyId, EncryptionAlgorithm, CiphertextBlob }))
    t.same(opened.Plaintext, Plaintext)
    await t.rejects(
      client.send(new EncryptCommand({ KeyId, EncryptionAlgorithm, Plaintext: new Uint8Array(max + 1) })),
      { name: 'ValidationException' },
    )
    await t.rejects(client.send(new DecryptCommand({ EncryptionAlgorithm, CiphertextBlob })), {
      name: 'ValidationException',
    })
    const changed = Buffer.from(CiphertextBlob as Uint8Array)
    changed[7] = (changed[7] as number) ^ 1
    await t.rejects(client.send(new DecryptCommand({ KeyId, EncryptionAlgorithm, CiphertextBlob: changed })), {
      name: 'InvalidCiphertextException',
    })
  }
  await t.rejects(client.send(new EncryptCommand({ KeyId, Plaintext: text })), { name: 'InvalidKeyUsageException' })
  await t.rejects(client.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' })), {
    name: 'InvalidKeyUsageException',
  })
  await t.rejects(
    client.send(
      new EncryptCommand({
        KeyId,
        Plaintext: text,
        EncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
        EncryptionContext: { a: 'b' },
      }),
    ),
    { name: 'ValidationException' },
  )
})

t.test('tells that a dry run would have succeeded, and does nothing', async (t) => {
  await t.rejects(client.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', DryRun: true })), {
    name: 'DryRunOperationException',
  })
  await t.rejects(client.send(new EncryptCommand({ KeyId: await rsaSigner(), Plaintext: text, DryRun: true })), {
    name: 'InvalidKeyUsageException',
  })
})

async function rsaSigner(): Promise<string> {
  const { KeyMetadata } = await client.send(new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }))
  return KeyMetadata?.KeyId as string
}

t.test('failed in none of these itself', async (t) => t.same(kms.failures, []))
