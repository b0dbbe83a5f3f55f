// The audit in an enclave, on a store: no write is acknowledged without its event and no event is there without its write, wherever a host is
// killed; and under load it is chained while it comes.
import t from 'tap'
import type { Enclave } from '../../host/client/index.ts'
import { type AuditPoint, readKubernetesAudit } from '../../host/client/kubernetes-audit.ts'
import { HostUnderTest, imageOf, signedMeasurements } from '../kit/host.ts'
import type { Answered } from '../kit/kubernetes.ts'

t.setTimeout(170_000)
const MEMORY_MIB = 256
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const LANES = 8
const CRASHES = 3

let host = await HostUnderTest.start()
const { root } = host.folder
const image = host.sign(imageOf('kubernetes'))
t.teardown(() => host.stop())

async function launch(): Promise<Enclave> {
  await host.launch('kubernetes', image, MEMORY_MIB, { store: true })
  return host.connect('kubernetes', signedMeasurements(image))
}

function send(enclave: Enclave, method: string, path: string, body?: unknown): Promise<Response> {
  const init = { method, headers: { 'content-type': 'application/json' } }
  return enclave.fetch(path, body === undefined ? init : { ...init, body: JSON.stringify(body) })
}

async function readAll(enclave: Enclave, points: AuditPoint[] = []) {
  const events: Answered[] = []
  const { head } = await readKubernetesAudit(enclave, { points }, ({ lines }) => {
    for (const line of lines) events.push(JSON.parse(line))
  })
  return { head, events }
}

async function names(enclave: Enclave): Promise<Set<string>> {
  const { items } = (await (await send(enclave, 'GET', CONFIG_MAPS)).json()) as Answered
  return new Set(items.map(({ metadata }: Answered) => metadata.name))
}

t.test('has an event for each write and a write for each event, after each of several crashes', async (t) => {
  let enclave = await launch()
  const acknowledged = new Set<string>()
  const points: AuditPoint[] = []
  for (let crash = 0; crash < CRASHES; crash++) {
    let isOver = false
    const lanes = Array.from({ length: LANES }, async (_, lane) => {
      for (let i = 0; !isOver; i++) {
        const name = `c${crash}-${lane}-${i}`
        try {
          const { status } = await send(enclave, 'POST', CONFIG_MAPS, { metadata: { name } })
          if (status === 201) acknowledged.add(name)
          else return
          await send(enclave, 'GET', `${CONFIG_MAPS}/${name}`)
        } catch {
          return
        }
      }
    })
    const enough = acknowledged.size + 300 + 100 * crash
    const until = Date.now() + 30_000
    while (acknowledged.size < enough && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 5))
    await host.crash()
    isOver = true
    enclave.close()
    await Promise.all(lanes)
    host = await HostUnderTest.start({}, root)
    enclave = await launch()
    const { head, events } = await readAll(enclave, points)
    points.push(head)
    const told = new Set(
      events
        .filter(
          ({ verb, responseStatus, objectRef }) =>
            verb === 'create' && responseStatus.code === 201 && objectRef?.resource === 'configmaps',
        )
        .map(({ objectRef }) => objectRef.name as string),
    )
    const there = await names(enclave)
    there.delete('kube-root-ca.crt')
    t.ok(acknowledged.size >= enough, `${acknowledged.size} acknowledged`)
    t.same(
      [...acknowledged].filter((name) => !told.has(name)),
      [],
      'acknowledged and not told of',
    )
    t.same(
      [...there].filter((name) => !told.has(name)),
      [],
      'there and not told of',
    )
    t.same(
      [...told].filter((name) => !there.has(name)),
      [],
      'told of and not there',
    )
    t.equal(new Set(events.map(({ auditID }) => auditID)).size, events.length, 'none twice')
  }
  enclave.close()
})

t.test('tells of a refusal before it is answered, and of reads within seconds', async (t) => {
  const enclave = await host.connect('kubernetes', signedMeasurements(image))
  const { head } = await readAll(enclave)
  const refused = await enclave.fetch(CONFIG_MAPS, { headers: { authorization: 'Bearer x' } })
  t.equal(refused.status, 401)
  await send(enclave, 'GET', `${CONFIG_MAPS}/none`)
  const { events } = await readAll(enclave, [head])
  t.match(events.slice(head.events), [
    { auditID: refused.headers.get('audit-id'), responseStatus: { code: 401 } },
    { verb: 'get', responseStatus: { code: 404 } },
  ])
  // By itself, with nobody asking: what the store holds grows by the tick
  await send(enclave, 'GET', `${CONFIG_MAPS}/tick`)
  const metric = async () =>
    /apiserver_audit_event_total (\d+)/.exec(await (await enclave.fetch('/metrics')).text())?.[1]
  t.ok(Number(await metric()) > 0)
  await new Promise((resolve) => setTimeout(resolve, 3000))
  enclave.close()
  await host.crash()
  host = await HostUnderTest.start({}, root)
  const again = await launch()
  const after = await readAll(again, [head])
  t.match(after.events.at(-1), { requestURI: '/metrics' })
  t.match(after.events.at(-2), { objectRef: { name: 'tick' } })
  again.close()
})
