// A parent that lies, against a real client and a real enclave: rows of group D.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { connect, type Enclave, identityFromPem } from '../../host/client/index.ts'
import { errorCode } from '../../host/errors.ts'
import { HostUnderTest, imageOf, signedMeasurements } from '../kit/host.ts'
import { type Lie, LyingParent } from '../kit/lying-parent.ts'

const host = await HostUnderTest.start()
const echo = host.sign(imageOf('echo'))
await host.launch('echo', echo)
const parent = new LyingParent(host.gateway)
const url = `${await parent.listen()}/enclaves/echo`
t.teardown(async () => {
  parent.close()
  await host.stop()
})
const policy = host.policy(signedMeasurements(echo))
const identity = await identityFromPem(readFileSync(join(host.folder.customer, 'owner.key'), 'utf8'))
const honest: Lie = (_from, _index, message) => ({ on: [message] })
const session = (): Promise<Enclave> => connect(url, policy, identity)
const call = async (enclave: Enclave, text: string) => (await enclave.fetch('/', { method: 'POST', body: text })).text()

async function code(run: () => Promise<unknown>): Promise<string> {
  try {
    await run()
    return 'accepted'
  } catch (error) {
    return errorCode(error) ?? String(error)
  }
}

t.test('the twin: an honest relay carries a session', async (t) => {
  const enclave = await session()
  t.equal(await call(enclave, 'hello'), 'hello')
  t.notOk(
    parent.seen.some(({ message }) => message.includes('hello')),
    'and reads nothing of it',
  )
  enclave.close()
})

t.test('D17: a changed byte in any message of the handshake ends it', async (t) => {
  let tried = 0
  for (const [from, index, length] of [
    ['client', 0, 40],
    ['enclave', 0, 6200],
    ['client', 1, 310],
    ['enclave', 1, 300],
  ] as const) {
    const step = index === 0 && from === 'enclave' ? 113 : 23
    for (let at = 0; at < length; at += step) {
      let hit = false
      parent.lie = (side, number, message) => {
        if (side !== from || number !== index || at >= message.length) return { on: [message] }
        hit = true
        const changed = Buffer.from(message)
        changed[at] = (changed[at] as number) ^ 0x04
        return { on: [changed] }
      }
      const result = await code(session)
      if (!hit) continue
      tried++
      if (!/^ERR_(HANDSHAKE|EVIDENCE|CBOR|GRANT|RECORD|JSON|FRAME|SESSION)/.test(result))
        t.fail(`${from} ${index}, byte ${at}: ${result}`)
    }
  }
  parent.lie = honest
  t.ok(tried > 60, `${tried} bytes were tried`)
})

const afterHandshake = 2
for (const [name, lie] of [
  [
    'D03: repeats a request',
    (from, index, message) => ({ on: from === 'client' && index === afterHandshake ? [message, message] : [message] }),
  ],
  [
    'D03: repeats an answer',
    (from, index, message) => ({ on: from === 'enclave' && index === afterHandshake ? [message, message] : [message] }),
  ],
  [
    'D04: drops a request',
    (from, index, message) => ({ on: from === 'client' && index === afterHandshake ? [] : [message] }),
  ],
  [
    'D05: reflects a request',
    (from, index, message) => (from === 'client' && index === afterHandshake ? { back: [message] } : { on: [message] }),
  ],
  [
    'D06: splices a frame of another session in',
    (from, index, message) => ({
      on: from === 'client' && index === afterHandshake + 1 ? [parent.seen[0]?.message as Buffer] : [message],
    }),
  ],
  [
    'D08: sends a second hello in a session',
    (from, index, message) => ({
      on:
        from === 'client' && index === afterHandshake
          ? [Buffer.from([1, 0x82, 0x81, 1, 0x58, 0x20, ...new Uint8Array(32)])]
          : [message],
    }),
  ],
  [
    'D07: cuts the stream',
    (from, index, message) => (from === 'enclave' && index === afterHandshake + 1 ? 'cut' : { on: [message] }),
  ],
  [
    'D14: invents an answer',
    (from, index, message) => ({
      on:
        from === 'enclave' && index === afterHandshake
          ? [Buffer.concat([message.subarray(0, 14), Buffer.alloc(message.length - 14)])]
          : [message],
    }),
  ],
  [
    "D13: gives an answer another request's number",
    (from, index, message) => {
      if (from !== 'enclave' || index !== afterHandshake) return { on: [message] }
      const changed = Buffer.from(message)
      changed.writeUInt32BE(2, 1)
      changed.writeUInt32BE(2, 5)
      return { on: [changed] }
    },
  ],
] as [string, Lie][])
  t.test(`${name}: the session ends, and no wrong answer is believed`, async (t) => {
    parent.lie = honest
    const enclave = await session()
    parent.lie = lie
    const answers: string[] = []
    let failure = 'accepted'
    for (const text of ['first', 'second', 'third']) {
      const result = await code(async () => {
        const controller = new AbortController()
        const timer = setTimeout(() => controller.abort(new Error('no answer')), 1000)
        try {
          const back = await (
            await enclave.fetch('/', { method: 'POST', body: text, signal: controller.signal })
          ).text()
          if (back !== text) t.fail(`${text} was answered by ${back}`)
          answers.push(back)
        } finally {
          clearTimeout(timer)
        }
      })
      if (result !== 'accepted') {
        failure = result
        break
      }
    }
    parent.lie = honest
    t.match(
      failure,
      /^ERR_(FRAME_SEQUENCE|FRAME_SYNTAX|STREAM_TRUNCATED|SESSION_ENDED)|no answer/,
      `after ${answers.length} answers`,
    )
    enclave.close()
    const again = await session()
    t.equal(await call(again, 'next'), 'next', 'the enclave serves on')
    again.close()
  })

t.test('D03: a replayed M3 meets no key', async (t) => {
  parent.lie = honest
  parent.seen.length = 0
  const enclave = await session()
  const m3 = parent.seen.filter((each) => each.from === 'client')[1]?.message as Buffer
  enclave.close()
  parent.lie = (from, index, message) => ({ on: from === 'client' && index === 1 ? [m3] : [message] })
  t.equal(await code(session), 'ERR_HANDSHAKE_REFUSED')
  parent.lie = honest
})

t.test('A08: evidence of another handshake is refused by its nonce', async (t) => {
  parent.lie = honest
  parent.seen.length = 0
  ;(await session()).close()
  const m2 = parent.seen.find((each) => each.from === 'enclave')?.message as Buffer
  parent.lie = (from, index, message) => ({ on: from === 'enclave' && index === 0 ? [m2] : [message] })
  t.equal(await code(session), 'ERR_EVIDENCE_STALE')
  parent.lie = honest
})

t.test('D01: a parent that answers itself is found out before a byte is sent', async (t) => {
  // Its own key in B2: the document names the enclave's.
  parent.lie = (from, index, message) => {
    if (from !== 'enclave' || index !== 0) return { on: [message] }
    const changed = Buffer.from(message)
    const key = changed.indexOf(Buffer.from([0x58, 0x20]), 3)
    changed.fill(9, key + 2, key + 34)
    return { on: [changed] }
  }
  parent.seen.length = 0
  t.match(await code(session), /^ERR_EVIDENCE_/)
  t.equal(parent.seen.filter((each) => each.from === 'client').length, 1, 'the client said no more than hello')
  parent.lie = honest
})
