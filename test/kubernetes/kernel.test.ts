// The Kubernetes workload in an enclave, on a store: what it shows is durable, in order, and dated by nitro's clock.
import t from 'tap'
import type { Enclave } from '../../host/client/index.ts'
import { HostUnderTest, imageOf, signedMeasurements } from '../kit/host.ts'

const MEMORY_MIB = 256
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
type Object_ = {
  metadata: { name: string; resourceVersion: string; creationTimestamp: string }
  data?: Record<string, string>
}
type Event_ = { type: string; object: Object_ }

const host = await HostUnderTest.start()
t.teardown(() => host.stop())
const image = host.sign(imageOf('kubernetes'))
await host.launch('kubernetes', image, MEMORY_MIB, { store: true })
const connect = () => host.connect('kubernetes', signedMeasurements(image))

function send(enclave: Enclave, method: string, path: string, body?: unknown): Promise<Response> {
  const init = { method, headers: { 'content-type': 'application/json' } }
  return enclave.fetch(path, body === undefined ? init : { ...init, body: JSON.stringify(body) })
}

/** Events of a watch until there are so many. */
async function take(response: Response, count: number): Promise<Event_[]> {
  const found: Event_[] = []
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true })
    const lines = text.split('\n')
    text = lines.pop() as string
    found.push(...lines.map((line) => JSON.parse(line) as Event_))
    if (found.length >= count) break
  }
  return found
}

t.test('dates what it makes by the time of day', async (t) => {
  const enclave = await connect()
  const before = Date.now()
  const made = (await (await send(enclave, 'POST', CONFIG_MAPS, { metadata: { name: 'dated' } })).json()) as Object_
  const at = Date.parse(made.metadata.creationTimestamp)
  // Whole seconds, by the last document's time and the host's counting since
  t.ok(at > before - 10_000 && at < Date.now() + 10_000, `${made.metadata.creationTimestamp}`)
  enclave.close()
})

t.test(
  'shows each of many writes to a watch once, in the order of versions, behind its acknowledgement or not',
  async (t) => {
    const enclave = await connect()
    const { metadata } = (await (await send(enclave, 'GET', CONFIG_MAPS)).json()) as {
      metadata: { resourceVersion: string }
    }
    const watch = await send(
      enclave,
      'GET',
      `${CONFIG_MAPS}?watch=true&resourceVersion=${metadata.resourceVersion}&fieldSelector=metadata.name!%3Ddated`,
    )
    const count = 200
    const taken = take(watch, 2 * count)
    const acknowledged = new Map<string, string>()
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let i = writer; i < count; i += 8) {
        const name = `w${i}`
        const made = await send(enclave, 'POST', CONFIG_MAPS, { metadata: { name }, data: { i: `${i}` } })
        if (made.status !== 201) throw new Error(`${made.status} ${await made.text()}`)
        acknowledged.set(`ADDED ${name}`, ((await made.json()) as Object_).metadata.resourceVersion)
        const put = await send(enclave, 'PUT', `${CONFIG_MAPS}/${name}`, {
          metadata: { name },
          data: { i: `${i}`, more: 'x' },
        })
        acknowledged.set(`MODIFIED ${name}`, ((await put.json()) as Object_).metadata.resourceVersion)
      }
    })
    await Promise.all(writers)
    const seen = await taken
    t.equal(seen.length, 2 * count)
    t.same(
      new Map(seen.map(({ type, object }) => [`${type} ${object.metadata.name}`, object.metadata.resourceVersion])),
      acknowledged,
    )
    const versions = seen.map(({ object }) => BigInt(object.metadata.resourceVersion))
    t.ok(
      versions.every((version, i) => i === 0 || version > (versions[i - 1] as bigint)),
      'in order',
    )
    const list = (await (await send(enclave, 'GET', CONFIG_MAPS)).json()) as {
      metadata: { resourceVersion: string }
      items: Object_[]
    }
    t.ok(BigInt(list.metadata.resourceVersion) >= (versions.at(-1) as bigint))
    enclave.close()
  },
)

t.test('sends a list that is larger than what the kernel holds for a reader', async (t) => {
  const enclave = await connect()
  const value = 'x'.repeat(60_000)
  const secrets = '/api/v1/namespaces/default/secrets'
  for (let from = 0; from < 120; from += 20)
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        send(enclave, 'POST', secrets, { metadata: { name: `s${from + i}` }, stringData: { value } }),
      ),
    )
  const response = await send(enclave, 'GET', secrets)
  const text = await response.text()
  const { items } = JSON.parse(text) as { items: Object_[] }
  t.ok(text.length > 2 * 4_194_304, `${text.length} bytes`)
  t.equal(items.length, 120)
  t.equal(
    items.reduce((sum, item) => sum + (item.data?.value ?? '').length, 0),
    120 * 80_000,
  )
  enclave.close()
})

t.test('empties a namespace by its ticks, and tells who watches it', async (t) => {
  const enclave = await connect()
  await send(enclave, 'POST', '/api/v1/namespaces', { metadata: { name: 'n' } })
  await send(enclave, 'POST', '/api/v1/namespaces/n/configmaps', { metadata: { name: 'a' } })
  const watch = await send(enclave, 'GET', '/api/v1/namespaces?watch=true&fieldSelector=metadata.name%3Dn')
  const taken = take(watch, 3)
  t.equal((await send(enclave, 'DELETE', '/api/v1/namespaces/n')).status, 200)
  t.same(
    (await taken).map(({ type }) => type),
    ['ADDED', 'MODIFIED', 'DELETED'],
  )
  t.equal((await send(enclave, 'GET', '/api/v1/namespaces/n/configmaps/a')).status, 404)
  enclave.close()
})

t.test('has everything again after its host was killed, and answers 410 to who would resume', async (t) => {
  const enclave = await connect()
  const before = (await (await send(enclave, 'GET', CONFIG_MAPS)).json()) as {
    metadata: { resourceVersion: string }
    items: Object_[]
  }
  const old = before.metadata.resourceVersion
  const token = (
    (await (await send(enclave, 'GET', `${CONFIG_MAPS}?limit=1`)).json()) as { metadata: { continue: string } }
  ).metadata.continue
  enclave.close()
  await host.crash()
  const second = await HostUnderTest.start({}, host.folder.root)
  t.teardown(() => second.stop())
  await second.launch('kubernetes', image, MEMORY_MIB, { store: true })
  const again = await second.connect('kubernetes', signedMeasurements(image))
  const after = (await (await send(again, 'GET', CONFIG_MAPS)).json()) as typeof before
  t.same(after.items, before.items)
  t.ok(BigInt(after.metadata.resourceVersion) >= BigInt(old))
  t.match(
    await (await send(again, 'GET', `${CONFIG_MAPS}?limit=1&continue=${token}`)).json(),
    { items: [{}] },
    'a token outlives the enclave where nothing has changed',
  )
  const made = (await (await send(again, 'POST', CONFIG_MAPS, { metadata: { name: 'after' } })).json()) as Object_
  t.ok(BigInt(made.metadata.resourceVersion) > BigInt(old))
  const resumed = await take(
    await send(again, 'GET', `${CONFIG_MAPS}?watch=true&resourceVersion=${BigInt(old) - 200n}`),
    1,
  )
  t.match(resumed, [{ type: 'ERROR', object: { code: 410 } }])
  again.close()
})
