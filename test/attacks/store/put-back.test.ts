// S01, S04, S16: a store that was put back, or lost, on a real host: stale, and only its owner may go on with it. S01 together with the KMS's
// folder: a client with a later head token notices.
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readText } from '../../../host/cli/files.ts'
import { acceptStoreHead, connect, type Enclave, identityFromPem, readStoreHeads } from '../../../host/client/index.ts'
import { HostUnderTest, imageOf, runCli, signedMeasurements } from '../../kit/host.ts'

t.setTimeout(170_000)
const put = async (enclave: Enclave, key: string, value: string) =>
  (await enclave.fetch(`/v1/${key}`, { method: 'PUT', body: value })).status
const get = async (enclave: Enclave, key: string) => (await enclave.fetch(`/v1/${key}`)).text()

let host = await HostUnderTest.start()
const { folder } = host
t.teardown(() => host.stop())
const image = host.sign(imageOf('keyvalue'))
const measurements = signedMeasurements(image)
/** Names of enclaves, each with a store of its own. */
const NAMES = ['twin', 'back', 'lost', 'both'] as const
const identity = await identityFromPem(readText(join(folder.customer, 'owner.key')))
const reach = (name: string, more: { headToken?: Uint8Array; allowHeadBehind?: boolean } = {}) =>
  connect(`${host.gateway}/enclaves/${name}`, { ...host.policy(measurements), ...more }, identity)
const launch = (name: string) => host.launch(name, image, 64, { workloadName: 'keyvalue' })
const saved = (name: string) => join(folder.root, `${name}.saved`)
const records = join(folder.store, 'records.mdb')

async function restart(between: () => void): Promise<void> {
  await host.halt()
  between()
  host = await HostUnderTest.start({}, folder.root)
}

let tokens: Record<string, Uint8Array> = {}

t.test('four stores are written, one copy is taken in the middle', async (t) => {
  for (const name of NAMES) {
    await launch(name)
    const enclave = await reach(name)
    t.equal(await put(enclave, 'early', '1'), 201)
    enclave.close()
  }
  await restart(() => {
    cpSync(records, saved('records'))
    cpSync(join(folder.kms, 'stores'), saved('kms'), { recursive: true })
  })
  for (const name of NAMES) {
    await launch(name)
    const enclave = await reach(name)
    t.equal(await put(enclave, 'late', '2'), 201)
    t.equal(await put(enclave, 'later', '3'), 201)
    tokens = { ...tokens, [name]: enclave.headToken as Uint8Array }
    enclave.close()
  }
})

t.test('without anything put back, all is served', async (t) => {
  await restart(() => cpSync(records, saved('newest')))
  await launch('twin')
  const enclave = await reach('twin', { headToken: tokens.twin as Uint8Array })
  t.equal(await get(enclave, 'later'), '3')
  t.equal((await readStoreHeads(enclave)).stale, false)
  await t.rejects(acceptStoreHead(enclave, identity, await readStoreHeads(enclave)), { code: 'ERR_STORE_NOT_STALE' })
  enclave.close()
})

t.test(
  'the store put back is stale: nothing is served, the command line says what happened, the owner accepts',
  async (t) => {
    await restart(() => cpSync(saved('records'), records))
    await launch('back')
    const enclave = await reach('back')
    t.match(await get(enclave, 'early'), /ERR_STORE_STALE/)
    t.equal(await put(enclave, 'early', 'x'), 503)
    enclave.close()
    await t.rejects(reach('back', { headToken: tokens.back as Uint8Array }), { code: 'ERR_HEAD_BEHIND' })
    writeFileSync(join(folder.customer, 'back.pcrs.json'), JSON.stringify(measurements))
    writeFileSync(folder.hostFile, JSON.stringify({ pid: process.pid, gateway: host.gateway, proxy: null }))
    const cli = (...args: string[]) => runCli(['store', ...args, '--data', folder.root, '--enclave-name', 'back'])
    const shown = await cli('heads')
    t.match(shown.stdout, /may not be the newest: nothing is served until an owner decides/)
    t.match(shown.stdout, /here +generation 1, 1 record/)
    t.match(shown.stdout, /register +generation 3/)
    t.match(shown.stdout, /2 acknowledged commits are not here/)
    const unasked = await cli('accept')
    t.match(unasked.stderr, /ERR_USAGE_CONFIRM/)
    t.not(unasked.code, 0)
    const accepted = await cli('accept', '--yes')
    t.equal(accepted.code, 0, accepted.stderr)
    t.match(accepted.stdout, /Accepted/)
    const after = await reach('back')
    t.equal(await get(after, 'early'), '1')
    t.match(await get(after, 'late'), /ERR_NOT_FOUND/)
    t.equal(await put(after, 'late', 'again'), 201)
    t.match(await readStoreHeads(after), {
      stale: false,
      accepted: [{ offered: { generation: 1 }, register: { generation: 3 } }],
    })
    after.close()
  },
)

t.test('the store put forward again after that is stale as well', async (t) => {
  await restart(() => cpSync(saved('newest'), records))
  await launch('back')
  const enclave = await reach('back')
  t.equal((await readStoreHeads(enclave)).stale, true)
  enclave.close()
})

t.test('a store whose records are gone is stale, never new', async (t) => {
  await restart(() => rmSync(records))
  await launch('lost')
  const enclave = await reach('lost')
  t.match(await readStoreHeads(enclave), { stale: true, offered: { generation: 0 }, register: { generation: 3 } })
  t.match(await get(enclave, 'early'), /ERR_STORE_STALE/)
  enclave.close()
})

t.test('store and KMS put back together: a client with a later token makes it stale for everybody', async (t) => {
  await restart(() => {
    cpSync(saved('records'), records)
    cpSync(saved('kms'), join(folder.kms, 'stores'), { recursive: true })
  })
  await launch('both')
  const forgetful = await reach('both')
  t.equal(await get(forgetful, 'early'), '1', 'LIMIT: who remembers nothing is served the past')
  await t.rejects(reach('both', { headToken: tokens.both as Uint8Array }), { code: 'ERR_HEAD_BEHIND' })
  const owner = await reach('both', { headToken: tokens.both as Uint8Array, allowHeadBehind: true })
  const heads = await readStoreHeads(owner)
  t.match(heads, { stale: true, offered: { generation: 1 }, register: { generation: 1 }, tokenGeneration: 3 })
  await forgetful.closed
  t.equal((await acceptStoreHead(owner, identity, heads)).stale, false)
  const token = owner.headToken as Uint8Array
  t.equal(await put(owner, 'new', '4'), 201)
  owner.close()
  const again = await reach('both', { headToken: token })
  t.equal(await get(again, 'new'), '4')
  again.close()
})
