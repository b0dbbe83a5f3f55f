import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { WebSocket } from 'ws'
import { MAX_RELAY_PAYLOAD } from '../../assembly/abi/limits.ts'
import { RELAY_CLOSE, RELAY_CLOSED, RELAY_MESSAGE, RELAY_NUDGE, RELAY_OPENED } from '../../assembly/abi/wire.ts'
import { AddressLimiter } from '../../host/parent/address-limiter.ts'
import type { Frame } from '../../host/wire/frame.ts'
import { type FakeEnclave, ParentUnderTest } from '../kit/parent.ts'

const echo = (frame: Frame, enclave: FakeEnclave) => {
  if (frame.type === RELAY_MESSAGE) enclave.send(RELAY_MESSAGE, frame.id, frame.payload)
}
const parent = await new ParentUnderTest().start({ stepDeadlineMs: 200, origins: ['https://console.example'] })
t.teardown(() => parent.stop())

async function open(path: string, options = {}): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${parent.port}${path}`, options)
  await once(socket, 'open')
  return socket
}
async function refusal(path: string, options = {}): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${parent.port}${path}`, options)
  const status = new Promise<number>((resolve) => {
    socket.on('unexpected-response', (_request, response) => {
      response.destroy()
      resolve(response.statusCode ?? 0)
    })
    socket.on('open', () => resolve(101))
  })
  socket.on('error', () => {})
  const result = await status
  socket.terminate()
  return result
}

t.test('relays messages of several sessions both ways, whole and in order', async (t) => {
  await parent.enclave('echo', echo)
  const sockets = await Promise.all([open('/enclaves/echo'), open('/enclaves/echo')])
  for (const [index, socket] of sockets.entries()) {
    const got: Buffer[] = []
    socket.on('message', (data) => got.push(data as Buffer))
    for (let i = 0; i < 100; i++) socket.send(Buffer.alloc(i * 37, index))
    while (got.length < 100) await once(socket, 'message')
    t.ok(got.every((message, i) => message.equals(Buffer.alloc(i * 37, index))))
    socket.close()
  }
})

t.test('accepts a message of the limit and ends a session by one byte more', async (t) => {
  await parent.enclave('large', echo)
  const socket = await open('/enclaves/large')
  socket.send(Buffer.alloc(MAX_RELAY_PAYLOAD))
  const [data] = (await once(socket, 'message')) as [Buffer]
  t.equal(data.length, MAX_RELAY_PAYLOAD)
  socket.send(Buffer.alloc(MAX_RELAY_PAYLOAD + 1))
  const [code] = (await once(socket, 'close')) as [number]
  t.equal(code, 1009)
})

t.test('refuses by status what is not to be reached, beside the twin that is', async (t) => {
  t.equal(await refusal('/enclaves/echo'), 101)
  t.equal(await refusal('/enclaves/nobody'), 404)
  t.equal(await refusal('/enclaves/echo/'), 404)
  t.equal(await refusal('/enclaves/echo%2f..%2fadmin'), 404)
  t.equal(await refusal('//admin'), 404)
  t.equal(await refusal('/admin?x'), 404)
  t.equal(await refusal('/enclaves/echo', { headers: { host: 'evil.example' } }), 421)
  t.equal(await refusal('/enclaves/echo', { origin: 'https://evil.example' }), 403)
  t.equal(await refusal('/enclaves/echo', { origin: 'https://console.example' }), 101)
})

t.test('tells an enclave of opened and closed sessions, and closes one at its word', async (t) => {
  const frames: Frame[] = []
  const enclave = await parent.enclave('told', (frame) => frames.push(frame))
  const first = await open('/enclaves/told')
  first.close()
  await once(first, 'close')
  const second = await open('/enclaves/told')
  while (frames.length < 3) await wait(5)
  t.same(
    frames.map((frame) => frame.type),
    [RELAY_OPENED, RELAY_CLOSED, RELAY_OPENED],
  )
  enclave.send(RELAY_CLOSE, frames[2]?.id as number, Uint8Array.of(2))
  const [code] = (await once(second, 'close')) as [number]
  t.equal(code, 4002)
  parent.tell({ type: 'nudge', slot: enclave.slot })
  while (frames.length < 4) await wait(5)
  t.equal(frames[3]?.type, RELAY_NUDGE)
})

t.test('reports an enclave that does not answer, and says nothing of one that does', async (t) => {
  const enclave = await parent.enclave('late', echo)
  const socket = await open('/enclaves/late')
  for (let i = 0; i < 10; i++) {
    socket.send('x'.repeat(10), { binary: true })
    await once(socket, 'message')
    await wait(30)
  }
  t.same(
    parent.messages.filter((message) => message.type === 'late'),
    [],
  )
  enclave.acknowledges = false
  socket.send(Buffer.alloc(1))
  const late = await parent.next('late')
  t.equal(late.slot, enclave.slot)
  t.ok(late.waitedMs >= 190 && late.waitedMs < 1000, `${late.waitedMs} ms`)
  enclave.acknowledge(1)
})

t.test('ends the sessions of an enclave that is gone, and no others', async (t) => {
  const enclave = await parent.enclave('dying', echo)
  const other = await open('/enclaves/echo')
  const socket = await open('/enclaves/dying')
  enclave.socket.destroy()
  const [code] = (await once(socket, 'close')) as [number]
  t.equal(code, 4005)
  t.equal((await parent.next('lost')).slot, enclave.slot)
  other.send(Buffer.from('still here'))
  t.equal(String((await once(other, 'message'))[0]), 'still here')
  t.equal(await refusal('/enclaves/dying'), 404)
})

t.test('ends an enclave that breaks the framing', async (t) => {
  const enclave = await parent.enclave('broken', echo)
  const socket = await open('/enclaves/broken')
  enclave.socket.write(Buffer.from([0, 0x20, 0, 0, RELAY_MESSAGE, 0, 0, 0, 1]))
  t.equal((await once(socket, 'close'))[0], 4005)
  const odd = await parent.enclave('odd', echo)
  odd.send(99, 1, new Uint8Array(0))
  await once(odd.socket, 'close')
})

t.test('refuses a dial without the token, and one that says more', async (t) => {
  const path = `${parent.folder}/enclaves.sock`
  for (const bytes of [Buffer.alloc(16), Buffer.alloc(17)]) {
    const socket = connect(path)
    socket.on('error', () => {})
    socket.write(bytes)
    await once(socket, 'close')
  }
  t.same(
    parent.messages.filter((message) => message.type === 'introduced'),
    [],
  )
})

t.test('survives a reader that stops reading: its session ends, memory stays bounded', async (t) => {
  const enclave = await parent.enclave('flood', () => {})
  const socket = await open('/enclaves/flood')
  socket.pause()
  const chunk = Buffer.alloc(MAX_RELAY_PAYLOAD)
  for (let i = 0; i < 64; i++) {
    enclave.send(RELAY_MESSAGE, 1, chunk)
    await wait(2)
  }
  socket.resume()
  t.equal((await once(socket, 'close'))[0], 4003)
})

t.test('carries a signed request and its answer, and bytes only when asked', async (t) => {
  const socket = await open('/admin')
  socket.send(JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'request', params: { jws: 'a.b.c' } }))
  const request = await parent.next('request')
  t.equal(request.jws, 'a.b.c')
  parent.tell({ type: 'upload', connection: request.connection, request: request.request })
  t.match(JSON.parse(String((await once(socket, 'message'))[0])), { method: 'upload', params: { id: 7 } })
  socket.send(Buffer.from('image'))
  t.equal(Buffer.from((await parent.next('chunk')).bytes).toString(), 'image')
  parent.tell({
    type: 'answer',
    connection: request.connection,
    request: request.request,
    json: '{"result":{"ok":true}}',
  })
  t.same(JSON.parse(String((await once(socket, 'message'))[0])), { jsonrpc: '2.0', id: 7, result: { ok: true } })
  socket.send(Buffer.from('more'))
  t.equal((await once(socket, 'close'))[0], 1008)
  while ((await parent.next('closed')).connection !== request.connection);
})

t.test('refuses calls that are no request', async (t) => {
  const socket = await open('/admin')
  const jws = 'x'.repeat(65536)
  for (const text of [
    '{',
    '[]',
    'null',
    '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"jws":"a"}}',
    JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'request', params: { jws: `${jws}x` } }),
  ]) {
    socket.send(text)
    t.match(JSON.parse(String((await once(socket, 'message'))[0])), { error: { data: { code: 'ERR_ADMIN_REQUEST' } } })
  }
  socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'request', params: { jws } }))
  t.equal((await parent.next('request')).jws.length, 65536)
  socket.terminate()
})

t.test('limits new sessions of one address', async (t) => {
  const statuses: unknown[] = []
  for (let round = 0; round < 100 && !statuses.includes(429); round++)
    statuses.push(...(await Promise.all(Array.from({ length: 50 }, () => refusal('/enclaves/echo')))))
  t.ok(statuses.includes(429), `the last of ${statuses.length} is refused`)
})

t.test('lets an address open its burst and then its rate, and forgets it when it is full again', async (t) => {
  let now = 0
  const limiter = new AddressLimiter(() => now)
  const taken = () => {
    let count = 0
    while (limiter.take('a')) count++
    return count
  }
  t.equal(taken(), 400)
  now += 1000
  t.equal(taken(), 200)
  now += 4
  t.equal(taken(), 0)
  now += 1
  t.equal(taken(), 1)
  for (let i = 1; i < 10_000; i++) if (!limiter.take(`b${i}`)) t.fail(`address ${i}`)
  t.equal(limiter.take('one more'), false, 'the table is bounded')
  now += 10_000
  t.equal(limiter.take('one more'), true, 'who is quiet is forgotten')
})

t.test('dies with nitro', async () => {
  const other = await new ParentUnderTest().start()
  const exit = once(other.process, 'exit')
  ;(other.process.stdio[3] as unknown as { destroy(): void }).destroy()
  await exit
  await other.stop()
})
