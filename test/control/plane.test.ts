import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Request } from '../../host/control/actions.ts'
import { rawPublicKey, thumbprint } from '../../host/control/keys.ts'
import { requestDigest } from '../../host/control/request.ts'
import { type Disk, disk } from '../../host/disk/durable.ts'
import { RefusedError } from '../../host/errors.ts'
import { HOST } from '../../host/log/proofs/entry.ts'
import { keyHex, newKey } from '../kit/genesis.ts'
import { audience, auditor, codeOf, operator, PlaneUnderTest } from '../kit/plane.ts'

t.setTimeout(170_000)

const describe: Request = { action: 'describe-enclaves', parameters: { metadata: false } }
const stop: Request = { action: 'terminate-enclave', parameters: { name: 'echo' } }
const kid = thumbprint(rawPublicKey(operator))

function plane(t: Test, options: { disk?: Disk; countedMs?: number } = {}): PlaneUnderTest {
  const under = new PlaneUnderTest(options)
  t.teardown(() => under.close())
  return under
}

t.test('has the intent in the log before the effect, and the outcome before the answer', async (t) => {
  const under = plane(t)
  let seen: unknown
  under.effect = async (_request, { intent }) => {
    seen = under.entries
    t.equal(intent.size, 1, 'the checkpoint that is handed on covers it')
    return { result: { Terminated: true } }
  }
  const jws = await under.sign(stop)
  const answer = await under.send(jws, stop.action)
  const request = requestDigest(jws)
  t.same(answer.answered, { result: { Terminated: true } })
  t.match(seen, [{ kind: 'intent', subject: 'echo', action: stop.action, request, kid, role: 'operator' }])
  t.match(under.entries, [{ kind: 'intent' }, { kind: 'outcome', subject: 'echo', of: 0, request, code: null }])
  t.equal(answer.proven?.index, 1)
})

t.test('answers an effect that fails by its code, with proof', async (t) => {
  const under = plane(t)
  under.effect = async () => {
    throw new RefusedError('ERR_ENCLAVE_NOT_FOUND', 'no such enclave: echo')
  }
  const answer = await under.ask(stop)
  t.match(answer, { answered: { error: { code: 'ERR_ENCLAVE_NOT_FOUND' } }, proven: { entry: { kind: 'outcome' } } })
  under.effect = async () => {
    throw new TypeError('a secret of the implementation')
  }
  const internal = await under.ask(stop)
  t.equal(codeOf(internal), 'ERR_HOST_INTERNAL')
  t.notMatch(JSON.stringify([internal.answered, under.entries]), /secret/)
})

t.test('logs a refusal as one entry with its code, and does nothing', async (t) => {
  const under = plane(t)
  const other = { ...audience, host: 'i-0000000000000000f' }
  const late = await under.sign(stop)
  const rows: [string, string, string | null][] = [
    ['ERR_ADMIN_ROLE', await under.sign(stop, auditor), 'terminate-enclave'],
    ['ERR_ADMIN_AUDIENCE', await under.sign(stop, operator, other), null],
    ['ERR_ADMIN_ACTION', await under.sign({ action: 'exec\n\u001b[2J', parameters: {} } as never), null],
    ['ERR_ADMIN_PARAMETERS', await under.sign({ ...stop, parameters: { all: 1 } } as never), 'terminate-enclave'],
    [
      'ERR_ADMIN_GUARDED',
      await under.sign({ action: 'rotate-store-keys', parameters: { name: 'echo' } }),
      'rotate-store-keys',
    ],
  ]
  for (const [code, jws, action] of rows) {
    const before = under.log.size
    const answer = await under.send(jws, stop.action)
    t.equal(codeOf(answer), code)
    t.equal(under.log.size, before + 1, code)
    t.match(answer.proven?.entry, { kind: 'refused', code, action, request: requestDigest(jws) })
  }
  under.now += 301_000
  t.equal(codeOf(await under.send(late, stop.action)), 'ERR_ADMIN_EXPIRED')
  t.same(under.effects, [])
  t.equal(codeOf(await under.ask(stop)), null, 'the twin of all of them')
  t.same(under.effects, [stop])
})

t.test('runs a request once, whether its copy comes at once, later, or after a restart', async (t) => {
  const under = plane(t)
  const jws = await under.sign(stop)
  const both = await Promise.all([under.send(jws, stop.action), under.send(jws, stop.action)])
  t.same(both.map(codeOf).sort(), ['ERR_ADMIN_REPLAY', null].sort())
  await under.restart()
  t.equal(codeOf(await under.send(jws, stop.action)), 'ERR_ADMIN_REPLAY')
  t.equal(under.effects.length, 1)
  const other = await under.sign(stop)
  t.equal(codeOf(await under.send(other, stop.action)), null)
  await under.restart()
  const replay = await under.send(other, stop.action)
  t.match(replay, { answered: { error: { code: 'ERR_ADMIN_REPLAY' } }, proven: { entry: { subject: 'echo' } } })
  t.equal(under.effects.length, 2)
})

t.test('logs one replay of a request and counts the others: a parent cannot fill the log', async (t) => {
  const under = plane(t)
  const jws = await under.sign(describe)
  await under.send(jws, describe.action)
  const size = under.log.size
  for (let i = 0; i < 50; i++) t.equal(codeOf(await under.send(jws, describe.action)), 'ERR_ADMIN_REPLAY')
  t.equal(under.log.size, size + 1)
  t.equal(under.plane.counters.repeats, 49)
})

t.test('counts requests that nobody known has signed, a minute in one entry', async (t) => {
  const under = plane(t, { countedMs: 200 })
  const jws = await under.sign(describe)
  const forged = `${jws.slice(0, -4)}${jws.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`
  for (const stranger of [await under.sign(describe, newKey()), forged, 'x', `${jws}.x`]) {
    const { answered, proven } = await under.send(stranger, describe.action)
    t.match(answered, { error: { code: /^ERR_ADMIN_(KEY|SIGNATURE|SYNTAX)$/ } })
    t.equal(proven, undefined, 'which nobody vouches for')
  }
  t.equal(codeOf(await under.send(jws, describe.action)), null, 'the twin')
  const counted = () => under.entries.filter((entry) => entry.kind === 'strangers')
  for (let i = 0; i < 500 && counted().length === 0; i++) await wait(20)
  t.equal(
    counted().reduce((sum, { count }) => sum + count, 0),
    4,
  )
  t.equal(counted()[0]?.subject, HOST)
  await wait(400)
  t.ok(counted().length <= 2, 'and no more while there are none')
})

t.test('does nothing that it cannot log, and nothing afterwards', async (t) => {
  let broken = false
  const under = plane(t, {
    disk: {
      ...disk,
      append: (file, bytes) => {
        if (broken) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
        disk.append(file, bytes)
      },
    },
  })
  t.equal(codeOf(await under.ask(stop)), null, 'the twin')
  broken = true
  for (const request of [stop, describe]) t.equal(codeOf(await under.ask(request)), 'ERR_LOG_WRITE')
  broken = false
  t.equal(codeOf(await under.ask(stop)), 'ERR_LOG_WRITE', 'until it is started again')
  t.equal(under.effects.length, 1)
  await under.restart()
  t.equal(codeOf(await under.ask(stop)), null)
})

t.test('closes after a crash what was intended, and does not run it again', async (t) => {
  const under = plane(t)
  let started = () => {}
  const effect = new Promise<void>((resolve) => {
    started = resolve
  })
  under.effect = () => {
    started()
    return new Promise(() => {})
  }
  const jws = await under.sign(stop)
  under.send(jws, stop.action)
  await effect
  await under.restart()
  t.match(under.entries, [
    { kind: 'intent', subject: 'echo' },
    { kind: 'outcome', of: 0, subject: 'echo', code: 'ERR_HOST_RESTARTED', request: requestDigest(jws), answer: null },
  ])
  t.equal(under.effects.length, 1)
  await under.restart()
  t.equal(under.log.size, 2, 'once')
  t.equal(codeOf(await under.send(jws, stop.action)), 'ERR_ADMIN_REPLAY')
  t.equal(under.effects.length, 1)
})

t.test('lets owners of an admitted grant read their own and what concerns all, and do nothing else', async (t) => {
  const under = plane(t)
  const [owner, next] = [newKey(), newKey()]
  const read = (subject: string): Request => ({ action: 'read-log', parameters: { subject } })
  t.equal(codeOf(await under.ask(read('echo'), owner)), 'ERR_ADMIN_KEY')
  const admit = async (...owners: (typeof owner)[]) => {
    under.effect = async () => ({
      result: null,
      admitted: { grant: '0'.repeat(96), firstOwner: keyHex(owner), owners: owners.map(keyHex) },
    })
    await under.ask({ action: 'restart', parameters: { name: 'echo' } })
    under.effect = async () => ({ result: null })
  }
  await admit(owner)
  await under.restart()
  for (const subject of ['echo', HOST]) t.equal(codeOf(await under.ask(read(subject), owner)), null, subject)
  t.equal(codeOf(await under.ask(read('other'), owner)), 'ERR_ADMIN_ROLE')
  t.equal(codeOf(await under.ask(describe, owner)), 'ERR_ADMIN_ROLE')
  t.equal(codeOf(await under.ask(stop, owner)), 'ERR_ADMIN_ROLE')
  await admit(next)
  t.equal(codeOf(await under.ask(read('echo'), owner)), 'ERR_ADMIN_KEY', 'an owner that the newest grant drops')
  t.equal(codeOf(await under.ask(read('echo'), next)), null)
})
