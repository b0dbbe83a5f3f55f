// Aliases: made, moved, deleted, listed, and what may be called by one.
import {
  CreateAliasCommand,
  DecryptCommand,
  DeleteAliasCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EncryptCommand,
  ListAliasesCommand,
  paginateListAliases,
  ScheduleKeyDeletionCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms'
import t from 'tap'
import { ACCOUNT } from '../../host/kms/account.ts'
import { MAX_ALIAS, MAX_ALIASES_A_KEY } from '../../host/kms/limits.ts'
import { ENCLAVE_ROLE, KmsUnderTest, REGION, USER } from './kit.ts'

t.setTimeout(120_000)
const kms = await KmsUnderTest.start()
t.teardown(() => kms.stop())
let client = kms.client()
const first = await kms.newKey()
const second = await kms.newKey()
const create = (AliasName: string, TargetKeyId = first) =>
  client.send(new CreateAliasCommand({ AliasName, TargetKeyId }))
const idOf = async (KeyId: string) => (await client.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.KeyId

t.test('leads to its key by name and ARN, to another after an update, and over a restart', async (t) => {
  const name = 'alias/payments/eu-1_A'
  await create(name)
  t.equal(await idOf(name), first)
  t.equal(await idOf(`arn:aws:kms:${REGION}:${ACCOUNT}:${name}`), first)
  await t.rejects(create(name), { name: 'AlreadyExistsException' })
  await t.rejects(idOf(name.toLowerCase()), { name: 'NotFoundException' }, 'case counts')
  await client.send(new UpdateAliasCommand({ AliasName: name, TargetKeyId: second }))
  await kms.restart()
  client = kms.client()
  t.equal(await idOf(name), second)
  const sealed = await client.send(new EncryptCommand({ KeyId: name, Plaintext: Buffer.from('x') }))
  t.match(sealed.KeyId, second)
  t.ok(await client.send(new DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob, KeyId: name })))
  await client.send(new DeleteAliasCommand({ AliasName: name }))
  await t.rejects(idOf(name), { name: 'NotFoundException' })
  for (const command of [
    new DeleteAliasCommand({ AliasName: name }),
    new UpdateAliasCommand({ AliasName: name, TargetKeyId: first }),
  ])
    await t.rejects(client.send(command as DeleteAliasCommand), { name: 'NotFoundException' })
})

t.test('is no name for what changes a key: such operations want the key', async (t) => {
  await create('alias/held')
  await t.rejects(client.send(new DisableKeyCommand({ KeyId: 'alias/held' })), { name: 'NotFoundException' })
  await t.rejects(client.send(new ScheduleKeyDeletionCommand({ KeyId: 'alias/held' })), { name: 'NotFoundException' })
  await t.rejects(create('alias/of-alias', 'alias/held'), { name: 'NotFoundException' })
  t.equal(await idOf('alias/held'), first)
})

t.test('refuses names that are none, and accepts those of the longest length', async (t) => {
  for (const name of ['held', 'alias/', 'alias/a b', 'alias/ü', 'alias/a:b', 'Alias/a', 'alias/aws/ebs', 'alias/a\n'])
    await t.rejects(create(name), { name: 'InvalidAliasNameException' }, JSON.stringify(name))
  for (const length of [MAX_ALIAS - 1, MAX_ALIAS]) {
    const name = `alias/${'n'.repeat(length - 6)}`
    await create(name, second)
    t.equal(await idOf(name), second)
  }
  await t.rejects(create(`alias/${'n'.repeat(MAX_ALIAS - 5)}`), { name: 'ValidationException' })
})

t.test('does not move from one kind of key to another', async (t) => {
  const signer = await kms.newKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })
  const move = (TargetKeyId: string) => client.send(new UpdateAliasCommand({ AliasName: 'alias/held', TargetKeyId }))
  await t.rejects(move(signer), { name: 'ValidationException', message: /SYMMETRIC_DEFAULT.*ECC_NIST_P256/ })
  await move(second)
  t.equal(await idOf('alias/held'), second)
  await move(first)
})

t.test('lists all, or those of a key, in pages; a key has so many and no more', async (t) => {
  const KeyId = await kms.newKey()
  for (let i = 0; i < MAX_ALIASES_A_KEY; i++) await create(`alias/many-${String(i).padStart(2, '0')}`, KeyId)
  await t.rejects(create('alias/one-more', KeyId), { name: 'LimitExceededException' })
  const move = () => client.send(new UpdateAliasCommand({ AliasName: 'alias/held', TargetKeyId: KeyId }))
  await t.rejects(move(), { name: 'LimitExceededException' })
  await client.send(new DeleteAliasCommand({ AliasName: 'alias/many-07' }))
  await move()
  const names: string[] = []
  for await (const page of paginateListAliases({ client, pageSize: 20 }, { KeyId }))
    names.push(...(page.Aliases ?? []).map(({ AliasName }) => AliasName as string))
  t.equal(names.length, MAX_ALIASES_A_KEY)
  t.same(names, [...names].sort())
  const all = await client.send(new ListAliasesCommand({ Limit: 100 }))
  t.equal(all.Aliases?.length, MAX_ALIASES_A_KEY + 2)
  t.match(all.Aliases?.[0], {
    AliasName: 'alias/held',
    AliasArn: `arn:aws:kms:${REGION}:${ACCOUNT}:alias/held`,
    TargetKeyId: KeyId,
    CreationDate: Date,
    LastUpdatedDate: Date,
  })
})

t.test('asks the policies of both keys, the one it leaves and the one it goes to', async (t) => {
  const policy = (Action: string) =>
    JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Principal: { AWS: USER }, Action: 'kms:*', Resource: '*' },
        {
          Effect: 'Allow',
          Principal: { AWS: ENCLAVE_ROLE },
          Action,
          Resource: '*',
        },
      ],
    })
  const open = await kms.newKey({ Policy: policy('kms:*Alias') })
  const closed = await kms.newKey({ Policy: policy('kms:Decrypt') })
  const role = kms.client(ENCLAVE_ROLE)
  const send = (name: string, TargetKeyId: string) =>
    role.send(new UpdateAliasCommand({ AliasName: name, TargetKeyId }))
  await t.rejects(role.send(new CreateAliasCommand({ AliasName: 'alias/closed', TargetKeyId: closed })), {
    name: 'AccessDeniedException',
  })
  await role.send(new CreateAliasCommand({ AliasName: 'alias/open', TargetKeyId: open }))
  await create('alias/closed', closed)
  await t.rejects(send('alias/open', closed), { name: 'AccessDeniedException' })
  await t.rejects(send('alias/closed', open), { name: 'AccessDeniedException' })
  await t.rejects(role.send(new DeleteAliasCommand({ AliasName: 'alias/closed' })), { name: 'AccessDeniedException' })
  await send('alias/open', open)
  await role.send(new DeleteAliasCommand({ AliasName: 'alias/open' }))
})

t.test('failed in none of these itself', async (t) => t.same(kms.failures, []))
