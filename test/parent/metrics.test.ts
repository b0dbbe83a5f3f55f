import { once } from 'node:events'
import { request } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { RELAY_MESSAGE, RELAY_STORE_COMMIT, RELAY_STORE_COMMITTED, RELAY_STORE_PART } from '../../assembly/abi/wire.ts'
import { MAX_CONNECTIONS } from '../../host/parent/admin.ts'
import type { Frame } from '../../host/wire/frame.ts'
import { Daemon } from '../kit/daemon.ts'
import { type FakeEnclave, ParentUnderTest } from '../kit/parent.ts'

const CANARY = 'canary-6b1f'
const echo = (frame: Frame, enclave: FakeEnclave) => {
  if (frame.type === RELAY_MESSAGE) enclave.send(RELAY_MESSAGE, frame.id, frame.payload)
}

type Scrape = { status: number; type: string; text: string }

function get(port: number, path = '/metrics', headers: Record<string, string> = {}, method = 'GET'): Promise<Scrape> {
  return new Promise((resolve, reject) => {
    request({ port, path, headers, method, host: '127.0.0.1' }, async (response) => {
      let text = ''
      for await (const chunk of response.setEncoding('utf8')) text += chunk
      resolve({ status: response.statusCode ?? 0, type: String(response.headers['content-type']), text })
    })
      .on('error', reject)
      .end()
  })
}

/** Samples by series. Throws for a line that the text format 0.0.4 does not have. */
function parse(text: string): Map<string, number> {
  const counters = new Set<string>()
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('# HELP ')) continue
    const type = /^# TYPE (\w+) counter$/.exec(line)
    if (type) {
      counters.add(type[1] as string)
      continue
    }
    const sample = /^(\w+)(\{\w+="\w+"\})? (\d+)$/.exec(line)
    if (sample === null || !counters.has(sample[1] as string) || samples.has(`${sample[1]}${sample[2] ?? ''}`))
      throw new Error(`no sample of a counter: ${line}`)
    samples.set(`${sample[1]}${sample[2] ?? ''}`, Number(sample[3]))
  }
  return samples
}

/** Scrapes until `series` stands at `value`: what is counted is counted when it happens, and seen a moment later. */
async function until(parent: ParentUnderTest, series: string, value: number): Promise<Map<string, number>> {
  for (let i = 0; ; i++) {
    const samples = parse((await get(parent.metricsPort)).text)
    if (samples.get(series) === value || i === 200) return samples
    await wait(25)
  }
}

async function started(t: Test, metrics?: string): Promise<ParentUnderTest> {
  const parent = await new ParentUnderTest().start(metrics === undefined ? {} : { metrics })
  t.teardown(() => parent.stop())
  return parent
}

async function open(parent: ParentUnderTest, path: string): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${parent.port}${path}`)
  await once(socket, 'open')
  return socket
}

async function refusal(parent: ParentUnderTest, path: string, options = {}): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${parent.port}${path}`, options)
  socket.on('error', () => {})
  const [, response] = await once(socket, 'unexpected-response')
  response.destroy()
  return response.statusCode
}

t.test('counts sessions, frames and bytes each way, and names nothing that passed', async (t) => {
  const parent = await started(t, '0')
  const enclave = await parent.enclave(CANARY, echo)
  const socket = await open(parent, `/enclaves/${CANARY}`)
  for (const message of [CANARY, `${CANARY}${CANARY}`]) {
    socket.send(Buffer.from(message))
    await once(socket, 'message')
  }
  const during = parse((await get(parent.metricsPort)).text)
  t.equal(during.get('wasmclave_sessions_opened_total'), 1)
  t.equal(during.get('wasmclave_sessions_closed_total'), 0)
  t.equal(during.get('wasmclave_enclaves_served_total'), 1)
  for (const direction of ['to_enclave', 'to_peer']) {
    t.equal(during.get(`wasmclave_frames_relayed_total{direction="${direction}"}`), 2)
    t.equal(during.get(`wasmclave_bytes_relayed_total{direction="${direction}"}`), 3 * CANARY.length)
  }
  socket.close()
  const closed = await until(parent, 'wasmclave_sessions_closed_total', 1)
  t.equal(closed.get('wasmclave_sessions_closed_total'), 1)
  const other = await open(parent, `/enclaves/${CANARY}`)
  enclave.socket.destroy()
  await once(other, 'close')
  const ended = await until(parent, 'wasmclave_enclaves_ended_total', 1)
  t.equal(ended.get('wasmclave_enclaves_ended_total'), 1)
  t.equal(ended.get('wasmclave_sessions_closed_total'), 2, 'and its session with it, once')
  t.notMatch((await get(parent.metricsPort)).text, CANARY)
  t.match(
    parent.messages.map(({ type }) => type),
    ['lost'],
  )
})

t.test('counts connections turned away by reason, and adds no series for what they ask for', async (t) => {
  const parent = await started(t, '0')
  const before = [...parse((await get(parent.metricsPort)).text).keys()]
  t.equal(await refusal(parent, `/enclaves/${CANARY}`), 404)
  t.equal(await refusal(parent, `/${CANARY}`), 404)
  t.equal(await refusal(parent, '/admin', { origin: `https://${CANARY}.example` }), 403)
  t.equal(await refusal(parent, '/admin', { headers: { host: CANARY } }), 421)
  const within: WebSocket[] = []
  for (let i = 0; i < MAX_CONNECTIONS; i++) within.push(await open(parent, '/admin'))
  const filled = parse((await get(parent.metricsPort)).text)
  t.equal(filled.get('wasmclave_connections_refused_total{reason="full"}'), 0, 'as many as there may be')
  const above = await open(parent, '/admin')
  t.equal((await once(above, 'close'))[0], 1013)
  const { text } = await get(parent.metricsPort)
  const samples = parse(text)
  t.equal(samples.get('wasmclave_connections_refused_total{reason="path"}'), 2)
  t.equal(samples.get('wasmclave_connections_refused_total{reason="origin"}'), 1)
  t.equal(samples.get('wasmclave_connections_refused_total{reason="host"}'), 1)
  t.equal(samples.get('wasmclave_connections_refused_total{reason="full"}'), 1)
  t.same([...samples.keys()], before)
  t.notMatch(text, CANARY)
  for (const socket of within) socket.terminate()
})

t.test('counts admin calls by kind', async (t) => {
  const parent = await started(t, '0')
  const admin = await open(parent, '/admin')
  admin.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: CANARY, params: { jws: CANARY } }))
  await once(admin, 'message')
  admin.send(JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'request', params: { jws: CANARY } }))
  await parent.next('request')
  const { text } = await get(parent.metricsPort)
  const samples = parse(text)
  t.equal(samples.get('wasmclave_admin_calls_total{kind="malformed"}'), 1)
  t.equal(samples.get('wasmclave_admin_calls_total{kind="request"}'), 1)
  t.equal(samples.get('wasmclave_admin_calls_total{kind="read"}'), 0)
  t.notMatch(text, CANARY)
  admin.terminate()
})

t.test('counts commits by outcome, and records and bytes of durable ones alone', async (t) => {
  const parent = await started(t, '0')
  const answers: number[] = []
  let answered = () => {}
  const enclave = await parent.enclave('store', (frame) => {
    if (frame.type !== RELAY_STORE_COMMITTED) return
    answers.push(frame.payload[0] as number)
    answered()
  })
  const storeId = Buffer.alloc(32, 7)
  parent.tell({ type: 'store', slot: enclave.slot, storeId })
  const commit = async (ticket: number) => {
    const record = Buffer.from(CANARY)
    enclave.send(
      RELAY_STORE_PART,
      ticket,
      Buffer.concat([Buffer.of(1), Buffer.alloc(32, 9), u32(record.length), record]),
    )
    const done = new Promise<void>((resolve) => {
      answered = resolve
    })
    const head = Buffer.concat([u32(3), Buffer.from('met'), u32(4), Buffer.from('head')])
    enclave.send(RELAY_STORE_COMMIT, ticket, Buffer.concat([storeId, Buffer.alloc(32), head]))
    await done
  }
  await commit(1)
  await commit(2)
  t.same(answers, [0, 1], 'the second expects no head, and there is one')
  const { text } = await get(parent.metricsPort)
  const samples = parse(text)
  t.equal(samples.get('wasmclave_store_commits_total{outcome="durable"}'), 1)
  t.equal(samples.get('wasmclave_store_commits_total{outcome="conflict"}'), 1)
  t.equal(samples.get('wasmclave_store_commits_total{outcome="failed"}'), 0)
  t.equal(samples.get('wasmclave_store_records_total'), 1)
  t.equal(samples.get('wasmclave_store_bytes_total'), CANARY.length + 7)
  t.notMatch(text, CANARY)
})

t.test('answers GET /metrics under its own name, and nothing else', async (t) => {
  const parent = await started(t, '0')
  const port = parent.metricsPort
  const { status, type } = await get(port)
  t.same([status, type], [200, 'text/plain; version=0.0.4; charset=utf-8'])
  t.equal((await get(port, '/metrics', { host: `localhost:${port}` })).status, 200)
  t.same(await get(port, '/metrics', { host: `rebound.example:${port}` }), { status: 421, type: 'undefined', text: '' })
  t.equal((await get(port, '/metrics', { origin: 'https://page.example' })).status, 403)
  t.equal((await get(port, '/')).status, 404)
  t.equal((await get(port, '/metrics', {}, 'POST')).status, 405)
  t.equal((await get(parent.port)).status, 426, 'the gateway has none')
})

t.test('serves none where nobody asked for them', async (t) => {
  const parent = await started(t)
  t.equal(parent.metricsPort, 0)
})

t.test('serves them from the confined process of a host that was started with --metrics-port', async (t) => {
  const daemon = await Daemon.start(undefined, ['--metrics-port', '0'])
  t.teardown(() => daemon.stop())
  const { hostname, port, pathname } = new URL(daemon.ready.metrics as string)
  t.same([hostname, pathname], ['127.0.0.1', '/metrics'])
  t.equal(parse((await get(Number(port))).text).get('wasmclave_sessions_opened_total'), 0)
})

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
