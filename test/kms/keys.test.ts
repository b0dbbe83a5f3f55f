// Keys of every spec and usage, what is said of them, pages of them, their tags.
import * as sdk from '@aws-sdk/client-kms'
import {
  CreateKeyCommand,
  type CreateKeyCommandInput,
  DescribeKeyCommand,
  GetPublicKeyCommand,
  type KeySpec,
  type KeyUsageType,
  ListKeysCommand,
  ListResourceTagsCommand,
  paginateListKeys,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateKeyDescriptionCommand,
} from '@aws-sdk/client-kms'
import t from 'tap'
import { ACCOUNT } from '../../host/kms/account.ts'
import { algorithmsOf, KEY_SPECS, KEY_USAGES, SPECS } from '../../host/kms/keys/spec.ts'
import { MAX_DESCRIPTION, MAX_TAG_KEY, MAX_TAG_VALUE, MAX_TAGS, PAGE, SMALL_PAGE } from '../../host/kms/limits.ts'
import { OPERATIONS } from '../../host/kms/operations/index.ts'
import { KmsUnderTest, REGION } from './kit.ts'

t.setTimeout(120_000)
const kms = await KmsUnderTest.start()
t.teardown(() => kms.stop())
const client = kms.client()
const create = (input: CreateKeyCommandInput) => client.send(new CreateKeyCommand(input))

t.test("has no operation that AWS's SDK does not know", async (t) => {
  for (const operation of OPERATIONS.keys()) t.type(Reflect.get(sdk, `${operation}Command`), 'function', operation)
  t.equal(OPERATIONS.size, 37)
})

t.test('makes a key of every spec and usage, and refuses each usage that a spec does not have', async (t) => {
  let made = 0
  for (const spec of KEY_SPECS)
    for (const usage of KEY_USAGES) {
      // RSA keys of one size are like those of another here, and take seconds.
      if (spec === 'RSA_4096' && usage !== 'SIGN_VERIFY') continue
      const input = { KeySpec: spec as KeySpec, KeyUsage: usage as KeyUsageType }
      const usages: readonly string[] = SPECS[spec].usages
      if (!usages.includes(usage)) {
        await t.rejects(create(input), { name: 'ValidationException', message: /not compatible/ }, `${spec} ${usage}`)
        continue
      }
      const { KeyMetadata } = await create(input)
      made++
      const KeyId = KeyMetadata?.KeyId as string
      const expected = {
        AWSAccountId: ACCOUNT,
        Arn: `arn:aws:kms:${REGION}:${ACCOUNT}:key/${KeyId}`,
        KeyState: 'Enabled',
        Enabled: true,
        KeySpec: spec,
        CustomerMasterKeySpec: spec,
        KeyUsage: usage,
        Origin: 'AWS_KMS',
        KeyManager: 'CUSTOMER',
        MultiRegion: false,
        Description: '',
        ...algorithmsOf(spec, usage),
      }
      t.match(KeyMetadata, expected, `${spec} ${usage}`)
      t.match((await client.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata, expected)
      const publicKey = client.send(new GetPublicKeyCommand({ KeyId }))
      if (spec.startsWith('RSA') || spec.startsWith('ECC'))
        t.match(await publicKey, { KeySpec: spec, KeyUsage: usage, ...algorithmsOf(spec, usage) })
      else await t.rejects(publicKey, { name: 'UnsupportedOperationException' })
    }
  t.equal(made, 17)
})

t.test('takes the old name of a spec, and refuses two that differ', async (t) => {
  const old = await create({ CustomerMasterKeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' })
  t.equal(old.KeyMetadata?.KeySpec, 'HMAC_256')
  await t.rejects(create({ CustomerMasterKeySpec: 'HMAC_256', KeySpec: 'HMAC_384', KeyUsage: 'GENERATE_VERIFY_MAC' }), {
    name: 'ValidationException',
    message: /HMAC_384.*HMAC_256/,
  })
})

t.test('refuses what it does not have, and accepts the same without it', async (t) => {
  for (const [wrong, name] of [
    [{ KeySpec: 'SM2' }, 'ValidationException'],
    [{ KeySpec: 'AES_256' as KeySpec }, 'ValidationException'],
    [{ KeyUsage: 'WRAP' as KeyUsageType }, 'ValidationException'],
    [{ KeySpec: 'RSA_2048' }, 'ValidationException'],
    [{ Origin: 'EXTERNAL' }, 'UnsupportedOperationException'],
    [{ Origin: 'AWS_CLOUDHSM', CustomKeyStoreId: 'cks-1' }, 'UnsupportedOperationException'],
    [{ MultiRegion: true }, 'UnsupportedOperationException'],
    [{ Description: '\ud800' }, 'ValidationException'],
  ] as const)
    await t.rejects(create(wrong as CreateKeyCommandInput), { name }, JSON.stringify(wrong))
  t.ok(await create({ Origin: 'AWS_KMS', MultiRegion: false, Description: 'grüße 🔑' }))
})

t.test('describes a key as its description is changed, up to the limit', async (t) => {
  const KeyId = await kms.newKey({ Description: 'first' })
  const described = async () => (await client.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.Description
  t.equal(await described(), 'first')
  const change = (Description: string) => client.send(new UpdateKeyDescriptionCommand({ KeyId, Description }))
  await change('')
  t.equal(await described(), '')
  for (const length of [MAX_DESCRIPTION - 1, MAX_DESCRIPTION]) {
    await change('d'.repeat(length))
    t.equal((await described())?.length, length)
  }
  await t.rejects(change('d'.repeat(MAX_DESCRIPTION + 1)), { name: 'ValidationException', message: /'description'/ })
  await kms.restart()
})

t.test('knows a key by id and ARN, and nothing else by these', async (t) => {
  const restarted = kms.client()
  const KeyId = await kms.newKey()
  const arn = `arn:aws:kms:${REGION}:${ACCOUNT}:key/${KeyId}`
  const describe = (KeyId: string) => restarted.send(new DescribeKeyCommand({ KeyId }))
  t.equal((await describe(KeyId)).KeyMetadata?.Arn, arn)
  t.equal((await describe(arn)).KeyMetadata?.KeyId, KeyId)
  for (const wrong of [
    KeyId.toUpperCase(),
    `key/${KeyId}`,
    `${KeyId} `,
    KeyId.slice(1),
    arn.replace(ACCOUNT, '111122223333'),
    arn.replace(REGION, 'us-east-1'),
    arn.replace('arn:aws:', 'arn:aws-cn:'),
    arn.replace('key/', ''),
    arn.replace('key/', 'key/key/'),
    arn.replace('key/', 'alias/'),
    `${arn}/`,
    'mrk-1234abcd12ab34cd56ef1234567890ab',
    '00000000-0000-0000-0000-000000000000',
  ])
    await t.rejects(describe(wrong), { name: 'NotFoundException' }, wrong)
  await t.rejects(describe('k'.repeat(2049)), { name: 'ValidationException' })
})

t.test('lists keys in pages, each once, and refuses a marker that is not its own', async (t) => {
  const client = kms.client()
  const listed: string[] = []
  let pages = 0
  for await (const page of paginateListKeys({ client, pageSize: 3 }, {})) {
    listed.push(...(page.Keys ?? []).map(({ KeyId }) => KeyId as string))
    pages++
  }
  t.same(
    listed,
    kms.store.all.map(({ keyId }) => keyId),
  )
  t.equal(pages, Math.ceil(listed.length / 3))
  for (const Limit of [1, PAGE.max - 1, PAGE.max])
    t.equal((await client.send(new ListKeysCommand({ Limit }))).Keys?.length, Math.min(Limit, listed.length))
  for (const Limit of [0, PAGE.max + 1])
    await t.rejects(client.send(new ListKeysCommand({ Limit })), { name: 'ValidationException', message: /'limit'/ })
  const { NextMarker, Truncated } = await client.send(new ListKeysCommand({ Limit: 1 }))
  t.ok(Truncated)
  t.equal((await client.send(new ListKeysCommand({ Marker: NextMarker }))).Keys?.length, listed.length - 1)
  for (const Marker of ['x', `${NextMarker}=`, listed[0]])
    await t.rejects(client.send(new ListKeysCommand({ Marker })), { name: 'InvalidMarkerException' }, Marker as string)
})

t.test('keeps tags, up to the limits, over a restart', async (t) => {
  let client = kms.client()
  const tag = (TagKey: string, TagValue = '') => ({ TagKey, TagValue })
  const KeyId = await kms.newKey({ Tags: [tag('team', 'red'), tag('ü', 'é')] })
  const tags = async (more = {}) => client.send(new ListResourceTagsCommand({ KeyId, ...more }))
  t.same((await tags()).Tags, [tag('team', 'red'), tag('ü', 'é')])
  await client.send(new TagResourceCommand({ KeyId, Tags: [tag('team', 'blue'), tag('a')] }))
  await client.send(new UntagResourceCommand({ KeyId, TagKeys: ['ü', 'not there'] }))
  await kms.restart()
  client = kms.client()
  t.same((await tags()).Tags, [tag('a'), tag('team', 'blue')])
  const add = (...Tags: ReturnType<typeof tag>[]) => client.send(new TagResourceCommand({ KeyId, Tags }))
  for (const [what, wrong] of [
    ['a key that is too long', [tag('k'.repeat(MAX_TAG_KEY + 1))]],
    ['no key', [tag('')]],
    ['a value that is too long', [tag('k', 'v'.repeat(MAX_TAG_VALUE + 1))]],
  ] as const)
    await t.rejects(add(...wrong), { name: 'ValidationException' }, what)
  for (const [what, wrong] of [
    ["AWS's own", [tag('aws:mine')]],
    ['in another case', [tag('AWS:mine')]],
    ['the same twice', [tag('k', '1'), tag('k', '2')]],
    ['text that is none', [tag('\udc00')]],
    ['one too many', Array.from({ length: MAX_TAGS - 1 }, (_, i) => tag(`n${i}`))],
  ] as const)
    await t.rejects(add(...wrong), { name: 'TagException' }, what)
  await add(tag('k'.repeat(MAX_TAG_KEY), 'v'.repeat(MAX_TAG_VALUE)))
  for (let count = 3; count < MAX_TAGS - 1; count += 40)
    await add(...Array.from({ length: Math.min(40, MAX_TAGS - 1 - count) }, (_, i) => tag(`more${count + i}`)))
  t.equal((await tags({ Limit: SMALL_PAGE.max })).Tags?.length, MAX_TAGS - 1)
  await add(tag('last'))
  await t.rejects(add(tag('another')), { name: 'TagException', message: /51.*50/ })
  await add(tag('last', 'changed'))
  const first = await tags({ Limit: SMALL_PAGE.standard - 1 })
  t.match(first, { Truncated: true, Tags: { length: MAX_TAGS - 1 } })
  t.equal((await tags({ Marker: first.NextMarker })).Tags?.length, 1)
})

t.test('failed in none of these itself', async (t) => t.same(kms.failures, []))
