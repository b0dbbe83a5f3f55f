// A key's life: what it may be used for in each state, the wait before it is erased, and that nothing of it is left.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CancelKeyDeletionCommand,
  CreateAliasCommand,
  DecryptCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateMacCommand,
  GetKeyPolicyCommand,
  GetPublicKeyCommand,
  type KMSClient,
  ListAliasesCommand,
  ListKeysCommand,
  PutKeyPolicyCommand,
  ReEncryptCommand,
  RotateKeyOnDemandCommand,
  ScheduleKeyDeletionCommand,
  SignCommand,
  TagResourceCommand,
  UpdateKeyDescriptionCommand,
} from '@aws-sdk/client-kms'
import t from 'tap'
import { DELETION_DAYS } from '../../host/kms/limits.ts'
import { KmsUnderTest } from './kit.ts'

const DAY_MS = 86_400_000
const kms = await KmsUnderTest.start()
t.teardown(() => kms.stop())
let client = kms.client()
const text = Buffer.from('attack at dawn')
const stateOf = async (KeyId: string) => (await client.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata
const schedule = (KeyId: string, PendingWindowInDays?: number) =>
  client.send(
    new ScheduleKeyDeletionCommand({ KeyId, ...(PendingWindowInDays !== undefined && { PendingWindowInDays }) }),
  )

/** Each way to use a key, by a key of the usage that goes with it. */
async function uses(): Promise<{ what: string; KeyId: string; run(client: KMSClient): Promise<unknown> }[]> {
  const KeyId = await kms.newKey()
  const other = await kms.newKey()
  const signer = await kms.newKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })
  const mac = await kms.newKey({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' })
  const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId, Plaintext: text }))
  const foreign = await client.send(new EncryptCommand({ KeyId: other, Plaintext: text }))
  const signing = { KeyId: signer, Message: text, SigningAlgorithm: 'ECDSA_SHA_256' } as const
  return [
    { what: 'Encrypt', KeyId, run: (c) => c.send(new EncryptCommand({ KeyId, Plaintext: text })) },
    { what: 'Decrypt', KeyId, run: (c) => c.send(new DecryptCommand({ CiphertextBlob })) },
    { what: 'GenerateDataKey', KeyId, run: (c) => c.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' })) },
    {
      what: 'ReEncrypt from',
      KeyId,
      run: (c) => c.send(new ReEncryptCommand({ CiphertextBlob, DestinationKeyId: other })),
    },
    {
      what: 'ReEncrypt to',
      KeyId,
      run: (c) => c.send(new ReEncryptCommand({ CiphertextBlob: foreign.CiphertextBlob, DestinationKeyId: KeyId })),
    },
    { what: 'RotateKeyOnDemand', KeyId, run: (c) => c.send(new RotateKeyOnDemandCommand({ KeyId })) },
    { what: 'Sign', KeyId: signer, run: (c) => c.send(new SignCommand(signing)) },
    { what: 'GetPublicKey', KeyId: signer, run: (c) => c.send(new GetPublicKeyCommand({ KeyId: signer })) },
    {
      what: 'GenerateMac',
      KeyId: mac,
      run: (c) => c.send(new GenerateMacCommand({ KeyId: mac, Message: text, MacAlgorithm: 'HMAC_SHA_256' })),
    },
  ]
}

t.test('is used while it is enabled, and neither while disabled nor while it waits for its end', async (t) => {
  for (const { what, KeyId, run } of await uses()) {
    t.ok(await run(client), `${what}, enabled`)
    await client.send(new DisableKeyCommand({ KeyId }))
    await t.rejects(run(client), { name: 'DisabledException' }, `${what}, disabled`)
    await client.send(new EnableKeyCommand({ KeyId }))
    t.ok(await run(client), `${what}, enabled again`)
    await schedule(KeyId)
    await t.rejects(run(client), { name: 'KMSInvalidStateException' }, `${what}, pending deletion`)
    await client.send(new CancelKeyDeletionCommand({ KeyId }))
    await t.rejects(run(client), { name: 'DisabledException' }, `${what}, given back, and disabled`)
    await client.send(new EnableKeyCommand({ KeyId }))
    t.ok(await run(client), `${what}, enabled at last`)
  }
})

t.test('can be looked at, and be given back, while it waits; everything else is refused', async (t) => {
  const KeyId = await kms.newKey()
  t.match(await stateOf(KeyId), { KeyState: 'Enabled', DeletionDate: undefined })
  await t.rejects(client.send(new CancelKeyDeletionCommand({ KeyId })), { name: 'KMSInvalidStateException' })
  const answer = await schedule(KeyId)
  t.match(answer, { KeyState: 'PendingDeletion', PendingWindowInDays: DELETION_DAYS.standard })
  t.equal(answer.DeletionDate?.getTime(), kms.nowMs + DELETION_DAYS.standard * DAY_MS)
  t.match(await stateOf(KeyId), { KeyState: 'PendingDeletion', Enabled: false, DeletionDate: Date })
  t.ok(await client.send(new GetKeyPolicyCommand({ KeyId })))
  for (const [what, run] of [
    ['EnableKey', () => client.send(new EnableKeyCommand({ KeyId }))],
    ['DisableKey', () => client.send(new DisableKeyCommand({ KeyId }))],
    ['TagResource', () => client.send(new TagResourceCommand({ KeyId, Tags: [{ TagKey: 'a', TagValue: '' }] }))],
    ['UpdateKeyDescription', () => client.send(new UpdateKeyDescriptionCommand({ KeyId, Description: '' }))],
    ['CreateAlias', () => client.send(new CreateAliasCommand({ AliasName: 'alias/late', TargetKeyId: KeyId }))],
    ['ScheduleKeyDeletion', () => schedule(KeyId)],
  ] as const)
    await t.rejects(run(), { name: 'KMSInvalidStateException' }, what)
})

t.test('waits as long as it is told, within the limits', async (t) => {
  const KeyId = await kms.newKey()
  for (const days of [DELETION_DAYS.min, DELETION_DAYS.min + 1, DELETION_DAYS.max - 1, DELETION_DAYS.max]) {
    t.equal((await schedule(KeyId, days)).DeletionDate?.getTime(), kms.nowMs + days * DAY_MS)
    await client.send(new CancelKeyDeletionCommand({ KeyId }))
  }
  for (const days of [DELETION_DAYS.min - 1, DELETION_DAYS.max + 1])
    await t.rejects(schedule(KeyId, days), { name: 'ValidationException', message: /'pendingWindowInDays'/ })
})

t.test(
  'is there to the last millisecond of its wait, and then its material is erased from memory and disk',
  async (t) => {
    const KeyId = await kms.newKey()
    await client.send(new CreateAliasCommand({ AliasName: 'alias/short', TargetKeyId: KeyId }))
    const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId, Plaintext: text }))
    await schedule(KeyId, DELETION_DAYS.min)
    const file = join(kms.folder, 'keys', `${KeyId}.key`)
    const sealed = readFileSync(file)
    const secret = kms.store.get(KeyId)?.materials[0]?.secret as Buffer
    t.notOk(secret.equals(Buffer.alloc(32)))

    kms.nowMs += DELETION_DAYS.min * DAY_MS - 1
    await kms.kms.tick()
    t.match(await stateOf(KeyId), { KeyState: 'PendingDeletion' })
    kms.nowMs += 1
    // Its time is over: it is gone for callers before anything has come round to erase it.
    await t.rejects(stateOf(KeyId), { name: 'NotFoundException' })
    await t.rejects(client.send(new CancelKeyDeletionCommand({ KeyId })), { name: 'NotFoundException' })
    await t.rejects(client.send(new DecryptCommand({ CiphertextBlob })), { name: 'AccessDeniedException' })
    await kms.kms.tick()
    t.ok(secret.equals(Buffer.alloc(32)), 'memory is zeroed')
    t.notOk(
      readdirSync(join(kms.folder, 'keys')).some((name) => name.startsWith(KeyId)),
      'and no file is left',
    )
    for (const name of readdirSync(join(kms.folder, 'keys')))
      t.notOk(
        readFileSync(join(kms.folder, 'keys', name)).includes(sealed.subarray(32, 64)),
        `nothing of it in ${name}`,
      )

    await kms.restart()
    client = kms.client()
    await t.rejects(stateOf(KeyId), { name: 'NotFoundException' })
    await t.rejects(stateOf('alias/short'), { name: 'NotFoundException' })
    const { Keys } = await client.send(new ListKeysCommand({ Limit: 1000 }))
    t.notOk(Keys?.some((key) => key.KeyId === KeyId))
    t.same((await client.send(new ListAliasesCommand({}))).Aliases, [])
    // A twin whose deletion was cancelled in time is there still.
    const kept = await kms.newKey()
    await schedule(kept, DELETION_DAYS.min)
    await client.send(new CancelKeyDeletionCommand({ KeyId: kept }))
    kms.nowMs += DELETION_DAYS.max * DAY_MS
    await kms.kms.tick()
    t.match(await stateOf(kept), { KeyState: 'Disabled' })
  },
)

t.test('takes a new policy also while it waits, as AWS has it', async (t) => {
  const KeyId = await kms.newKey()
  const { Policy } = await client.send(new GetKeyPolicyCommand({ KeyId }))
  await schedule(KeyId)
  t.ok(await client.send(new PutKeyPolicyCommand({ KeyId, Policy })))
})

t.test('failed in none of these itself', async (t) => t.same(kms.failures, []))
