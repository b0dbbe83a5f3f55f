// The KMS process as nitro starts it: confined to its folder, silent about what failed but by code, and nothing of it left after a stop.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateKeyCommand, EncryptCommand, GenerateDataKeyPairCommand } from '@aws-sdk/client-kms'
import t from 'tap'
import { landlockVersion } from '../../host/confine/landlock.ts'
import { native } from '../../host/confine/native.ts'
import { KmsProcess } from './process.ts'

t.setTimeout(120_000)
const WITHOUT = landlockVersion() > 0 ? {} : { skip: 'this kernel has no Landlock' }
const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

t.test('says which layers hold, and works within them', async (t) => {
  const kms = new KmsProcess()
  t.teardown(() => kms.stop())
  await kms.start()
  const expected = native() === undefined ? [] : ['undumpable', 'no-new-privs']
  t.same(kms.link.layers, landlockVersion() > 0 ? [...expected, 'files'] : expected)
  const client = kms.client()
  const { KeyMetadata } = await client.send(new CreateKeyCommand({}))
  const KeyId = KeyMetadata?.KeyId
  t.ok(await client.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from('x') })), 'files are written and synced')
  t.ok(await client.send(new GenerateDataKeyPairCommand({ KeyId, KeyPairSpec: 'RSA_2048' })), 'threads start')
  await kms.kill()
  await kms.start()
  t.ok(await kms.client().send(new EncryptCommand({ KeyId, Plaintext: Buffer.from('x') })), 'and are there again')
})

t.test('leaves the process its folder, and no other file', WITHOUT, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wasmclave-kms-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'credentials'), 'inside')
  const module = new URL('../../host/kms/confine.ts', import.meta.url).href
  const program = `
    import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
    import { readFile } from 'node:fs/promises'
    import { confine } from ${JSON.stringify(module)}
    const attempt = async (what) => { try { await what(); return 'done' } catch (error) { return error.code } }
    const before = await attempt(() => readFileSync('/etc/passwd'))
    const layers = confine(${JSON.stringify(folder)})
    console.log(JSON.stringify({
      before, layers,
      outside: await attempt(() => readFileSync('/etc/passwd')),
      'outside, by a thread': await attempt(() => readFile('/etc/passwd')),
      above: await attempt(() => readdirSync(${JSON.stringify(tmpdir())})),
      inside: await attempt(() => readFileSync(${JSON.stringify(join(folder, 'credentials'))})),
      written: await attempt(() => writeFileSync(${JSON.stringify(join(folder, 'new'))}, 'x')),
      elsewhere: await attempt(() => writeFileSync(${JSON.stringify(join(tmpdir(), 'wasmclave-elsewhere'))}, 'x')),
    }))`
  const { stdout } = spawnSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], {
    encoding: 'utf8',
  })
  t.same(JSON.parse(stdout), {
    before: 'done',
    layers: ['undumpable', 'no-new-privs', 'files'],
    outside: 'EACCES',
    'outside, by a thread': 'EACCES',
    above: 'EACCES',
    inside: 'done',
    written: 'done',
    elsewhere: 'EACCES',
  })
})

t.test('tells by code and file why it does not start, and leaves no timer behind', async (t) => {
  const before = timers()
  const kms = new KmsProcess()
  t.teardown(() => kms.stop())
  await kms.start()
  await kms.kill()
  t.equal(timers(), before, 'after a start and a stop')
  for (const [what, file, bytes, code] of [
    ['a root key of another length', 'root.key', Buffer.alloc(31), 'ERR_KMS_ROOT_KEY'],
    ['credentials that are none', 'credentials', Buffer.from('x'), 'ERR_KMS_CREDENTIALS'],
  ] as const) {
    writeFileSync(join(kms.folder, file), bytes)
    await t.rejects(kms.start(), { code }, what)
  }
  await kms.kill()
  t.equal(timers(), before, 'after starts that failed')
})
