// One connection to the KMS for all slots: tickets, and what becomes of questions while the KMS is away.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import {
  REFUSED_UNAVAILABLE,
  STORE_FRAME_ANSWER,
  STORE_FRAME_WAITING,
  STORE_MESSAGE_MAX,
  STORE_REFUSED,
} from '../../assembly/abi/store.ts'
import { KmsRelay } from '../../host/parent/kms-relay.ts'
import { encodeFrame, FrameReader } from '../../host/wire/frame.ts'

const folder = mkdtempSync(join(tmpdir(), 'wc-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const path = join(folder, 'kms.sock')

/** A played KMS. `asked` holds questions that were not answered. */
class PlayedKms {
  readonly server: Server
  readonly asked: { ticket: number; text: string; socket: Socket }[] = []
  connections = 0

  constructor() {
    this.server = createServer((socket) => {
      this.connections++
      socket.on('error', () => {})
      const reader = new FrameReader(STORE_MESSAGE_MAX)
      socket.on('data', (chunk) => {
        for (const { id, payload } of reader.push(chunk as Buffer))
          this.asked.push({ ticket: id, text: Buffer.from(payload).toString(), socket })
      })
    })
  }

  listen(): Promise<this> {
    return new Promise((resolve) => this.server.listen(path, () => resolve(this)))
  }

  async question(text: string) {
    for (;;) {
      const found = this.asked.find((each) => each.text === text)
      if (found !== undefined) return found
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  async answer(text: string, answer: string): Promise<void> {
    const { socket, ticket } = await this.question(text)
    socket.write(encodeFrame(STORE_FRAME_ANSWER, ticket, Buffer.from(answer)))
  }

  stop(): Promise<void> {
    for (const { socket } of this.asked) socket.destroy()
    return new Promise((resolve) => this.server.close(() => resolve()))
  }
}

const text = (answer: Uint8Array) => Buffer.from(answer).toString()
const isNotNow = (answer: Uint8Array) =>
  answer[0] === STORE_REFUSED && Buffer.from(answer).readUInt16BE(1) === REFUSED_UNAVAILABLE

t.test('answers go to who asked, in any order, over one connection', async (t) => {
  const kms = await new PlayedKms().listen()
  const relay = new KmsRelay(path)
  const answers = ['a', 'b', 'c'].map((each) => relay.ask(Buffer.from(each)).then(text))
  for (const each of ['c', 'a', 'b']) await kms.answer(each, `answer to ${each}`)
  t.same(await Promise.all(answers), ['answer to a', 'answer to b', 'answer to c'])
  t.equal(kms.connections, 1)
  relay.close()
  await kms.stop()
})

t.test('without a KMS each question is told not now; with it, the next one is asked', async (t) => {
  t.ok(isNotNow(await new KmsRelay('').ask(Buffer.from('a'))), 'a host without one')
  const relay = new KmsRelay(path)
  t.ok(isNotNow(await relay.ask(Buffer.from('a'))), 'nobody listens')
  const kms = await new PlayedKms().listen()
  const answer = relay.ask(Buffer.from('b'))
  await kms.answer('b', 'yes')
  t.equal(text(await answer), 'yes')
  const cut = relay.ask(Buffer.from('c'))
  ;(await kms.question('c')).socket.destroy()
  t.ok(isNotNow(await cut), 'a connection that ends')
  const again = relay.ask(Buffer.from('d'))
  await kms.answer('d', 'still')
  t.equal(text(await again), 'still')
  t.equal(kms.connections, 2)
  relay.close()
  await kms.stop()
})

t.test('what breaks the framing is cut off, and what nobody asked for is dropped', async (t) => {
  const kms = await new PlayedKms().listen()
  const relay = new KmsRelay(path)
  const first = relay.ask(Buffer.from('a'))
  const { socket, ticket } = await kms.question('a')
  socket.write(encodeFrame(STORE_FRAME_ANSWER, ticket + 1, Buffer.from('not yours')))
  socket.write(encodeFrame(STORE_FRAME_ANSWER, ticket, Buffer.from('yours')))
  t.equal(text(await first), 'yours')
  for (const [index, wrong] of [
    encodeFrame(9, 1, Buffer.from('another type')),
    Buffer.from([0xff, 0xff, 0xff, 0xff, STORE_FRAME_ANSWER, 0, 0, 0, 1]),
  ].entries()) {
    const asked = relay.ask(Buffer.from(`wrong ${index}`))
    ;(await kms.question(`wrong ${index}`)).socket.write(wrong)
    t.ok(isNotNow(await asked))
  }
  relay.close()
  await kms.stop()
})

t.test(`lets ${STORE_FRAME_WAITING} questions wait, and no more`, async (t) => {
  const kms = await new PlayedKms().listen()
  const relay = new KmsRelay(path)
  const waiting = Array.from({ length: STORE_FRAME_WAITING }, (_, i) => relay.ask(Buffer.from(`q${i}`)))
  t.ok(isNotNow(await relay.ask(Buffer.from('one more'))))
  await kms.answer('q0', 'done')
  t.equal(text((await waiting[0]) as Uint8Array), 'done')
  const next = relay.ask(Buffer.from('next'))
  await kms.answer('next', 'done too')
  t.equal(text(await next), 'done too')
  relay.close()
  t.ok((await Promise.all(waiting.slice(1))).every(isNotNow), 'and none waits for ever')
  await kms.stop()
})
