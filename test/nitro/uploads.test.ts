// Images on their way to a host: what does not come as it was announced is refused, the host lives, and its memory is given back.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { WebSocket } from 'ws'
import { developmentKey, readGenesis } from '../../host/cli/development.ts'
import { developmentRelease } from '../../host/cli/development-release.ts'
import { MAX_EIF_BYTES, type Parameters } from '../../host/control/actions.ts'
import { signRequest } from '../../host/control/request.ts'
import { errorCode } from '../../host/errors.ts'
import { Uploads } from '../../host/nitro/uploads.ts'
import { HostUnderTest, imageOf, signedMeasurements } from '../kit/host.ts'

const host = await HostUnderTest.start()
t.teardown(() => host.stop())
const echo = host.sign(imageOf('echo'))
const grant = await host.grant('echo', signedMeasurements(echo))
const released = await developmentRelease(host, echo)
if (released === undefined) throw new Error('echo was not released')
const { envelope } = released
const CHUNK = 1_048_576

type Message = { method?: string; result?: unknown; error?: { data: { code: string } } }

/** One connection to /admin, call by call. */
class Admin {
  readonly socket: WebSocket
  readonly #messages: Message[] = []
  closed: number | undefined

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data) => this.#messages.push(JSON.parse(String(data))))
    socket.on('close', (code) => {
      this.closed = code
    })
    socket.on('error', () => {})
  }

  static async open(): Promise<Admin> {
    const socket = new WebSocket(`${host.gateway}/admin`, { perMessageDeflate: false })
    await once(socket, 'open')
    return new Admin(socket)
  }

  async ask(changes: Partial<Parameters['run-enclave']> = {}): Promise<void> {
    const { genesis, digest } = readGenesis(host.folder)
    const jws = await signRequest(
      developmentKey(host.folder, 'operator'),
      { genesis: digest, host: genesis.hostId },
      {
        action: 'run-enclave',
        parameters: {
          name: null,
          memoryMiB: 64,
          cpuCount: 1,
          cid: null,
          eifSha384: createHash('sha384').update(echo).digest('hex'),
          eifBytes: echo.length,
          grantChain: Buffer.from(grant).toString('base64url'),
          release: Buffer.from(envelope).toString('base64url'),
          ...changes,
        },
      },
      Date.now(),
      randomBytes(16),
    )
    this.socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'request', params: { jws } }))
  }

  /** Asks, and is asked for the image. */
  async announce(changes: Partial<Parameters['run-enclave']> = {}): Promise<void> {
    await this.ask(changes)
    const message = await this.next()
    if (message.method !== 'upload') throw new Error(JSON.stringify(message))
  }

  send(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += CHUNK) this.socket.send(bytes.subarray(at, at + CHUNK))
  }

  async next(): Promise<Message> {
    for (let i = 0; i < 2000; i++) {
      const message = this.#messages.shift()
      if (message !== undefined) return message
      if (this.closed !== undefined) throw new Error(`closed with ${this.closed}`)
      await wait(10)
    }
    throw new Error('no answer')
  }

  async end(): Promise<number> {
    for (let i = 0; i < 1000 && this.closed === undefined; i++) await wait(10)
    return this.closed ?? 0
  }
}

async function running(): Promise<string[]> {
  const all = await host.request({ action: 'describe-enclaves', parameters: { metadata: false } })
  return (all as { EnclaveName: string }[]).map((each) => each.EnclaveName)
}

t.test('launches what comes whole, in one piece or in many, as the twin of all below', async (t) => {
  for (const pieces of [CHUNK, 7919]) {
    const admin = await Admin.open()
    await admin.announce()
    for (let at = 0; at < echo.length; at += pieces) admin.socket.send(echo.subarray(at, at + pieces))
    t.match(await admin.next(), { result: { value: { EnclaveName: 'echo' } } })
    t.same(await running(), ['echo'])
    admin.socket.close()
    await host.request({ action: 'terminate-enclave', parameters: { name: 'echo' } })
  }
})

t.test('refuses another image than the request names, and serves on over the same connection', async (t) => {
  const admin = await Admin.open()
  await admin.announce()
  const other = echo.slice()
  other[other.length >> 1] = (other[other.length >> 1] as number) ^ 1
  admin.send(other)
  t.match(await admin.next(), { error: { data: { code: 'ERR_LAUNCH_IMAGE' } } })
  t.same(await running(), [])
  await admin.announce()
  admin.send(echo)
  t.match(await admin.next(), { result: { value: { EnclaveName: 'echo' } } })
  admin.socket.close()
  await host.request({ action: 'terminate-enclave', parameters: { name: 'echo' } })
})

t.test('refuses a byte more than was announced', async (t) => {
  const admin = await Admin.open()
  await admin.announce()
  admin.send(Buffer.concat([echo, Buffer.of(0)]))
  t.match(await admin.next(), { error: { data: { code: 'ERR_UPLOAD_SIZE' } } })
  t.same(await running(), [])
  admin.socket.close()
})

t.test('forgets an image that stops coming, with its connection', async (t) => {
  const admin = await Admin.open()
  await admin.announce()
  admin.send(echo.subarray(0, -1))
  admin.socket.terminate()
  await admin.end()
  t.same(await running(), [])
})

t.test('ends a connection that sends bytes nobody asked for: before a request, behind an answer', async (t) => {
  const before = await Admin.open()
  before.send(Buffer.of(1))
  t.equal(await before.end(), 1008)
  const behind = await Admin.open()
  await behind.announce()
  behind.send(echo)
  t.match(await behind.next(), { result: { value: { EnclaveName: 'echo' } } })
  behind.send(Buffer.of(1))
  t.equal(await behind.end(), 1008)
  t.same(await running(), ['echo'], 'the launch before it stands')
  await host.request({ action: 'terminate-enclave', parameters: { name: 'echo' } })
})

t.test('ends a connection that asks again while its image is due', async (t) => {
  const admin = await Admin.open()
  await admin.announce()
  await admin.ask()
  t.equal(await admin.end(), 1008)
  t.same(await running(), [])
})

t.test('asks for no image that is larger than an image may be', async (t) => {
  const admin = await Admin.open()
  await admin.ask({ eifBytes: MAX_EIF_BYTES + 1 })
  t.match(await admin.next(), { error: { data: { code: 'ERR_ADMIN_PARAMETERS' } } })
  await admin.announce({ eifBytes: MAX_EIF_BYTES })
  admin.socket.terminate()
})

t.test('holds so many announced bytes at a time, and gives all of them back', async (t) => {
  const AT_ONCE = 4
  const before = await residentMiB()
  for (let round = 0; round < 5; round++) {
    const admins = await Promise.all(Array.from({ length: AT_ONCE }, () => Admin.open()))
    for (const admin of admins) await admin.announce({ eifBytes: MAX_EIF_BYTES })
    for (const admin of admins) admin.send(Buffer.alloc(4 * CHUNK, round))
    const more = await Admin.open()
    await more.ask()
    const answer = await more.next()
    t.match(answer, { error: { data: { code: 'ERR_UPLOAD_BUSY' } } })
    for (const admin of [...admins, more]) admin.socket.terminate()
    // Nitro has heard of it when a launch has room again.
    for (let i = 0; ; i++) {
      const again = await Admin.open()
      await again.announce({ eifBytes: MAX_EIF_BYTES })
      const refused = await Promise.race([
        again.next().then(
          () => true,
          () => false,
        ),
        wait(200, false),
      ])
      again.socket.terminate()
      if (!refused) break
      if (i === 50) return t.fail('there is no room again')
      await wait(50)
    }
  }
  const after = await residentMiB()
  t.ok(
    after - before < 200,
    `nitro holds ${(after - before).toFixed(0)} MiB more after 20 images of 64 MiB were announced and dropped`,
  )
  t.same(await running(), [])
})

t.test('the books of uploads: sizes, ends and time', async (t) => {
  const uploads = new Uploads()
  const code = (upload: Promise<Uint8Array>) =>
    upload.then(
      () => 'whole',
      (error: unknown) => errorCode(error),
    )
  const whole = uploads.expect(1, 3)
  uploads.chunk(2, Uint8Array.of(9))
  uploads.chunk(1, Uint8Array.of(1))
  uploads.chunk(1, Uint8Array.of(2, 3))
  t.same(await whole, Uint8Array.of(1, 2, 3))
  const first = uploads.expect(1, 3)
  t.throws(() => uploads.expect(1, 3), { code: 'ERR_UPLOAD_BUSY' }, 'a second on one connection')
  uploads.chunk(1, Uint8Array.of(1, 2, 3, 4))
  t.equal(await code(first), 'ERR_UPLOAD_SIZE')
  const dropped = uploads.expect(1, 3)
  uploads.drop(1)
  t.equal(await code(dropped), 'ERR_UPLOAD_CLOSED')
  uploads.drop(1)
  uploads.chunk(1, Uint8Array.of(1))
  const MAX_TOTAL = 256 * 1024 * 1024
  for (const [rest, expected] of [
    [MAX_TOTAL - 11, 'ERR_UPLOAD_CLOSED'],
    [MAX_TOTAL - 10, 'ERR_UPLOAD_CLOSED'],
    [MAX_TOTAL - 9, 'ERR_UPLOAD_BUSY'],
  ] as const) {
    const held = uploads.expect(1, 10)
    const large = code((async () => uploads.expect(2, rest))())
    uploads.drop(2)
    uploads.drop(1)
    t.equal(await code(held), 'ERR_UPLOAD_CLOSED')
    t.equal(await large, expected, `${rest} bytes beside 10`)
  }
})

async function residentMiB(): Promise<number> {
  await wait(200)
  return (Number(readFileSync(`/proc/${host.nitroPid}/statm`, 'utf8').split(' ')[1]) * 4096) / 1_048_576
}
