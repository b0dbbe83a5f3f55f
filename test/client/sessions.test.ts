// The proxy's sessions: when one is made, when it is shared, and what becomes of requests when it cannot be made.
import t from 'tap'
import { MAX_STREAMS } from '../../assembly/abi/limits.ts'
import type { Enclave } from '../../host/client/connect.ts'
import type { ChannelResponse, Exchange } from '../../host/client/fetch.ts'
import { NotSentError, type RelayedRequest, Sessions } from '../../host/client/proxy/sessions.ts'
import { RefusedError, UnavailableError } from '../../host/errors.ts'

const REQUEST: RelayedRequest = { method: 'GET', path: '/', headers: [], body: null }

class FakeEnclave {
  ended = false
  openRequests = 0
  exchange(_request?: RelayedRequest): Exchange {
    if (this.ended) throw new UnavailableError('ERR_SESSION_ENDED', 'over')
    this.openRequests++
    return { response: Promise.resolve({ status: 200, headers: [], body: new Uint8Array(0) }), cancel: () => {} }
  }
  close(): void {
    this.ended = true
  }
}

function under(connect: () => Promise<FakeEnclave>) {
  const made: FakeEnclave[] = []
  const counts = { appraised: 0, answered: 0 }
  const sessions = new Sessions({
    connect: async () => {
      const enclave = await connect()
      made.push(enclave)
      return enclave as unknown as Enclave
    },
    appraised: () => void counts.appraised++,
    answered: () => void counts.answered++,
  })
  return { sessions, made, counts }
}

t.test('makes one session for many, and says when it appraised and when it was answered', async (t) => {
  const { sessions, made, counts } = under(async () => new FakeEnclave())
  const exchanges = await Promise.all(Array.from({ length: 50 }, () => sessions.send(REQUEST)))
  await Promise.all(exchanges.map(({ response }) => response))
  t.equal(made.length, 1)
  t.same(counts, { appraised: 1, answered: 50 })
})

t.test('replaces a session that has ended, and not before it is asked', async (t) => {
  const { sessions, made, counts } = under(async () => new FakeEnclave())
  await sessions.send(REQUEST)
  ;(made[0] as FakeEnclave).ended = true
  t.equal(made.length, 1)
  await sessions.send(REQUEST)
  t.equal(made.length, 2)
  t.equal(counts.appraised, 2)
})

t.test('opens another session when one is nearly full of open requests, and reuses what has room again', async (t) => {
  const { sessions, made } = under(async () => new FakeEnclave())
  for (let i = 0; i < MAX_STREAMS; i++) await sessions.send(REQUEST)
  t.equal(made.length, 2)
  t.ok((made[0] as FakeEnclave).openRequests < MAX_STREAMS)
  ;(made[0] as FakeEnclave).openRequests = 0
  await sessions.send(REQUEST)
  t.equal((made[0] as FakeEnclave).openRequests, 1)
  t.equal(made.length, 2)
})

t.test('fails with the reason, sends nothing, and does not try again at once', async (t) => {
  let attempts = 0
  let error: Error | undefined = new UnavailableError('ERR_GATEWAY_UNREACHABLE', 'nobody there')
  const { sessions } = under(async () => {
    attempts++
    if (error !== undefined) throw error
    return new FakeEnclave()
  })
  for (let i = 0; i < 20; i++)
    await t.rejects(sessions.send(REQUEST), { code: 'ERR_GATEWAY_UNREACHABLE', refused: false })
  t.equal(attempts, 1)
  error = new RefusedError('ERR_EVIDENCE_PCR', 'another image')
  await new Promise((resolve) => setTimeout(resolve, 300))
  await t.rejects(sessions.send(REQUEST), { code: 'ERR_EVIDENCE_PCR', refused: true })
  error = undefined
  await new Promise((resolve) => setTimeout(resolve, 300))
  await sessions.send(REQUEST)
  t.equal(attempts, 3)
})

t.test('says of a session that ends as the request is sent that it was not', async (t) => {
  const { sessions } = under(async () => {
    const enclave = new FakeEnclave()
    // Between the answer of `connect` and the request.
    Promise.resolve().then(() => enclave.close())
    return enclave
  })
  const error = await sessions.send(REQUEST).catch((each: unknown) => each)
  t.ok(error instanceof NotSentError)
})

t.test('makes no more sessions than there may be', async (t) => {
  const { sessions, made } = under(async () => new FakeEnclave())
  for (let i = 0; i < 24; i++) {
    await sessions.send(REQUEST)
    ;(made[i] as FakeEnclave).openRequests = MAX_STREAMS
  }
  await t.rejects(sessions.send(REQUEST), { code: 'ERR_PROXY_SESSIONS', refused: false })
  ;(made[0] as FakeEnclave).openRequests = 0
  await sessions.send(REQUEST)
  t.equal(made.length, 24)
})

t.test('closes all its sessions', async (t) => {
  const { sessions, made } = under(async () => new FakeEnclave())
  await sessions.send(REQUEST)
  sessions.close()
  t.equal((made[0] as FakeEnclave).ended, true)
})

/** An enclave that answers each request as it is told to, and keeps what it was asked. */
class AnsweringEnclave extends FakeEnclave {
  readonly asked: RelayedRequest[] = []
  readonly #answer: ChannelResponse
  constructor(status: number, headers: ChannelResponse['headers']) {
    super()
    this.#answer = { status, headers, body: new Uint8Array(0) }
  }
  override exchange(request?: RelayedRequest): Exchange {
    const { cancel } = super.exchange()
    this.asked.push(request as RelayedRequest)
    return { response: Promise.resolve(this.#answer), cancel }
  }
}

t.test('lends a session only of an enclave that has refused a made-up token by name, and asks it once', async (t) => {
  const challenge: ChannelResponse['headers'] = [['www-authenticate', 'Bearer realm="wasmclave enclave"']]
  const bearing: RelayedRequest = { ...REQUEST, headers: [['authorization', 'Bearer a.b.c']] }
  const judging = new AnsweringEnclave(401, challenge)
  const { sessions } = under(async () => judging)
  t.ok(await sessions.lend(bearing))
  t.ok(await sessions.lend(bearing))
  t.equal(judging.asked.length, 3, 'one question, two requests')
  t.match(judging.asked[0], { method: 'GET', headers: [['authorization', /^Bearer [\w-]{43}\.[\w-]{43}\.[\w-]{43}$/]] })
  for (const headers of [[], [...bearing.headers, ...bearing.headers]] as RelayedRequest['headers'][])
    t.equal(await sessions.lend({ ...bearing, headers }), undefined, `${headers.length} of Authorization`)
  for (const [status, said] of [
    [200, challenge],
    [401, []],
    [401, [['www-authenticate', 'Bearer']]],
    [404, []],
  ] as [number, ChannelResponse['headers']][]) {
    const other = new AnsweringEnclave(status, said)
    const under_ = under(async () => other).sessions
    t.equal(await under_.lend(bearing), undefined, `${status} ${said}`)
    t.equal(other.asked.length, 1, 'only what nobody had asked')
  }
})

t.test('asks each session anew, and says of one that could not be asked that nothing was sent', async (t) => {
  const judging = [['www-authenticate', 'Bearer realm="wasmclave enclave"']] as ChannelResponse['headers']
  const enclaves = [new AnsweringEnclave(401, judging), new AnsweringEnclave(200, [])]
  const bearing: RelayedRequest = { ...REQUEST, headers: [['authorization', 'Bearer a.b.c']] }
  const { sessions, made } = under(async () => enclaves.shift() as AnsweringEnclave)
  t.ok(await sessions.lend(bearing))
  ;(made[0] as FakeEnclave).ended = true
  t.equal(await sessions.lend(bearing), undefined, 'another enclave, which was not asked')
  const failing = under(async () => {
    throw new UnavailableError('ERR_GATEWAY_CLOSED', 'gone')
  })
  await t.rejects(failing.sessions.lend(bearing), NotSentError)
})
