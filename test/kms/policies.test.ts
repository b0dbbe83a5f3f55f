// Key policies by the SDK: kept, replaced, refused where their author would be locked out, and obeyed for every operation on a key.
import {
  CreateKeyCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GetKeyPolicyCommand,
  ListKeyPoliciesCommand,
  PutKeyPolicyCommand,
  ReEncryptCommand,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms'
import t from 'tap'
import { ACCOUNT } from '../../host/kms/account.ts'
import { OPERATIONS } from '../../host/kms/operations/index.ts'
import { MAX_POLICY_BYTES } from '../../host/kms/policy/index.ts'
import { ENCLAVE_ROLE, KmsUnderTest, ROOT, USER } from './kit.ts'

const kms = await KmsUnderTest.start()
t.teardown(() => kms.stop())
const client = kms.client()
const role = kms.client(ENCLAVE_ROLE)
const text = Buffer.from('attack at dawn')

type Statement = Record<string, unknown>
const allow = (Principal: unknown, Action: unknown, more: Statement = {}) => ({
  Effect: 'Allow',
  Principal,
  Action,
  Resource: '*',
  ...more,
})
const policyOf = (...Statement: Statement[]) => JSON.stringify({ Version: '2012-10-17', Statement })
const mine = allow({ AWS: USER }, 'kms:*')

t.test('keeps a policy as it was put, to the byte, and over a restart', async (t) => {
  const own = await KmsUnderTest.start()
  t.teardown(() => own.stop())
  const spaced = JSON.stringify(JSON.parse(policyOf(mine, { Sid: 'ÿ', ...allow('*', 'kms:Verify') })), null, 7)
  const KeyId = await own.newKey({ Policy: spaced })
  const read = async () => (await own.client().send(new GetKeyPolicyCommand({ KeyId, PolicyName: 'default' }))).Policy
  t.equal(await read(), spaced)
  await own.client().send(new PutKeyPolicyCommand({ KeyId, Policy: policyOf(mine) }))
  await own.restart()
  t.equal(await read(), policyOf(mine))
  t.same((await own.client().send(new ListKeyPoliciesCommand({ KeyId }))).PolicyNames, ['default'])
  await t.rejects(own.client().send(new GetKeyPolicyCommand({ KeyId, PolicyName: 'other' })), {
    name: 'NotFoundException',
  })
})

t.test('gives a key without one the policy of AWS: the account may do everything', async (t) => {
  const KeyId = await kms.newKey()
  const { Policy } = await client.send(new GetKeyPolicyCommand({ KeyId }))
  t.match(JSON.parse(Policy as string), { Statement: [{ Principal: { AWS: ROOT }, Action: 'kms:*' }] })
  t.ok(await role.send(new EncryptCommand({ KeyId, Plaintext: text })))
})

t.test('refuses what is no policy, and accepts its twin', async (t) => {
  const KeyId = await kms.newKey()
  const put = (Policy: string) => client.send(new PutKeyPolicyCommand({ KeyId, Policy }))
  for (const wrong of [
    '{',
    '[]',
    policyOf(mine).replace('"Allow"', '"Allow","Effect":"Deny"'),
    policyOf({ ...mine, Effect: 'allow' }),
    policyOf({ ...mine, Principal: undefined }),
    policyOf({ ...mine, Action: 's3:*' }),
    policyOf({ ...mine, Condition: { StringIs: { 'kms:KeySpec': 'x' } } }),
  ])
    await t.rejects(put(wrong), { name: 'MalformedPolicyDocumentException' }, wrong)
  await put(policyOf(mine))
  const padded = (length: number) => policyOf(mine).padEnd(length)
  for (const length of [MAX_POLICY_BYTES - 1, MAX_POLICY_BYTES]) await put(padded(length))
  await t.rejects(put(padded(MAX_POLICY_BYTES + 1)), { name: 'ValidationException', message: /'policy'/ })
})

t.test('does not let an author lock himself out, unless he says so', async (t) => {
  const locked = policyOf(allow({ AWS: ENCLAVE_ROLE }, 'kms:*'))
  const KeyId = await kms.newKey({ Policy: policyOf(mine) })
  for (const out of [
    locked,
    policyOf(allow({ AWS: USER }, 'kms:Get*')),
    policyOf(mine, { ...allow('*', 'kms:PutKeyPolicy'), Effect: 'Deny' }),
    policyOf({ ...mine, Condition: { Bool: { 'aws:SecureTransport': 'true' } } }),
  ]) {
    const refusal = { name: 'MalformedPolicyDocumentException', message: /update the key policy in the future/ }
    await t.rejects(client.send(new PutKeyPolicyCommand({ KeyId, Policy: out })), refusal, out)
    await t.rejects(client.send(new CreateKeyCommand({ Policy: out })), refusal, out)
  }
  t.equal((await client.send(new GetKeyPolicyCommand({ KeyId }))).Policy, policyOf(mine), 'the old one stands')
  const bypass = { Policy: locked, BypassPolicyLockoutSafetyCheck: true }
  t.ok(await client.send(new CreateKeyCommand(bypass)))
  await client.send(new PutKeyPolicyCommand({ KeyId, ...bypass }))
  await t.rejects(client.send(new PutKeyPolicyCommand({ KeyId, Policy: policyOf(mine) })), {
    name: 'AccessDeniedException',
  })
  // Root is nobody special: it has what the policy says. Whoever the policy names can let the author in again.
  await t.rejects(kms.client(ROOT).send(new ScheduleKeyDeletionCommand({ KeyId })), { name: 'AccessDeniedException' })
  await role.send(
    new PutKeyPolicyCommand({ KeyId, Policy: policyOf(mine, allow({ AWS: ENCLAVE_ROLE }, 'kms:PutKeyPolicy')) }),
  )
  t.ok(await client.send(new DescribeKeyCommand({ KeyId })))
})

t.test("denies in AWS's words, naming who, what and which key, and why", async (t) => {
  const KeyId = await kms.newKey({ Policy: policyOf(mine, { ...allow('*', 'kms:Encrypt'), Effect: 'Deny' }) })
  const arn = `arn:aws:kms:local-1:${ACCOUNT}:key/${KeyId}`
  const encrypt = (of: typeof client) => of.send(new EncryptCommand({ KeyId, Plaintext: text }))
  await t.rejects(encrypt(client), {
    name: 'AccessDeniedException',
    message: `User: ${USER} is not authorized to perform: kms:Encrypt on resource: ${arn} with an explicit deny in a resource-based policy`,
  })
  await t.rejects(role.send(new DescribeKeyCommand({ KeyId })), {
    name: 'AccessDeniedException',
    message: `User: ${ENCLAVE_ROLE} is not authorized to perform: kms:DescribeKey on resource: ${arn} because no resource-based policy allows the kms:DescribeKey action`,
  })
})

t.test('moves a ciphertext only with a permission on either key', async (t) => {
  const give = (Action: string) => policyOf(mine, allow({ AWS: ENCLAVE_ROLE }, Action))
  const none = await kms.newKey({ Policy: policyOf(mine) })
  const from = await kms.newKey({ Policy: give('kms:ReEncryptFrom') })
  const to = await kms.newKey({ Policy: give('kms:ReEncryptTo') })
  const move = async (source: string, DestinationKeyId: string) => {
    const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId: source, Plaintext: text }))
    return role.send(new ReEncryptCommand({ CiphertextBlob, DestinationKeyId }))
  }
  t.match(await move(from, to), { SourceKeyId: new RegExp(from), KeyId: new RegExp(to) })
  for (const [source, destination, action] of [
    [to, from, 'ReEncryptFrom'],
    [from, none, 'ReEncryptTo'],
    [none, to, 'ReEncryptFrom'],
  ] as const)
    await t.rejects(move(source, destination), { name: 'AccessDeniedException', message: new RegExp(action) })
})

/** A request of every operation on a key, whole but for the key. What is no question of a key's policy is not among them. */
const INPUTS: Record<string, Record<string, unknown>> = {
  CancelKeyDeletion: {},
  CreateAlias: { AliasName: 'alias/x' },
  Decrypt: { EncryptionAlgorithm: 'RSAES_OAEP_SHA_256', CiphertextBlob: 'AAAA' },
  DeriveSharedSecret: { KeyAgreementAlgorithm: 'ECDH', PublicKey: 'AAAA' },
  DescribeKey: {},
  DisableKey: {},
  DisableKeyRotation: {},
  EnableKey: {},
  EnableKeyRotation: {},
  Encrypt: { Plaintext: 'AAAA' },
  GenerateDataKey: { KeySpec: 'AES_256' },
  GenerateDataKeyPair: { KeyPairSpec: 'ECC_NIST_P256' },
  GenerateDataKeyPairWithoutPlaintext: { KeyPairSpec: 'ECC_NIST_P256' },
  GenerateDataKeyWithoutPlaintext: { KeySpec: 'AES_256' },
  GenerateMac: { Message: 'AAAA', MacAlgorithm: 'HMAC_SHA_256' },
  GetKeyPolicy: {},
  GetKeyRotationStatus: {},
  GetPublicKey: {},
  ListKeyPolicies: {},
  ListKeyRotations: {},
  ListResourceTags: {},
  PutKeyPolicy: { Policy: policyOf(mine) },
  RotateKeyOnDemand: {},
  ScheduleKeyDeletion: {},
  Sign: { Message: 'AAAA', SigningAlgorithm: 'ECDSA_SHA_256' },
  TagResource: { Tags: [] },
  UntagResource: { TagKeys: [] },
  UpdateKeyDescription: { Description: '' },
  Verify: { Message: 'AAAA', Signature: 'AAAA', SigningAlgorithm: 'ECDSA_SHA_256' },
  VerifyMac: { Message: 'AAAA', Mac: 'AAAA', MacAlgorithm: 'HMAC_SHA_256' },
}
/** Tried with two keys, or an alias, in tests of their own; and three that no key policy governs. */
const ELSEWHERE = ['ReEncrypt', 'UpdateAlias', 'DeleteAlias', 'CreateKey', 'ListKeys', 'ListAliases', 'GenerateRandom']

t.test('is asked by every operation on a key, before anything else is told of it', async (t) => {
  t.same([...Object.keys(INPUTS), ...ELSEWHERE].sort(), [...OPERATIONS.keys()].sort())
  for (const [operation, input] of Object.entries(INPUTS)) {
    const field = operation === 'CreateAlias' ? 'TargetKeyId' : 'KeyId'
    const ask = async (Action: string) => {
      const key = await kms.newKey({ Policy: policyOf(mine, allow({ AWS: ENCLAVE_ROLE }, Action)) })
      const body = JSON.stringify({ ...input, [field]: key })
      const { json } = await kms.raw(`TrentService.${operation}`, body, ENCLAVE_ROLE)
      return json.__type
    }
    t.equal(await ask('kms:NoSuchAction'), 'AccessDeniedException', operation)
    t.not(await ask(`kms:${operation}`), 'AccessDeniedException', `${operation}, allowed`)
  }
})

t.test('failed in none of these itself', async (t) => t.same(kms.failures, []))
