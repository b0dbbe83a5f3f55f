// `wasmclave backup` and `restore` on a real host: taken under writes, checked by nobody's key, put back, stale until the owner accepts it.
import { createReadStream, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { holdsCanary } from '../../host/claims/canary.ts'
import { backup, restore } from '../../host/cli/backup.ts'
import { readText } from '../../host/cli/files.ts'
import { adminRequest } from '../../host/cli/running-host.ts'
import { acceptStoreHead, type Enclave, identityFromPem, readStoreHeads } from '../../host/client/index.ts'
import { verifyBackup } from '../../host/parent/store/backup/read.ts'
import { HostUnderTest, imageOf, runCli, signedMeasurements } from '../kit/host.ts'
import { refusal } from '../kit/verbs.ts'

t.setTimeout(170_000)
const host = await HostUnderTest.start()
const { folder } = host
t.teardown(() => host.stop())
writeFileSync(folder.hostFile, JSON.stringify({ pid: process.pid, gateway: host.gateway, proxy: null }))
const image = host.sign(imageOf('keyvalue'))
const launch = () => host.launch('keyvalue', image)
const reach = () => host.connect('keyvalue', signedMeasurements(image))
const terminate = () => host.request({ action: 'terminate-enclave', parameters: { name: 'keyvalue' } })
const cli = (...args: string[]) => runCli([...args, '--data', folder.root])
const put = async (enclave: Enclave, key: string, value: string) =>
  (await enclave.fetch(`/v1/${key}`, { method: 'PUT', body: value })).status
const get = async (enclave: Enclave, key: string) => {
  const response = await enclave.fetch(`/v1/${key}`)
  return response.status === 200 ? response.text() : response.status
}

const CANARY = { name: 'canary-name-5d1e0c97b2', value: 'canary-value-c4a08f63d9' }
const file = join(folder.root, 'keyvalue.backup')
const verified = () => verifyBackup(createReadStream(file))

await launch()
const before = await reach()
await put(before, CANARY.name, CANARY.value)

t.test('takes a backup while writes go on: one moment of them, checked without a key', async (t) => {
  let written = 0
  let isOver = false
  const writing = (async () => {
    for (; !isOver; written++) t.equal(await put(before, `under-way-${written}`, 'x'), 201)
  })()
  const { code, stdout, stderr } = await cli('backup', '--enclave-name', 'keyvalue', '--output', file)
  isOver = true
  await writing
  t.equal(code, 0, stderr)
  t.match(stderr, /records, \d+ bytes, whole\.\nWithout the store keys/)
  const { manifest } = await verified()
  const bytes = readFileSync(file)
  t.match(JSON.parse(stdout), {
    StoreID: manifest.store,
    Records: manifest.records,
    HeadHash: manifest.headHash.toString('hex'),
    Bytes: bytes.length,
    Output: file,
  })
  t.ok(written > 0 && manifest.records >= 1 && manifest.records <= written + 1, `${manifest.records} of ${written}`)
  t.notOk(existsSync(`${file}.part`))
  t.notOk(holdsCanary(bytes, CANARY), 'neither name nor value are in it')
  t.ok(holdsCanary(Buffer.concat([bytes, Buffer.from(CANARY.name)]), CANARY), 'which the search would find')
})

t.test('refuses a backup of nobody, and a file that cannot be written', async (t) => {
  const take = (enclaveName: string, output: string) => refusal(backup({ data: folder.root, enclaveName, output }))
  t.equal(await take('nobody', `${file}.2`), 'ERR_ENCLAVE_NOT_FOUND')
  t.equal(await take('keyvalue', join(folder.root, 'none/file')), 'ERR_FILE_WRITE')
  t.same(
    readdirSync(folder.root).filter((name) => name.startsWith('keyvalue.backup')),
    ['keyvalue.backup'],
  )
})

t.test('refuses to restore while an enclave uses the store', async (t) => {
  t.equal(await put(before, 'late', '2'), 201)
  const { code, stderr } = await cli('restore', file)
  t.match(stderr, /ERR_RESTORE_RUNNING: keyvalue uses this store: terminate it first/)
  t.not(code, 0)
  t.equal(await get(before, 'late'), '2')
})

t.test('refuses files that are altered, cut, of something else or of another store; the store stays', async (t) => {
  before.close()
  await terminate()
  const whole = readFileSync(file)
  const altered = Buffer.from(whole)
  const middle = whole.length >> 1
  altered[middle] = (altered[middle] as number) ^ 1
  const rows: [code: string, bytes: Uint8Array][] = [
    ['ERR_BACKUP_DIGEST', altered],
    ['ERR_BACKUP_TRUNCATED', whole.subarray(0, whole.length - 1)],
    ['ERR_BACKUP_FORMAT', Buffer.concat([whole, Buffer.of(0)])],
    ['ERR_BACKUP_FORMAT', image],
  ]
  const wrong = join(folder.root, 'wrong')
  for (const [code, bytes] of rows) {
    writeFileSync(wrong, bytes)
    t.equal(await refusal(restore(wrong, { data: folder.root })), code, 'by the command')
    const asked = await restoreAs((await verified()).manifest.store, bytes)
    t.equal(asked, code, 'and by the host, whoever asks')
  }
  t.equal(await restoreAs('5a'.repeat(32), whole), 'ERR_BACKUP_STORE')
  t.equal(await refusal(restore(join(folder.root, 'none'), { data: folder.root })), 'ERR_FILE_READ')
  t.same(
    readdirSync(folder.store).filter((name) => name.endsWith('.part')),
    [],
  )
  await launch()
  const enclave = await reach()
  t.equal((await readStoreHeads(enclave)).stale, false)
  t.equal(await get(enclave, 'late'), '2')
  enclave.close()
})

t.test('restores: the store is stale, its owner accepts, and what the backup has is there', async (t) => {
  await terminate()
  const { code, stdout, stderr } = await cli('restore', file)
  t.equal(code, 0, stderr)
  t.match(stderr, /records of store [0-9a-f]{64}, whole\.\nIt may not be the newest/)
  const { manifest } = await verified()
  t.match(JSON.parse(stdout), { StoreID: manifest.store, Records: manifest.records })
  await launch()
  const enclave = await reach()
  t.equal(await get(enclave, CANARY.name), 503)
  const heads = await readStoreHeads(enclave)
  t.equal(heads.stale, true)
  const identity = await identityFromPem(readText(join(folder.customer, 'owner.key')))
  t.equal((await acceptStoreHead(enclave, identity, heads)).stale, false)
  enclave.close()
  const after = await reach()
  t.equal(await get(after, CANARY.name), CANARY.value)
  t.equal(await get(after, 'late'), 404, 'what was written since is gone')
  t.equal(await put(after, 'late', 'again'), 201)
  after.close()
})

/** Past what the command checks itself. @returns the host's code, or 'done' */
function restoreAs(storeId: string, bytes: Uint8Array): Promise<string> {
  const request = { action: 'restore-backup', parameters: { storeId, bytes: bytes.length } } as const
  return refusal(adminRequest({ gateway: host.gateway, folder }, request, bytes))
}
