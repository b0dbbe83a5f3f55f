// Condition keys as the service fills them: each by a call that a policy lets through for one value, and refuses for another.
import { generateKeyPairSync } from 'node:crypto'
import * as sdk from '@aws-sdk/client-kms'
import {
  DecryptCommand,
  DeriveSharedSecretCommand,
  type DescribeKeyCommand,
  EnableKeyRotationCommand,
  EncryptCommand,
  GenerateDataKeyPairCommand,
  GenerateMacCommand,
  PutKeyPolicyCommand,
  ReEncryptCommand,
  ScheduleKeyDeletionCommand,
  SignCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-kms'
import t from 'tap'
import { ACCOUNT } from '../../host/kms/account.ts'
import { CONDITION_KEYS } from '../../host/kms/policy/condition-keys.ts'
import { ENCLAVE_ROLE, IMAGE, KmsUnderTest, REGION, ROOT, TestEnclave, USER } from './kit.ts'

t.setTimeout(120_000)
const kms = await KmsUnderTest.start()
t.teardown(() => kms.stop())
const enclave = new TestEnclave(kms)
const text = Buffer.from('attack at dawn')
const peer = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'der', type: 'spki' })

type Send = (command: unknown) => Promise<unknown>
type Kind = { key?: sdk.CreateKeyCommandInput; action: string; run(KeyId: string, send: Send): Promise<unknown> }

const encrypt: Kind = {
  action: 'kms:Encrypt',
  run: (KeyId, send) =>
    send(new EncryptCommand({ KeyId, Plaintext: text, EncryptionContext: { Tenant: 'a', app: 'b' } })),
}
const byAlias: Kind = {
  action: 'kms:Encrypt',
  run: async (KeyId, send) => {
    const AliasName = `alias/${KeyId}`
    await kms.client().send(new sdk.CreateAliasCommand({ AliasName, TargetKeyId: KeyId }))
    return send(new EncryptCommand({ KeyId: AliasName, Plaintext: text }))
  },
}
const sign: Kind = {
  key: { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' },
  action: 'kms:Sign',
  run: (KeyId, send) => send(new SignCommand({ KeyId, Message: text, SigningAlgorithm: 'ECDSA_SHA_256' })),
}
const mac: Kind = {
  key: { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' },
  action: 'kms:GenerateMac',
  run: (KeyId, send) => send(new GenerateMacCommand({ KeyId, Message: text, MacAlgorithm: 'HMAC_SHA_256' })),
}
const agree: Kind = {
  key: { KeySpec: 'ECC_NIST_P256', KeyUsage: 'KEY_AGREEMENT' },
  action: 'kms:DeriveSharedSecret',
  run: (KeyId, send) => send(new DeriveSharedSecretCommand({ KeyId, KeyAgreementAlgorithm: 'ECDH', PublicKey: peer })),
}
const pair: Kind = {
  action: 'kms:GenerateDataKeyPair',
  run: (KeyId, send) => send(new GenerateDataKeyPairCommand({ KeyId, KeyPairSpec: 'ECC_NIST_P256' })),
}
const reEncrypt: Kind = {
  action: 'kms:ReEncrypt*',
  run: async (KeyId, send) => {
    const { CiphertextBlob } = await kms.client().send(new EncryptCommand({ KeyId, Plaintext: text }))
    return send(new ReEncryptCommand({ CiphertextBlob, DestinationKeyId: KeyId }))
  },
}
const rotation: Kind = {
  action: 'kms:EnableKeyRotation',
  run: (KeyId, send) => send(new EnableKeyRotationCommand({ KeyId, RotationPeriodInDays: 180 })),
}
const deletion: Kind = {
  action: 'kms:ScheduleKeyDeletion',
  run: (KeyId, send) => send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 9 })),
}
const tag: Kind = {
  action: 'kms:TagResource',
  run: (KeyId, send) => send(new TagResourceCommand({ KeyId, Tags: [{ TagKey: 'Team', TagValue: 'red' }] })),
}
const untag: Kind = {
  action: 'kms:UntagResource',
  run: (KeyId, send) => send(new UntagResourceCommand({ KeyId, TagKeys: ['Team'] })),
}
const policy: Kind = {
  action: 'kms:PutKeyPolicy',
  run: (KeyId, send) =>
    send(new PutKeyPolicyCommand({ KeyId, Policy: policyOf([]), BypassPolicyLockoutSafetyCheck: true })),
}
const tagged: Kind = { ...encrypt, key: { Tags: [{ TagKey: 'Team', TagValue: 'red' }] } }
const attested: Kind = {
  action: 'kms:GenerateDataKey',
  run: async (KeyId, send) =>
    send(new sdk.GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', Recipient: await enclave.recipient() })),
}

/** Others and their day: what a request has, and what it does not. */
const rows: [key: string, operator: string, has: string, hasNot: string, kind: Kind, principal?: string][] = [
  ['aws:CurrentTime', 'DateLessThan', '2100-01-01', '2020-01-01', encrypt],
  ['aws:EpochTime', 'NumericLessThan', '4102444800', '1577836800', encrypt],
  ['aws:PrincipalAccount', 'StringEquals', ACCOUNT, '111122223333', encrypt],
  ['aws:PrincipalArn', 'ArnLike', 'arn:aws:sts::*:assumed-role/enclave/*', USER, encrypt],
  ['aws:PrincipalType', 'StringEquals', 'AssumedRole', 'User', encrypt],
  ['aws:PrincipalType', 'StringEquals', 'Account', 'User', encrypt, ROOT],
  ['aws:PrincipalType', 'StringEquals', 'User', 'Account', encrypt, USER],
  ['aws:username', 'StringEquals', 'developer', 'operator', encrypt, USER],
  ['aws:RequestedRegion', 'StringEquals', REGION, 'us-east-1', encrypt],
  ['aws:SecureTransport', 'Bool', 'false', 'true', encrypt],
  ['aws:SourceIp', 'IpAddress', '127.0.0.0/8', '192.0.2.0/24', encrypt],
  ['aws:UserAgent', 'StringLike', '*aws-sdk-js*', 'curl*', encrypt],
  ['aws:RequestTag/Team', 'StringEquals', 'red', 'blue', tag],
  ['aws:TagKeys', 'ForAllValues:StringEquals', 'Team', 'team', tag],
  ['aws:TagKeys', 'ForAnyValue:StringEquals', 'Team', 'team', untag],
  ['aws:ResourceTag/Team', 'StringEquals', 'red', 'blue', tagged],
  ['kms:BypassPolicyLockoutSafetyCheck', 'Bool', 'true', 'false', policy],
  ['kms:CallerAccount', 'StringEquals', ACCOUNT, '111122223333', encrypt],
  ['kms:CustomerMasterKeySpec', 'StringEquals', 'HMAC_256', 'HMAC_384', mac],
  ['kms:CustomerMasterKeyUsage', 'StringEquals', 'KEY_AGREEMENT', 'SIGN_VERIFY', agree],
  ['kms:DataKeyPairSpec', 'StringEquals', 'ECC_NIST_P256', 'RSA_2048', pair],
  ['kms:EncryptionAlgorithm', 'StringEquals', 'SYMMETRIC_DEFAULT', 'RSAES_OAEP_SHA_256', encrypt],
  ['kms:EncryptionContext:Tenant', 'StringEquals', 'a', 'A', encrypt],
  ['kms:EncryptionContextKeys', 'ForAnyValue:StringEquals', 'Tenant', 'tenant', encrypt],
  ['kms:KeyAgreementAlgorithm', 'StringEquals', 'ECDH', 'ECMQV', agree],
  ['kms:KeyOrigin', 'StringEquals', 'AWS_KMS', 'EXTERNAL', encrypt],
  ['kms:KeySpec', 'StringEquals', 'ECC_NIST_P256', 'ECC_NIST_P384', sign],
  ['kms:KeyUsage', 'StringEquals', 'SIGN_VERIFY', 'KEY_AGREEMENT', sign],
  ['kms:MacAlgorithm', 'StringEquals', 'HMAC_SHA_256', 'HMAC_SHA_384', mac],
  ['kms:MessageType', 'StringEquals', 'RAW', 'DIGEST', sign],
  ['kms:MultiRegion', 'Bool', 'false', 'true', encrypt],
  ['kms:ReEncryptOnSameKey', 'Bool', 'true', 'false', reEncrypt],
  ['kms:RequestAlias', 'StringLike', 'alias/*-*', 'alias/other', byAlias],
  ['kms:ResourceAliases', 'ForAnyValue:StringLike', 'alias/*-*', 'alias/other', byAlias],
  ['kms:RotationPeriodInDays', 'NumericLessThanEquals', '180', '179', rotation],
  ['kms:ScheduleKeyDeletionPendingWindowInDays', 'NumericGreaterThanEquals', '9', '10', deletion],
  ['kms:SigningAlgorithm', 'StringEquals', 'ECDSA_SHA_256', 'ECDSA_SHA_384', sign],
  ['kms:RecipientAttestation:ImageSha384', 'StringEquals', IMAGE[0] as string, IMAGE[1] as string, attested],
  ['kms:RecipientAttestation:PCR4', 'StringEquals', IMAGE[4] as string, IMAGE[1] as string, attested],
]

/** The author may do everything but for what is tried, which `statements` decide. */
function policyOf(statements: Record<string, unknown>[], except = 'kms:Nothing'): string {
  const manage = { Effect: 'Allow', Principal: { AWS: USER }, NotAction: except, Resource: '*' }
  return JSON.stringify({ Version: '2012-10-17', Statement: [manage, ...statements] })
}

async function outcome({ key, action, run }: Kind, principal: string, statements: Record<string, unknown>[]) {
  // The author himself encrypts what others move.
  const except = principal === USER || action === 'kms:PutKeyPolicy' ? action : 'kms:Nothing'
  const KeyId = await kms.newKey({
    ...key,
    Policy: policyOf(statements, except),
    BypassPolicyLockoutSafetyCheck: true,
  })
  const client = kms.client(principal)
  return run(KeyId, (command) => client.send(command as DescribeKeyCommand)).then(
    () => 'allowed',
    (error) => error.name as string,
  )
}

t.test('has a row for each key that it says it supports', async (t) => {
  const tried = rows.map(([key]) => key.toLowerCase()).filter((key) => !/(:.*:|\/)/.test(key))
  t.same([...new Set(tried)].sort(), [...CONDITION_KEYS].sort())
})

for (const [key, operator, has, hasNot, kind, principal = ENCLAVE_ROLE] of rows)
  t.test(`${key} is filled, and compares (${operator}, ${kind.action})`, async (t) => {
    const statement = (Effect: string, value?: string) => ({
      Effect,
      Principal: { AWS: principal },
      Action: kind.action,
      Resource: '*',
      ...(value !== undefined && { Condition: { [operator]: { [key]: value } } }),
    })
    t.equal(await outcome(kind, principal, [statement('Allow', has)]), 'allowed')
    t.equal(await outcome(kind, principal, [statement('Allow', hasNot)]), 'AccessDeniedException')
    t.equal(await outcome(kind, principal, [statement('Allow'), statement('Deny', has)]), 'AccessDeniedException')
    t.equal(await outcome(kind, principal, [statement('Allow'), statement('Deny', hasNot)]), 'allowed')
  })

t.test(
  'a key that is not supported is absent: no Allow, each negated Deny, and a warning in the audit log',
  async (t) => {
    for (const key of ['kms:ViaService', 'kms:GrantOperations', 'aws:SourceVpce', 'aws:MultiFactorAuthPresent']) {
      const when = (Effect: string, operator?: string) => ({
        Effect,
        Principal: '*',
        Action: 'kms:Encrypt',
        Resource: '*',
        ...(operator && { Condition: { [operator]: { [key]: 'x' } } }),
      })
      const warned = () =>
        JSON.stringify(kms.events.at(-1)).includes(`condition key ${key} is not supported here and counts as absent`)
      t.equal(await outcome(encrypt, ENCLAVE_ROLE, [when('Allow', 'StringEquals')]), 'AccessDeniedException', key)
      t.ok(warned(), key)
      t.equal(await outcome(encrypt, ENCLAVE_ROLE, [when('Allow', 'StringNotEquals')]), 'allowed', key)
      t.ok(warned(), key)
      const denied = [when('Allow'), when('Deny', 'StringNotEquals')]
      t.equal(await outcome(encrypt, ENCLAVE_ROLE, denied), 'AccessDeniedException', key)
      t.ok(warned(), key)
      t.equal(await outcome(encrypt, ENCLAVE_ROLE, [when('Allow'), when('Deny', 'StringEquals')]), 'allowed', key)
      t.equal(await outcome(encrypt, ENCLAVE_ROLE, [when('Allow')]), 'allowed', key)
      t.notOk(warned(), key)
    }
  },
)

t.test(
  'keys of one call are not those of another: an alias, a tag, a document that the request does not have',
  async (t) => {
    const when = (key: string, value: string) => [
      {
        Effect: 'Allow',
        Principal: '*',
        Action: 'kms:Encrypt',
        Resource: '*',
        Condition: { StringLike: { [key]: value } },
      },
    ]
    for (const key of ['kms:RequestAlias', 'aws:RequestTag/Team', 'kms:RecipientAttestation:PCR0', 'aws:username'])
      t.equal(await outcome(encrypt, ENCLAVE_ROLE, when(key, '*')), 'AccessDeniedException', key)
  },
)

t.test(
  'two keys of an encryption context that differ in case alone are no way around a condition on one',
  async (t) => {
    const statements = [
      {
        Effect: 'Allow',
        Principal: '*',
        Action: 'kms:Encrypt',
        Resource: '*',
        Condition: { StringEquals: { 'kms:EncryptionContext:tenant': 'a' } },
      },
    ]
    const withContext = (EncryptionContext: Record<string, string>): Kind => ({
      action: 'kms:Encrypt',
      run: (KeyId, send) => send(new EncryptCommand({ KeyId, Plaintext: text, EncryptionContext })),
    })
    t.equal(await outcome(withContext({ tenant: 'a' }), ENCLAVE_ROLE, statements), 'allowed')
    t.equal(await outcome(withContext({ tenant: 'a', Tenant: 'b' }), ENCLAVE_ROLE, statements), 'AccessDeniedException')
  },
)

t.test('an encryption context names itself alone, whatever its keys are called', async (t) => {
  const KeyId = await kms.newKey()
  const EncryptionContext = { 'kms:RecipientAttestation:PCR0': IMAGE[0] as string, toString: 'x', '': 'y' }
  const client = kms.client()
  const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId, Plaintext: text, EncryptionContext }))
  t.ok(await client.send(new DecryptCommand({ CiphertextBlob, EncryptionContext })))
  const forged: Kind = {
    action: 'kms:Encrypt',
    run: (KeyId, send) => send(new EncryptCommand({ KeyId, Plaintext: text, EncryptionContext })),
  }
  const demand = {
    Effect: 'Allow',
    Principal: '*',
    Action: 'kms:Encrypt',
    Resource: '*',
    Condition: { StringEquals: { 'kms:RecipientAttestation:PCR0': IMAGE[0] } },
  }
  t.equal(await outcome(forged, ENCLAVE_ROLE, [demand]), 'AccessDeniedException')
})

t.test('failed in none of these itself', async (t) => t.same(kms.failures, []))
