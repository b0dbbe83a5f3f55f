// The audit log: one CloudTrail-shaped event a call, attested calls told apart, no content in it, and files that do not grow for ever.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import {
  DecryptCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateDataKeyPairCommand,
  GenerateMacCommand,
  GenerateRandomCommand,
  ListKeysCommand,
  SignCommand,
} from '@aws-sdk/client-kms'
import t from 'tap'
import { ACCOUNT } from '../../host/kms/account.ts'
import { attestedPolicy, ENCLAVE_ROLE, IMAGE, KmsUnderTest, TestEnclave, USER } from './kit.ts'

const kms = await KmsUnderTest.start()
t.teardown(() => kms.stop())
const client = kms.client()
const enclave = new TestEnclave(kms)
const last = () => kms.events.at(-1) as Record<string, unknown>

t.test('tells who called what on which key, and with which settings', async (t) => {
  const KeyId = await kms.newKey()
  const EncryptionContext = { purpose: 'test' }
  const before = kms.events.length
  const { $metadata } = await client.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from('x'), EncryptionContext }))
  t.equal(kms.events.length, before + 1, 'one event a call')
  t.match(last(), {
    eventVersion: '1.08',
    eventSource: 'kms.amazonaws.com',
    eventName: 'Encrypt',
    eventTime: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
    userIdentity: { type: 'IAMUser', arn: USER, accountId: ACCOUNT, userName: 'developer' },
    sourceIPAddress: '127.0.0.1',
    userAgent: /aws-sdk-js/,
    requestParameters: { keyId: KeyId, encryptionContext: EncryptionContext },
    responseElements: null,
    requestID: $metadata.requestId as string,
    readOnly: true,
    resources: [{ type: 'AWS::KMS::Key', ARN: `arn:aws:kms:local-1:${ACCOUNT}:key/${KeyId}` }],
    recipientAccountId: ACCOUNT,
  })
  t.notOk('errorCode' in last() || 'additionalEventData' in last())
  await kms.client(ENCLAVE_ROLE).send(new ListKeysCommand({}))
  t.match(last(), { eventName: 'ListKeys', userIdentity: { type: 'AssumedRole', arn: ENCLAVE_ROLE }, resources: [] })
  t.equal(last().requestParameters, null)
})

t.test('tells of an attested call what the document said, in base64, and of a refused one nothing', async (t) => {
  const KeyId = await kms.newKey({ Policy: attestedPolicy(['kms:GenerateDataKey'], IMAGE[0] as string) })
  const ask = async (pcrs: Record<number, string>) =>
    client.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', Recipient: await enclave.recipient({ pcrs }) }))
  await ask({ ...IMAGE, 8: '00'.repeat(48) })
  const base64 = (index: number) => Buffer.from(IMAGE[index] as string, 'hex').toString('base64')
  t.match(last(), {
    eventName: 'GenerateDataKey',
    requestParameters: { keyId: KeyId, keySpec: 'AES_256' },
    additionalEventData: {
      recipient: {
        attestationDocumentModuleId: enclave.moduleId,
        attestationDocumentEnclaveImageDigest: base64(0),
        attestationDocumentEnclavePCR1: base64(1),
        attestationDocumentEnclavePCR2: base64(2),
        attestationDocumentEnclavePCR4: base64(4),
        attestationDocumentEnclavePCR8: 'A'.repeat(64),
      },
    },
  })
  await t.rejects(ask({ 0: '99'.repeat(48) }))
  t.match(last(), { errorCode: 'AccessDenied', errorMessage: /is not authorized to perform: kms:GenerateDataKey/ })
  t.notOk('additionalEventData' in last())
})

t.test('tells refusals by their names', async (t) => {
  const KeyId = await kms.newKey()
  await t.rejects(client.send(new DecryptCommand({ KeyId, CiphertextBlob: Buffer.from('noise') })))
  t.match(last(), { eventName: 'Decrypt', errorCode: 'InvalidCiphertextException' })
  await kms.raw('TrentService.Encrypt', '{"KeyId":7')
  t.match(last(), { eventName: 'Encrypt', errorCode: 'SerializationException', requestParameters: null })
})

t.test('holds no plaintext, message, key or ciphertext, of calls that succeed and of those that do not', async (t) => {
  const canary = 'canary-7b1f9c'
  const bytes = Buffer.from(canary)
  const KeyId = await kms.newKey()
  const mac = await kms.newKey({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' })
  const sealed = await client.send(new EncryptCommand({ KeyId, Plaintext: bytes }))
  const opened = await client.send(new DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob }))
  const dataKey = await client.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' }))
  const pair = await client.send(new GenerateDataKeyPairCommand({ KeyId, KeyPairSpec: 'ECC_NIST_P256' }))
  const random = await client.send(new GenerateRandomCommand({ NumberOfBytes: 32 }))
  const { Mac } = await client.send(
    new GenerateMacCommand({ KeyId: mac, Message: bytes, MacAlgorithm: 'HMAC_SHA_256' }),
  )
  await t.rejects(client.send(new EncryptCommand({ KeyId: mac, Plaintext: bytes })))
  await t.rejects(client.send(new SignCommand({ KeyId, Message: bytes, SigningAlgorithm: 'ECDSA_SHA_256' })))
  // A plaintext where a text is due, or of another type.
  const text = JSON.stringify(bytes.toString('base64'))
  await kms.raw('TrentService.Encrypt', `{"KeyId":"${KeyId}","Plaintext":{"a":${text}}}`)
  await kms.raw('TrentService.Encrypt', `{"KeyId":"${KeyId}","Plaintext":"${canary}!"}`)
  await kms.raw('TrentService.Encrypt', `{"KeyId":"${KeyId}","Plaintext":${text.repeat(2)}}`)
  const log = readFileSync(join(kms.folder, 'audit.ndjson'), 'utf8')
  t.equal(Buffer.from(opened.Plaintext as Uint8Array).toString(), canary)
  for (const [what, secret] of Object.entries({
    plaintext: bytes,
    ciphertext: sealed.CiphertextBlob,
    'data key': dataKey.Plaintext,
    'private key': pair.PrivateKeyPlaintext?.subarray(30, 60),
    random: random.Plaintext,
    mac: Mac,
  }))
    for (const form of ['base64', 'hex', 'latin1'] as const)
      t.notOk(
        log.includes(
          Buffer.from(secret as Uint8Array)
            .toString(form)
            .slice(0, 40),
        ),
        `${what} in ${form}`,
      )
  for (const { secretAccessKey } of kms.credentials.values()) t.notOk(log.includes(secretAccessKey))
  t.ok(log.includes(KeyId), 'the log is the one that was looked through')
})

t.test('is in files of a size, of which the oldest goes, and is nobody else’s to read', async (t) => {
  const small = await KmsUnderTest.start({ trail: { fileBytes: 4096, files: 3 } })
  t.teardown(() => small.stop())
  for (let i = 0; i < 60; i++) await small.client().send(new ListKeysCommand({ Limit: i + 1 }))
  const files = readdirSync(small.folder)
    .filter((name) => name.startsWith('audit'))
    .sort()
  t.same(files, ['audit.1.ndjson', 'audit.2.ndjson', 'audit.ndjson'])
  const limits: number[] = []
  for (const name of ['audit.2.ndjson', 'audit.1.ndjson', 'audit.ndjson']) {
    const { size, mode } = statSync(join(small.folder, name))
    t.ok(size <= 4096 && size > 0, `${name} has ${size} bytes`)
    t.equal(mode & 0o777, 0o600)
    for (const line of readFileSync(join(small.folder, name), 'utf8').trimEnd().split('\n'))
      limits.push(JSON.parse(line).requestParameters.limit)
  }
  t.equal(limits.at(-1), 60)
  t.same(
    limits,
    limits.map((_, index) => 60 - limits.length + 1 + index),
    'gapless, up to the last',
  )
})

t.test('comes before the answer: what cannot be written down is not given out', async (t) => {
  const full = await KmsUnderTest.start()
  t.teardown(() => full.stop())
  const KeyId = await full.newKey()
  const encrypt = () => full.client().send(new EncryptCommand({ KeyId, Plaintext: Buffer.from('x') }))
  t.ok(await encrypt())
  full.breakTrail()
  await t.rejects(encrypt(), { name: 'KMSInternalException', message: 'the KMS failed; its host knows more' })
  t.equal(full.failures.length, 1)
})

t.test('failed in none of these itself', async (t) => t.same(kms.failures, []))
