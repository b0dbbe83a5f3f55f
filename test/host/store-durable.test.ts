// Claim: what was acknowledged is there after a restart, whoever was stopped or killed.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import type { Enclave } from '../../host/client/index.ts'
import { HostUnderTest, imageOf, runCli, signedMeasurements, startUp } from '../kit/host.ts'

const run = promisify(execFile)
const put = async (enclave: Enclave, key: string, value: string) =>
  (await enclave.fetch(`/v1/${key}`, { method: 'PUT', body: value })).status
const get = async (enclave: Enclave, key: string) => {
  const response = await enclave.fetch(`/v1/${key}`)
  return response.status === 200 ? response.text() : response.status
}

/** A host on the folder of another that is gone, with its keyvalue. */
async function next(folder?: string): Promise<{ host: HostUnderTest; enclave: Enclave }> {
  const host = await HostUnderTest.start({}, folder)
  const image = host.sign(imageOf('keyvalue'))
  await host.launch('keyvalue', image)
  return { host, enclave: await host.connect('keyvalue', signedMeasurements(image)) }
}

t.test('a value survives Ctrl-C, and kill -9 of nitro and of the enclave', async (t) => {
  let { host, enclave } = await next()
  const folder = host.folder.root
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  t.equal(await put(enclave, 'first', 'one'), 201)
  await host.halt()
  ;({ host, enclave } = await next(folder))
  t.equal(await get(enclave, 'first'), 'one', 'after a stop')
  t.equal(await put(enclave, 'second', 'two'), 201)
  await host.crash()
  ;({ host, enclave } = await next(folder))
  t.equal(await get(enclave, 'second'), 'two', 'after kill -9 of nitro')
  t.equal(await put(enclave, 'third', 'three'), 201)
  const [info] = (await host.request({ action: 'describe-enclaves', parameters: { metadata: false } })) as {
    ProcessID: number
  }[]
  process.kill(info?.ProcessID as number, 'SIGKILL')
  await host.event('ended')
  const image = host.sign(imageOf('keyvalue'))
  await host.launch('keyvalue', image)
  enclave = await host.connect('keyvalue', signedMeasurements(image))
  t.equal(await get(enclave, 'third'), 'three', 'after kill -9 of the enclave')
  t.equal(await get(enclave, 'first'), 'one')
  t.equal(await put(enclave, 'first', 'four'), 204)
  t.equal((await enclave.fetch('/v1/second', { method: 'DELETE' })).status, 204)
  await host.crash()
  ;({ host, enclave } = await next(folder))
  t.equal(await get(enclave, 'first'), 'four', 'overwritten')
  t.equal(await get(enclave, 'second'), 404, 'deleted stays deleted')
  await host.halt()
})

t.test('users who are enrolled stay enrolled, and those who are dismissed stay out', async (t) => {
  let { host, enclave } = await next()
  const folder = host.folder.root
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const [stays, goes] = ['ab'.repeat(32), 'cd'.repeat(32)]
  for (const key of [stays, goes])
    t.equal((await enclave.fetch(`/.wasmclave/users/${key}`, { method: 'PUT' })).status, 204)
  t.equal((await enclave.fetch(`/.wasmclave/users/${goes}`, { method: 'DELETE' })).status, 204)
  await host.crash()
  ;({ host, enclave } = await next(folder))
  t.same(await (await enclave.fetch('/.wasmclave/users')).json(), { users: [stays] })
  await host.halt()
})

t.test('an enclave whose grant names no KMS keeps nothing', async (t) => {
  const host = await HostUnderTest.start()
  t.teardown(() => host.stop())
  const image = host.sign(imageOf('keyvalue'))
  const measurements = signedMeasurements(image)
  for (const round of [1, 2]) {
    await host.launch('keyvalue', image, 64, { store: false })
    const enclave = await host.connect('keyvalue', measurements)
    t.equal(enclave.headToken, null)
    t.equal(await get(enclave, 'first'), 404, `round ${round}`)
    t.equal(await put(enclave, 'first', 'one'), 201)
    await host.request({ action: 'terminate-enclave', parameters: { name: 'keyvalue' } })
  }
})

t.test('up, put, Ctrl-C, up, get', async (t) => {
  const data = mkdtempSync(join(tmpdir(), 'wc-'))
  t.teardown(() => rmSync(data, { recursive: true, force: true }))
  const curl = async (proxy: string, ...args: string[]) => {
    const credentials = ['--cacert', `${data}/customer/ca.pem`, '-H', `@${data}/customer/proxy.header`]
    return (await run('curl', ['-s', ...credentials, ...args, `${proxy}/v1/hello`])).stdout
  }
  const first = await startUp(data, ['--workload', 'keyvalue'])
  await curl(first.ready.proxy, '-X', 'PUT', '--data-binary', 'top secret')
  t.equal(await curl(first.ready.proxy), 'top secret')
  const shown = await runCli(['store', 'heads', '--data', data, '--enclave-name', 'keyvalue'])
  t.match(shown.stdout, /The store of keyvalue is the newest that is known/)
  first.process.kill('SIGINT')
  t.equal(await first.exited, 0)
  const second = await startUp(data, ['--workload', 'keyvalue'])
  t.equal(await curl(second.ready.proxy), 'top secret')
  const json = await runCli(['store', 'heads', '--data', data, '--enclave-name', 'keyvalue', '--json'])
  t.match(JSON.parse(json.stdout), { stale: false, offered: { generation: 1, records: 1 } })
  second.process.kill('SIGINT')
  await second.exited
})
