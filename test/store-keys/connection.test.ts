// The framed connection to a parent: tickets, back-pressure, and what closes it.
import { duplexPair } from 'node:stream'
import t from 'tap'
import {
  STORE_FRAME_ANSWER,
  STORE_FRAME_REQUEST,
  STORE_FRAME_WAITING,
  STORE_MESSAGE_MAX,
} from '../../assembly/abi/store.ts'
import { serveStoreKeys } from '../../host/kms/store-keys/index.ts'
import { encodeFrame, FrameReader } from '../../host/wire/frame.ts'

/** A connection whose other side answers when told. */
function connect(handle: (message: Uint8Array) => Promise<Uint8Array>) {
  const [near, far] = duplexPair()
  const reader = new FrameReader(STORE_MESSAGE_MAX)
  const answers: [number, string][] = []
  const faults: unknown[] = []
  near.on('data', (chunk: Uint8Array) => {
    for (const { type, id, payload } of reader.push(chunk))
      if (type === STORE_FRAME_ANSWER) answers.push([id, Buffer.from(payload).toString()])
  })
  near.on('error', () => {})
  serveStoreKeys(far, handle, (error) => faults.push(error))
  const closed = new Promise<void>((resolve) => far.once('close', () => resolve()))
  const send = (ticket: number, text: string, type = STORE_FRAME_REQUEST) =>
    near.write(encodeFrame(type, ticket, Buffer.from(text)))
  return { near, far, send, answers, faults, closed }
}
const soon = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

t.test('answers each request under its ticket, in the order of being done', async (t) => {
  const release: (() => void)[] = []
  const c = connect(async (message) => {
    await new Promise<void>((resolve) => release.push(resolve))
    return Buffer.concat([Buffer.from('re '), message])
  })
  c.send(7, 'one')
  c.send(9, 'two')
  await soon()
  for (const each of release.reverse()) {
    each()
    await soon()
  }
  t.same(c.answers, [
    [9, 're two'],
    [7, 're one'],
  ])
})

t.test('takes frames in pieces of one byte', async (t) => {
  const c = connect(async (message) => message)
  for (const byte of encodeFrame(STORE_FRAME_REQUEST, 1, Buffer.from('slow'))) c.near.write(Buffer.of(byte))
  await soon()
  t.same(c.answers, [[1, 'slow']])
})

t.test(`lets ${STORE_FRAME_WAITING} requests wait, and closes at one more`, async (t) => {
  const never = () => new Promise<Uint8Array>(() => {})
  const full = connect(never)
  for (let ticket = 1; ticket <= STORE_FRAME_WAITING; ticket++) full.send(ticket, 'x')
  await soon()
  t.equal(full.far.destroyed, false)
  full.send(STORE_FRAME_WAITING + 1, 'x')
  await full.closed
  t.equal(full.far.destroyed, true)
})

t.test('closes at a frame of another type, or above the limit, and accepts their twins', async (t) => {
  const echo = async (message: Uint8Array) => Uint8Array.of(message.length & 255)
  const odd = connect(echo)
  odd.send(1, 'x', STORE_FRAME_ANSWER)
  await odd.closed
  const large = connect(echo)
  const header = Buffer.alloc(9)
  header.writeUInt32BE(STORE_MESSAGE_MAX + 1)
  header[4] = STORE_FRAME_REQUEST
  large.near.write(header)
  await large.closed
  const fine = connect(echo)
  fine.near.write(encodeFrame(STORE_FRAME_REQUEST, 1, new Uint8Array(STORE_MESSAGE_MAX)))
  while (fine.answers.length === 0) await soon()
  t.equal(fine.far.destroyed, false)
})

t.test('closes a connection whose request meets a fault of the program, and tells it', async (t) => {
  const c = connect(async () => {
    throw new TypeError('a fault')
  })
  c.send(1, 'x')
  await c.closed
  t.match(c.faults, [{ message: 'a fault' }])
})

t.test('closes a parent that reads no answers', async (t) => {
  const c = connect(async () => new Uint8Array(STORE_MESSAGE_MAX))
  c.near.pause()
  for (let ticket = 1; ticket <= 40; ticket++) c.send(ticket, 'x')
  await c.closed
  t.equal(c.far.destroyed, true)
})
