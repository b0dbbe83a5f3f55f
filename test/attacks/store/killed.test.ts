// Claim: no acknowledged write is lost and no other is half there, whenever host or enclave are killed under load (issue 5; attacks S, section 5).
// 20 rounds with the suite; `node host/cli/bootstrap.cjs --run test/attacks/store/killed.test.ts --rounds 500` for more. The seed is printed.
import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import t from 'tap'
import type { Enclave } from '../../../host/client/index.ts'
import { errorCode } from '../../../host/errors.ts'
import type { Measurements } from '../../../host/nitro/eif/measure.ts'
import { HostUnderTest, imageOf, signedMeasurements } from '../../kit/host.ts'
import { Seeded } from '../../kit/seeded.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '20' }, seed: { type: 'string', default: String(Date.now() % 1e9) } },
  strict: false,
})
const ROUNDS = Number(values.rounds)
const WRITERS = 12
/** Of this many rounds one kills the whole host, the others the enclave. */
const HOST_EVERY = 5
/** A host on a busy machine, and a load that is worth killing. */
const MAX_LOAD_MS = 150
const ATTEMPTS = 5

/** What one writer knows of one of its keys. */
type Known = { sent: number; acknowledged: number }

/** A value that shows when a part of it is of another: its number, filler of a length of its own, and a digest over both. */
function contentOf(key: string, n: number): string {
  const body = `${key}|${n}|${'x'.repeat((n * 97) % 3000)}`
  return `${body}|${createHash('sha256').update(body).digest('hex')}`
}

function numberIn(key: string, value: string): number | undefined {
  const n = Number(value.split('|')[1])
  return contentOf(key, n) === value ? n : undefined
}

t.setTimeout(60_000 + ROUNDS * 30_000)

t.test(`${ROUNDS} kills under load, seed ${values.seed}`, async (t) => {
  const random = new Seeded(Number(values.seed))
  const known = new Map<string, Known>()
  let host = await HostUnderTest.start()
  const folder = host.folder.root
  t.teardown(async () => {
    await host.halt()
    rmSync(folder, { recursive: true, force: true })
  })
  const image = host.sign(imageOf('keyvalue'))
  const measurements = signedMeasurements(image)
  const totals = { acknowledged: 0, unanswered: 0, appeared: 0, hosts: 0 }
  for (let round = 0; round < ROUNDS; round++) {
    const { ProcessID } = await host.launch('keyvalue', image)
    const enclave = await reach(host, measurements)
    await check(enclave, known, totals)
    if (ROUNDS > 20 && round % 25 === 0)
      process.stderr.write(`round ${round}: ${totals.acknowledged} acknowledged, all there\n`)
    const writers = Array.from({ length: WRITERS }, (_, writer) => write(enclave, `r${round}w${writer}`, known, totals))
    await wait(random.below(MAX_LOAD_MS))
    if (round % HOST_EVERY === HOST_EVERY - 1) {
      totals.hosts++
      await host.crash()
      await Promise.all(writers)
      host = await HostUnderTest.start({}, folder)
    } else {
      process.kill(ProcessID, 'SIGKILL')
      await Promise.all(writers)
      await host.event('ended', ({ pid }) => pid === ProcessID)
    }
  }
  await host.launch('keyvalue', image)
  const enclave = await reach(host, measurements)
  await check(enclave, known, totals)
  enclave.close()
  t.ok(totals.acknowledged > ROUNDS, `${totals.acknowledged} acknowledged writes, all there`)
  t.comment(
    `${ROUNDS} kills, ${totals.hosts} of hosts; ${known.size} keys; ${totals.acknowledged} writes acknowledged, ${totals.unanswered} not answered, ${totals.appeared} of them there`,
  )
})

/** On a machine with too much to do a handshake may come too late, and is made anew. */
async function reach(host: HostUnderTest, measurements: Measurements): Promise<Enclave> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await host.connect('keyvalue', measurements)
    } catch (error) {
      if (attempt === ATTEMPTS || !/^ERR_HANDSHAKE/.test(errorCode(error) ?? '')) throw error
    }
  }
}

// Until the enclave is gone: a new key, then the same again, and now and then a key of an earlier time.
async function write(
  enclave: Enclave,
  prefix: string,
  known: Map<string, Known>,
  totals: { acknowledged: number; unanswered: number },
): Promise<void> {
  for (let i = 0; ; i++) {
    const key = `${prefix}k${Math.floor(i / 3)}`
    const state = known.get(key) ?? { sent: 0, acknowledged: 0 }
    known.set(key, state)
    state.sent++
    try {
      const response = await enclave.request(`/v1/${key}`, { method: 'PUT', body: contentOf(key, state.sent) })
      if (response.status !== 201 && response.status !== 204) throw new Error(`status ${response.status}`)
      state.acknowledged = state.sent
      totals.acknowledged++
    } catch (error) {
      if (!enclave.ended) throw error
      totals.unanswered++
      return
    }
  }
}

async function check(enclave: Enclave, known: Map<string, Known>, totals: { appeared: number }): Promise<void> {
  const found = new Map<string, string>()
  for (let after: string | null = ''; after !== null; ) {
    const page = (await (await enclave.fetch(`/v1/?prefix=&limit=1000&after=${after}`)).json()) as {
      items: { key: string; value: string }[]
      after: string | null
    }
    for (const { key, value } of page.items) found.set(key, Buffer.from(value, 'base64').toString())
    after = page.after
  }
  for (const [key, state] of known) {
    const value = found.get(key)
    found.delete(key)
    const n = value === undefined ? 0 : numberIn(key, value)
    if (n === undefined) throw new Error(`${key} holds something that was never written: ${value?.slice(0, 80)}`)
    if (n < state.acknowledged || n > state.sent)
      throw new Error(`${key} holds ${n}; ${state.acknowledged} was acknowledged and ${state.sent} sent`)
    if (n > state.acknowledged) totals.appeared++
    // From now on this is what stands
    known.set(key, { sent: n, acknowledged: n })
  }
  if (found.size > 0) throw new Error(`${[...found.keys()].slice(0, 3).join(', ')}: never written`)
}
