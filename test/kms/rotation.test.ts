// Rotation: by the clock and on demand. Old ciphertexts open, new ones are of new material; other keys do not rotate.
import {
  DecryptCommand,
  DescribeKeyCommand,
  DisableKeyRotationCommand,
  EnableKeyRotationCommand,
  EncryptCommand,
  GetKeyRotationStatusCommand,
  ListKeyRotationsCommand,
  paginateListKeyRotations,
  ReEncryptCommand,
  RotateKeyOnDemandCommand,
} from '@aws-sdk/client-kms'
import t from 'tap'
import { MAX_ROTATIONS_ON_DEMAND, ROTATION_DAYS } from '../../host/kms/limits.ts'
import { KmsUnderTest } from './kit.ts'

const DAY_MS = 86_400_000
const kms = await KmsUnderTest.start()
t.teardown(() => kms.stop())
let client = kms.client()
const text = Buffer.from('attack at dawn')
const seal = async (KeyId: string) => (await client.send(new EncryptCommand({ KeyId, Plaintext: text }))).CiphertextBlob
const open = (CiphertextBlob: Uint8Array | undefined) => client.send(new DecryptCommand({ CiphertextBlob }))
const rotate = (KeyId: string) => client.send(new RotateKeyOnDemandCommand({ KeyId }))
const enable = (KeyId: string, RotationPeriodInDays?: number) =>
  client.send(new EnableKeyRotationCommand({ KeyId, ...(RotationPeriodInDays && { RotationPeriodInDays }) }))
const statusOf = (KeyId: string) => client.send(new GetKeyRotationStatusCommand({ KeyId }))
const currentOf = async (KeyId: string) =>
  (await client.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.CurrentKeyMaterialId

t.test('seals by new material, and opens what the old one sealed, over a restart too', async (t) => {
  const KeyId = await kms.newKey()
  const sealed: { blob: Uint8Array | undefined; material: string | undefined }[] = []
  for (let i = 0; i < 4; i++) {
    sealed.push({ blob: await seal(KeyId), material: await currentOf(KeyId) })
    t.match((await rotate(KeyId)).KeyId, KeyId)
  }
  t.equal(new Set(sealed.map(({ material }) => material)).size, 4, 'each time another one')
  await kms.restart()
  client = kms.client()
  for (const { blob, material } of sealed) {
    const { Plaintext, KeyMaterialId } = await open(blob)
    t.same(Buffer.from(Plaintext as Uint8Array), text)
    t.equal(KeyMaterialId, material)
  }
  const moved = await client.send(new ReEncryptCommand({ CiphertextBlob: sealed[0]?.blob, DestinationKeyId: KeyId }))
  t.match(moved, { SourceKeyMaterialId: sealed[0]?.material, DestinationKeyMaterialId: await currentOf(KeyId) })
})

t.test('lists rotations, in pages, with the first material where it is asked for', async (t) => {
  const KeyId = await kms.newKey()
  const first = await currentOf(KeyId)
  t.same((await client.send(new ListKeyRotationsCommand({ KeyId }))).Rotations, [])
  for (let i = 0; i < 3; i++) await rotate(KeyId)
  const listed: unknown[] = []
  for await (const page of paginateListKeyRotations({ client, pageSize: 2 }, { KeyId }))
    listed.push(...(page.Rotations ?? []))
  t.equal(listed.length, 3)
  t.match(listed[0], { RotationType: 'ON_DEMAND', RotationDate: Date, KeyMaterialState: 'NON_CURRENT' })
  t.match(listed[2], { KeyMaterialId: await currentOf(KeyId), KeyMaterialState: 'CURRENT' })
  const all = await client.send(new ListKeyRotationsCommand({ KeyId, IncludeKeyMaterial: 'ALL_KEY_MATERIAL' }))
  t.equal(all.Rotations?.length, 4)
  t.match(all.Rotations?.[0], { KeyMaterialId: first, RotationType: undefined })
})

t.test('rotates by the clock, period by period, and tells when', async (t) => {
  const KeyId = await kms.newKey()
  t.match(await statusOf(KeyId), { KeyRotationEnabled: false, NextRotationDate: undefined })
  const sealed = await seal(KeyId)
  const first = await currentOf(KeyId)
  await enable(KeyId)
  const start = kms.nowMs
  t.match(await statusOf(KeyId), { KeyRotationEnabled: true, RotationPeriodInDays: ROTATION_DAYS.standard })
  t.equal((await statusOf(KeyId)).NextRotationDate?.getTime(), start + ROTATION_DAYS.standard * DAY_MS)
  kms.nowMs = start + ROTATION_DAYS.standard * DAY_MS - 1
  await kms.kms.tick()
  t.equal(await currentOf(KeyId), first, 'not yet')
  kms.nowMs += 1
  await kms.kms.tick()
  const second = await currentOf(KeyId)
  t.not(second, first)
  await kms.kms.tick()
  t.equal(await currentOf(KeyId), second, 'once a period')
  t.equal((await statusOf(KeyId)).NextRotationDate?.getTime(), kms.nowMs + ROTATION_DAYS.standard * DAY_MS)
  t.same(Buffer.from((await open(sealed)).Plaintext as Uint8Array), text)
  t.match((await client.send(new ListKeyRotationsCommand({ KeyId }))).Rotations, [{ RotationType: 'AUTOMATIC' }])
  await client.send(new DisableKeyRotationCommand({ KeyId }))
  kms.nowMs += 2 * ROTATION_DAYS.standard * DAY_MS
  await kms.kms.tick()
  t.equal(await currentOf(KeyId), second, 'switched off')
  t.match(await statusOf(KeyId), { KeyRotationEnabled: false })
})

t.test('takes periods within the limits', async (t) => {
  const KeyId = await kms.newKey()
  for (const days of [ROTATION_DAYS.min, ROTATION_DAYS.min + 1, ROTATION_DAYS.max - 1, ROTATION_DAYS.max]) {
    await enable(KeyId, days)
    t.equal((await statusOf(KeyId)).RotationPeriodInDays, days)
  }
  for (const days of [ROTATION_DAYS.min - 1, ROTATION_DAYS.max + 1])
    await t.rejects(enable(KeyId, days), { name: 'ValidationException', message: /'rotationPeriodInDays'/ })
})

t.test('rotates on demand so often in a life, and no more', async (t) => {
  const KeyId = await kms.newKey()
  for (let i = 0; i < MAX_ROTATIONS_ON_DEMAND; i++) await rotate(KeyId)
  await t.rejects(rotate(KeyId), { name: 'LimitExceededException' })
  // By the clock it goes on.
  await enable(KeyId, ROTATION_DAYS.min)
  const before = await currentOf(KeyId)
  kms.nowMs += ROTATION_DAYS.min * DAY_MS
  await kms.kms.tick()
  t.not(await currentOf(KeyId), before)
})

t.test('makes as many materials as calls, when they come at once', async (t) => {
  const KeyId = await kms.newKey()
  await Promise.all(Array.from({ length: 8 }, () => rotate(KeyId)))
  t.equal((await client.send(new ListKeyRotationsCommand({ KeyId }))).Rotations?.length, 8)
})

t.test('is of symmetric encryption keys alone', async (t) => {
  for (const [KeySpec, KeyUsage] of [
    ['RSA_2048', 'ENCRYPT_DECRYPT'],
    ['ECC_NIST_P256', 'SIGN_VERIFY'],
    ['HMAC_256', 'GENERATE_VERIFY_MAC'],
  ] as const) {
    const KeyId = await kms.newKey({ KeySpec, KeyUsage })
    for (const run of [rotate, enable, statusOf])
      await t.rejects(run(KeyId), { name: 'UnsupportedOperationException' }, `${KeySpec} ${run.name}`)
  }
  t.ok(await rotate(await kms.newKey()))
})

t.test('failed in none of these itself', async (t) => t.same(kms.failures, []))
