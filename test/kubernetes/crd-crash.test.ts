// Custom resources in an enclave, on a store: what was acknowledged is served again after the host was killed, and nothing else is.
import t from 'tap'
import type { Enclave } from '../../host/client/index.ts'
import { CRON_TABS, cronTab, cronTabs, DEFINITIONS, GROUP } from '../kit/custom-resources.ts'
import { HostUnderTest, imageOf, signedMeasurements } from '../kit/host.ts'

const MEMORY_MIB = 256

const host = await HostUnderTest.start()
t.teardown(() => host.stop())
const image = host.sign(imageOf('kubernetes'))
await host.launch('kubernetes', image, MEMORY_MIB, { store: true })

function send(enclave: Enclave, method: string, path: string, body?: unknown): Promise<Response> {
  const init = { method, headers: { 'content-type': 'application/json' } }
  return enclave.fetch(path, body === undefined ? init : { ...init, body: JSON.stringify(body) })
}

function numbered(i: number): ReturnType<typeof cronTabs> {
  const made = cronTabs({ n: { type: 'integer', minimum: i } }, {}, { names: { plural: `p${i}`, kind: `K${i}` } })
  made.metadata.name = `p${i}.${GROUP}`
  return made
}

t.test(
  'has all definitions and objects again that were acknowledged, though it was killed while others came',
  async (t) => {
    const enclave = await host.connect('kubernetes', signedMeasurements(image))
    t.equal((await send(enclave, 'POST', DEFINITIONS, cronTabs({ n: { type: 'integer', maximum: 9 } }))).status, 201)
    t.equal((await send(enclave, 'POST', CRON_TABS, cronTab('a', { n: 1 }))).status, 201, 'at once')
    const acknowledged: number[] = []
    const many = Array.from({ length: 24 }, (_, i) =>
      send(enclave, 'POST', DEFINITIONS, numbered(i)).then(
        ({ status }) => {
          if (status === 201) acknowledged.push(i)
        },
        () => undefined,
      ),
    )
    while (acknowledged.length < 3) await new Promise((resolve) => setTimeout(resolve, 5))
    await host.crash()
    enclave.close()
    await Promise.all(many)
    const second = await HostUnderTest.start({}, host.folder.root)
    t.teardown(() => second.stop())
    await second.launch('kubernetes', image, MEMORY_MIB, { store: true })
    const again = await second.connect('kubernetes', signedMeasurements(image))
    t.match(await (await send(again, 'GET', `${CRON_TABS}/a`)).json(), { spec: { n: 1 } })
    t.equal((await send(again, 'POST', CRON_TABS, cronTab('b', { n: 10 }))).status, 422)
    const { items } = (await (await send(again, 'GET', DEFINITIONS)).json()) as {
      items: { metadata: { name: string } }[]
    }
    const names = items.map(({ metadata }) => metadata.name)
    for (const i of acknowledged) t.ok(names.includes(`p${i}.${GROUP}`), `p${i} was acknowledged`)
    for (let i = 0; i < 24; i++) {
      const path = `/apis/${GROUP}/v1/namespaces/default/p${i}`
      const isThere = names.includes(`p${i}.${GROUP}`)
      t.equal((await send(again, 'GET', path)).status, isThere ? 200 : 404, `p${i} is served if it is there`)
      if (!isThere) continue
      const kind = { ...cronTab('x', { n: i - 1 }), kind: `K${i}` }
      t.equal((await send(again, 'POST', path, kind)).status, 422, 'by its own schema')
    }
    again.close()
  },
)
