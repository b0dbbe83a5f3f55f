// Group H: who wears the gateway out. A real parent, raw sockets against it, and one honest session that goes on.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { WebSocket } from 'ws'
import { MAX_RELAY_PAYLOAD } from '../../assembly/abi/limits.ts'
import {
  CLOSE_CODE_BASE,
  CLOSE_IDLE,
  CLOSE_LIMIT,
  RELAY_CLOSED,
  RELAY_MESSAGE,
  RELAY_OPENED,
} from '../../assembly/abi/wire.ts'
import { ParentUnderTest } from '../kit/parent.ts'
import { RawWebSocket } from '../kit/raw-websocket.ts'

t.setTimeout(170_000)
const parent = await new ParentUnderTest().start({ stepDeadlineMs: 60_000 })
t.teardown(() => parent.stop())
/** Sessions that the enclave was told of and not told the end of. */
const open = new Set<number>()
const enclave = await parent.enclave('echo', (frame, enclave) => {
  if (frame.type === RELAY_OPENED) open.add(frame.id)
  else if (frame.type === RELAY_CLOSED) open.delete(frame.id)
  else if (frame.type === RELAY_MESSAGE) enclave.send(RELAY_MESSAGE, frame.id, frame.payload)
})
const url = `ws://127.0.0.1:${parent.port}/enclaves/echo`
const honest = new WebSocket(url)
await once(honest, 'open')

async function goesOn(t: { equal(a: unknown, b: unknown, name: string): unknown }): Promise<void> {
  const text = randomBytes(8).toString('hex')
  honest.send(Buffer.from(text))
  t.equal(String((await once(honest, 'message'))[0]), text, 'the honest session goes on')
}
const residentMiB = () =>
  (Number(readFileSync(`/proc/${parent.process.pid}/statm`, 'utf8').split(' ')[1]) * 4096) / 1_048_576

/** Headers are due within 5 s; Node looks for those who are late every 30 s, unless it is told otherwise. */
const HEADERS_LATEST_MS = 15_000
/** A sweep every 30 s: the first asks, the second ends. */
const IDLE_LATEST_MS = 90_000

/** Milliseconds until the other side ends the connection, or undefined where it does not. */
async function endsWithin(socket: Socket, ms: number): Promise<number | undefined> {
  const start = performance.now()
  socket.on('error', () => {})
  socket.resume()
  const ended = await Promise.race([once(socket, 'close').then(() => true), wait(ms, false, { ref: false })])
  socket.destroy()
  return ended ? performance.now() - start : undefined
}
const dial = async (): Promise<Socket> => {
  const socket = connect(parent.port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}
// What takes its time begins here and is judged at the end, so that all of it waits at once.
const headless = Promise.all([slowHeaders(), dial()].map(async (socket) => endsWithin(await socket, HEADERS_LATEST_MS)))
const idle = waitIdle()

async function slowHeaders(): Promise<Socket> {
  const socket = await dial()
  socket.write('GET / HTTP/1.1\r\nX: ')
  const drip = setInterval(() => socket.write('G'), 1000)
  socket.once('close', () => clearInterval(drip))
  return socket
}

async function waitIdle() {
  const [silent, dripping, answering] = [await raw(), await raw(), await raw()]
  const frame = Buffer.concat([Buffer.of(0x82, 0xfe, 0x10, 0), randomBytes(4 + 4096)])
  let sent = 0
  const drip = setInterval(() => dripping.socket.write(frame.subarray(sent, ++sent)), 1000)
  let pongs = 0
  const pong = setInterval(() => {
    const pings = answering.frames().filter(({ opcode }) => opcode === 9).length
    for (; pongs < pings; pongs++) answering.send({ opcode: 10 })
  }, 200)
  const codes = await Promise.all([silent.closed(IDLE_LATEST_MS), dripping.closed(IDLE_LATEST_MS)])
  clearInterval(drip)
  clearInterval(pong)
  return { silent: codes[0], dripping: codes[1], pongs, answering }
}

function raw(headers: string[] = []): Promise<RawWebSocket> {
  return RawWebSocket.open(parent.port, '/enclaves/echo', headers)
}

const half = Buffer.alloc(MAX_RELAY_PAYLOAD / 2)

t.test('H04: accepts frames of every kind that RFC 6455 has, as the twin of all below', async (t) => {
  const socket = await raw()
  t.equal(socket.status, 101)
  socket.send({ opcode: 2, payload: Buffer.from('whole') })
  socket.send(
    { opcode: 2, payload: Buffer.from('in '), fin: false },
    { opcode: 9, payload: Buffer.alloc(125) },
    { opcode: 0, payload: Buffer.from('parts') },
  )
  socket.send({ opcode: 2, payload: half, fin: false }, { opcode: 0, payload: half })
  const binary = () => socket.frames().filter(({ opcode }) => opcode === 2)
  for (let i = 0; i < 500 && binary().length < 3; i++) await wait(10)
  t.same(
    binary().map(({ payload }) => (payload.length < 20 ? `${payload}` : payload.length)),
    ['whole', 'in parts', MAX_RELAY_PAYLOAD],
  )
  t.equal(socket.frames().filter(({ opcode }) => opcode === 10).length, 1, 'and the ping was answered')
  socket.destroy()
})

const MAX_FRAGMENTS = 64
const fragments = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ opcode: i === 0 ? 2 : 0, payload: Buffer.of(i), fin: i === count - 1 }))
for (const [name, code, frames] of [
  ['a frame of a byte too many', 1009, [{ opcode: 2, statedLength: BigInt(MAX_RELAY_PAYLOAD + 1) }]],
  ['a frame that says 2^62', 1009, [{ opcode: 2, statedLength: 1n << 62n }]],
  ['a frame that says 2^63', 1009, [{ opcode: 2, statedLength: 1n << 63n }]],
  [
    'fragments whose sum is a byte too many',
    1009,
    [
      { opcode: 2, payload: half, fin: false },
      { opcode: 0, payload: half, fin: false },
      { opcode: 0, payload: Buffer.of(1) },
    ],
  ],
  ['a fragment too many', 1008, fragments(MAX_FRAGMENTS + 1)],
  ['a frame without a mask', 1002, [{ opcode: 2, payload: Buffer.of(1), masked: false }]],
  ['a text', 1003, [{ opcode: 1, payload: Buffer.from('text') }]],
  ['a text of bad UTF-8', 1007, [{ opcode: 1, payload: Buffer.of(0xff, 0xfe) }]],
  ['RSV1, that is compression', 1002, [{ opcode: 2, payload: Buffer.of(1), reserved: 4 }]],
  ['RSV2', 1002, [{ opcode: 2, payload: Buffer.of(1), reserved: 2 }]],
  ['RSV3', 1002, [{ opcode: 2, payload: Buffer.of(1), reserved: 1 }]],
  ['an opcode that there is not', 1002, [{ opcode: 3 }]],
  ['a ping of 126 bytes', 1002, [{ opcode: 9, payload: Buffer.alloc(126) }]],
  ['a ping in fragments', 1002, [{ opcode: 9, payload: Buffer.of(1), fin: false }]],
  ['a continuation of nothing', 1002, [{ opcode: 0, payload: Buffer.of(1) }]],
  [
    'a second beginning',
    1002,
    [
      { opcode: 2, payload: Buffer.of(1), fin: false },
      { opcode: 2, payload: Buffer.of(1) },
    ],
  ],
  ['a close of one byte', 1002, [{ opcode: 8, payload: Buffer.of(1) }]],
  ['a close with a code that there is not', 1002, [{ opcode: 8, payload: Buffer.of(0x03, 0xed) }]],
] as const)
  t.test(`H04: ends a session by ${code} for ${name}`, async (t) => {
    const socket = await raw()
    socket.send(...frames)
    t.equal(await socket.closed(), code)
    await goesOn(t)
  })

t.test('H04: takes fragments up to their limit', async (t) => {
  for (const count of [MAX_FRAGMENTS - 1, MAX_FRAGMENTS]) {
    const socket = await raw()
    socket.send(...fragments(count))
    for (let i = 0; i < 500 && socket.frames().length === 0; i++) await wait(10)
    t.equal(socket.frames()[0]?.payload.length, count)
    socket.destroy()
  }
})

t.test('D22: negotiates no compression, whatever is offered', async (t) => {
  const socket = new WebSocket(url, { perMessageDeflate: { threshold: 0 } })
  await once(socket, 'open')
  t.equal(socket.extensions, '')
  socket.send(Buffer.alloc(1000))
  t.equal(((await once(socket, 'message'))[0] as Buffer).length, 1000)
  socket.close()
})

t.test('H07: refuses headers that are too many or too long, and takes what an honest client has', async (t) => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => `X-${i}: y`)
  const twin = await raw(many(20))
  t.equal(twin.status, 101)
  twin.destroy()
  for (const [name, headers] of [
    ['3,000 of them', many(3000)],
    ['one of 16 KiB', [`X: ${'y'.repeat(16_384)}`]],
    ['a name of 16 KiB', [`${'y'.repeat(16_384)}: y`]],
    // CVE-2021-32640: blanks without end in a list of protocols took quadratic time
    ['a list of protocols of blanks', [`Sec-WebSocket-Protocol: a${' '.repeat(9000)}b`]],
  ] as const) {
    const start = performance.now()
    const socket = await raw([...headers])
    t.not(socket.status, 101, `${name}: ${socket.status}`)
    t.ok(performance.now() - start < 5000, `${name} at once`)
    socket.destroy()
  }
  const blanks = await raw([`Sec-WebSocket-Protocol: a${' '.repeat(6000)}b`])
  t.not(blanks.status, 101, 'blanks that fit the header are no protocol')
  blanks.destroy()
  await goesOn(t)
})

t.test('H05: a reader that stops reading is ended, and memory stays bounded', async (t) => {
  const before = residentMiB()
  const known = new Set(open)
  const fresh = () => [...open].find((id) => !known.has(id))
  const socket = await raw()
  while (fresh() === undefined) await wait(5)
  const session = fresh() as number
  socket.socket.pause()
  const chunk = Buffer.alloc(MAX_RELAY_PAYLOAD)
  let most = before
  for (let i = 0; i < 200 && open.has(session); i++) {
    enclave.send(RELAY_MESSAGE, session, chunk)
    await wait(5)
    most = Math.max(most, residentMiB())
  }
  t.ok(
    most - before < 120,
    `${(most - before).toFixed(0)} MiB more while 200 MiB were sent at a reader that does not read`,
  )
  socket.socket.resume()
  t.equal(await socket.closed(), CLOSE_CODE_BASE + CLOSE_LIMIT)
  await goesOn(t)
})

t.test('H01: has let go who sent a header byte a second, and who sent nothing', async (t) => {
  const [slow, silent] = await headless
  t.ok(slow !== undefined, `the slow one after ${slow?.toFixed(0)} ms`)
  t.ok(silent !== undefined, `the silent one after ${silent?.toFixed(0)} ms`)
  await goesOn(t)
})

t.test(
  'H02, H03: has let go who was silent or sent a byte a second, after a ping, and kept who answered',
  async (t) => {
    const { silent, dripping, pongs, answering } = await idle
    t.equal(silent, CLOSE_CODE_BASE + CLOSE_IDLE)
    t.equal(dripping, CLOSE_CODE_BASE + CLOSE_IDLE)
    t.ok(pongs > 0, `${pongs} pings answered`)
    answering.send({ opcode: 2, payload: Buffer.from('still here') })
    const echoed = () => answering.frames().some(({ opcode }) => opcode === 2)
    for (let i = 0; i < 500 && !echoed(); i++) await wait(10)
    t.ok(echoed(), 'and it is still served')
    answering.destroy()
    await goesOn(t)
  },
)

t.test(
  'H08: survives floods of pings, of tiny frames and of closes, and an honest session is served meanwhile',
  async (t) => {
    const before = residentMiB()
    const pings = await raw()
    const block = Buffer.concat(Array.from({ length: 1000 }, () => Buffer.of(0x89, 0x80, 0, 0, 0, 0)))
    for (let i = 0; i < 50; i++) pings.socket.write(block)
    await goesOn(t)
    const tiny = await raw()
    const tinies = Buffer.concat(Array.from({ length: 1000 }, () => Buffer.of(0x82, 0x81, 0, 0, 0, 0, 7)))
    for (let i = 0; i < 50; i++) tiny.socket.write(tinies)
    await goesOn(t)
    const storm = await Promise.all(Array.from({ length: 100 }, () => raw()))
    for (const socket of storm) {
      socket.send({ opcode: 8, payload: Buffer.of(0x03, 0xe8) })
      socket.destroy()
    }
    await goesOn(t)
    t.ok(residentMiB() - before < 120, `${(residentMiB() - before).toFixed(0)} MiB more`)
    pings.destroy()
    tiny.destroy()
  },
)

t.test('H09: takes so many sockets and no more, goes on, and has room again', { skip: limitedFiles() }, async (t) => {
  const MAX_SOCKETS = 4096
  const sockets: Socket[] = []
  let dropped = 0
  for (let i = 0; i < MAX_SOCKETS + 50; i++) {
    const socket = connect(parent.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.on('close', () => dropped++)
    sockets.push(socket)
    if (i % 200 === 199) await wait(20)
  }
  // Those without a header end by themselves after 5 s: what is counted comes before that.
  for (let i = 0; i < 200 && dropped === 0; i++) await wait(10)
  t.ok(dropped > 0, `${dropped} were dropped`)
  await goesOn(t)
  for (const socket of sockets) socket.destroy()
  for (let i = 0; i < 200; i++) {
    const again = await raw()
    again.destroy()
    if (again.status === 101) return t.pass('a new session is taken')
    await wait(50)
  }
  t.fail('no new session is taken')
})

/** Test and parent need a descriptor for each end of each socket. */
function limitedFiles(): string | false {
  const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1])
  return limit > 5000 ? false : `${limit} open files are too few`
}
